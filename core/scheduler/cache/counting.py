"""Pods per domain of a topology, for one kind of pod, while pods are being placed.

A domain is a value of a node label (a zone, a rack, a host). What spreading and affinity say of a
node depends on nothing but the numbers in its domains, so nodes that agree in them are alike; where
every node is a domain of its own it is the number itself that nodes agree in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse

Part: TypeAlias = "str | int | None"
"""A domain, or the number in it; None for nodes outside of all domains."""


class Counts(Protocol):
    """Numbers by name: on nodes, or in domains. What is not there is 0."""

    def get(self, key: str, /) -> int | None: ...

    def items(self) -> Iterable[tuple[str, int]]: ...

    def __len__(self) -> int: ...


class Count:
    """It lives as long as one decision: nothing keeps it.

    `base` are the numbers as the decision began, each of `weight`; `weigh` says how much a pod
    that is placed meanwhile counts, 0 if it does not; `eligible` which nodes count. Without a `key`
    every node is its own domain, whatever its labels. `domains` are all that count: some may be
    without any pod; `one_each` says that every node has one of its own;
    `live_only` leaves out pods that are being deleted.
    """

    def __init__(
        self,
        key: str,
        weigh: Callable[[Ask], int],
        base: Counts,
        *,
        weight: int = 1,
        eligible: Callable[[NodeUse], bool] | None = None,
        domains: int = 0,
        one_each: bool = False,
        live_only: bool = False,
    ) -> None:
        self.key = key
        self.one_each = one_each or not key
        self.domains = domains
        self.live_only = live_only
        self._weigh, self._eligible = weigh, eligible
        self._base, self._weight = base, weight
        self._changed: dict[str, int] = {}
        self._levels: dict[int, int] | None = None
        self._weights: dict[int, tuple[Ask, int]] = {}

    def value(self, node: NodeUse) -> str | None:
        """The domain of a node, None where it has none."""
        return node.labels.get(self.key) if self.key else node.name

    def of(self, domain: str) -> int:
        """The number in a domain."""
        changed = self._changed.get(domain)
        return (self._base.get(domain) or 0) * self._weight if changed is None else changed

    def add(self, ask: Ask, node: NodeUse, number: int, *, live: bool = True) -> None:
        """Count so many pods like this one more on a node, if they count."""
        if self.live_only and not live:
            return
        held = self._weights.get(id(ask))
        if held is None:
            held = self._weights[id(ask)] = (ask, self._weigh(ask))
        if not held[1]:
            return
        domain = self.value(node)
        if domain is not None and (self._eligible is None or self._eligible(node)):
            old = self.of(domain)
            new = self._changed[domain] = old + number * held[1]
            if self._levels is not None:
                self._level(old, -1)
                self._level(new, 1)

    def _level(self, number: int, sign: int) -> None:
        assert self._levels is not None
        left = self._levels.get(number, 0) + sign
        if left:
            self._levels[number] = left
        else:
            del self._levels[number]

    @property
    def least(self) -> int:
        """The smallest number of any domain."""
        levels = self._levels
        if levels is None:
            levels = self._levels = {}
            for domain in {**dict(self._base.items()), **self._changed}:
                number = self.of(domain)
                levels[number] = levels.get(number, 0) + 1
            empty = self.domains - sum(levels.values())
            if empty > 0:
                levels[0] = levels.get(0, 0) + empty
        return min(levels, default=0)

    @property
    def anywhere(self) -> bool:
        """Whether there is anything but zeros."""
        return len(self._base) > 0 or any(self._changed.values())

    def reader(self) -> Callable[[NodeUse], Part]:
        """What nodes that are alike agree in: their domain, or its number."""
        key, base, weight, changed = self.key, self._base, self._weight, self._changed
        if not self.one_each:
            return lambda node: node.labels.get(key)

        def number(node: NodeUse) -> Part:
            domain = node.labels.get(key) if key else node.name
            if domain is None:
                return None
            found = changed.get(domain)
            return (base.get(domain) or 0) * weight if found is None else found

        return number

    def number(self, element: Part) -> int | None:
        """How many there are in the domain of nodes that agree in this; None outside of all."""
        return self.of(element) if isinstance(element, str) else element

    def at(self, node: NodeUse) -> int | None:
        """How many there are in a node's domain, None where it has none."""
        value = self.value(node)
        return None if value is None else self.of(value)


def parts_of(counts: Sequence[Count]) -> Callable[[NodeUse], tuple[Part, ...]]:
    """What finds the parts of a node in which it agrees with others, one for each count."""
    readers = [count.reader() for count in counts]
    if len(readers) == 1:
        (one,) = readers
        return lambda node: (one(node),)
    if len(readers) == 2:
        first, second = readers
        return lambda node: (first(node), second(node))
    return lambda node: tuple([read(node) for read in readers])
