"""What a change of nodes and pods means to the scheduler: new counts, and what may have helped.

A pod that was asked to be bound counts on its node from then on (it is assumed), until its binding
is seen or refused.

Source: kubernetes v1.36, pkg/scheduler/eventhandlers.go, backend/cache/cache.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.cache.crowd import (
    NOBODY,
    DomainOf,
    groups_of,
    moved,
    without_domains,
    without_namespace_labels,
)
from kelm.core.scheduler.cache.devices import DEVICES
from kelm.core.scheduler.cache.fleet import (
    Fleet,
    domain_of,
    known,
    used,
    with_node,
    without_node,
    without_pods,
)
from kelm.core.scheduler.cache.needs import NO_LABELS, Ask, Asks, gates
from kelm.core.scheduler.cache.nodes import node_use, schedules_alike
from kelm.core.scheduler.cache.resizing import tells, told
from kelm.core.scheduler.cache.terms import TOPOLOGY_LABELS, NamespaceLabels
from kelm.core.scheduler.cache.volumes import STORAGE
from kelm.core.scheduler.happenings import (
    Happening,
    NodeChanged,
    ObjectChanged,
    PodCame,
    PodChanged,
    PodResized,
    PodSkipped,
    PodWent,
)
from kelm.core.scheduler.queue import Queue, Waiting
from kelm.core.scheduler.state import Nominee, Placed, State, namespace_labels, replace
from kelm.core.store.hash_map import HashMap
from kelm.effects.address import Key, ObjectRef, Uid
from kelm.effects.document import Document, child, text
from kelm.effects.messages import Change, Observed

# -- nodes -------------------------------------------------------------------------------------


def observed_nodes(state: State, message: Observed) -> tuple[State, list[Happening]]:
    """Count nodes anew that changed in what matters here (heartbeats do not)."""
    happened: list[Happening] = []
    fleet = state.fleet
    if message.replaced:
        found = {metadata(doc).name: doc for doc in message.cache.objects()}
        for node in fleet.nodes():
            if node.name not in found:
                fleet = without_node(fleet, node.name)
        for name, doc in found.items():
            fleet = _with_node(fleet, name, doc, happened)
    for change in message.changes:
        if change.new is None:
            fleet = without_node(fleet, change.key)
        elif (
            change.old is None
            or change.key not in fleet.slot_of
            or not schedules_alike(change.old, change.new)
        ):
            fleet = _with_node(fleet, change.key, change.new, happened)
    if fleet is state.fleet and state.heard_nodes:
        return state, happened
    crowd = state.crowd
    if fleet.absent is not state.fleet.absent or any(map(_moves_pods, happened)):
        crowd = without_domains(crowd)
    return replace(state, fleet=fleet, crowd=crowd, heard_nodes=True), happened


def _moves_pods(happening: Happening) -> bool:
    """Whether pods are in other domains because their node has other labels."""
    return (
        isinstance(happening, NodeChanged)
        and happening.old is not None
        and bool(happening.old.pods)
        and happening.old.labels != happening.new.labels
    )


def _with_node(fleet: Fleet, name: str, doc: Document, happened: list[Happening]) -> Fleet:
    after = node_use(doc, known(fleet, name))
    happened.append(NodeChanged(fleet.get(name), after))
    return with_node(fleet, after)


# -- pods --------------------------------------------------------------------------------------


def observed_pods(scheduler: str, state: State, message: Observed) -> tuple[State, list[Happening]]:
    """Count pods that came or went; what has no node waits for one."""
    asks = Asks()
    happened: list[Happening] = []
    state = replace(state, pods=message.cache)
    if message.replaced:
        state = _recount(scheduler, state, message, asks, happened)
    fresh: dict[Key, Waiting] = {}
    for change in message.changes:
        waiting = _fresh(scheduler, state, change, len(fresh))
        if waiting is not None:
            fresh[change.key] = waiting
            continue
        state, fresh = _arrived(state, fresh), {}
        state = _observed_pod(scheduler, state, change, asks, happened)
    return _arrived(state, fresh), happened


def _fresh(scheduler: str, state: State, change: Change, before: int) -> Waiting | None:
    """How a new pod waits that nothing is known of yet; None for every other change."""
    if change.old is not None or change.new is None:
        return None
    view = pod(change.new)
    spec, meta = view.spec, view.metadata
    if spec.node_name or spec.scheduler_name != scheduler or meta.deletion_timestamp is not None:
        return None
    if view.status.phase in ENDED or spec.doc.get("schedulingGates") or meta.uid in state.placed:
        return None
    if view.status.nominated_node_name:
        return None
    return Waiting(meta.uid, state.arrivals + before + 1, spec.priority)


def _arrived(state: State, fresh: dict[Key, Waiting]) -> State:
    """Many new pods in one go."""
    if not fresh:
        return state
    active = state.queue.active
    for key, waiting in fresh.items():
        active = active.put(key, waiting)
    queue = state.queue
    for key in fresh if queue.parked else ():
        queue = queues.left(queue, key)
    queue = replace(queue, active=active)
    return replace(state, queue=queue, arrivals=state.arrivals + len(fresh))


def _recount(
    scheduler: str, state: State, message: Observed, asks: Asks, happened: list[Happening]
) -> State:
    """Everything anew from a full list of pods; what is under way stays assumed."""
    uids = {*state.held, *(asked.uid for _, asked in state.asked.items())}
    under_way = {uid: state.placed.get(uid) for uid in uids}
    state = replace(
        state, fleet=without_pods(state.fleet), crowd=NOBODY, placed=HashMap(), queue=Queue()
    )
    for uid in sorted(under_way):
        placed = under_way[uid]
        if placed is not None:
            state = counted(state, uid, placed)
    for doc in message.cache.objects():
        change = Change(0, metadata(doc).key, None, doc)
        state = _observed_pod(scheduler, state, change, asks, happened)
    return state


def _observed_pod(
    scheduler: str, state: State, change: Change, asks: Asks, happened: list[Happening]
) -> State:
    doc = change.new
    if doc is None:
        uid = metadata(change.old).uid if change.old is not None else ""
        return gone(_dismissed(state, change.key, uid), uid, happened)
    view = pod(doc)
    # The view of a specification is costly, and a pod on its node has one of its own.
    uid, node = view.metadata.uid, text(doc, "spec", "nodeName")
    if view.status.phase in ENDED:
        return gone(_dismissed(state, change.key, uid), uid, happened)
    if not node:
        return _unbound(scheduler, state, change, view, asks, happened)
    held = state.placed.get(uid)
    live = view.metadata.deletion_timestamp is None
    if held is not None and held.node == node:
        if _is_new(change):
            happened.append(PodCame(held.ask, node))
        if _may_be_resized(change, doc):
            state, held = _resized(state, uid, held, asks.of(view), happened)
        same = held.ask.labels == (view.metadata.labels or NO_LABELS)
        if same and held.live == live:
            return state
        ask = held.ask if same else asks.relabelled(held.ask, view.metadata.labels)
        return _changed(state, uid, held, Placed(node, ask, live), happened)
    state = _dismissed(state, change.key, uid)
    if held is not None:
        state = gone(state, uid, happened)
    ask = asks.of(view)
    happened.append(PodCame(ask, node))
    return counted(state, uid, Placed(node, ask, live))


def _changed(state: State, uid: Uid, old: Placed, new: Placed, happened: list[Happening]) -> State:
    """A pod on its node has other labels, or is being deleted."""
    same = old.live == new.live and _agree_but_for_place(old.ask.labels, new.ask.labels)
    if not same:
        happened.append(PodChanged(old.ask, new.ask, new.node))
    state = replace(state, placed=state.placed.put(uid, new))
    if not state.crowd.groups or (same and not state.crowd.by_place):
        return state

    labels_of, domain_of = _lookups(state)
    crowd = state.crowd
    before, after = groups_of(crowd, old.ask, labels_of), groups_of(crowd, new.ask, labels_of)
    if before == after and old.live == new.live:
        return state
    crowd = moved(crowd, old.ask, {old.node: -1}, labels_of, domain_of, live=old.live)
    crowd = moved(crowd, new.ask, {new.node: 1}, labels_of, domain_of, live=new.live)
    return replace(state, crowd=crowd)


def _may_be_resized(change: Change, doc: Document) -> bool:
    """Whether a pod that is on its node may take more or less of it than it did."""
    old = change.old
    if old is None or _is_new(change):
        return bool(told(doc))
    before, after = old.get("spec"), doc.get("spec")
    if before is not after and before != after:
        return True
    return (tells(doc) or tells(old)) and told(old) != told(doc)


def _resized(
    state: State, uid: Uid, held: Placed, now: Ask, happened: list[Happening]
) -> tuple[State, Placed]:
    """A pod takes of its node what it is granted now."""
    if now.needs.amounts == held.ask.needs.amounts:
        return state, held
    happened.append(PodResized(held.ask, now, held.node))
    new = replace(held, ask=replace(held.ask, needs=now.needs))
    fleet = used(used(state.fleet, held.node, held.ask, -1), held.node, new.ask, 1)
    return replace(state, fleet=fleet, placed=state.placed.put(uid, new)), new


def _agree_but_for_place(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """A binding adds the labels of the node's place: that is no news."""
    return all(old.get(key) == new.get(key) for key in {*old, *new} if key not in TOPOLOGY_LABELS)


