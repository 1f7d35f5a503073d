"""Give many pods to nodes in one go, each seeing where the ones before it went.

Pods of one specification share one ranked list of nodes: it is made once for a burst, and after
every placement only the node that was used is ranked anew. So a burst of a thousand equal pods
costs one look at the nodes and a thousand short steps.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go.
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush

import msgspec
from pyrsistent.typing import PMap

from kelm.core.scheduler.needs import Needs
from kelm.core.scheduler.nodes import NodeUse, Why, refusal, taken
from kelm.core.scheduler.ranking import feasible_enough, preferences, score

Ranked = tuple[int, int, int, str]


class NoNode(msgspec.Struct, frozen=True):
    """No node takes the pod now; the message is upstream's."""

    message: str


class Placing:
    """The nodes during one decision. It lives as long as that: nothing keeps it."""

    def __init__(self, nodes: PMap[str, NodeUse], order: tuple[str, ...], start: int) -> None:
        self.changed: dict[str, NodeUse] = {}
        self.start = start
        self._nodes = nodes
        self._order = order
        self._ranked: dict[int, tuple[Needs, list[Ranked], dict[str, int]]] = {}

    def node(self, name: str) -> NodeUse:
        found = self.changed.get(name)
        return self._nodes[name] if found is None else found

    def place(self, needs: Needs, siblings: int) -> str | NoNode:
        """The best node for a pod, which then counts on it; `siblings` more will follow."""
        held = self._ranked.get(id(needs))
        if held is None:
            held = (needs, *self._rank(needs, siblings))
            self._ranked[id(needs)] = held
        _, heap, added = held
        while heap:
            ranked, pods, turn, name = heappop(heap)
            node = self.node(name)
            if refusal(node, needs) is not None:
                continue
            now = (-(score(node, needs) + added[name]), node.pods, turn, name)
            if now != (ranked, pods, turn, name):
                heappush(heap, now)
                continue
            used = taken(node, needs)
            self.changed[name] = used
            if refusal(used, needs) is None:
                heappush(heap, (-(score(used, needs) + added[name]), used.pods, turn, name))
            return name
        ranked_again, added = self._rank(needs, siblings)
        if not ranked_again:
            return NoNode(self.why_not(needs))
        self._ranked[id(needs)] = (needs, ranked_again, added)
        return self.place(needs, siblings)

    def _rank(self, needs: Needs, siblings: int) -> tuple[list[Ranked], dict[str, int]]:
        """The nodes that would do, enough of them, as a heap with the best on top."""
        count = len(self._order)
        enough = max(feasible_enough(count), 2 * siblings)
        found: list[tuple[int, NodeUse]] = []
        for step in range(count):
            position = (self.start + step) % count
            node = self.node(self._order[position])
            if refusal(node, needs) is None:
                found.append((step, node))
                if len(found) >= enough:
                    self.start = (position + 1) % count
                    break
        added = preferences([node for _, node in found], needs) if found else {}
        heap = [
            (-(score(node, needs) + added[node.name]), node.pods, step, node.name)
            for step, node in found
        ]
        heapify(heap)
        return heap, added

    def why_not(self, needs: Needs) -> str:
        """Upstream's sentence on why no node takes a pod."""
        whys = [refusal(self.node(name), needs) or Why(()) for name in self._order]
        return unschedulable_message(whys, never_preempts=False)


def unschedulable_message(whys: list[Why], *, never_preempts: bool) -> str:
    """What is told of a pod that no node takes, from each node's reasons.

    Source: pkg/scheduler/framework/types.go, FitError.Error; preemption/preemption.go.

    >>> unschedulable_message([Why(("Insufficient cpu",), True)] * 3, never_preempts=False)[:40]
    '0/3 nodes are available: 3 Insufficient '
    """
    count = len(whys)
    if not count:
        return "no nodes available to schedule pods"
    reasons = Counter(reason for why in whys for reason in why.reasons)
    told = ", ".join(sorted(f"{number} {reason}" for reason, number in reasons.items()))
    message = f"0/{count} nodes are available: {told}. no new claims to deallocate, preemption: "
    if never_preempts:
        return message + "not eligible due to preemptionPolicy=Never."
    hopeless = sum(why.hopeless for why in whys)
    verdicts = []
    if hopeless:
        verdicts.append(f"{hopeless} Preemption is not helpful for scheduling")
    if count - hopeless:
        verdicts.append(f"{count - hopeless} No preemption victims found for incoming pod")
    return f"{message}0/{count} nodes are available: {', '.join(sorted(verdicts))}."
