"""PodTopologySpread: pods of a kind are to be as many in each domain of a topology.

Hard constraints refuse a node where a domain would get too far ahead of the emptiest; soft ones
prefer domains with fewer. A pod that says nothing is softly spread apart from its siblings.

Source: kubernetes v1.36, plugins/podtopologyspread (filtering.go, scoring.go, common.go).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import floor, log

import msgspec

from kelm.core.objects.taints import tolerates
from kelm.core.scheduler.cache.counting import Count, Part, parts_of
from kelm.core.scheduler.cache.crowd import Group
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.node_selection import selects
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.terms import HOSTNAME, Constraint, Selection
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import (
    MAX_SCORE,
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
)

NOT_SPREAD = "node(s) didn't match pod topology spread constraints"
NO_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"


class TopologySpread(msgspec.Struct, frozen=True):
    name: str = "PodTopologySpread"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        hard = tuple(one for one in ask.social.constraints if one.hard)
        if not hard:
            return None
        counts = tuple(_counted(one, ask, cluster, hard) for one in hard)
        mine = tuple(int(one.selector.matches(ask.labels)) for one in hard)
        return Spread(self.name, hard, counts, mine)

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        stated = ask.social.constraints
        soft = tuple(one for one in stated if not one.hard)
        if not stated:
            soft = cluster.usual_constraints(ask)
        if not soft:
            return None
        with_all = soft if stated else ()
        counts = tuple(
            _on_hosts(one, ask, cluster)
            if one.key == HOSTNAME
            else _counted(one, ask, cluster, with_all)
            for one in soft
        )
        everywhere = all(cluster.topology(one.key).nodes == cluster.node_count for one in soft)
        return Evenness(soft, counts, strict=bool(stated) and not everywhere)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        hard = [one for one in ask.social.constraints if one.hard]
        if isinstance(happening, NodeChanged):
            old, new = happening.old, happening.new.labels
            if old is None:
                return all(one.key in new for one in hard)
            return old.taints != happening.new.taints or any(
                old.labels.get(one.key) != new.get(one.key) for one in hard
            )
        return happening.concerns(
            lambda other: (
                other.namespace == ask.namespace
                and any(one.selector.matches(other.labels) for one in hard)
            )
        )


def _eligible(
    constraint: Constraint, ask: Ask, cluster: Cluster, with_all: Sequence[Constraint]
) -> Callable[[NodeUse], bool] | None:
    """Which nodes count: those with every topology, as the inclusion policies say; None: all do."""
    needs = ask.needs
    count = cluster.node_count
    keys = [one.key for one in with_all if cluster.topology(one.key).nodes < count]
    by_affinity = constraint.honors_affinity and bool(needs.node_selector or needs.affinity)
    by_taints = constraint.honors_taints and bool(cluster.tainted)
    if not keys and not by_affinity and not by_taints:
        return None

    def eligible(node: NodeUse) -> bool:
        if not all(key in node.labels for key in keys):
            return False
        if by_affinity and not selects(node.labels, node.name, needs.node_selector, needs.affinity):
            return False
        return not by_taints or all(
            any(tolerates(one, taint) for one in needs.tolerations) for taint in node.taints
        )

    return eligible


def _counted(
    constraint: Constraint, ask: Ask, cluster: Cluster, with_all: Sequence[Constraint]
) -> Count:
    """The pods that a constraint means, by domain."""
    group, weigh = _group(constraint, ask, cluster)
    key, eligible = constraint.key, _eligible(constraint, ask, cluster, with_all)
    topology = cluster.topology(key)
    if eligible is None:
        return Count(
            key,
            weigh,
            cluster.in_domains(group, key),
            domains=len(topology.domains),
            one_each=topology.one_each,
            live_only=True,
        )
    base: dict[str, int] = {}
    on_nodes = cluster.on_nodes(group)
    for node in cluster.nodes():
        domain = node.labels.get(key)
        if domain is not None and eligible(node):
            base[domain] = base.get(domain, 0) + (on_nodes.get(node.name) or 0)
    return Count(key, weigh, base, eligible=eligible, domains=len(base), one_each=topology.one_each)


def _on_hosts(constraint: Constraint, ask: Ask, cluster: Cluster) -> Count:
    """The pods that a constraint means, by node."""
    group, weigh = _group(constraint, ask, cluster)
    return Count("", weigh, cluster.on_nodes(group), live_only=True)


def _group(
    constraint: Constraint, ask: Ask, cluster: Cluster
) -> tuple[Group, Callable[[Ask], int]]:
    group = Group((Selection(constraint.selector, (ask.namespace,)),), live=True)
    labels_of = cluster.namespace_labels
    return group, lambda other: int(group.has(other, labels_of))


class Spread(msgspec.Struct, frozen=True):
    """`mine` says of each constraint whether the pod itself counts for it."""

    plugin: str
    constraints: tuple[Constraint, ...]
    counts: tuple[Count, ...]
    mine: tuple[int, ...]

    def verdict(self, numbers: Sequence[int | None]) -> Status | None:
        for one, count, mine, number in zip(
            self.constraints, self.counts, self.mine, numbers, strict=True
        ):
            if number is None:
                return Status(self.plugin, (NO_LABEL,), hopeless=True)
            least = count.least if count.domains >= one.min_domains else 0
            if number + mine - least > one.max_skew:
                return Status(self.plugin, (NOT_SPREAD,))
        return None


class Evenness(msgspec.Struct, frozen=True):
    """`strict` leaves out nodes that lack one of the topologies; they end with 0.

    Where no node lacks any there is nothing to be strict about.
    """

    constraints: tuple[Constraint, ...]
    counts: tuple[Count, ...]
    strict: bool

    def reader(self) -> Callable[[NodeUse], Hashable]:
        """The parts of the counts, or None for a node that is left out."""
        read = parts_of(self.counts)
        if not self.strict:
            return read
        keys = [one.key for one in self.constraints]
        return lambda node: read(node) if all(key in node.labels for key in keys) else None

    def grades(self, elements: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
        """Source: scoring.go, initPreScoreState, Score and NormalizeScore."""
        rows: list[tuple[tuple[Part, ...], int]] = []
        for element, size in zip(elements, sizes, strict=True):
            if element is not None:
                assert isinstance(element, tuple)
                rows.append((element, size))
        raws = self._raws(rows)
        most, least = max(raws, default=0), min(raws, default=0)
        grades = iter([_normal(raw, least, most) for raw in raws])
        return [0 if element is None else next(grades) for element in elements]

    def _raws(self, rows: list[tuple[tuple[Part, ...], int]]) -> list[int]:
        totals = [0.0] * len(rows)
        for index, (one, count) in enumerate(zip(self.constraints, self.counts, strict=True)):
            weight, more = log(self._domains(index, rows) + 2), one.max_skew - 1
            of = count.of
            for row, (parts, _) in enumerate(rows):
                part = parts[index]
                if part is not None:
                    number = of(part) if isinstance(part, str) else part
                    totals[row] += number * weight + more
        return [floor(total + 0.5) for total in totals]

    def _domains(self, index: int, rows: list[tuple[tuple[Part, ...], int]]) -> int:
        """How many domains of a topology there are among nodes that count."""
        if self.constraints[index].key == HOSTNAME or self.counts[index].one_each:
            return sum([size for _, size in rows])
        return len({parts[index] for parts, _ in rows})


def _normal(raw: int, least: int, most: int) -> int:
    return MAX_SCORE * (most + least - raw) // most if most else MAX_SCORE
