"""Everything is a Program: Elm's worker, with Kubernetes' manners.

    init()                  -> (state, requests)
    update(state, message)  -> (state, requests)
    subscriptions(state)    -> what to watch, and when to be woken

`update` sees only values and is the same function on the simulator and on a real cluster.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from kelm.effects.address import Resource
from kelm.effects.commands import Requests
from kelm.effects.messages import Message

State = TypeVar("State")


class Watch(msgspec.Struct, frozen=True, gc=False):
    """One resource to watch: everywhere, in a namespace, or where a field has one value.

    `field` is one of the table's indexes (`spec.nodeName`, `metadata.name`): equality only,
    as an API server can serve it.
    """

    resource: Resource
    namespace: str = ""
    field: str = ""
    value: str = ""


class Subscriptions(msgspec.Struct, frozen=True, gc=False):
    """What a Program wants to hear in its present state.

    `wake_at_ms` is the earliest time at which it has something to do by itself: a timer is
    state, so a restart or a replay loses none.
    """

    watches: tuple[Watch, ...] = ()
    wake_at_ms: int | None = None


class Program(Protocol[State]):
    """One process of a cluster. A value: configuration in its fields, nothing that changes."""

    @property
    def name(self) -> str: ...

    def init(self) -> tuple[State, Requests]: ...

    def update(self, state: State, message: Message) -> tuple[State, Requests]: ...

    def subscriptions(self, state: State) -> Subscriptions: ...