def _is_new(change: Change) -> bool:
    """Whether the pod is seen on its node for the first time."""
    return change.old is None or not text(change.old, "spec", "nodeName")


def _unbound(
    scheduler: str,
    state: State,
    change: Change,
    view: Pod,
    asks: Asks,
    happened: list[Happening],
) -> State:
    """A pod without a node waits, unless it is another scheduler's, leaving or under way."""
    key, uid = change.key, view.metadata.uid
    mine = view.spec.scheduler_name == scheduler and view.metadata.deletion_timestamp is None
    if not mine:
        waited = key in state.queue.active or key in state.queue.parked
        if waited and view.metadata.deletion_timestamp is not None:
            meta = view.metadata
            happened.append(PodSkipped(ObjectRef("pods", meta.namespace, meta.name, uid)))
        return _dismissed(state, key, uid)
    if uid in state.placed:
        return state
    state = _promised(state, change, view, asks)
    seen = state.queue.active.get(key) or state.queue.parked.get(key)
    gated = bool(gates(view.spec.doc))
    if seen is not None and seen.uid == uid:
        if change.old is not None and _asks_alike(change.old, view):
            return state
        waiting = replace(seen, gated=gated, priority=view.spec.priority)
    else:
        state = replace(state, arrivals=state.arrivals + 1)
        waiting = Waiting(uid, state.arrivals, view.spec.priority, gated=gated)
    if gated:
        return replace(state, queue=queues.parked(state.queue, key, waiting, 0))
    return replace(state, queue=queues.joined(state.queue, key, waiting))


