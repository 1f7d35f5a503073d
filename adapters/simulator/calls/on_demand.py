"""What a pod's files promise, for who looks into it from outside: made at once.

A kubelet asks for what a container opens when it starts, and waits for the answer. Who runs a
command in a container, or asks its program something, does not wait: a token that the kubelet has
not asked for is issued as it reads it. It is the one that a kubelet would have that had asked when
the pod came to its node and then whenever it was time, so that everybody who looks sees the same.
"""

from __future__ import annotations

from typing import Any

from returns.result import Success

from kelm.adapters.simulator.loop import Simulator
from kelm.core.node.files.promises import (
    Kept,
    Promise,
    is_token,
    kept,
    renewed_after,
    request_for,
)
from kelm.core.node.pods.local import LocalPod
from kelm.core.store.small_map import SmallMap
from kelm.effects.commands import Create
from kelm.effects.document import number, text


class OnDemand(SmallMap[Promise, Kept]):
    """What a node keeps for a pod, and tokens that are issued when they are looked up."""

    __slots__ = ("_pod", "_simulator")

    def __init__(self, known: SmallMap[Promise, Kept], simulator: Simulator, pod: LocalPod) -> None:
        super().__init__(known)
        self._simulator = simulator
        self._pod = pod

    def get(self, promise: Promise, default: Any = None) -> Any:
        """What is kept for a promise, or what comes of it now."""
        found = super().get(promise)
        now_ms = self._simulator.now_ms
        if found is not None and now_ms < found.renew_ms:
            return found
        return self._issued(promise, now_ms) if is_token(promise) else default

    def _issued(self, promise: Promise, now_ms: int) -> Kept | None:
        pod, simulator = self._pod, self._simulator
        account = text(pod.recipe.spec, "serviceAccountName")
        wanted = request_for(promise, pod.ref, account)
        assert isinstance(wanted, Create)
        if simulator.issue is None:
            return None
        period_ms = renewed_after(number(wanted.object, "spec", "expirationSeconds") * 1_000)
        asked_ms = now_ms - max(0, now_ms - pod.accepted_ms) % period_ms
        outcome = simulator.issue(simulator.api.store, wanted, asked_ms)
        found = kept(promise, outcome.unwrap(), now_ms) if isinstance(outcome, Success) else None
        return found if isinstance(found, Kept) else None
