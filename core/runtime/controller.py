"""What a control loop has to say: which keys a change touches, and what to do about a key.

A `Controller` is the part that is different in every control loop. `core.runtime.queue` makes a
Program of it: it keeps the beliefs, the queue of keys, back-off and the requests under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

import msgspec

from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command
from kelm.effects.document import Document
from kelm.effects.messages import Cache, Change, Outcome
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

Caches: TypeAlias = Mapping[Resource, Cache]
Batch: TypeAlias = tuple[Command, ...]


class Sync(msgspec.Struct, frozen=True):
    """All that a decision about one key may depend on.

    memory: what is remembered for this key; shared: for all of them together.
    """

    key: Key
    now_ms: int
    caches: Caches
    memory: object = None
    shared: object = None


class Plan(msgspec.Struct, frozen=True):
    """What to do about one key.

    The commands of a batch go out together; the next batch follows when all have answered
    well. A refusal ends the plan, and the key is tried again after a back-off, unless its
    reason is `tolerated`.

    attempt: the batches with these numbers (from, up to) may fail: where one of them is refused,
        the rest of them is dropped and the plan goes on after them. The key is tried again later.
    instead: asked for once where the last batch was refused as a conflict: a write of what was
        found out, whatever has become of its object meanwhile.
    memory: what to remember for this key until the next reconcile; None forgets.
    shared: what to remember for all keys together from now on; None leaves that as it is.
    again_at_ms: look at the key again then, whatever happens.
    """

    batches: tuple[Batch, ...] = ()
    memory: object = None
    again_at_ms: int | None = None
    tolerated: frozenset[Reason] = frozenset()
    attempt: tuple[int, int] = (0, 0)
    instead: Batch = ()
    shared: object = None


Answering: TypeAlias = Callable[[Sync, Command, Document], object]
Telling: TypeAlias = Callable[[Sync, Command, Outcome], Batch]
Narrowing: TypeAlias = Callable[[Caches], tuple[Watch, ...]]
Delaying: TypeAlias = Callable[[Caches, Resource, Change, int], tuple[Iterable[Key], int]]


class Controller(Protocol):
    """One control loop, as a value.

    It may have more methods: `answered(sync, command, answer)`, an `Answering`, says what to
    remember after a command of this key's plan was done; `told(sync, command, outcome)`, a
    `Telling`, which events to record about it at once; `dirty_later(caches, resource, change,
    now_ms)`, a `Delaying`, which keys a change asks to look at again, but only after so many
    milliseconds, so that many changes are answered by one look; `watches_now(caches)`, a
    `Narrowing`, which of its watches it needs at present, so that a loop without work costs little.
    """

    @property
    def name(self) -> str: ...

    @property
    def watches(self) -> tuple[Watch, ...]: ...

    @property
    def workers(self) -> int:
        """How many keys may have requests under way at once."""

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        """The keys that a change asks to look at again."""

    def every_key(self, caches: Caches) -> Iterable[Key]:
        """All keys, for when the changes are not known."""

    def reconcile(self, sync: Sync) -> Plan:
        """Decide from what is; with nothing to do, an empty plan."""

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """What to remember (the new memory) after a command of this key's plan was refused."""
