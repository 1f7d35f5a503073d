"""The nodes that would do for one kind of pod, the best on top, while pods are being placed.

The ranked list is made once for a burst of equal pods; afterwards only nodes that were used are
looked at again. An entry that is no longer its node's newest is passed over when it comes up.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush

from kelm.core.scheduler.nodes import NodeUse
from kelm.core.scheduler.opinion import Opinion

Entry = tuple[int, int, int, int]
"""Score (negative: the best comes first), pods on the node, turn, slot."""


class Ranking:
    """It lives as long as one decision: nothing keeps it."""

    def __init__(self, opinion: Opinion, found: list[tuple[int, NodeUse]]) -> None:
        self.opinion = opinion
        self.seen = 0
        """How much of the placing's log is accounted for."""
        self._compare(found)
        score, added = opinion.own_score, self._added
        self._newest: dict[int, Entry] = {
            slot: (-score(node) - added.get(slot, 0), node.pods, turn, slot)
            for turn, (slot, node) in enumerate(found)
        }
        self._heap = list(self._newest.values())
        heapify(self._heap)

    def _compare(self, found: list[tuple[int, NodeUse]]) -> None:
        """What plugins that compare nodes add to each, and when that has to be done again."""
        self._added: dict[int, int] = {}
        self._left: list[tuple[Counter[int], dict[int, int]]] = []
        for judge in self.opinion.judges:
            raws = [judge.raw(node) for _, node in found]
            if not raws or min(raws) == max(raws):
                continue
            slots = [slot for slot, _ in found]
            self._left.append((Counter(raws), dict(zip(slots, raws, strict=True))))
            for slot, score in zip(slots, judge.normalise(raws), strict=True):
                self._added[slot] = self._added.get(slot, 0) + judge.weight * score

    def touch(self, slot: int, node: NodeUse) -> bool:
        """Look at a node again; False where all must be compared anew.

        That is where the last of the most (or least) liked nodes has become too full.
        """
        old = self._newest.get(slot)
        if old is None:
            return True
        if self.opinion.refusal(node) is None:
            score = self.opinion.own_score(node) + self._added.get(slot, 0)
            entry = (-score, node.pods, old[2], slot)
            self._newest[slot] = entry
            heappush(self._heap, entry)
            return True
        del self._newest[slot]
        return not (self._left and self._was_outermost(slot))

    def _was_outermost(self, slot: int) -> bool:
        changed = False
        for left, raw in self._left:
            value = raw[slot]
            outer = value in (max(left), min(left))
            left[value] -= 1
            if not left[value]:
                del left[value]
                changed = changed or outer
        return changed

    def best(self) -> int | None:
        """The slot of the best node, None where no node is left."""
        heap, newest = self._heap, self._newest
        while heap:
            entry = heap[0]
            if newest.get(entry[3]) is entry:
                return entry[3]
            heappop(heap)
        return None
