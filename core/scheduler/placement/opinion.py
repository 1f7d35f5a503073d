"""What all plugins of a profile together say of a node to one kind of pod.

Source: kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go (RunFilterPlugins,
RunScorePlugins), schedule_one.go (prioritizeNodes).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from kelm.core.scheduler.cache.counting import Count
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filter,
    Gathering,
    Normalise,
    Raw,
    Refuse,
    Scoring,
    Status,
)
from kelm.core.scheduler.profile import Profile


class Judged(msgspec.Struct, frozen=True):
    """A scoring that compares nodes by a raw score that each has of its own."""

    raw: Raw
    normalise: Normalise
    counts: tuple[Count, ...] = ()

    def reader(self) -> Callable[[NodeUse], Hashable]:
        return self.raw

    def grades(self, elements: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
        return self.normalise(elements)  # type: ignore[arg-type]


class Opinion(msgspec.Struct, frozen=True):
    """`everywhere` refuses the pod wherever; `own` scores look at one node alone.

    `gatherings` and `comparisons` look at more than the node: see `framework`.
    """

    everywhere: Status | None
    filters: tuple[Filter, ...]
    """All that may refuse a node. The first that objects speaks."""
    own_refusal: Refuse
    """Why the node itself does not take the pod, whatever is around it."""
    own_score: Raw
    """The weighted scores that need no other node, summed up."""
    gatherings: tuple[Gathering, ...]
    own: tuple[tuple[str, int, Raw], ...]
    comparisons: tuple[tuple[str, int, Comparison], ...]

    def refusal(self, node: NodeUse) -> Status | None:
        """Why a node does not take the pod, be it for itself or for what is around it."""
        for one in self.filters:
            if callable(one):
                status = one(node)
            else:
                status = one.verdict([count.at(node) for count in one.counts])
            if status is not None:
                return status
        return None

    @property
    def counts(self) -> tuple[Count, ...]:
        """All numbers that change when a pod comes to a node."""
        gathered = (count for one in self.gatherings for count in one.counts)
        return (*gathered, *(count for _, _, one in self.comparisons for count in one.counts))


def opinion(profile: Profile, ask: Ask, cluster: Cluster) -> Opinion:
    """Ask every plugin once what it has to say to pods like this one."""
    filters: list[Filter] = []
    everywhere: Status | None = None
    for one in profile.plugins:
        said = one.plugin.filtering(ask, cluster)
        if isinstance(said, Status):
            everywhere = everywhere or said
        elif isinstance(said, tuple):
            filters.extend(said)
        elif said is not None:
            filters.append(said)
    own: list[tuple[str, int, Raw]] = []
    comparisons: list[tuple[str, int, Comparison]] = []
    for one in profile.plugins:
        scoring = one.plugin.scoring(ask, cluster) if one.weight else None
        if scoring is None:
            continue
        name, weight = one.plugin.name, one.weight
        if not isinstance(scoring, Scoring):
            comparisons.append((name, weight, scoring))
        elif scoring.normalise is None:
            own.append((name, weight, scoring.raw))
        else:
            comparisons.append((name, weight, Judged(scoring.raw, scoring.normalise)))
    return Opinion(
        everywhere,
        tuple(filters),
        _first_of([one for one in filters if callable(one)]),
        _sum_of(own),
        tuple(one for one in filters if not callable(one)),
        tuple(own),
        tuple(comparisons),
    )


def _first_of(refusing: list[Refuse]) -> Refuse:
    """The first refusal of any; what is asked of every node is made as short as it can be."""
    if not refusing:
        return lambda _: None
    if len(refusing) == 1:
        return refusing[0]

    def refuse(node: NodeUse) -> Status | None:
        for one in refusing:
            status = one(node)
            if status is not None:
                return status
        return None

    return refuse


def _sum_of(own: list[tuple[str, int, Raw]]) -> Raw:
    """The weighted sum of scores."""
    if len(own) == 2 and own[0][1] == own[1][1] == 1:
        (_, _, one), (_, _, other) = own
        return lambda node: one(node) + other(node)
    return lambda node: sum([weight * raw(node) for _, weight, raw in own])
