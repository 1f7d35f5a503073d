"""NodeResourcesFit: what is asked must be left, and how full nodes should become.

Source: kubernetes v1.36, plugins/noderesources/fit.go, resource_allocation.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask, is_extended
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged, PodResized, PodWent
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status
from kelm.core.scheduler.plugins.scoring_strategies import LEAST_ALLOCATED, Strategy, allocation


class Insufficient(msgspec.Struct, frozen=True):
    """A resource of which too little is left; amounts as the scheduler counts them.

    `hopeless`: an empty node would not do either.
    """

    resource: str
    requested: int
    used: int
    capacity: int
    hopeless: bool = False

    @property
    def reason(self) -> str:
        return "Too many pods" if self.resource == "pods" else f"Insufficient {self.resource}"


class NodeResourcesFit(msgspec.Struct, frozen=True):
    """`ignored_resources` and `ignored_resource_groups` name extended resources to leave out."""

    name: str = "NodeResourcesFit"
    strategy: Strategy = LEAST_ALLOCATED
    ignored_resources: frozenset[str] = frozenset()
    ignored_resource_groups: frozenset[str] = frozenset()

    def counted(self, ask: Ask) -> tuple[tuple[str, int], ...]:
        """What is asked for and not to be ignored."""
        return tuple(
            (name, amount)
            for name, amount in ask.needs.amounts.items()
            if amount > 0 and not self._ignores(name)
        )

    def _ignores(self, name: str) -> bool:
        if not is_extended(name):
            return False
        group = name.partition("/")[0]
        return name in self.ignored_resources or group in self.ignored_resource_groups

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        counted = self.counted(ask)
        plugin = self.name

        cpu, memory = (dict(counted).get(name, 0) for name in ("cpu", "memory"))
        others = tuple(one for one in counted if one[0] not in ("cpu", "memory"))

        def refuse(node: NodeUse) -> Status | None:
            if (
                node.pods < node.places
                and (not cpu or cpu <= node.cpu - node.used_cpu)
                and (not memory or memory <= node.memory - node.used_memory)
                and (
                    not others
                    or all(
                        amount <= node.allocatable.get(name, 0) - node.used.get(name, 0)
                        for name, amount in others
                    )
                )
            ):
                return None
            lacking = insufficient(node, counted)
            reasons = tuple(one.reason for one in lacking)
            return Status(plugin, reasons, any(one.hopeless for one in lacking))

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return Scoring(allocation(self.strategy, ask.needs), moves=True)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A pod that went or shrank, or a node that could hold the pod and offers more."""
        if isinstance(happening, PodWent):
            return True
        if isinstance(happening, PodResized):
            before, after = happening.old.needs.amounts, happening.new.needs.amounts
            return any(before.get(name, 0) > after.get(name, 0) for name, _ in self.counted(ask))
        if not isinstance(happening, NodeChanged):
            return False
        counted, old, new = self.counted(ask), happening.old, happening.new.allocatable
        if any(amount > new.get(name, 0) for name, amount in counted) or not new.get("pods"):
            return False
        if old is None:
            return True
        asked = ("pods", *(name for name, _ in counted))
        return any(new.get(name, 0) > old.allocatable.get(name, 0) for name in asked)


def insufficient(node: NodeUse, asked: tuple[tuple[str, int], ...]) -> tuple[Insufficient, ...]:
    """Every resource of which a node has too little left, the pod's own place among them.

    Source: fit.go, fitsRequest.
    """
    found = []
    places = node.allocatable.get("pods", 0)
    if node.pods + 1 > places:
        found.append(Insufficient("pods", 1, node.pods, places))
    for name, amount in asked:
        capacity, used = node.allocatable.get(name, 0), node.used.get(name, 0)
        if amount > capacity - used:
            found.append(Insufficient(name, amount, used, capacity, amount > capacity))
    return tuple(found)
