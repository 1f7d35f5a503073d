"""kubectl drain, as a Program: cordon a node, evict its pods, try again those that may not go yet.

What a disruption budget protects is asked for again every five seconds, as long as it takes
(kubectl's --timeout is endless by default). What it would refuse to touch is found out beforehand
(`objections`).

Source: kubernetes v1.36, kubectl/pkg/drain/drain.go (evictPods), filters.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.store.small_map import SmallMap
from kelm.core.store.store import Store
from kelm.effects.address import Key, RequestId
from kelm.effects.commands import Delete, Evict, Patch, Request, Requests
from kelm.effects.document import Document, children
from kelm.effects.messages import Answered, Cache, Message, Observed, unwrap_or_failure
from kelm.effects.program import Subscriptions, Watch
from kelm.effects.refusals import Reason, Refusal

AGAIN_MS: Final = 5_000
MIRROR: Final = "kubernetes.io/config.mirror"


class Options(msgspec.Struct, frozen=True):
    """What may be done to pods: kubectl's flags. grace_period_seconds -1: the pod's own."""

    ignore_daemon_sets: bool = False
    delete_local_data: bool = False
    force: bool = False
    disable_eviction: bool = False
    grace_period_seconds: int = -1


def _is_of_daemon_set(one: Pod) -> bool:
    owner = one.metadata.controller
    return owner is not None and owner.kind == "DaemonSet"


def _is_mirror(one: Pod) -> bool:
    return MIRROR in (one.metadata.annotations or {})


def objections(store: Store, node: str, options: Options) -> str:
    """Why kubectl would not touch some pods of a node, "" where it would."""
    found: dict[str, list[str]] = {}
    for doc in store.table("pods").select("spec.nodeName", node):
        why = _objection(pod(doc), options)
        if why:
            found.setdefault(why, []).append(pod(doc).metadata.key)
    said = [f"cannot delete {why}: {', '.join(sorted(found[why]))}" for why in sorted(found)]
    return "; ".join(said)


def _objection(one: Pod, options: Options) -> str:
    if _is_mirror(one):
        return ""
    if _is_of_daemon_set(one):
        flag = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
        return "" if options.ignore_daemon_sets else flag
    if one.status.phase in ENDED:
        return ""
    if not options.delete_local_data and _has_local_data(one):
        return "Pods with local storage (use --delete-emptydir-data to override)"
    if one.metadata.controller is None and not options.force:
        return "Pods that declare no controller (use --force to override)"
    return ""


def _has_local_data(one: Pod) -> bool:
    return any("emptyDir" in volume for volume in children(one.spec.doc, "volumes"))


class DrainState(msgspec.Struct, frozen=True):
    """Which pods are still to be asked for (None: the list has not come), and which were.

    again: pods that may not go yet, by when they are asked for again.
    """

    now_ms: int = 0
    asked: SmallMap[RequestId, Key] = SmallMap()
    uids: SmallMap[Key, str] | None = None
    again: SmallMap[Key, int] = SmallMap()
    next_id: RequestId = 1

    @property
    def over(self) -> bool:
        """Whether nothing is left to ask for."""
        return self.uids is not None and not self.asked and not self.again


class Drain(msgspec.Struct, frozen=True):
    """The Program of one drain."""

    node: str
    options: Options = Options()

    @property
    def name(self) -> str:
        return f"drain/{self.node}"

    def init(self) -> tuple[DrainState, Requests]:
        cordon = Patch(
            "nodes", "", self.node, Document(spec=Document(unschedulable=True)), "strategic"
        )
        return DrainState(), (Request(0, cordon),)

    def subscriptions(self, state: DrainState) -> Subscriptions:
        watches = (Watch("pods", field="spec.nodeName", value=self.node),)
        wake_at_ms = min(state.again.values(), default=None)
        return Subscriptions(() if state.over else watches, wake_at_ms)

    def update(self, state: DrainState, message: Message) -> tuple[DrainState, Requests]:
        state = msgspec.structs.replace(state, now_ms=message.now_ms)
        if isinstance(message, Observed):
            if state.uids is not None:
                return state, ()
            uids = SmallMap(_leaving(self, message.cache))
            return _ask(self, msgspec.structs.replace(state, uids=uids), tuple(sorted(uids)))
        if isinstance(message, Answered):
            return _heard(state, message), ()
        due = sorted(key for key, at_ms in state.again.items() if at_ms <= message.now_ms)
        again = SmallMap({key: at for key, at in state.again.items() if key not in due})
        return _ask(self, msgspec.structs.replace(state, again=again), tuple(due))


def _leaving(drain: Drain, cache: Cache) -> dict[Key, str]:
    """The pods that have to go, with their uids."""
    pods = (pod(doc) for doc in cache.select("spec.nodeName", drain.node))
    return {
        one.metadata.key: one.metadata.uid
        for one in pods
        if not _is_mirror(one) and not _is_of_daemon_set(one)
    }


def _ask(drain: Drain, state: DrainState, keys: tuple[Key, ...]) -> tuple[DrainState, Requests]:
    assert state.uids is not None
    asked, requests, number = state.asked, [], state.next_id
    grace = drain.options.grace_period_seconds
    seconds = None if grace < 0 else grace
    for key in keys:
        namespace, _, name = key.partition("/")
        uid = state.uids[key]
        command: Delete | Evict = Evict(namespace, name, uid, seconds)
        if drain.options.disable_eviction:
            command = Delete("pods", namespace, name, uid, grace_period_seconds=seconds)
        requests.append(Request(number, command))
        asked = asked.put(number, key)
        number += 1
    return msgspec.structs.replace(state, asked=asked, next_id=number), tuple(requests)


def _heard(state: DrainState, message: Answered) -> DrainState:
    """A pod that may not go yet, or of which nobody knows whether it goes, is asked for again."""
    key = state.asked.get(message.id)
    if key is None:
        return state
    state = msgspec.structs.replace(state, asked=state.asked.remove(message.id))
    answer = unwrap_or_failure(message.outcome)
    if not isinstance(answer, Refusal) or answer.reason is Reason.NOT_FOUND:
        return state
    later = state.again.put(key, message.now_ms + AGAIN_MS)
    return msgspec.structs.replace(state, again=later)
