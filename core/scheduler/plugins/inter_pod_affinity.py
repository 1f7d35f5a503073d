"""InterPodAffinity: pods that want to be near others, or far from them, and that others mind.

Source: kubernetes v1.36, plugins/interpodaffinity (filtering.go, scoring.go, plugin.go).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from kelm.core.scheduler.cache.counting import Count, parts_of
from kelm.core.scheduler.cache.crowd import Carried, Group, carried_by
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.terms import NamespaceLabels, Term
from kelm.core.scheduler.happenings import (
    Happening,
    NodeChanged,
    PodCame,
    PodChanged,
    PodWent,
)
from kelm.core.scheduler.plugins.framework import (
    MAX_SCORE,
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
)

NOT_NEAR = "node(s) didn't match pod affinity rules"
NOT_FAR = "node(s) didn't match pod anti-affinity rules"
MINDED = "node(s) didn't satisfy existing pods anti-affinity rules"


class InterPodAffinity(msgspec.Struct, frozen=True):
    """`hard_weight` is what a pod's required affinity is worth to those that it wants near."""

    name: str = "InterPodAffinity"
    hard_weight: int = 1
    ignore_preferred_of_existing: bool = False

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        social = ask.social
        minded = [
            one
            for one in cluster.carried
            if one.kind == "anti_affinity" and means(one.term, ask, cluster.namespace_labels)
        ]
        if not social.affinity and not social.anti_affinity and not minded:
            return None
        near = [_near(social.affinity, term, cluster) for term in social.affinity]
        far = [_met(term, cluster) for term in social.anti_affinity]
        mine = [_carrying(one, cluster) for one in minded]
        first = all(means(term, ask, cluster.namespace_labels) for term in social.affinity)
        return Neighbours(self.name, (*near, *far, *mine), len(near), len(far), first)

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        counts = [
            *(_met(term, cluster, term.weight) for term in ask.social.liked),
            *(_met(term, cluster, -term.weight) for term in ask.social.disliked),
        ]
        for one in cluster.carried:
            weight = self._worth(one)
            if weight and means(one.term, ask, cluster.namespace_labels):
                counts.append(_carrying(one, cluster, weight))
        return Attraction(tuple(counts)) if counts else None

    def _worth(self, one: Carried) -> int:
        """What a pod adds to its domain for another that one of its terms means."""
        if one.kind == "affinity":
            return self.hard_weight
        if one.kind == "anti_affinity" or self.ignore_preferred_of_existing:
            return 0
        return one.term.weight if one.kind == "liked" else -one.term.weight

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """Without the labels of namespaces: too often rather than too seldom.

        Source: plugin.go, isSchedulableAfterPodChange, isSchedulableAfterNodeChange.
        """
        social = ask.social
        if isinstance(happening, NodeChanged):
            old, new = happening.old, happening.new
            keys = {one.key for one in (*social.affinity, *social.anti_affinity)}
            return old is None or old.labels != new.labels or not keys
        if isinstance(happening, PodCame):
            return bool(social.affinity) and all(
                may_mean(one, happening.ask) for one in social.affinity
            )
        if isinstance(happening, PodWent):
            return _minds(social.anti_affinity, happening.ask) or _minds(
                happening.ask.social.anti_affinity, ask
            )
        return isinstance(happening, PodChanged) and (
            self.helped(ask, PodCame(happening.new, happening.node))
            or self.helped(ask, PodWent(happening.old, happening.node))
        )


def means(term: Term, ask: Ask, labels_of: NamespaceLabels) -> bool:
    """Whether a term means a pod."""
    return term.selection.selects(ask.namespace, ask.labels, labels_of)


def may_mean(term: Term, ask: Ask) -> bool:
    """Whether a term means a pod, if its namespace has the right labels."""
    chosen = term.selection
    known = ask.namespace in chosen.namespaces or chosen.namespace_selector is not None
    return known and chosen.selector.matches(ask.labels)


def _minds(terms: Sequence[Term], ask: Ask) -> bool:
    return any(may_mean(one, ask) for one in terms)


def _near(terms: Sequence[Term], term: Term, cluster: Cluster) -> Count:
    """The pods that *all* terms mean, by the domains of one of them."""
    group = Group(tuple(one.selection for one in terms))
    return _grouped(group, term.key, cluster, 1)


def _met(term: Term, cluster: Cluster, weight: int = 1) -> Count:
    """The pods that a term means, by its domains."""
    return _grouped(Group((term.selection,)), term.key, cluster, weight)


def _grouped(group: Group, key: str, cluster: Cluster, weight: int) -> Count:
    labels_of = cluster.namespace_labels

    def weigh(other: Ask) -> int:
        return weight if group.has(other, labels_of) else 0

    base, one_each = cluster.in_domains(group, key), cluster.topology(key).one_each
    return Count(key, weigh, base, weight=weight, one_each=one_each)


def _carrying(one: Carried, cluster: Cluster, weight: int = 1) -> Count:
    """The pods that carry a term, by its domains."""
    base = cluster.carried_in_domains(one)
    one_each = cluster.topology(one.term.key).one_each
    return Count(one.term.key, _carries(one, weight), base, weight=weight, one_each=one_each)


def _carries(one: Carried, weight: int) -> Callable[[Ask], int]:
    def weigh(other: Ask) -> int:
        return weight * sum(carried == one for carried in carried_by(other))

    return weigh


class Neighbours(msgspec.Struct, frozen=True):
    """`counts` are of the pods wanted near, those wanted far, and those that mind.

    `first` says that the pod may start a domain itself: it is what it wants to be near to.
    """

    plugin: str
    counts: tuple[Count, ...]
    near: int
    far: int
    first: bool

    def verdict(self, numbers: Sequence[int | None]) -> Status | None:
        near = numbers[: self.near]
        if any(number is None for number in near):
            return Status(self.plugin, (NOT_NEAR,), hopeless=True)
        if not all(near) and not self._starts():
            return Status(self.plugin, (NOT_NEAR,), hopeless=True)
        if any(numbers[self.near : self.near + self.far]):
            return Status(self.plugin, (NOT_FAR,))
        if any(numbers[self.near + self.far :]):
            return Status(self.plugin, (MINDED,))
        return None

    def _starts(self) -> bool:
        return self.first and not any(count.anywhere for count in self.counts[: self.near])


class Attraction(msgspec.Struct, frozen=True):
    counts: tuple[Count, ...]

    @property
    def idle(self) -> bool:
        """Whether no pod draws or repels, as of now."""
        return not any(count.anywhere for count in self.counts)

    def reader(self) -> Callable[[NodeUse], Hashable]:
        return parts_of(self.counts)

    def grades(self, elements: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
        """Source: scoring.go, Score and NormalizeScore."""
        raws = [self._raw(element) for element in elements]
        least = min(raws)
        apart = max(raws) - least
        return [int(MAX_SCORE * ((raw - least) / apart)) if apart else 0 for raw in raws]

    def _raw(self, element: Hashable) -> int:
        assert isinstance(element, tuple)
        return sum(
            count.number(part) or 0 for count, part in zip(self.counts, element, strict=True)
        )
