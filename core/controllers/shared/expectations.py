"""What a controller has asked for and has not seen yet, as counters.

A cache may lag behind the answers to one's own requests. Whoever creates a pod, does not find it
in the cache and creates another has forgotten what it asked for; so it counts what it expects to
see and decides nothing before it has seen it, or before five minutes are over.

Controllers that run on `core.runtime.queue` need none of this: there a key is not reconciled before
the beliefs contain the revisions that its answers named. Programs that hear no answers, and
controllers that count what others delete, do.

Source: kubernetes v1.36, pkg/controller/controller_utils.go (ControllerExpectations,
UIDTrackingControllerExpectations). `None` there and here: nothing is expected.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.effects.address import Key

PATIENCE_MS = 5 * 60_000
"""ExpectationsTimeout: something was missed; decide from what there is."""


class Expectations(msgspec.Struct, frozen=True):
    """Creations and deletions still to be seen; below 0 where more were seen than expected.

    `deletions_of` are the keys whose deletion is waited for, None where none was ever named.
    """

    creations: int = 0
    deletions: int = 0
    since_ms: int = 0
    deletions_of: frozenset[Key] | None = None

    @property
    def fulfilled(self) -> bool:
        return self.creations <= 0 and self.deletions <= 0


def satisfied(expected: Expectations | None, now_ms: int) -> bool:
    """Whether a controller may decide: nothing is outstanding, or it was waited for too long.

    >>> satisfied(None, 0), satisfied(Expectations(creations=1), 1_000)
    (True, False)
    >>> satisfied(Expectations(creations=1), PATIENCE_MS + 1)
    True
    """
    return expected is None or expected.fulfilled or now_ms - expected.since_ms > PATIENCE_MS


def expect_creations(expected: Expectations | None, count: int, now_ms: int = 0) -> Expectations:
    """`count` objects were asked for; what was expected before is replaced."""
    named = expected.deletions_of if expected else None
    return Expectations(creations=count, since_ms=now_ms, deletions_of=named)


def expect_deletions(keys: Iterable[Key], now_ms: int = 0) -> Expectations:
    """These objects are to go; what was expected before is replaced."""
    named = frozenset(keys)
    return Expectations(deletions=len(named), since_ms=now_ms, deletions_of=named)


def raised(
    expected: Expectations | None, creations: int = 0, deletions: int = 0
) -> Expectations | None:
    """Expect more (or less, with negative numbers) than before; nothing stays nothing."""
    if expected is None:
        return None
    return msgspec.structs.replace(
        expected,
        creations=expected.creations + creations,
        deletions=expected.deletions + deletions,
    )


def creation_observed(expected: Expectations | None) -> Expectations | None:
    """One of the expected objects is there."""
    return raised(expected, creations=-1)


def deletion_observed(expected: Expectations | None, key: Key) -> Expectations | None:
    """An object is gone or going; it counts once, and only if it was named.

    >>> waiting = expect_deletions(["ns/a", "ns/b"])
    >>> once = deletion_observed(waiting, "ns/a")
    >>> once.deletions, deletion_observed(once, "ns/a") == once
    (1, True)
    """
    if expected is None or key not in (expected.deletions_of or ()):
        return expected
    left = (expected.deletions_of or frozenset()) - {key}
    return msgspec.structs.replace(expected, deletions=expected.deletions - 1, deletions_of=left)
