"""When which pod of a node is due next: a sorted tuple, for some hundred pods at most.

`core.runtime.timers` keeps any number of keys in a heap; for so few, copying a tuple is five times
cheaper. A pod remembers its own time (`LocalPod.wake_ms`), so an entry is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.effects.address import Key

Agenda: TypeAlias = "tuple[tuple[int, Key], ...]"


def moved(agenda: Agenda, key: Key, old_ms: int, new_ms: int) -> Agenda:
    """The agenda with a key's time moved; NEVER_MS is no entry.

    >>> first = moved((), "a", NEVER_MS, 30)
    >>> moved(moved(first, "b", NEVER_MS, 20), "a", 30, 10)
    ((10, 'a'), (20, 'b'))
    """
    if old_ms == new_ms:
        return agenda
    entries = list(agenda)
    if old_ms != NEVER_MS:
        del entries[bisect_left(entries, (old_ms, key))]
    if new_ms != NEVER_MS:
        entry = (new_ms, key)
        entries.insert(bisect_left(entries, entry), entry)
    return tuple(entries)


def due(agenda: Agenda, now_ms: int) -> tuple[Key, ...]:
    """The keys that are due by now, earliest first; ties by key."""
    count = 0
    while count < len(agenda) and agenda[count][0] <= now_ms:
        count += 1
    return tuple([key for _, key in agenda[:count]])
