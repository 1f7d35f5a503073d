"""The nodes that would do for one kind of pod, the best on top, while pods are being placed.

Nodes are sorted into *rows*: those of a row agree in all that makes a difference beyond the node
itself (how many pods are in their domains, how much they are liked), so a row is refused or graded
as one, and within it the node's own score decides. A pod that wants nothing of others has one row.
The rows are made once for a burst of equal pods; afterwards only nodes that were used are looked at
again. An entry that is no longer its node's newest is passed over when it comes up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from heapq import heapify, heappop, heappush

from kelm.core.scheduler.cache.counting import parts_of
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.placement.opinion import Opinion

Entry = tuple[int, int, int, int]
"""Own score (negative: the best comes first), pods on the node, turn, slot."""
RowKey = tuple[Hashable, ...]


class Row:
    """Nodes that agree; `size` of them are still there."""

    __slots__ = ("heap", "size")

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        self.size = 0


class Ranking:
    """It lives as long as one decision: nothing keeps it."""

    def __init__(self, opinion: Opinion) -> None:
        self.opinion = opinion
        self.complete = False
        """Whether all nodes were looked at: what is not here will not do."""
        self._newest: dict[int, Entry] = {}
        self._row_of: dict[int, RowKey] = {}
        self._rows: dict[RowKey, Row] = {}
        self._facets: list[Callable[[NodeUse], Hashable]] = [
            *(parts_of(one.counts) for one in opinion.gatherings),
            *(one.reader() for _, _, one in opinion.comparisons),
        ]
        self._key = _together(self._facets)

    def fill(self, candidates: Iterable[tuple[int, NodeUse]], enough: int) -> int | None:
        """Rank nodes, by slot, until enough of them would do; the last slot, None if all were."""
        opinion, rows, newest, row_of = self.opinion, self._rows, self._newest, self._row_of
        own_refusal, own_score, key_of = opinion.own_refusal, opinion.own_score, self._key
        refused: dict[RowKey, bool] = {}
        fitting = 0
        for slot, node in candidates:
            if own_refusal(node) is not None:
                continue
            key = key_of(node)
            entry = newest[slot] = (-own_score(node), node.pods, len(newest), slot)
            row_of[slot] = key
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row()
                refused[key] = self._refused(key)
            row.heap.append(entry)
            if refused[key]:
                continue
            fitting += 1
            if fitting >= enough:
                break
        else:
            slot, self.complete = -1, True
        for row in rows.values():
            row.size = len(row.heap)
            heapify(row.heap)
        return None if self.complete else slot

    def ban(self, slot: int) -> None:
        """Leave a node out: it would do, and is not to be had."""
        if self._newest.pop(slot, None) is not None:
            self._shrink(self._row_of.pop(slot))

    def touch(self, slot: int, node: NodeUse) -> None:
        """Look at a node again."""
        old = self._newest.get(slot)
        if old is None:
            return
        was = self._row_of[slot]
        if self.opinion.own_refusal(node) is not None:
            del self._newest[slot], self._row_of[slot]
            self._shrink(was)
            return
        key = self._key(node)
        entry = self._newest[slot] = (-self.opinion.own_score(node), node.pods, old[2], slot)
        if key != was:
            self._shrink(was)
            self._row_of[slot] = key
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = Row()
            row.size += 1
        heappush(self._rows[key].heap, entry)

    def _shrink(self, key: RowKey) -> None:
        row = self._rows[key]
        row.size -= 1
        if not row.size:
            del self._rows[key]

    def _top(self, row: Row) -> Entry:
        heap, newest = row.heap, self._newest
        while newest.get(heap[0][3]) is not heap[0]:
            heappop(heap)
        return heap[0]

    def best(self) -> int | None:
        """The slot of the best node, None where no node is left."""
        if not self._facets:
            return self._top(self._rows[()])[3] if self._rows else None
        rows = [(key, row) for key, row in self._rows.items() if not self._refused(key)]
        if not rows:
            return None
        first = len(self.opinion.gatherings)
        grades = [0] * len(rows)
        sizes = [row.size for _, row in rows]
        if len(rows) > 1:
            for offset, (_, weight, one) in enumerate(self.opinion.comparisons):
                elements = [key[first + offset] for key, _ in rows]
                for index, grade in enumerate(one.grades(elements, sizes)):
                    grades[index] += weight * grade
        tops = [self._top(row) for _, row in rows]
        return min((top[0] - grade, *top[1:]) for top, grade in zip(tops, grades, strict=True))[3]

    def _refused(self, key: RowKey) -> bool:
        for one, elements in zip(self.opinion.gatherings, key, strict=False):
            numbers = [
                count.number(part)
                for count, part in zip(one.counts, elements, strict=True)  # type: ignore[call-overload]
            ]
            if one.verdict(numbers) is not None:
                return True
        return False


def _together(facets: list[Callable[[NodeUse], Hashable]]) -> Callable[[NodeUse], RowKey]:
    """What finds the row of a node."""
    if not facets:
        return lambda _: ()
    if len(facets) == 1:
        (one,) = facets
        return lambda node: (one(node),)
    return lambda node: tuple([facet(node) for facet in facets])
