"""The kubelet of one machine, as a Program.

It watches the pods of its node and its own Node object, runs pods on a machine that exists only as
numbers, and writes what became of them. State is a few hundred bytes a pod; an update costs what it
is about; and between two moments at which anything is due it sleeps (`wake_at_ms`).

What it forgets when it is restarted it finds again in the pods' statuses (`reconstruct`): the
containers of a machine survive its kubelet.

Source: kubernetes v1.36, pkg/kubelet/kubelet.go.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.node.agenda import due, moved
from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.renewal import renewed
from kelm.core.node.host import heartbeat
from kelm.core.node.host.faults import NodeFault
from kelm.core.node.host.heartbeat import Heart
from kelm.core.node.host.injury import injured
from kelm.core.node.host.machine import Machine, free_number
from kelm.core.node.pods import writing
from kelm.core.node.pods.admission import Usage, reject
from kelm.core.node.pods.arrival import changed, delete, is_over, new_pod
from kelm.core.node.pods.disks import in_use
from kelm.core.node.pods.hosts import machine_files
from kelm.core.node.pods.lifecycle import advance, due_ms, settle
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.promised import asking, came
from kelm.core.node.pods.reconstruct import reconstruct
from kelm.core.node.pods.resizing import asked, is_asked, wanted_again
from kelm.core.node.pods.runs import stirred
from kelm.core.node.pods.sources import DISK_SOURCES, with_watches
from kelm.core.node.state import NodeState
from kelm.core.node.turn import Turn
from kelm.effects.address import Key, RequestId
from kelm.effects.commands import Requests
from kelm.effects.document import Document, child, text
from kelm.effects.messages import (
    Answered,
    Cache,
    Message,
    Observed,
    TimerFired,
    unwrap_or_failure,
)
from kelm.effects.program import Subscriptions, Watch

NodeMessage: TypeAlias = Message | NodeFault

LEASE_KEY, NODE_KEY = "lease", "node"
"""No pod's key is without a namespace."""

replace = msgspec.structs.replace


class Kubelet(Machine, frozen=True):
    """The Program; its fields are its machine's."""

    @property
    def name(self) -> str:
        return f"kubelet/{self.node}"

    def init(self) -> tuple[NodeState, Requests]:
        watches = (
            Watch("nodes", field="metadata.name", value=self.node),
            Watch("pods", field="spec.nodeName", value=self.node),
        )
        offered = Usage(self.max_pods, self.cpu_milli, self.memory_bytes)
        host = machine_files(self.node)
        return NodeState(watches, offered=offered, host=host), ()

    def subscriptions(self, state: NodeState) -> Subscriptions:
        wake_at_ms = NEVER_MS
        heart = state.heart
        if heart.seen:
            wake_at_ms = min(heart.lease_due_ms, heart.status_due_ms)
        if state.agenda and state.agenda[0][0] < wake_at_ms:
            wake_at_ms = state.agenda[0][0]
        return Subscriptions(state.watches, None if wake_at_ms >= NEVER_MS else wake_at_ms)

    def update(self, state: NodeState, message: NodeMessage) -> tuple[NodeState, Requests]:
        turn = Turn(
            self,
            message.now_ms,
            state.next_id,
            state.images,
            state.pull_faults,
            state.sources,
            state.host,
            state.heart.node,
        )
        if isinstance(message, Answered):
            state = _answered(turn, state, message)
        elif isinstance(message, TimerFired):
            state = _woken(turn, state)
        elif isinstance(message, Observed):
            state = _observed(turn, state, message)
        else:
            state = _hurt(turn, state, message)
        if state.deferred:
            state = _granted(turn, state)
        if turn.host is not state.host:
            state = _host_written(turn, state)
        if turn.requests or turn.images is not state.images:
            state = replace(state, next_id=turn.next_id, images=turn.images)
        return state, tuple(turn.requests)


# -- messages --------------------------------------------------------------------------------------


