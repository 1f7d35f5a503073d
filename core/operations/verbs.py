"""What a person at kubectl asks for, as commands: a function of the verb and the store.

A verb is data. What it comes to depends on what is stored when it is given (which containers a
Deployment has, which revision was the last one), so it is planned against a store and answers
with the API requests that kubectl would send, or with kubectl's complaint.

Source: kubernetes v1.36, kubectl/pkg/cmd/{set,scale,rollout,drain}, polymorphichelpers.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.objects.time import format_time
from kelm.core.operations.marks import Mark, Taints, plan_mark, plan_taints
from kelm.core.operations.undo import undo
from kelm.core.store.store import Store
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command, Delete, Evict, Patch, Propagation
from kelm.effects.document import (
    Document,
    child,
    children,
    document,
    flag,
    text,
)

TEMPLATED = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")
SCALABLE = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers")


class SetImage(msgspec.Struct, frozen=True, tag=True):
    """Give containers of a workload other images; "*" names all of them."""

    ref: ObjectRef
    images: tuple[tuple[str, str], ...]


class Scale(msgspec.Struct, frozen=True, tag=True):
    """Ask for another number of replicas."""

    ref: ObjectRef
    replicas: int


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Roll a workload's pods over to the same template."""

    ref: ObjectRef


class Undo(msgspec.Struct, frozen=True, tag=True):
    """Take a workload's template back to an earlier revision; 0 is the one before the present."""

    ref: ObjectRef
    to_revision: int = 0


class Pause(msgspec.Struct, frozen=True, tag=True):
    """Stop, or with `resume` go on with, a Deployment's rollout."""

    ref: ObjectRef
    resume: bool = False


class Remove(msgspec.Struct, frozen=True, tag=True):
    """Delete an object; `propagation` says what becomes of what it owns, "" as its kind has it."""

    ref: ObjectRef
    grace_period_seconds: int | None = None
    propagation: Propagation = ""


class Cordon(msgspec.Struct, frozen=True, tag=True):
    """Keep new pods off a node, or with `undo` let them on again."""

    ref: ObjectRef
    undo: bool = False


class EvictPod(msgspec.Struct, frozen=True, tag=True):
    """Ask a pod to go, if its disruption budgets allow."""

    ref: ObjectRef
    grace_period_seconds: int | None = None


Verb: TypeAlias = (
    SetImage | Scale | Restart | Undo | Pause | Remove | Cordon | EvictPod | Mark | Taints
)
Planned: TypeAlias = Result[tuple[Command, ...], str]


def plan(verb: Verb, store: Store, now_ms: int) -> Planned:
    """The requests that a verb comes to now, or why it makes no sense.

    >>> plan(Scale(ObjectRef("deployments.apps", "default", "web"), 3), Store(), 0).failure()
    'deployments.apps "web" not found in namespace "default"'
    """
    ref = verb.ref
    found = store.get(ref.resource, ref.key)
    if found is None:
        where = f' in namespace "{ref.namespace}"' if ref.namespace else ""
        return Failure(f'{ref.resource} "{ref.name}" not found{where}')
    if isinstance(verb, Remove | EvictPod):
        return _gone(verb)
    if isinstance(verb, Mark | Taints):
        return plan_mark(verb, found) if isinstance(verb, Mark) else plan_taints(verb, found)
    if isinstance(verb, Cordon):
        return _merge(ref, {"spec": {"unschedulable": None if verb.undo else True}})
    if isinstance(verb, Scale):
        return _scale(ref, verb.replicas)
    return _template(verb, found, store, now_ms)


def _gone(verb: Remove | EvictPod) -> Planned:
    ref, grace = verb.ref, verb.grace_period_seconds
    if isinstance(verb, EvictPod):
        return Success((Evict(ref.namespace, ref.name, "", grace),))
    delete = Delete(
        ref.resource,
        ref.namespace,
        ref.name,
        grace_period_seconds=grace,
        propagation_policy=verb.propagation,
    )
    return Success((delete,))


def _template(
    verb: SetImage | Restart | Undo | Pause, found: Document, store: Store, now_ms: int
) -> Planned:
    ref = verb.ref
    if ref.resource not in TEMPLATED:
        return Failure(f"{ref.resource} has no pod template: nothing to do with {ref.name}")
    if isinstance(verb, SetImage):
        return _set_image(ref, found, verb.images)
    if isinstance(verb, Restart):
        return _restart(ref, found, now_ms)
    if isinstance(verb, Undo) and ref.resource != "replicasets.apps":
        return undo(ref, found, store, verb.to_revision)
    if ref.resource != "deployments.apps" or isinstance(verb, Undo):
        return Failure(f"{ref.resource} has no rollout that could be paused or undone")
    return _pause(ref, found, verb)


def _merge(ref: ObjectRef, patch: dict[str, object]) -> Planned:
    return Success((Patch(ref.resource, ref.namespace, ref.name, document(patch), "strategic"),))


def _scale(ref: ObjectRef, replicas: int) -> Planned:
    if ref.resource not in SCALABLE:
        return Failure(f"{ref.resource} cannot be scaled")
    if replicas < 0:
        return Failure(f"replicas must be 0 or more, not {replicas}")
    return _merge(ref, {"spec": {"replicas": replicas}})


def _set_image(ref: ObjectRef, found: Document, images: tuple[tuple[str, str], ...]) -> Planned:
    spec = child(found, "spec", "template", "spec")
    patch: dict[str, list[dict[str, str]]] = {}
    for name, image in images:
        hit = False
        for field in ("initContainers", "containers"):
            for container in children(spec, field):
                if name in ("*", text(container, "name")):
                    hit = True
                    change = {"name": text(container, "name"), "image": image}
                    patch.setdefault(field, []).append(change)
        if not hit:
            return Failure(f'unable to find container named "{name}" in {ref.resource}/{ref.name}')
    return _merge(ref, {"spec": {"template": {"spec": patch}}})


def _restart(ref: ObjectRef, found: Document, now_ms: int) -> Planned:
    if flag(found, "spec", "paused"):
        return Failure(f'can\'t restart paused deployment "{ref.name}" (resume it first)')
    stamp = {"kubectl.kubernetes.io/restartedAt": format_time(now_ms)}
    return _merge(ref, {"spec": {"template": {"metadata": {"annotations": stamp}}}})


def _pause(ref: ObjectRef, found: Document, verb: Pause) -> Planned:
    paused = flag(found, "spec", "paused")
    if paused != verb.resume:
        state = "not paused" if verb.resume else "already paused"
        return Failure(f'deployments.apps "{ref.name}" is {state}')
    return _merge(ref, {"spec": {"paused": None if verb.resume else True}})
