"""What may have happened that lets a pod fit which did not fit before.

Each plugin that refused a pod is asked whether a happening could change its mind (upstream's
queueing hints); a pod that nothing could help is not tried again.

Source: kubernetes v1.36, pkg/scheduler/framework/events.go, eventhandlers.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.effects.address import Key, ObjectRef, Resource
from kelm.effects.document import Document


class NodeChanged(msgspec.Struct, frozen=True):
    """A node came (`old` is None) or became another to the scheduler."""

    old: NodeUse | None
    new: NodeUse


class PodCame(msgspec.Struct, frozen=True):
    """A pod was seen on its node."""

    ask: Ask
    node: str

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        """Whether a pod of that sort is what happened."""
        return met(self.ask)


class PodWent(msgspec.Struct, frozen=True):
    """A pod takes nothing of its node any more: it ended or was deleted."""

    ask: Ask
    node: str

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        return met(self.ask)


class PodChanged(msgspec.Struct, frozen=True):
    """A pod on a node has other labels, or is being deleted."""

    old: Ask
    new: Ask
    node: str

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        return met(self.old) or met(self.new)


class PodResized(msgspec.Struct, frozen=True):
    """A pod takes more or less of its node than it did."""

    old: Ask
    new: Ask
    node: str

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        return False


class ObjectChanged(msgspec.Struct, frozen=True):
    """Something that is neither node nor pod came (`old` is None), changed or went (`new` is None).

    Without a key all of them were listed anew: any may have changed.
    """

    resource: Resource
    key: Key
    old: Document | None = None
    new: Document | None = None

    def came(self, *resources: Resource) -> bool:
        """Whether one of these is there that was not, or may be."""
        return self.resource in resources and (not self.key or self.old is None)

    def is_there(self, *resources: Resource) -> bool:
        """Whether one of these came or changed, or may have."""
        return self.resource in resources and (not self.key or self.new is not None)

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        return False


class PodSkipped(msgspec.Struct, frozen=True):
    """A pod that waited is being deleted: it is not tried any more."""

    pod: ObjectRef

    def concerns(self, met: Callable[[Ask], bool]) -> bool:
        return False


Happening: TypeAlias = (
    NodeChanged | PodCame | PodWent | PodChanged | PodResized | PodSkipped | ObjectChanged
)