def _dismissed(state: State, key: Key, uid: Uid) -> State:
    """A pod waits no more, and no node is kept for it."""
    queue = queues.left(state.queue, key)
    nominees = state.nominees.discard(uid) if state.nominees else state.nominees
    if queue is state.queue and nominees is state.nominees:
        return state
    return replace(state, queue=queue, nominees=nominees)


def _promised(state: State, change: Change, view: Pod, asks: Asks) -> State:
    """A node is kept for a pod, or no longer, as its status says now and did not before."""
    uid, node = view.metadata.uid, view.status.nominated_node_name
    before = pod(change.old).status.nominated_node_name if change.old is not None else ""
    if node == before:
        return state
    if not node:
        return replace(state, nominees=state.nominees.discard(uid))
    nominee = Nominee(node, view.spec.priority, asks.of(view), view.metadata.key)
    return replace(state, nominees=state.nominees.set(uid, nominee))


def _asks_alike(old: Document, view: Pod) -> bool:
    """Whether a waiting pod asks for what it asked for before: its status says nothing of that."""
    if old.get("spec") is not view.doc.get("spec") and old.get("spec") != view.doc.get("spec"):
        return False
    before, after = child(old, "status"), child(view.doc, "status")
    told = "resourceClaimStatuses"
    if before is not after and before.get(told) != after.get(told):
        return False
    return metadata(old).labels == view.metadata.labels


def counted(state: State, uid: Uid, placed: Placed) -> State:
    """A pod counts on its node from now on."""
    fleet = used(state.fleet, placed.node, placed.ask, 1)
    state = replace(state, fleet=fleet, placed=state.placed.put(uid, placed))
    return _met(state, placed, 1)


def gone(state: State, uid: Uid, happened: list[Happening]) -> State:
    """A pod that takes nothing any more makes room for others."""
    held = state.placed.get(uid)
    if held is None:
        return state
    happened.append(PodWent(held.ask, held.node))
    fleet = used(state.fleet, held.node, held.ask, -1)
    state = replace(state, fleet=fleet, placed=state.placed.remove(uid))
    return _met(state, held, -1)


def _met(state: State, placed: Placed, number: int) -> State:
    """The crowd with a pod more or less."""
    crowd, ask = state.crowd, placed.ask
    if not crowd.groups and not ask.is_social:
        return state

    crowd = moved(crowd, ask, {placed.node: number}, *_lookups(state), live=placed.live)
    return replace(state, crowd=crowd)


def _lookups(state: State) -> tuple[NamespaceLabels, DomainOf]:
    """How the labels of namespaces and the domains of nodes are found."""
    return partial(namespace_labels, state), partial(domain_of, state.fleet)


# -- everything else ---------------------------------------------------------------------------


def observed_other(state: State, message: Observed) -> tuple[State, list[Happening]]:
    """Know the newest version of what is neither pod nor node."""
    resource = message.resource
    state = replace(state, caches=state.caches.set(resource, message.cache))
    if resource in STORAGE or resource in DEVICES:
        if message.replaced:
            return state, [ObjectChanged(resource, "")]
        return state, [ObjectChanged(resource, c.key, c.old, c.new) for c in message.changes]
    if resource == "namespaces" and (
        message.replaced or any(_relabelled(one) for one in message.changes)
    ):
        state = replace(state, crowd=without_namespace_labels(state.crowd))
    return state, []


def _relabelled(change: Change) -> bool:
    if change.old is None or change.new is None:
        return True
    return metadata(change.old).labels != metadata(change.new).labels
