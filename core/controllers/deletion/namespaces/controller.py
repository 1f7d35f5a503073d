"""The namespace controller: a terminating namespace is emptied, then let go.

Pods go first, then everything else of every kind. What is left is asked of the API server, never
of a belief, since an object that nobody has heard of yet must not outlive its namespace. A pass
runs 5 s after each change of the namespace, and again as soon as what is left may be gone.

Source: kubernetes v1.36, pkg/controller/namespace/namespace_controller.go,
deletion/namespaced_resources_deleter.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from kelm.core.controllers.deletion.namespaces.conditions import Problem, updated
from kelm.core.controllers.deletion.namespaces.contents import (
    Left,
    grace_seconds,
    left_in,
    problems,
    remains,
    unexpected_problem,
)
from kelm.core.controllers.shared.kinds import CUSTOM_DEFINITIONS, Kind, with_custom
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, DeleteCollection, List, Update
from kelm.effects.document import Document, children, elements, text, with_value, without
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

FINALIZER = "kubernetes"
SETTLE_MS = 5_000
FIRST_RETRY_MS = 5
LONGEST_RETRY_MS = 60_000
_ALIASES = frozenset({"events.events.k8s.io"})
_HARMLESS = frozenset({Reason.NOT_FOUND, Reason.METHOD_NOT_ALLOWED})


class Progress(msgspec.Struct, frozen=True):
    """How far a namespace is.

    `stage` says which answers are in `left`; `due_ms` is the time of the next pass, of those that
    were asked for the earliest, as in upstream's queue; `version` is the namespace's version that
    was last taken note of.
    """

    version: str = ""
    due_ms: int | None = None
    stage: Literal["between passes", "pods", "all"] = "between passes"
    pods_estimate_seconds: int | None = None
    left: tuple[Left, ...] = ()
    failures: int = 0


class NamespaceDeletion(msgspec.Struct, frozen=True):
    """The controller; its keys are namespaces."""

    name: str = "namespace-controller"
    watches: tuple[Watch, ...] = (Watch("namespaces"), Watch(CUSTOM_DEFINITIONS))
    workers: int = 10

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        is_ours = resource == "namespaces" and change.new is not None
        return (change.key,) if is_ours else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for doc in caches["namespaces"].objects():
            yield text(doc, "metadata", "name")

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches["namespaces"].get(sync.key)
        if doc is None or not _is_ours(doc):
            return Plan()
        progress = _noted(sync, doc)
        if progress.stage == "pods":
            return _after_pods(sync, doc, progress)
        if progress.stage == "all":
            return _after_all(sync, doc, progress)
        if progress.due_ms is not None and sync.now_ms < progress.due_ms:
            return _rest(progress)
        return _begin(sync, progress)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        progress = sync.memory
        if not isinstance(progress, Progress) or not isinstance(command, List):
            return progress
        if command.resource == "pods" and progress.pods_estimate_seconds is None:
            return msgspec.structs.replace(progress, pods_estimate_seconds=grace_seconds(answer))
        left = (*progress.left, left_in(command.resource, answer))
        return msgspec.structs.replace(progress, left=left)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """A pass that was refused anything is begun anew."""
        progress = sync.memory
        if not isinstance(progress, Progress) or refusal.reason in _HARMLESS:
            return progress
        return Progress(progress.version, sync.now_ms, failures=progress.failures)


def _is_ours(doc: Document) -> bool:
    terminating = metadata(doc).deletion_timestamp is not None
    return terminating and FINALIZER in elements(doc, "spec", "finalizers")


def _noted(sync: Sync, doc: Document) -> Progress:
    """The progress, with a pass to come if the namespace changed."""
    progress = sync.memory if isinstance(sync.memory, Progress) else Progress()
    version = text(doc, "metadata", "resourceVersion")
    if progress.due_ms is not None and version == progress.version:
        return progress
    due_ms = _earlier(progress, sync.now_ms + SETTLE_MS)
    return msgspec.structs.replace(progress, version=version, due_ms=due_ms)


def _earlier(progress: Progress, at_ms: int) -> int:
    """When the next pass is once one is asked for at a time.

    Source: client-go/util/workqueue/delaying_queue.go (insert).
    """
    return at_ms if progress.due_ms is None else min(progress.due_ms, at_ms)


def _rest(progress: Progress, batches: tuple[Batch, ...] = ()) -> Plan:
    return Plan(batches, progress, again_at_ms=progress.due_ms)


def _begin(sync: Sync, progress: Progress) -> Plan:
    """Delete the pods, knowing how long they may take."""
    begun = Progress(progress.version, None, "pods", failures=progress.failures)
    return Plan(
        batches=(
            (List("pods", sync.key),),
            (DeleteCollection("pods", sync.key),),
            (List("pods", sync.key),),
        ),
        memory=begun,
        again_at_ms=sync.now_ms,
        tolerated=_HARMLESS,
    )


def _kinds(sync: Sync) -> dict[Resource, Kind]:
    """The resources whose objects live in namespaces and can be deleted."""
    kinds = with_custom(sync.caches[CUSTOM_DEFINITIONS].objects()).all
    return {
        kind.resource: kind
        for kind in kinds
        if kind.namespaced and "delete" in kind.verbs and kind.resource not in _ALIASES
    }


def _estimate(sync: Sync, doc: Document, progress: Progress) -> int:
    """How long pods may still take; nothing once their time is over."""
    since_ms = sync.now_ms - (metadata(doc).deletion_ms or 0)
    seconds = progress.pods_estimate_seconds or 0
    return 0 if since_ms >= seconds * 1_000 else seconds


def _after_pods(sync: Sync, doc: Document, progress: Progress) -> Plan:
    found = remains(progress.left, _estimate(sync, doc, progress))
    kinds = _kinds(sync)
    if found.left:
        said = unexpected_problem(sync.key, found, kinds)
        return _later(sync, doc, progress, said, found.estimate_seconds)
    others = tuple(resource for resource in kinds if resource != "pods")
    return Plan(
        batches=(
            tuple(DeleteCollection(resource, sync.key) for resource in others),
            tuple(List(resource, sync.key) for resource in kinds),
        ),
        memory=msgspec.structs.replace(progress, stage="all", left=()),
        again_at_ms=sync.now_ms,
        tolerated=_HARMLESS,
    )


def _after_all(sync: Sync, doc: Document, progress: Progress) -> Plan:
    found = remains(progress.left, _estimate(sync, doc, progress))
    said = problems(sync.key, found, _kinds(sync))
    if found.left:
        return _later(sync, doc, progress, said, found.estimate_seconds)
    told = _told(doc, said, sync.now_ms)
    finalizers = tuple(one for one in elements(doc, "spec", "finalizers") if one != FINALIZER)
    free = with_value(
        without(doc, ("metadata", "resourceVersion")), ("spec", "finalizers"), finalizers
    )
    let_go = Update("namespaces", "", sync.key, free, subresource="finalize")
    memory = Progress(progress.version, _earlier(progress, sync.now_ms + SETTLE_MS))
    return _rest(memory, (*told, (let_go,)))


def _later(
    sync: Sync,
    doc: Document,
    progress: Progress,
    said: tuple[Problem, ...],
    estimate_seconds: int,
) -> Plan:
    """Tell what is left and come back: soon if it should have gone, else when it may have."""
    if said and any(problem.reason == "ContentDeletionFailed" for problem in said):
        failures = progress.failures + 1
        wait_ms = min(FIRST_RETRY_MS << min(progress.failures, 30), LONGEST_RETRY_MS)
    else:
        failures, wait_ms = 0, (estimate_seconds // 2 + 1) * 1_000
    due_ms = _earlier(progress, sync.now_ms + wait_ms)
    return _rest(
        Progress(progress.version, due_ms, failures=failures), _told(doc, said, sync.now_ms)
    )


def _told(doc: Document, said: tuple[Problem, ...], now_ms: int) -> tuple[Batch, ...]:
    """The write of the conditions, if they say anything new."""
    current = children(doc, "status", "conditions")
    conditions = updated(current, said, now_ms)
    if conditions == current:
        return ()
    new = with_value(doc, ("status", "conditions"), conditions)
    return ((Update("namespaces", "", text(doc, "metadata", "name"), new, subresource="status"),),)
