"""What may have happened: the facts that a Program is told, in the past tense.

Every message says when (`now_ms`, cluster time): a Program has no clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias

import msgspec
from returns.result import Failure, Result

from kelm.effects.address import Key, RequestId, Resource
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

Outcome: TypeAlias = Result[Document, Refusal]


class Cache(Protocol):
    """What a process believes of one resource: a version of its table, perhaps an old one."""

    @property
    def revision(self) -> int:
        """The store's revision that this belief is from."""

    def get(self, key: Key) -> Document | None:
        """The object with this key, or None."""

    def objects(self) -> Iterator[Document]:
        """All objects, oldest slot first: the same order in every run."""

    def select(self, index: str, value: str) -> Iterator[Document]:
        """The objects that an index files under `value`, oldest first."""

    def changes_since(self, revision: int) -> tuple[Change, ...] | None:
        """What changed after a revision, oldest first; None where that is no longer known."""

    def __len__(self) -> int: ...


class Change(msgspec.Struct, frozen=True, gc=False):
    """One object became another. `old` None: it was added; `new` None: it was deleted."""

    revision: int
    key: Key
    old: Document | None
    new: Document | None


class Observed(msgspec.Struct, frozen=True, gc=False):
    """A watch moved on: `cache` is the new belief, `changes` say where to look again.

    `replaced` says that the changes do not tell the whole story (the first list after a start,
    or a list after the watch was lost): look at everything.
    """

    now_ms: int
    resource: Resource
    cache: Cache
    changes: tuple[Change, ...] = ()
    replaced: bool = False


class Answered(msgspec.Struct, frozen=True):
    """What became of the request numbered `id`."""

    now_ms: int
    id: RequestId
    outcome: Outcome


class TimerFired(msgspec.Struct, frozen=True):
    """The time that `subscriptions(state).wake_at_ms` named has come."""

    now_ms: int


Message: TypeAlias = Observed | Answered | TimerFired


def unwrap_or_failure(outcome: Outcome) -> Document | Refusal:
    """The answer or the refusal, as one flat union that type checkers see through.

    >>> from returns.result import Success
    >>> unwrap_or_failure(Success(Document(kind="Pod")))
    {'kind': 'Pod'}
    """
    return outcome.failure() if isinstance(outcome, Failure) else outcome.unwrap()
