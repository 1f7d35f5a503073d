"""What a machine knows of its pods, when the API server it tells that to has been away.

Containers, their files and their past go on without an API server. What was asked of it and not
answered is as good as refused with an unknown outcome: it is asked for again. What was heard of it
is heard anew, and what it knows better wins, as after any lost watch.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.node.agenda import moved
from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.host.heartbeat import Heart
from kelm.core.node.pods.lifecycle import due_ms
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.promised import woken
from kelm.core.node.pods.sources import NO_SOURCES
from kelm.core.node.state import NodeState
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, RequestId

replace = msgspec.structs.replace
NO_PODS: SmallMap[Key, LocalPod] = SmallMap()


def without_pods(state: NodeState) -> NodeState:
    """What a machine knows beside its pods and what it has only heard."""
    nothing: SmallMap[RequestId, Key] = SmallMap()
    return replace(
        state,
        pods=NO_PODS,
        agenda=(),
        asked=nothing,
        heart=Heart(),
        unheard=None,
        sources=NO_SOURCES,
    )


def resumed(rest: NodeState, pods: Mapping[Key, LocalPod], now_ms: int) -> NodeState:
    """A machine that goes on with these pods, now."""
    agenda, known = rest.agenda, NO_PODS
    for key in sorted(pods):
        pod = _unasked(pods[key], now_ms)
        wake_ms = min(due_ms(pod), pod.retry_ms)
        agenda = moved(agenda, key, NEVER_MS, wake_ms)
        known = known.put(key, replace(pod, wake_ms=wake_ms))
    return replace(rest, pods=known, agenda=agenda)


def _unasked(pod: LocalPod, now_ms: int) -> LocalPod:
    """A pod for which nothing is under way."""
    if pod.asked:
        pod = replace(pod, asked=0, sent=None, stale=False, retry_ms=now_ms)
        if pod.life == "deleted":
            pod = replace(pod, life="over")
    if not pod.promised:
        return pod
    return woken(replace(pod, promised=SmallMap(), renew_ms=now_ms), now_ms)
