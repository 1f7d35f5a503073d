"""What to do about one ReplicaSet: adopt and release, create or delete, say how it stands.

The order of one look is upstream's: first whose pods are whose; then, with the pods that there
were before, make what is missing (few at first, see `slow_start`) or delete what is too much; last
write the status as it was before that. What was made shows in the next look's status.

Upstream notices a refusal in the middle of a look and writes it into the status at its end. Here a
refusal ends the plan, so the next look tells of it, and does so before it tries again.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared import claims
from kelm.core.controllers.shared.deletion_order import pods_to_delete
from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.controllers.shared.pods import pod_from_template
from kelm.core.controllers.shared.slow_start import batch_sizes
from kelm.core.controllers.workloads.replicaset.kinds import Kind
from kelm.core.controllers.workloads.replicaset.look import Look, look_at
from kelm.core.controllers.workloads.replicaset.memory import Memory
from kelm.core.controllers.workloads.replicaset.related import related_pods
from kelm.core.controllers.workloads.replicaset.status import calculate_status
from kelm.core.controllers.workloads.replicaset.tally import STRANGER
from kelm.core.objects.meta import owner_reference
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.effects.commands import Create, Delete, Get, Patch, RecordEvent, Update
from kelm.effects.document import Document, value_at
from kelm.effects.refusals import Reason

BURST = 500
"""How many pods are made or deleted in one look. Source: replica_set.go, BurstReplicas."""


def reconcile(kind: Kind, burst: int, sync: Sync) -> Plan:
    """Decide about one ReplicaSet."""
    doc = sync.caches[kind.resource].get(sync.key)
    if doc is None:
        return Plan()
    look = look_at(kind, doc, sync)
    if look.orphans and not look.memory.may_adopt:
        return _ask_before_adopting(look)
    failed = bool(look.memory.failures) and look.surplus != 0
    managed = _managed(look, burst, sync) if look.up_to_date else []
    status = _status(look, failed)
    first: Batch = (*_news(look), *_claimed(look))
    batches = [first, status, *managed] if failed else [first, *managed, status]
    return Plan(
        batches=tuple(batch for batch in batches if batch),
        memory=Memory(look.counted, look.memory.awaited),
        again_at_ms=look.again_ms,
        tolerated=frozenset({Reason.NOT_FOUND}) if look.surplus > 0 else frozenset(),
        instead=() if failed else tuple(map(_anyhow, status)),
    )


def _ask_before_adopting(look: Look) -> Plan:
    """Ask the API itself for the ReplicaSet, and look again when the belief is as new as that.

    Who adopts for an owner that is being deleted hands pods over to the garbage collector.

    Source: pkg/controller/controller_ref_manager.go, RecheckDeletionTimestamp.
    """
    meta = look.one.metadata
    memory = msgspec.structs.replace(look.memory, counted=look.counted, may_adopt=True)
    question = Get(look.kind.resource, meta.namespace, meta.name)
    return Plan(((question,),), memory, again_at_ms=look.now_ms)


def _claimed(look: Look) -> Batch:
    """Patches that adopt what nobody controls and release what is no longer selected."""
    one = look.one
    adopted = tuple(claims.adoption("pods", each.doc, one.doc) for each in look.orphans)
    if look.leaving or not look.counted.tally.strangers:
        return adopted
    strangers = look.owned(STRANGER)
    released = tuple(claims.release("pods", each.doc, one.metadata.uid) for each in strangers)
    return (*adopted, *released)


def _managed(look: Look, burst: int, sync: Sync) -> list[Batch]:
    """The batches that bring the number of pods nearer to what is wanted."""
    if look.surplus < 0:
        sizes = batch_sizes(min(-look.surplus, burst))
        return [(_creation(look),) * size for size in sizes]
    return _deletion(look, min(look.surplus, burst), sync) if look.surplus else []


def _creation(look: Look) -> Create:
    """The request for one missing pod; all are equal, the API gives them their names."""
    one = look.one
    new = pod_from_template(one.metadata.name, one.template, owner_reference(one.doc))
    return Create("pods", one.metadata.namespace, new)


def _deletion(look: Look, count: int, sync: Sync) -> list[Batch]:
    active = look.active
    related = related_pods(sync.caches, look.kind, look.one) if count < len(active) else ()
    doomed = [each.metadata for each in pods_to_delete(active, related, count, look.now_ms)]
    deletes = tuple(Delete("pods", each.namespace, each.name, uid=each.uid) for each in doomed)
    told = (f"Deleted pod: {each.name}" for each in doomed)
    return [deletes, tuple(_event(look, NORMAL, "SuccessfulDelete", words) for words in told)]


def _status(look: Look, failed: bool) -> tuple[Update, ...]:
    """The request that writes the status, none if it says what is written already."""
    one = look.one
    status = calculate_status(
        one,
        look.tally,
        look.available,
        look.memory.failures[0].message if failed else "",
        look.now_ms,
        counts_terminating=look.kind.counts_terminating,
    )
    if status == one.status:
        return ()
    doc = Document({**one.doc, "status": status.document()})
    meta = one.metadata
    return (Update(look.kind.resource, meta.namespace, meta.name, doc, subresource="status"),)


def _anyhow(update: Update) -> Patch:
    """The same status for whatever has become of the ReplicaSet, but not for a namesake.

    Source: pkg/controller/replicaset/replica_set_utils.go, updateReplicaSetStatus, which asks for
    the newest version and tries once more.
    """
    steps = (
        Document(op="test", path="/metadata/uid", value=value_at(update.object, "metadata", "uid")),
        Document(op="add", path="/status", value=update.object["status"]),
    )
    return Patch(update.resource, update.namespace, update.name, steps, "json", "status")


def _news(look: Look) -> tuple[RecordEvent, ...]:
    """Events about what became of the last plan: pods made, requests refused."""
    memory = look.memory
    told = (f"Created pod: {name}" for name in memory.created)
    created = tuple(_event(look, NORMAL, "SuccessfulCreate", words) for words in told)
    refused = tuple(_event(look, WARNING, each.reason, each.event) for each in memory.failures)
    return created + refused


def _event(look: Look, severity: Severity, reason: str, message: str) -> RecordEvent:
    kind = look.kind
    return event(look.one.doc, kind.resource, kind.controller, severity, reason, message)
