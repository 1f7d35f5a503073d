"""Give many pods to nodes in one go, each seeing where the ones before it went.

Pods of one specification share one ranking of the nodes, so a burst of a thousand equal pods costs
one look at the nodes and a thousand short steps.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from kelm.core.scheduler.cache.crowd import Crowd, moved
from kelm.core.scheduler.cache.devices import Allotment
from kelm.core.scheduler.cache.fleet import Fleet, with_claims
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse, taken
from kelm.core.scheduler.cache.view import View
from kelm.core.scheduler.cache.volumes import Choice, chosen_volumes
from kelm.core.scheduler.placement.opinion import Opinion, opinion
from kelm.core.scheduler.placement.ranking import Ranking
from kelm.core.scheduler.placement.trial import Trial
from kelm.core.scheduler.plugins.dynamic_resources import DynamicResources, allotted
from kelm.core.scheduler.plugins.framework import Status
from kelm.core.scheduler.profile import Profile, feasible_enough
from kelm.core.scheduler.state import Nominee
from kelm.effects.address import Uid


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


class Kind:
    """One kind of pod: what is thought of it, how nodes rank for it, who refused it.

    `seen` says how much of what was placed is accounted for.
    """

    __slots__ = ("ask", "opinion", "ranking", "refused", "seen")

    def __init__(self, ask: Ask, opinion: Opinion) -> None:
        self.ask, self.opinion = ask, opinion
        self.ranking: Ranking | None = None
        self.refused: NoNode | None = None
        self.seen = 0


class Guest(msgspec.Struct, frozen=True):
    """Who asks for a node."""

    uid: Uid = ""
    priority: int = 0


ANYBODY = Guest()
NO_NOMINEES: Mapping[Uid, Nominee] = MappingProxyType({})


class Placing:
    """The nodes during one decision. It lives as long as that: nothing keeps it."""

    def __init__(
        self,
        profile: Profile,
        view: View,
        start: int,
        nominees: Mapping[Uid, Nominee] = NO_NOMINEES,
    ) -> None:
        self.start = start
        self._profile = profile
        self._view = view
        self._nodes: list[NodeUse | None] = view.fleet.slots.tolist()
        self._log: list[tuple[int, Ask]] = []
        """Which node (by slot) got which pod, one after the other."""
        self._kinds: dict[int, Kind] = {}
        self._nominees: dict[int, dict[Uid, Nominee]] = {}
        for uid, nominee in sorted(nominees.items()):
            self.nominate(uid, nominee)

    def nominate(self, uid: Uid, nominee: Nominee) -> None:
        """Keep a node for a pod; forget every other that was kept for it."""
        self.forget(uid)
        slot = self._view.fleet.slot_of.get(nominee.node)
        if slot is not None:
            self._nominees.setdefault(slot, {})[uid] = nominee

    def forget(self, uid: Uid) -> None:
        """Keep no node for a pod any more."""
        for slot, kept in list(self._nominees.items()):
            if kept.pop(uid, None) is not None and not kept:
                del self._nominees[slot]

    def fleet(self) -> Fleet:
        """The fleet with everything that was placed."""
        slots = self._view.fleet.slots.evolver()
        for slot in dict.fromkeys(slot for slot, _ in self._log):
            slots[slot] = self._nodes[slot]
        claimed = self._view.fleet.claimed
        for slot, ask in self._log:
            node = self._nodes[slot] if ask.needs.claims else None
            if node is not None:
                claimed = with_claims(claimed, ask, node.name, 1)
        fleet = msgspec.structs.replace(self._view.fleet, slots=slots.persistent(), claimed=claimed)
        return self._view.with_topologies(fleet)

    def crowd(self) -> Crowd:
        """The crowd with everything that was placed."""
        crowd = self._view.crowd()
        if not crowd.groups and not any(ask.is_social for _, ask in self._log):
            return crowd
        came: dict[int, tuple[Ask, dict[str, int]]] = {}
        for slot, ask in self._log:
            node = self._nodes[slot]
            assert node is not None
            on_nodes = came.setdefault(id(ask), (ask, {}))[1]
            on_nodes[node.name] = on_nodes.get(node.name, 0) + 1
        for ask, on_nodes in came.values():
            crowd = moved(crowd, ask, on_nodes, self._view.namespace_labels, self._view.domain_of)
        return crowd

    def place(self, ask: Ask, siblings: int, guest: Guest = ANYBODY) -> str | NoNode:
        """The best node for a pod, which then counts on it; `siblings` more will follow."""
        kind = self._kind(ask)
        slot = self._promised(kind, guest) if self._nominees else None
        if slot is None:
            if kind.refused is not None and kind.seen == len(self._log):
                return kind.refused
            self._catch_up(kind)
            slot = self._best(kind, siblings, guest)
        if slot is None:
            kind.refused = self._refusals(kind, guest)
            return kind.refused
        node = self._nodes[slot]
        assert node is not None
        self._nodes[slot] = taken(node, ask)
        self._log.append((slot, ask))
        if self._nominees:
            self.forget(guest.uid)
        if ask.is_social and self._view.carry(ask):
            self._kinds.clear()
        return node.name

    def hold(self, ask: Ask, name: str) -> tuple[Choice, ...]:
        """What the claims of a pod that wait for its node get where it was placed."""
        node = self._view.get(name)
        assert node is not None
        choices = chosen_volumes(ask, self._view.storage, node)
        if choices:
            self._view.hold(choices, name)
            self._kinds.clear()
        return choices

    def allot(self, ask: Ask, name: str) -> tuple[Allotment, ...]:
        """What a pod's claims for devices get where it was placed."""
        node = self._view.get(name)
        assert node is not None
        plugin = next(
            (w.plugin for w in self._profile.plugins if isinstance(w.plugin, DynamicResources)),
            None,
        )
        allotments = () if plugin is None else allotted(plugin, ask, self._view.inventory, node)
        if allotments:
            self._view.allot(allotments)
            self._kinds.clear()
        return allotments

    def _promised(self, kind: Kind, guest: Guest) -> int | None:
        """The node that is kept for the pod, if it would do by now."""
        for slot, kept in self._nominees.items():
            node = self._nodes[slot]
            if guest.uid in kept and node is not None:
                self._catch_up(kind)
                fits = kind.opinion.everywhere is None and not self._refusal(kind, slot, guest)
                return slot if fits else None
        return None

    def _best(self, kind: Kind, siblings: int, guest: Guest) -> int | None:
        """The best node that is not kept for somebody more important."""
        while True:
            ranking = kind.ranking
            slot = None if ranking is None else ranking.best()
            if slot is None and (ranking is None or not ranking.complete):
                ranking = kind.ranking = self._rank(kind, siblings)
                slot = ranking.best()
            if slot is None or slot not in self._nominees:
                return slot
            if self._refusal(kind, slot, guest) is None:
                return slot
            assert ranking is not None
            ranking.ban(slot)

    def _refusal(self, kind: Kind, slot: int, guest: Guest) -> Status | None:
        """Why a node does not take a pod, those counted too that it is kept for.

        It must take the pod with them, and without: they may never come.

        Source: framework/runtime/framework.go, RunFilterPluginsWithNominatedPods.
        """
        node = self._nodes[slot]
        assert node is not None
        said = kind.opinion
        kept = [
            one.ask
            for uid, one in self._nominees.get(slot, {}).items()
            if uid != guest.uid and one.priority >= guest.priority
        ]
        if kept:
            with Trial(kind.opinion, node) as trial:
                for ask in kept:
                    trial.come(ask)
                status = trial.refusal()
            if status is not None:
                return status
        return said.refusal(node)

    def trial(self, ask: Ask, name: str, guest: Guest) -> Trial:
        """A node on which pods may be thought away, with those that it is kept for."""
        kind = self._kind(ask)
        self._catch_up(kind)
        slot = self._view.fleet.slot_of[name]
        node = self._nodes[slot]
        assert node is not None
        trial = Trial(kind.opinion, node)
        for uid, one in self._nominees.get(slot, {}).items():
            if uid != guest.uid and one.priority >= guest.priority:
                trial.come(one.ask)
        return trial

    def _kind(self, ask: Ask) -> Kind:
        """Pods that need the same are alike, unless somebody minds who they are."""
        view = self._view
        alone = (
            not ask.is_social
            and not ask.needs.claims
            and not ask.devices
            and not view.carried
            and not view.usual_constraints(ask)
        )
        key = id(ask.needs) if alone else id(ask)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = Kind(ask, opinion(self._profile, ask, view))
        return kind

    def _catch_up(self, kind: Kind) -> None:
        """Account for what was placed since."""
        counts, ranking = kind.opinion.counts, kind.ranking
        news = self._log[kind.seen :] if counts or ranking is not None else ()
        for slot, ask in news:
            node = self._nodes[slot]
            assert node is not None
            for count in counts:
                count.add(ask, node, 1)
            if ranking is not None:
                ranking.touch(slot, node)
        kind.seen = len(self._log)

    def _rank(self, kind: Kind, siblings: int) -> Ranking:
        """The nodes that would do by themselves, enough of them that would do altogether."""
        nodes, count = self._nodes, self._view.node_count
        percentage = self._profile.percentage_of_nodes_to_score
        enough = max(feasible_enough(count, percentage), 2 * siblings)
        ranking = Ranking(kind.opinion)
        slots = len(nodes) if kind.opinion.everywhere is None else 0
        turns = (*range(self.start, slots), *range(min(self.start, slots)))
        candidates = ((slot, node) for slot in turns if (node := nodes[slot]) is not None)
        last = ranking.fill(candidates, enough)
        if last is not None:
            self.start = (last + 1) % slots
        return ranking

    def _refusals(self, kind: Kind, guest: Guest) -> NoNode:
        said, count = kind.opinion, self._view.node_count
        if said.everywhere is not None:
            return NoNode(count, {}, said.everywhere)
        found: dict[str, Status] = {}
        for slot, node in enumerate(self._nodes):
            if node is None:
                continue
            kept = slot in self._nominees
            status = self._refusal(kind, slot, guest) if kept else said.refusal(node)
            if status is not None:
                found[node.name] = status
        return NoNode(count, found)
