"""What admission may look at: the tables as they are at the moment of the request."""

from __future__ import annotations

from typing import Protocol

import msgspec

from kelm.effects.address import Resource
from kelm.effects.messages import Cache


class Tables(Protocol):
    """All objects at one moment. `kelm.core.store.store.Store` is one."""

    def table(self, resource: Resource) -> Cache:
        """The objects of a resource; an empty table where there is none yet."""


class Context(msgspec.Struct, frozen=True):
    """The world in which a request is admitted."""

    tables: Tables
