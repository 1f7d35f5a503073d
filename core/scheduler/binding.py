"""Claims that wait for their pod's node: they are told the node, and the pod waits for them.

A pod whose volumes are yet to be bound is bound itself only when they are; until then its status
says which node it will get. Ten minutes later at the latest it gives it back and is tried again.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (bindingCycle),
plugins/volumebinding/volume_binding.go (Reserve, PreBind, PreBindPreFlight), binder.go
(AssumePodVolumes, BindPodVolumes).
"""

from __future__ import annotations

from kelm.core.objects.devices import CLAIMS as DEVICE_CLAIMS
from kelm.core.objects.meta import metadata
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.cache.volumes import (
    CLAIMS,
    SELECTED_NODE,
    VOLUMES,
    is_bound,
)
from kelm.core.scheduler.happenings import Happening, ObjectChanged
from kelm.core.scheduler.observing import gone
from kelm.core.scheduler.reserving import all_reserved, taken_back
from kelm.core.scheduler.state import Asked, Held, State, replace, storage_of
from kelm.core.scheduler.telling import promised
from kelm.effects.address import Uid
from kelm.effects.commands import Bind, Patch, Request
from kelm.effects.document import document

BIND_TIMEOUT_MS = 600_000


def told(held: Held) -> list[Patch]:
    """Tell claims their node, and volumes their claim."""
    commands = []
    for choice in held.choices:
        namespace, _, name = choice.claim.rpartition("/")
        if choice.volume:
            owner = {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "namespace": namespace,
                "name": name,
            }
            annotations = {"pv.kubernetes.io/bound-by-controller": "yes"}
            patch = {"metadata": {"annotations": annotations}, "spec": {"claimRef": owner}}
            command = Patch(VOLUMES, "", choice.volume, document(patch))
        else:
            patch = {"metadata": {"annotations": {SELECTED_NODE: held.node}}}
            command = Patch(CLAIMS, namespace, name, document(patch))
        commands.append(command)
    return commands


def released(state: State, now_ms: int, happened: list[Happening]) -> tuple[State, list[Request]]:
    """Bind pods whose claims are bound by now; try those again that waited too long."""
    requests: list[Request] = []
    storage = storage_of(state)
    for uid, held in sorted(state.held.items()):
        doc = state.pods.get(held.key) if state.pods is not None else None
        if doc is None or metadata(doc).uid != uid or uid not in state.placed:
            state = replace(state, held=state.held.remove(uid))
            continue
        claims = [storage.get(CLAIMS, choice.claim) for choice in held.choices]
        bound = all(claim is not None and is_bound(claim) for claim in claims)
        if bound and all_reserved(state, held, uid):
            meta, number = metadata(doc), state.next_id
            bind = Bind(meta.namespace, meta.name, uid, held.node)
            requests.append(Request(number, bind))
            state = replace(
                state,
                held=state.held.remove(uid),
                asked=state.asked.put(number, Asked(held.key, uid, held.node, held.waiting)),
                next_id=number + 1,
            )
        elif now_ms >= held.since_ms + BIND_TIMEOUT_MS:
            state, undone = given_back(state, uid, now_ms, happened)
            requests.extend(undone)
    return state, requests


def given_back(
    state: State, uid: Uid, now_ms: int, happened: list[Happening]
) -> tuple[State, list[Request]]:
    """A pod whose claims cannot be bound gives its node back, and is tried again."""
    held = state.held.get(uid)
    if held is None:
        return state, []
    state = gone(replace(state, held=state.held.remove(uid)), uid, happened)
    waiting = queues.after_error(held.waiting, now_ms)
    state = replace(state, queue=queues.joined(state.queue, held.key, waiting))
    if held.devices:
        happened.append(ObjectChanged(DEVICE_CLAIMS, ""))
    requests = [Request(0, patch) for patch in taken_back(state, held, uid)]
    return state, [promised(held.key, uid, None), *requests]


def timeout_ms(state: State) -> int:
    """When the first pod has waited too long for its claims."""
    return min(held.since_ms for held in state.held.values()) + BIND_TIMEOUT_MS
