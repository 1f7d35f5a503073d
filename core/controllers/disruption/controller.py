"""The disruption controller: it keeps the status of disruption budgets in step with their pods.

It also takes back what it can see did not happen: a pod marked as a disruption's target that is
neither deleted nor failed two minutes later is no longer one.

Source: kubernetes v1.36, pkg/controller/disruption/disruption.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from kelm.core.controllers.disruption import budget as rules
from kelm.core.controllers.disruption.scales import CONTROLLERS, scale_of
from kelm.core.controllers.shared.pod_disruption import DISRUPTION_TARGET, status_patch
from kelm.core.objects.meta import labels_of
from kelm.core.objects.pod import Pod, pod, status_of
from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.objects.time import format_time, parse_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, ObjectRef, Resource, key_of
from kelm.effects.commands import Command, RecordEvent, Update
from kelm.effects.document import Document, child, children, text, value_at, with_values
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

BUDGETS = "poddisruptionbudgets.policy"
STALE_MS = 120_000
_POD = "pod/"


class DisruptionController(msgspec.Struct, frozen=True):
    """The controller. Keys: budgets (`default/web`), and `pod/default/web-1` for stale marks."""

    name: str = "disruption-controller"
    watches: tuple[Watch, ...] = (
        Watch(BUDGETS),
        Watch("pods"),
        *(Watch(resource) for resource in CONTROLLERS.values()),
    )
    workers: int = 4

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == BUDGETS:
            return (change.key,) if change.new is not None else ()
        return _after_pod(caches, change) if resource == "pods" else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for doc in caches[BUDGETS].objects():
            yield _key(doc)
        for doc in caches["pods"].objects():
            if _target(doc) is not None:
                yield _POD + _key(doc)

    def reconcile(self, sync: Sync) -> Plan:
        if sync.key.startswith(_POD):
            return _unmark(sync)
        doc = sync.caches[BUDGETS].get(sync.key)
        return Plan() if doc is None else _budget(sync, doc)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _key(doc: Document) -> Key:
    meta = child(doc, "metadata")
    return key_of(text(meta, "namespace"), text(meta, "name"))


def _after_pod(caches: Caches, change: Change) -> Iterable[Key]:
    """The budgets that select the pod as it is or was, if it matters to them."""
    old, new = change.old, change.new
    keys = []
    if new is not None and _target(new) is not None:
        keys.append(_POD + change.key)
    if not len(caches[BUDGETS]) or not _matters(old, new):
        return keys
    namespace = change.key.partition("/")[0]
    for doc in caches[BUDGETS].select("namespace", namespace):
        chosen = _selector(doc)
        if any(one is not None and chosen.matches(labels_of(one)) for one in (old, new)):
            keys.append(_key(doc))
    return keys


def _matters(old: Document | None, new: Document | None) -> bool:
    if old is None or new is None:
        return True
    before, after = pod(old), pod(new)
    return (
        before.ready != after.ready
        or before.metadata.deletion_timestamp != after.metadata.deletion_timestamp
        or before.metadata.labels != after.metadata.labels
        or before.metadata.owner_references != after.metadata.owner_references
    )


def _selector(doc: Document) -> Selector:
    found = value_at(doc, "spec", "selector")
    return selector_of(found if isinstance(found, Document) else None)


def _selected(caches: Caches, doc: Document) -> tuple[Pod, ...]:
    chosen, namespace = _selector(doc), text(doc, "metadata", "namespace")
    return tuple(
        pod(one)
        for one in caches["pods"].select("namespace", namespace)
        if chosen.matches(labels_of(one))
    )


def _budget(sync: Sync, doc: Document) -> Plan:
    pods = _selected(sync.caches, doc)
    spec = child(doc, "spec")
    commands: list[Command] = []
    if not pods and sync.memory != "no pods":
        commands.append(_event(doc, "Normal", "NoPods", "No matching pods found"))
    memory = None if pods else "no pods"
    scales: list[rules.Scale] = []
    if rules.needs_scales(spec):
        for one in pods:
            scale = scale_of(sync.caches, one)
            if scale is not None:
                scales.append(scale)
            elif one.metadata.controller is not None:
                return _failed(sync, doc, one)
    wanted = rules.expected(spec, len(pods), scales)
    evicted, stuck, again_at_ms = rules.still_disrupted(
        rules.disrupted_pods(doc), pods, sync.now_ms
    )
    commands.extend(_not_deleted(doc, one) for one in stuck)
    counts = rules.numbers(wanted, rules.healthy(pods, evicted))
    status = rules.status(doc, counts, evicted, sync.now_ms)
    if status is not None:
        commands.append(_update(doc, status))
    batches = (tuple(commands),) if commands else ()
    return Plan(batches, memory, None if again_at_ms is None else again_at_ms + 1)


def _failed(sync: Sync, doc: Document, one: Pod) -> Plan:
    """Nobody knows how many pods there should be: allow nothing, and try again."""
    message = f'found no controllers for pod "{one.metadata.name}"'
    status = rules.failed_status(doc, message, sync.now_ms)
    said = f"Failed to calculate the number of expected pods: {message}"
    event = _event(doc, "Warning", "CalculateExpectedPodCountFailed", said)
    batches: tuple[tuple[Command, ...], ...] = ((event, _update(doc, status)),) if status else ()
    return Plan(batches, again_at_ms=sync.now_ms + 1_000)


def _update(doc: Document, status: Document) -> Update:
    meta = child(doc, "metadata")
    new = with_values(doc, [("status", status)])
    return Update(BUDGETS, text(meta, "namespace"), text(meta, "name"), new, subresource="status")


def _event(
    doc: Document, level: Literal["Normal", "Warning"], reason: str, message: str
) -> RecordEvent:
    meta = child(doc, "metadata")
    namespace, name, uid = (text(meta, field) for field in ("namespace", "name", "uid"))
    return RecordEvent(
        regarding=ObjectRef(BUDGETS, namespace, name, uid),
        regarding_kind="PodDisruptionBudget",
        regarding_api_version="policy/v1",
        type=level,
        reason=reason,
        message=message,
        component="controllermanager",
    )


def _not_deleted(doc: Document, one: Pod) -> RecordEvent:
    meta = one.metadata
    return RecordEvent(
        regarding=ObjectRef("pods", meta.namespace, meta.name, meta.uid),
        regarding_kind="Pod",
        regarding_api_version="v1",
        type="Warning",
        reason="NotDeleted",
        message=f"Pod was expected by PDB {_key(doc)} to be deleted but it wasn't",
        component="controllermanager",
    )


def _target(doc: Document) -> Document | None:
    """A pod's DisruptionTarget condition, where it may turn out to be stale."""
    if status_of(doc).condition(DISRUPTION_TARGET) is None:
        return None
    for condition in children(doc, "status", "conditions"):
        if condition.get("type") == DISRUPTION_TARGET and condition.get("status") == "True":
            is_stale = pod(doc).active and condition.get("reason") != "TerminationByKubelet"
            return condition if is_stale else None
    return None


def _unmark(sync: Sync) -> Plan:
    """Take the mark off a pod that was not disrupted after all."""
    doc = sync.caches["pods"].get(sync.key.removeprefix(_POD))
    condition = None if doc is None else _target(doc)
    if doc is None or condition is None:
        return Plan()
    stale_ms = parse_time(text(condition, "lastTransitionTime")) + STALE_MS
    if sync.now_ms < stale_ms:
        return Plan(again_at_ms=stale_ms)
    now = format_time(sync.now_ms)
    gone = Document(
        type=DISRUPTION_TARGET, status="False", lastTransitionTime=now, reason=None, message=None
    )
    return Plan(((status_patch(pod(doc), {}, gone),),))
