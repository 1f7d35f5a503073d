"""When to look at which key again: a persistent priority queue (a leftist heap).

Setting a timer shares the old queue, so a state that holds one can be kept and gone back to.
A key has one time, the last that was set; older entries for it are skipped when they surface.
"""

from __future__ import annotations

import msgspec

from kelm.core.store.hash_map import HashMap
from kelm.effects.address import Key


class _Node(msgspec.Struct, frozen=True):
    at_ms: int
    order: int
    key: Key
    rank: int
    left: _Node | None
    right: _Node | None


def _merge(a: _Node | None, b: _Node | None) -> _Node | None:
    if a is None:
        return b
    if b is None:
        return a
    if (b.at_ms, b.order) < (a.at_ms, a.order):
        a, b = b, a
    left, right = a.left, _merge(a.right, b)
    if (left.rank if left else 0) < (right.rank if right else 0):
        left, right = right, left
    rank = (right.rank if right else 0) + 1
    return _Node(a.at_ms, a.order, a.key, rank, left, right)


class Timers(msgspec.Struct, frozen=True):
    """Keys and the times at which they are due; keys of one time come in the order set."""

    heap: _Node | None = None
    due: HashMap[Key, int] = HashMap()
    set_count: int = 0

    @property
    def next_ms(self) -> int | None:
        """The earliest time at which something is due."""
        return None if self.heap is None else self.heap.at_ms

    def set(self, key: Key, at_ms: int) -> Timers:
        """Have `key` due at a time, and at no other.

        >>> timers = Timers().set("a", 30).set("b", 20).set("a", 10)
        >>> timers.next_ms, timers.pop(20)[0]
        (10, ('a', 'b'))
        """
        if self.due.get(key) == at_ms:
            return self
        node = _Node(at_ms, self.set_count, key, 1, None, None)
        heap, due = _merge(self.heap, node), self.due.put(key, at_ms)
        return _skip_stale(Timers(heap, due, self.set_count + 1))

    def cancel(self, key: Key) -> Timers:
        """Have `key` due no more."""
        if key not in self.due:
            return self
        return _skip_stale(Timers(self.heap, self.due.remove(key), self.set_count))

    def pop(self, now_ms: int) -> tuple[tuple[Key, ...], Timers]:
        """The keys due by now, earliest first, and the timers without them."""
        found: list[Key] = []
        timers = self
        while timers.heap is not None and timers.heap.at_ms <= now_ms:
            top = timers.heap
            due = timers.due
            if due.get(top.key) == top.at_ms:
                found.append(top.key)
                due = due.remove(top.key)
            timers = Timers(_merge(top.left, top.right), due, timers.set_count)
        return tuple(found), _skip_stale(timers)


def _skip_stale(timers: Timers) -> Timers:
    heap = timers.heap
    while heap is not None and timers.due.get(heap.key) != heap.at_ms:
        heap = _merge(heap.left, heap.right)
    return timers if heap is timers.heap else Timers(heap, timers.due, timers.set_count)
