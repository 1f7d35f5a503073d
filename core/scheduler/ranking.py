"""Which of the nodes that would do is the best: the sum of weighted scores from 0 to 100.

Source: kubernetes v1.36, pkg/scheduler/framework/plugins/noderesources (least_allocated.go,
balanced_allocation.go), tainttoleration, nodeaffinity; weights: apis/config/v1/default_plugins.go.
"""

from __future__ import annotations

from math import sqrt

from kelm.core.objects.taints import tolerates
from kelm.core.scheduler.affinity import preference
from kelm.core.scheduler.needs import Needs
from kelm.core.scheduler.nodes import NodeUse

TAINT_WEIGHT = 3
AFFINITY_WEIGHT = 2


def feasible_enough(count: int) -> int:
    """How many nodes that would do are enough to choose among.

    Source: pkg/scheduler/schedule_one.go, numFeasibleNodesToFind.

    >>> feasible_enough(60), feasible_enough(1000), feasible_enough(5000)
    (60, 420, 500)
    """
    if count < 100:
        return count
    percent = max(50 - count // 125, 5)
    return max(count * percent // 100, 100)


def score(node: NodeUse, needs: Needs) -> int:
    """Least and balanced allocation of a node with the pod on it, each from 0 to 100."""
    cpu, memory = node.cpu, node.memory
    if not cpu or not memory:
        return 0
    cpu_used = node.scored_cpu + needs.scored_cpu
    memory_used = node.scored_memory + needs.scored_memory
    least_cpu = (cpu - cpu_used) * 100 // cpu if cpu_used <= cpu else 0
    least_memory = (memory - memory_used) * 100 // memory if memory_used <= memory else 0
    real_cpu = min(1.0, (node.used.get("cpu", 0) + needs.amounts.get("cpu", 0)) / cpu)
    real_memory = min(1.0, (node.used.get("memory", 0) + needs.amounts.get("memory", 0)) / memory)
    deviation = sqrt(((real_cpu - real_memory) / 2) ** 2)
    return (least_cpu + least_memory) // 2 + int((1 - deviation) * 100)


def preferences(nodes: list[NodeUse], needs: Needs) -> dict[str, int]:
    """What soft taints and preferred affinity add to each node, normalised over all of them."""
    added = dict.fromkeys((node.name for node in nodes), 0)
    if any(node.soft_taints for node in nodes):
        bad = {node.name: _untolerated(node, needs) for node in nodes}
        worst = max(bad.values())
        for name, count in bad.items():
            normal = 100 - count * 100 // worst if worst else 100
            added[name] += TAINT_WEIGHT * normal
    if needs.affinity:
        liked = {node.name: preference(node.labels, node.name, needs.affinity) for node in nodes}
        most = max(liked.values())
        for name, weight in liked.items():
            added[name] += AFFINITY_WEIGHT * (weight * 100 // most if most else 0)
    return added


def _untolerated(node: NodeUse, needs: Needs) -> int:
    return sum(
        not any(
            tolerates(one, taint)
            for one in needs.tolerations
            if one.effect in ("", "PreferNoSchedule")
        )
        for taint in node.soft_taints
    )
