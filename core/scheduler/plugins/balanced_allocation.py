"""NodeResourcesBalancedAllocation: a node's resources should be used up evenly.

What counts is whether the pod makes the node more or less even than it was: 75 says that nothing
changed.

Source: kubernetes v1.36, plugins/noderesources/balanced_allocation.go.
"""

from __future__ import annotations

from math import sqrt

import msgspec

from kelm.core.scheduler.cache.needs import Ask, is_scalar
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening
from kelm.core.scheduler.plugins.framework import (
    MAX_SCORE,
    Cluster,
    Comparison,
    Filtering,
    Raw,
    Scoring,
)

HALF = MAX_SCORE // 2


class BalancedAllocation(msgspec.Struct, frozen=True):
    name: str = "NodeResourcesBalancedAllocation"
    resources: tuple[str, ...] = ("cpu", "memory")

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        return None

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        asked = [(name, ask.needs.amounts.get(name, 0)) for name in self.resources]
        compared = [(name, more) for name, more in asked if more or not is_scalar(name)]
        if not any(more for _, more in asked):
            return None
        if self.resources == ("cpu", "memory"):
            return Scoring(_of_cpu_and_memory(asked[0][1], asked[1][1]), moves=True)

        def raw(node: NodeUse) -> int:
            before, after = [], []
            for name, more in compared:
                capacity = node.allocatable.get(name, 0)
                if capacity > 0:
                    used = node.used.get(name, 0)
                    before.append(min(used / capacity, 1.0))
                    after.append(min((used + more) / capacity, 1.0))
            gained = HALF + evenness(after) - evenness(before)
            return HALF + (gained // 2 if gained >= 0 else -(-gained // 2))

        return Scoring(raw, moves=True)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        return False


def _of_cpu_and_memory(more_cpu: int, more_memory: int) -> Raw:
    """The same for the two usual resources, without looking anything up."""

    def raw(node: NodeUse) -> int:
        cpu, memory = node.cpu, node.memory
        if cpu <= 0 or memory <= 0:
            return HALF + HALF // 2
        used_cpu, used_memory = node.used_cpu, node.used_memory
        one = used_cpu / cpu if used_cpu < cpu else 1.0
        other = used_memory / memory if used_memory < memory else 1.0
        before = int((1 - abs(one - other) / 2) * MAX_SCORE)
        used_cpu, used_memory = used_cpu + more_cpu, used_memory + more_memory
        one = used_cpu / cpu if used_cpu < cpu else 1.0
        other = used_memory / memory if used_memory < memory else 1.0
        gained = HALF + int((1 - abs(one - other) / 2) * MAX_SCORE) - before
        return HALF + (gained // 2 if gained >= 0 else -(-gained // 2))

    return raw


def evenness(fractions: list[float]) -> int:
    """100 where all fractions are the same, less the further they are apart.

    >>> evenness([0.5, 0.5]), evenness([0.0, 1.0]), evenness([0.7])
    (100, 50, 100)
    """
    if len(fractions) == 2:
        deviation = abs(fractions[0] - fractions[1]) / 2
    elif len(fractions) > 2:
        mean = sum(fractions) / len(fractions)
        deviation = sqrt(sum((one - mean) ** 2 for one in fractions) / len(fractions))
    else:
        deviation = 0.0
    return int((1 - deviation) * MAX_SCORE)
