"""Pods per domain of a topology, for one kind of pod, while pods are being placed.

A domain is a value of a node label (a zone, a rack, a host). What spreading and affinity say of a
node depends on nothing but the numbers in its domains, so nodes that agree in them are alike; where
every node is a domain of its own it is the number itself that nodes agree in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kelm.core.scheduler.needs import Ask
from kelm.core.scheduler.nodes import NodeUse


class Count:
    """It lives as long as one decision: nothing keeps it.

    `weigh` says how much a pod counts, 0 if it does not; `eligible` which nodes count. Without a
    `key` every node is its own domain, whatever its labels.
    """

    def __init__(
        self,
        key: str,
        weigh: Callable[[Ask], int],
        eligible: Callable[[NodeUse], bool] | None = None,
        *,
        live: bool = False,
    ) -> None:
        self.key, self.live = key, live
        self.one_each = not key
        self.numbers: dict[str, int] = {}
        self._weigh, self._eligible = weigh, eligible
        self._levels: dict[int, int] = {}
        self._weights: dict[int, tuple[Ask, int]] = {}

    def value(self, node: NodeUse) -> str | None:
        """The domain of a node, None where it has none."""
        return node.labels.get(self.key) if self.key else node.name

    def open(self, nodes: Iterable[NodeUse]) -> None:
        """Know the domains of all nodes that count, also those without any pod."""
        for node in nodes:
            value = self.value(node)
            if value is None or value in self.numbers:
                continue
            if self._eligible is None or self._eligible(node):
                self._set(value, 0)

    def fill(
        self, counts: Mapping[str, int], node_of: Callable[[str], NodeUse | None], weight: int = 1
    ) -> None:
        """Count what is on the nodes."""
        for name, number in counts.items():
            node = node_of(name)
            if node is not None:
                self._add(node, number * weight)

    def add(self, ask: Ask, node: NodeUse, number: int) -> bool:
        """Count pods like this one on a node; whether they count."""
        held = self._weights.get(id(ask))
        if held is None:
            held = self._weights[id(ask)] = (ask, self._weigh(ask))
        if not held[1]:
            return False
        self._add(node, number * held[1])
        return True

    def _add(self, node: NodeUse, number: int) -> None:
        value = self.value(node)
        if value is not None and (self._eligible is None or self._eligible(node)):
            self._set(value, self.numbers.get(value, 0) + number)

    def _set(self, value: str, number: int) -> None:
        levels, old = self._levels, self.numbers.get(value)
        if old is not None:
            levels[old] -= 1
            if not levels[old]:
                del levels[old]
        self.numbers[value] = number
        levels[number] = levels.get(number, 0) + 1

    @property
    def least(self) -> int:
        """The smallest number of any domain."""
        return min(self._levels, default=0)

    @property
    def anywhere(self) -> bool:
        """Whether there is anything but zeros."""
        return any(self._levels.keys() - {0})

    def settle(self, nodes: Iterable[NodeUse]) -> None:
        """Find out whether each of these nodes is a domain of its own."""
        if self.key:
            values = [value for node in nodes if (value := self.value(node)) is not None]
            self.one_each = len(set(values)) == len(values) > 8

    def element(self, node: NodeUse) -> str | int | None:
        """What nodes that are alike agree in: their domain, or its number."""
        value = self.value(node)
        if value is None or not self.one_each:
            return value
        return self.numbers.get(value, 0)

    def number(self, element: str | int | None) -> int | None:
        """How many there are in the domain of nodes that agree in this; None outside of all."""
        return self.numbers.get(element, 0) if isinstance(element, str) else element

    def at(self, node: NodeUse) -> int | None:
        """How many there are in a node's domain, None where it has none."""
        value = self.value(node)
        return None if value is None else self.numbers.get(value, 0)
