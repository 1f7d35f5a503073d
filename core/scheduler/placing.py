"""Give many pods to nodes in one go, each seeing where the ones before it went.

Pods of one specification share one ranking of the nodes, so a burst of a thousand equal pods costs
one look at the nodes and a thousand short steps.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.scheduler.fleet import Fleet
from kelm.core.scheduler.needs import Ask
from kelm.core.scheduler.nodes import NodeUse, taken
from kelm.core.scheduler.opinion import Opinion, opinion
from kelm.core.scheduler.plugins.framework import Status
from kelm.core.scheduler.profile import Profile, feasible_enough
from kelm.core.scheduler.ranking import Ranking


class NoNode(msgspec.Struct, frozen=True):
    """No node takes the pod now: who refuses it on each node, or `everywhere`."""

    node_count: int
    refusals: Mapping[str, Status]
    everywhere: Status | None = None

    @property
    def plugins(self) -> frozenset[str]:
        """The names of the plugins that refused."""
        if self.everywhere is not None:
            return frozenset((self.everywhere.plugin,))
        return frozenset(status.plugin for status in self.refusals.values())


class Placing:
    """The nodes during one decision. It lives as long as that: nothing keeps it."""

    def __init__(self, profile: Profile, fleet: Fleet, start: int) -> None:
        self.start = start
        self._profile = profile
        self._fleet = fleet
        self._nodes: list[NodeUse | None] = fleet.slots.tolist()
        self._log: list[int] = []
        """The slots of the nodes that got a pod, one after the other."""
        self._opinions: dict[int, tuple[Ask, Opinion]] = {}
        self._rankings: dict[int, Ranking] = {}
        self._refused: dict[int, tuple[int, NoNode]] = {}

    def fleet(self) -> Fleet:
        """The fleet with everything that was placed."""
        slots = self._fleet.slots.evolver()
        for slot in dict.fromkeys(self._log):
            slots[slot] = self._nodes[slot]
        return msgspec.structs.replace(self._fleet, slots=slots.persistent())

    def place(self, ask: Ask, siblings: int) -> str | NoNode:
        """The best node for a pod, which then counts on it; `siblings` more will follow."""
        kind = _kind(ask)
        known = self._refused.get(kind)
        if known is not None and known[0] == len(self._log):
            return known[1]
        ranking = self._rankings.get(kind)
        slot = None if ranking is None else self._best(ranking)
        if slot is None:
            ranking = self._rankings[kind] = self._rank(ask, siblings)
            slot = ranking.best()
        if slot is None:
            refused = self._refusals(ask)
            self._refused[kind] = (len(self._log), refused)
            return refused
        node = self._nodes[slot]
        assert node is not None
        self._nodes[slot] = taken(node, ask.needs)
        self._log.append(slot)
        return node.name

    def _best(self, ranking: Ranking) -> int | None:
        """The best node after what was placed since; None where nodes must be ranked anew."""
        for slot in self._log[ranking.seen :]:
            node = self._nodes[slot]
            if node is not None and not ranking.touch(slot, node):
                return None
        ranking.seen = len(self._log)
        return ranking.best()

    def _opinion(self, ask: Ask) -> Opinion:
        held = self._opinions.get(_kind(ask))
        if held is None:
            held = (ask, opinion(self._profile, ask, self._fleet))
            self._opinions[_kind(ask)] = held
        return held[1]

    def _rank(self, ask: Ask, siblings: int) -> Ranking:
        """The nodes that would do, enough of them."""
        nodes, count = self._nodes, self._fleet.node_count
        percentage = self._profile.percentage_of_nodes_to_score
        enough = max(feasible_enough(count, percentage), 2 * siblings)
        said = self._opinion(ask)
        found: list[tuple[int, NodeUse]] = []
        slots = len(nodes) if said.everywhere is None else 0
        for step in range(slots):
            slot = (self.start + step) % slots
            node = nodes[slot]
            if node is not None and said.refusal(node) is None:
                found.append((slot, node))
                if len(found) >= enough:
                    self.start = (slot + 1) % slots
                    break
        ranking = Ranking(said, found)
        ranking.seen = len(self._log)
        return ranking

    def _refusals(self, ask: Ask) -> NoNode:
        said, count = self._opinion(ask), self._fleet.node_count
        if said.everywhere is not None:
            return NoNode(count, {}, said.everywhere)
        nodes = [node for node in self._nodes if node is not None]
        found = ((node.name, said.refusal(node)) for node in nodes)
        return NoNode(count, {name: no for name, no in found if no is not None})


def _kind(ask: Ask) -> int:
    """Pods that need the same are alike, whatever they are called."""
    return id(ask.needs)