def _observed(turn: Turn, state: NodeState, message: Observed) -> NodeState:
    if message.resource == "nodes":
        return _node_observed(turn, state, message)
    if message.resource != "pods":
        return _source_observed(turn, state, message)
    if not state.heart.seen:
        return replace(state, unheard=message.cache)
    if message.replaced:
        return _listed(turn, state, message.cache)
    for change in message.changes:
        state = _changed(turn, state, change.key, change.new, change.revision)
    return state


def _source_observed(turn: Turn, state: NodeState, message: Observed) -> NodeState:
    """What environments are made from moved on; who waited for a first word of it starts."""
    first = message.resource not in state.sources
    turn.sources = state.sources.put(message.resource, message.cache)
    state = replace(state, sources=turn.sources)
    for pod in tuple(state.pods.values()) if first else ():
        if pod.life == "live" and message.resource in pod.recipe.sources:
            state = _keep(turn, state, pod, settle(turn, pod, turn.now_ms))
    if not first and message.resource in DISK_SOURCES:
        state = _waiting_for_disks(turn, state)
    for pod in () if first else tuple(state.pods.values()):
        if message.resource in pod.recipe.volume_sources and pod.life == "live":
            state = _keep(turn, state, pod, renewed(turn, pod))
    return state


def _waiting_for_disks(turn: Turn, state: NodeState) -> NodeState:
    """Pods whose volumes are not all here look for them again."""
    for pod in tuple(state.pods.values()):
        if pod.recipe.claims and pod.life == "live" and not pod.mounting.done:
            state = _keep(turn, state, pod, settle(turn, pod, turn.now_ms))
    return state


def _node_observed(turn: Turn, state: NodeState, message: Observed) -> NodeState:
    first = not state.heart.seen
    node = message.cache.get(turn.machine.node)
    heart = heartbeat.observed(turn, state.heart, node)
    state = _with_heart(state, heartbeat.beat(turn, heart))
    turn.node = node
    state = _waiting_for_disks(turn, state)
    if first and state.unheard is not None:
        state = _listed(turn, replace(state, unheard=None), state.unheard)
    return state


def _listed(turn: Turn, state: NodeState, cache: Cache) -> NodeState:
    """All pods of this node, as they are: some are new, some are gone."""
    listed: set[Key] = set()
    for doc in cache.select("spec.nodeName", turn.machine.node):
        meta = child(doc, "metadata")
        key = f"{text(meta, 'namespace')}/{text(meta, 'name')}"
        listed.add(key)
        state = _changed(turn, state, key, doc, writing.revision_of(doc))
    for key in [key for key in state.pods if key not in listed]:
        state = _gone(turn, state, state.pods[key])
    return _with_disks(turn, state)


def _changed(
    turn: Turn, state: NodeState, key: Key, doc: Document | None, revision: int
) -> NodeState:
    pod = state.pods.get(key)
    if doc is None:
        return state if pod is None else _gone(turn, state, pod)
    if pod is not None and pod.uid != doc["metadata"]["uid"]:  # type: ignore[index,call-overload]
        state, pod = _gone(turn, state, pod), None
    if pod is None:
        return _arrived(turn, state, key, doc)
    now = changed(turn, pod, doc, revision)
    if now is pod:
        return state
    if is_asked(pod, now) and _takes(now):
        now = asked(turn, state.used, state.offered, pod, now)
        state = replace(state, used=state.used.minus(pod.recipe).plus(now.recipe))
        if now.resizing is not None and now.resizing.reason == "Deferred":
            state = replace(state, deferred=(*state.deferred, key))
    return _keep(turn, state, pod, advance(turn, now))


def _granted(turn: Turn, state: NodeState) -> NodeState:
    """Resizes that were put off are tried again: something may have become free."""
    waiting, state = state.deferred, replace(state, deferred=())
    for key in waiting:
        pod = state.pods.get(key)
        if pod is None or pod.life != "live":
            continue
        now = wanted_again(turn, state.used, state.offered, pod)
        if now is pod:
            state = replace(state, deferred=(*state.deferred, key))
            continue
        used = state.used.minus(pod.recipe).plus(now.recipe)
        state = _keep(turn, replace(state, used=used), pod, advance(turn, now))
    return state


