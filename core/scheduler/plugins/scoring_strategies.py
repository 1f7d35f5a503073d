"""How well a node would be used with the pod on it: least, most, or by a shape.

The pod counts with at least 100m CPU and 200 MiB a container here, so that pods that ask for
nothing are spread too. All divisions are of integers.

Source: kubernetes v1.36, plugins/noderesources/least_allocated.go, most_allocated.go,
requested_to_capacity_ratio.go, resource_allocation.go; plugins/helper/shape_score.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from kelm.core.scheduler.cache.needs import Needs, is_scalar
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.plugins.framework import MAX_SCORE, Raw

MAX_SHAPE_SCORE = 10
Shape = tuple[tuple[int, int], ...]


class Strategy(msgspec.Struct, frozen=True):
    """`resources` with their weights; `shape` maps utilisation (0..100) to a score (0..10)."""

    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))
    shape: Shape = ()


LEAST_ALLOCATED = Strategy()


def wanted(node: NodeUse, needs: Needs, name: str) -> int:
    """How much of a resource would be taken with the pod there, as scores count it."""
    if name == "cpu":
        return node.scored_cpu + needs.scored_cpu
    if name == "memory":
        return node.scored_memory + needs.scored_memory
    return node.used.get(name, 0) + needs.amounts.get(name, 0)


def counts(node: NodeUse, needs: Needs, name: str) -> bool:
    """Whether a resource is compared: the node has some, and a scalar one the pod asks for."""
    return node.allocatable.get(name, 0) > 0 and not (
        is_scalar(name) and not needs.amounts.get(name)
    )


def allocation(strategy: Strategy, needs: Needs) -> Raw:
    """The score of a node from 0 to 100 under a strategy."""
    if strategy == LEAST_ALLOCATED:
        return _least_of_cpu_and_memory(needs)
    if strategy.type == "RequestedToCapacityRatio":
        return _by_shape(strategy, needs)
    one = least if strategy.type == "LeastAllocated" else most

    def raw(node: NodeUse) -> int:
        total = weights = 0
        for name, weight in strategy.resources:
            if counts(node, needs, name):
                total += weight * one(wanted(node, needs, name), node.allocatable[name])
                weights += weight
        return total // weights if weights else 0

    return raw


def _least_of_cpu_and_memory(needs: Needs) -> Raw:
    """The usual strategy, without looking anything up."""
    more_cpu, more_memory = needs.scored_cpu, needs.scored_memory

    def raw(node: NodeUse) -> int:
        cpu, memory = node.cpu, node.memory
        total = weights = 0
        if cpu > 0:
            left = cpu - node.scored_cpu - more_cpu
            total, weights = left * MAX_SCORE // cpu if left > 0 else 0, 1
        if memory > 0:
            left = memory - node.scored_memory - more_memory
            total, weights = total + (left * MAX_SCORE // memory if left > 0 else 0), weights + 1
        return total // weights if weights else 0

    return raw


def least(taken: int, capacity: int) -> int:
    """The share that stays free, in percent; 0 where too much is asked.

    >>> least(1, 3), least(4, 3)
    (66, 0)
    """
    return 0 if taken > capacity else (capacity - taken) * MAX_SCORE // capacity


def most(taken: int, capacity: int) -> int:
    """The share that is taken, in percent, 100 where too much is asked."""
    return min(taken, capacity) * MAX_SCORE // capacity


def _by_shape(strategy: Strategy, needs: Needs) -> Raw:
    curve = broken_linear(strategy.shape)

    def raw(node: NodeUse) -> int:
        total = weights = 0
        for name, weight in strategy.resources:
            if not counts(node, needs, name):
                continue
            taken, capacity = wanted(node, needs, name), node.allocatable[name]
            score = curve(MAX_SCORE if taken > capacity else taken * MAX_SCORE // capacity)
            if score > 0:
                total += weight * score
                weights += weight
        return _half_up(total, weights) if weights else 0

    return raw


def _half_up(total: int, weights: int) -> int:
    return (2 * total + weights) // (2 * weights)


def broken_linear(shape: Shape) -> Callable[[int], int]:
    """The line through a shape's points, flat outside; scores are from 0 to 100.

    >>> broken_linear(((0, 0), (100, 10)))(33)
    33
    """
    points = [(x, y * (MAX_SCORE // MAX_SHAPE_SCORE)) for x, y in shape]

    def curve(utilization: int) -> int:
        for index, (x, y) in enumerate(points):
            if utilization <= x:
                if index == 0:
                    return y
                x0, y0 = points[index - 1]
                rise = (y - y0) * (utilization - x0)
                run = x - x0
                return y0 + (rise // run if rise >= 0 else -(-rise // run))
        return points[-1][1] if points else 0

    return curve
