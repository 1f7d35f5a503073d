"""Claims for devices are told what they get: first protected, then allocated and reserved.

A pod that has its node is bound when all its claims are seen to be reserved for it. One that gives
its node back takes back that it may use them; what was allocated stays so for the next.

Source: kubernetes v1.36, plugins/dynamicresources/dynamicresources.go (PreBind, bindClaim,
Unreserve). A conflict has the pod tried again, where upstream reads the claim and writes again.
"""

from __future__ import annotations

from kelm.core.objects.devices import CLAIMS, FINALIZER
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import format_time
from kelm.core.scheduler.cache.devices import Allotment
from kelm.core.scheduler.state import Held, State, Telling
from kelm.effects.address import Uid
from kelm.effects.commands import Command, Patch, Update
from kelm.effects.document import Document, child, children, document, elements, text

Step = tuple[Command, Telling]


def first_steps(state: State, held: Held, uid: Uid, now_ms: int) -> list[Step]:
    """What is asked for as soon as a pod has its node."""
    steps: list[Step] = []
    for one in held.devices:
        claim = _claim(state, one)
        if claim is None:
            continue
        if one.allocation is not None and FINALIZER not in metadata(claim).finalizers:
            finalizers = (*metadata(claim).finalizers, FINALIZER)
            head = Document({**child(claim, "metadata"), "finalizers": finalizers})
            meta = metadata(claim)
            body = Document({**claim, "metadata": head})
            protected = Update(CLAIMS, meta.namespace, meta.name, body)
            steps.append((protected, Telling(uid, one.claim, protecting=True)))
        else:
            steps.append((_written(claim, one, held, uid, now_ms), Telling(uid, one.claim)))
    return steps


def next_step(held: Held, telling: Telling, answer: Document, now_ms: int) -> Step | None:
    """What follows once a claim is protected; None where it has got its devices elsewhere."""
    one = next((one for one in held.devices if one.claim == telling.claim), None)
    if one is None or child(answer, "status", "allocation"):
        return None
    command = _written(answer, one, held, telling.pod, now_ms)
    return command, Telling(telling.pod, telling.claim)


def _written(claim: Document, one: Allotment, held: Held, uid: Uid, now_ms: int) -> Update:
    """A claim with its devices, and with the pod among those that may use it."""
    meta = metadata(claim)
    user = Document(resource="pods", name=held.key.rpartition("/")[2], uid=uid)
    users = elements(claim, "status", "reservedFor")
    status = {**child(claim, "status"), "reservedFor": (*users, user)}
    if one.allocation is not None:
        timed = {**one.allocation, "allocationTimestamp": format_time(now_ms)}
        status["allocation"] = Document(timed)
    body = Document({**claim, "status": Document(status)})
    return Update(CLAIMS, meta.namespace, meta.name, body, subresource="status")


def all_reserved(state: State, held: Held, uid: Uid) -> bool:
    """Whether all claims of a pod are seen to be its own to use."""
    for one in held.devices:
        claim = _claim(state, one)
        if claim is None or not child(claim, "status", "allocation"):
            return False
        users = children(claim, "status", "reservedFor")
        if all(text(user, "uid") != uid for user in users):
            return False
    return True


def taken_back(state: State, held: Held, uid: Uid) -> list[Patch]:
    """A pod that gives its node back may not use the claims any more."""
    patches = []
    for one in held.devices:
        claim = _claim(state, one)
        users = children(claim, "status", "reservedFor") if claim is not None else ()
        if claim is not None and any(text(user, "uid") == uid for user in users):
            meta = metadata(claim)
            gone = {"$patch": "delete", "uid": uid}
            patch = document({"metadata": {"uid": meta.uid}, "status": {"reservedFor": [gone]}})
            patches.append(
                Patch(CLAIMS, meta.namespace, meta.name, patch, "strategic", subresource="status")
            )
    return patches


def freed(claim: Document) -> Update:
    """A claim whose devices no node can reach that would take its pod loses them again.

    Source: PostFilter.
    """
    meta = metadata(claim)
    gone = ("allocation", "reservedFor", "devices")
    status = {name: part for name, part in child(claim, "status").items() if name not in gone}
    body = Document({**claim, "status": Document(status)})
    return Update(CLAIMS, meta.namespace, meta.name, body, subresource="status")


def _claim(state: State, one: Allotment) -> Document | None:
    cache = state.caches.get(CLAIMS)
    claim = None if cache is None else cache.get(one.claim)
    return claim if claim is not None and metadata(claim).uid == one.uid else None