def _answered(turn: Turn, state: NodeState, message: Answered) -> NodeState:
    key = state.asked.get(message.id)
    if key is None:
        return state
    answer = unwrap_or_failure(message.outcome)
    asked = state.asked.remove(message.id)
    if key in (LEASE_KEY, NODE_KEY):
        return _heart_answered(turn, replace(state, asked=asked), key, message.id, answer)
    pod = state.pods.get(key)
    if pod is not None and message.id in pod.promised:
        state = replace(state, asked=asked)
        return _keep(turn, state, pod, advance(turn, came(turn, pod, message.id, answer)))
    if pod is None or pod.asked != message.id:
        return replace(state, asked=asked)
    if isinstance(answer, Document):
        done = writing.acknowledged(turn, pod, answer)
        if not done.asked:
            return replace(state, asked=asked, pods=state.pods.put(key, done))
        return _keep(turn, replace(state, asked=asked), pod, done, report=False)
    state = replace(state, asked=asked)
    return _keep(turn, state, pod, writing.refused(turn, pod, answer), report=False)


def _woken(turn: Turn, state: NodeState) -> NodeState:
    if state.heart.due_ms <= turn.now_ms and state.heart.seen:
        state = _with_heart(state, heartbeat.beat(turn, state.heart))
    for key in due(state.agenda, turn.now_ms):
        pod = state.pods[key]
        retried = replace(pod, retry_ms=NEVER_MS) if pod.retry_ms <= turn.now_ms else pod
        state = _keep(turn, state, pod, advance(turn, retried))
    return state


def _hurt(turn: Turn, state: NodeState, fault: NodeFault) -> NodeState:
    faults, hurt = injured(turn, state.pods, state.pull_faults, fault)
    if faults is not state.pull_faults:
        turn.pull_faults = faults
        state = replace(state, pull_faults=faults)
    for pod in hurt:
        state = _keep(turn, state, state.pods[pod.key], advance(turn, pod))
    return state


# -- the node's own objects ------------------------------------------------------------------------


def _with_heart(state: NodeState, heart: Heart) -> NodeState:
    asked = state.asked
    if heart.asked_lease and heart.asked_lease not in asked:
        asked = asked.put(heart.asked_lease, LEASE_KEY)
    if heart.asked_node and heart.asked_node not in asked:
        asked = asked.put(heart.asked_node, NODE_KEY)
    return replace(state, heart=heart, asked=asked)


def _heart_answered(
    turn: Turn, state: NodeState, key: Key, number: RequestId, answer: object
) -> NodeState:
    heart = state.heart
    if key == LEASE_KEY and number == heart.asked_lease:
        heart = heartbeat.lease_answered(turn, heart, answer)  # type: ignore[arg-type]
    elif key == NODE_KEY and number == heart.asked_node:
        heart = heartbeat.node_answered(turn, heart, answer)  # type: ignore[arg-type]
    if heart.due_ms <= turn.now_ms:
        heart = heartbeat.beat(turn, heart)
    return _with_heart(state, heart)


# -- pods ------------------------------------------------------------------------------------------


def _arrived(turn: Turn, state: NodeState, key: Key, doc: Document) -> NodeState:
    """A pod that the node did not know: bound to it now, or from before a restart."""
    if is_over(doc) and "deletionTimestamp" not in child(doc, "metadata"):
        return state
    number = free_number(state.numbers, state.last_number)
    pod = new_pod(turn, key, doc, number)
    if pod.recipe.sources:
        state = replace(state, watches=with_watches(state.watches, pod.recipe.sources))
    known = reconstruct(turn, pod, doc, rebooted=state.heart.rebooted)
    if known is None:
        pod = _admitted(turn, state, pod)
        if pod.life == "live":
            pod = settle(turn, pod, turn.now_ms)
        if "deletionTimestamp" in child(doc, "metadata"):
            pod = delete(turn, pod, child(doc, "metadata"))
    else:
        pod = known
    state = replace(
        state,
        used=state.used.plus(pod.recipe),
        numbers=state.numbers | 1 << pod.address,
        last_number=number if pod.address == number else state.last_number,
    )
    return _keep(turn, state, None, advance(turn, pod))


