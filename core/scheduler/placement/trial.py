"""What would be if: one node with pods thought away or added, and whether a pod fits then.

Source: kubernetes v1.36, framework/runtime/framework.go (RunPreFilterExtensionAddPod,
RunPreFilterExtensionRemovePod).
"""

from __future__ import annotations

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse, taken
from kelm.core.scheduler.placement.opinion import Opinion
from kelm.core.scheduler.plugins.framework import Status
from kelm.core.scheduler.preemption.preemption import Resident


class Trial:
    """One node with pods thought away or added; afterwards all is as it was."""

    def __init__(self, opinion: Opinion, node: NodeUse) -> None:
        self._opinion = opinion
        self._first = self._node = node
        self._done: list[tuple[Ask, int, bool]] = []
        self.reasons: tuple[str, ...] = ()
        """Why the pod did not fit when that was last asked."""

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        for ask, number, live in reversed(self._done):
            self._count(ask, -number, live=live)

    def _count(self, ask: Ask, number: int, *, live: bool) -> None:
        for one in self._opinion.gatherings:
            for count in one.counts:
                count.add(ask, self._first, number, live=live)

    def come(self, ask: Ask, number: int = 1, *, live: bool = True) -> None:
        """So many pods like this one more."""
        self._node = taken(self._node, ask, number)
        self._count(ask, number, live=live)
        self._done.append((ask, number, live))

    def leave(self, one: Resident, number: int) -> None:
        """Think a pod away (-1) or give it back (1)."""
        self.come(one.ask, number, live=one.live)

    def refusal(self) -> Status | None:
        return self._opinion.refusal(self._node)

    def fits(self) -> bool:
        status = self.refusal()
        self.reasons = () if status is None else status.reasons
        return status is None