def _admitted(turn: Turn, state: NodeState, pod: LocalPod) -> LocalPod:
    others = (other.recipe for other in state.pods.values() if _takes(other))
    rejection = reject(pod.recipe, state.used, state.offered, others)
    if rejection is None:
        return pod
    turn.tell(pod, "Warning", rejection.reason, rejection.message)
    return replace(
        pod,
        life="over",
        phase="Failed",
        forced_phase="Failed",
        reason=rejection.reason,
        message=rejection.message,
    )


def _keep(
    turn: Turn, state: NodeState, before: LocalPod | None, pod: LocalPod, *, report: bool = True
) -> NodeState:
    """Remember a pod, report what is new about it, and be woken for it."""
    if turn.awaited:
        pod = asking(turn, pod)
    if report and pod.life != "deleted":
        pod = writing.report(turn, pod)
    for run in pod.runs if pod.recipe.mounts_host else ():
        if run.stage == "exited":
            turn.host = turn.host.without(run.id, run.ended_ms)
    asked, used = state.asked, state.used
    if pod.asked and pod.asked not in asked:
        asked = asked.put(pod.asked, pod.key)
    for number in pod.promised:
        if number not in asked:
            asked = asked.put(number, pod.key)
    wake_ms = NEVER_MS if pod.life == "deleted" else min(due_ms(pod), pod.retry_ms)
    agenda = moved(state.agenda, pod.key, NEVER_MS if before is None else before.wake_ms, wake_ms)
    if wake_ms != pod.wake_ms:
        pod = replace(pod, wake_ms=wake_ms)
    if not _takes(pod) and (before is None or _takes(before)):
        used = used.minus(pod.recipe)
    pods = state.pods.put(pod.key, pod)
    state = replace(state, pods=pods, agenda=agenda, asked=asked, used=used)
    return _with_disks(turn, state) if pod.recipe.claims else state


def _with_disks(turn: Turn, state: NodeState) -> NodeState:
    """Have the node say which volumes its pods use, where that is something new."""
    heart = heartbeat.using(turn, state.heart, in_use(state.pods.values()))
    return state if heart is state.heart else replace(state, heart=heart)


def _host_written(turn: Turn, state: NodeState) -> NodeState:
    """The machine's files are others, or will be: whoever sees them looks again."""
    for pod in tuple(state.pods.values()):
        if pod.recipe.mounts_host and pod.life == "live":
            state = _keep(turn, state, pod, stirred(pod, turn.now_ms))
    return replace(state, host=turn.host.until(turn.now_ms))


def _takes(pod: LocalPod) -> bool:
    """Whether a pod still takes of the node's resources."""
    return pod.life in ("live", "stopping")


def _gone(turn: Turn, state: NodeState, pod: LocalPod) -> NodeState:
    """The API has forgotten a pod: so does the node, and whatever still runs of it is killed."""
    if pod.life == "live":
        for index, run in enumerate(pod.runs):
            if run.stage == "running":
                name = pod.recipe.containers[index].name
                turn.tell(pod, "Normal", "Killing", f"Stopping container {name}", index)
    for run in pod.runs if pod.recipe.mounts_host else ():
        turn.host = turn.host.without(run.id, turn.now_ms)
    gone = replace(
        state,
        pods=state.pods.remove(pod.key),
        agenda=moved(state.agenda, pod.key, pod.wake_ms, NEVER_MS),
        used=state.used.minus(pod.recipe) if _takes(pod) else state.used,
        numbers=state.numbers & ~(1 << pod.address) if pod.address else state.numbers,
    )
    return _with_disks(turn, gone) if pod.recipe.claims else gone
