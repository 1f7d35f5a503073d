"""What to do about one DaemonSet: adopt, remember its template, look after nodes, roll, count.

One look makes one step: pods on nodes, or else a step of the rolling update, or else the status.
Upstream counts at the end of a look, with what its caches show by then of the pods that it has just
made; here the look after that one counts them.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (syncDaemonSet).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared import claims
from kelm.core.controllers.shared.claims import Claims
from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.controllers.shared.pods import next_availability_ms
from kelm.core.controllers.shared.slow_start import batch_sizes
from kelm.core.controllers.workloads.daemonset.fit import fits_of
from kelm.core.controllers.workloads.daemonset.history import REVISIONS, History, find, to_forget
from kelm.core.controllers.workloads.daemonset.manage import Found, manage
from kelm.core.controllers.workloads.daemonset.memory import Memory, memory_of
from kelm.core.controllers.workloads.daemonset.rolling import Changes, rolling_update
from kelm.core.controllers.workloads.daemonset.scene import Scene, by_target
from kelm.core.controllers.workloads.daemonset.status import count
from kelm.core.controllers.workloads.daemonset.template import HASH, common_pod, pod_for
from kelm.core.objects.daemon_set import DaemonSet, DaemonSetStatus, daemon_set
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.effects.commands import Command, Create, Delete, Get, Patch, RecordEvent, Update
from kelm.effects.document import Document, child
from kelm.effects.refusals import Reason

DAEMON_SETS = "daemonsets.apps"
COMPONENT = "daemonset-controller"
BURST = 250
"""How many pods are made or deleted in one look. Source: BurstReplicas."""


class Look(msgspec.Struct, frozen=True):
    """A set, what belongs to it, and what there is to do on its nodes."""

    one: DaemonSet
    owned: Claims
    revisions: Claims
    history: History
    pods: tuple[Pod, ...]
    scene: Scene
    found: Found
    memory: Memory


def reconcile(sync: Sync) -> Plan:
    """Decide about one DaemonSet; one that is being deleted is left to the garbage collector."""
    doc = sync.caches[DAEMON_SETS].get(sync.key)
    if doc is None or metadata(doc).deletion_timestamp is not None:
        return Plan()
    look = _look(daemon_set(doc), sync)
    if (look.owned.adopt or look.revisions.adopt) and not look.memory.may_adopt:
        return _ask_before_adopting(look)
    if look.history.collides:
        return Plan((_count_collision(look.one),), look.memory)
    return _plan(look)


def status_of(sync: Sync) -> Batch:
    """The request that writes what is counted now; none if it says what is written already."""
    doc = sync.caches[DAEMON_SETS].get(sync.key)
    return () if doc is None else _status(_look(daemon_set(doc), sync))


def _look(one: DaemonSet, sync: Sync) -> Look:
    memory, meta, stored = memory_of(sync), one.metadata, sync.caches[REVISIONS]
    owned, revisions = (
        claims.claim(
            meta,
            one.selector,
            cache.select("owner", meta.uid),
            cache.select("orphan", meta.namespace),
        )
        for cache in (sync.caches["pods"], stored)
    )
    history = find(one, (*revisions.keep, *revisions.adopt), stored)
    pods = tuple(pod(doc) for doc in (*owned.keep, *owned.adopt))
    fits = fits_of(one, sync.caches["nodes"], memory.fits)
    by_name = {name: seen.fit for name, seen in fits.by_name.items()}
    scene = Scene(one, history.hashed, by_name, by_target(pods), sync.now_ms)
    seen_generation = one.status.observed_generation
    backoffs = memory.backoffs if memory.generation == seen_generation else {}
    found = manage(scene, backoffs)
    now = msgspec.structs.replace(
        memory, fits=fits, generation=seen_generation, backoffs=found.backoffs
    )
    return Look(one, owned, revisions, history, pods, scene, found, now)


def _ask_before_adopting(look: Look) -> Plan:
    """Ask the API itself for the set, and look again when the belief is as new as that.

    Source: pkg/controller/controller_ref_manager.go, RecheckDeletionTimestamp.
    """
    meta = look.one.metadata
    question = Get(DAEMON_SETS, meta.namespace, meta.name)
    before = msgspec.structs.replace(look.memory, may_adopt=True, backoffs={})
    return Plan(((question,),), before, again_at_ms=look.scene.now_ms)


def _count_collision(one: DaemonSet) -> Batch:
    """Note that a revision's name is taken; the next look has another hash."""
    count = (one.status.collision_count or 0) + 1
    return _written(one, msgspec.structs.replace(one.status, collision_count=count))


def _plan(look: Look) -> Plan:
    failures, scene = look.memory.failures, look.scene
    changes = Changes(look.found.create, look.found.delete)
    if look.one.rolling and not changes.create and not changes.delete:
        changes = rolling_update(scene)
    first: Batch = (*_news(look), *_taken(look))
    status = _status(look)
    deeds = _deeds(look, changes)
    # What was just made is counted by the look that sees it.
    last = [] if deeds else [status]
    batches = [first, status, *deeds] if failures else [first, *_revision(look), *deeds, *last]
    batches.append(_forgotten(look))
    creates = bool(changes.create) or look.history.made
    return Plan(
        batches=tuple(batch for batch in batches if batch),
        memory=msgspec.structs.replace(look.memory, created=(), failures=(), may_adopt=False),
        again_at_ms=_again_ms(look),
        tolerated=frozenset() if creates else frozenset({Reason.NOT_FOUND}),
    )


def _again_ms(look: Look) -> int | None:
    seconds, now_ms = look.one.min_ready_seconds, look.scene.now_ms
    times = (next_availability_ms(look.pods, seconds, now_ms), look.found.waiting_until_ms)
    return min((at_ms for at_ms in times if at_ms is not None), default=None)


def _taken(look: Look) -> list[Command]:
    """Patches that adopt what nobody controls and release what is no longer selected."""
    owner = look.one.metadata.uid
    return [
        command
        for resource, claimed in ((REVISIONS, look.revisions), ("pods", look.owned))
        for command in (
            *(claims.adoption(resource, doc, look.one.doc) for doc in claimed.adopt),
            *(claims.release(resource, doc, owner) for doc in claimed.release),
        )
    ]


def _revision(look: Look) -> list[Batch]:
    """The requests for the revision of the present template."""
    history, namespace = look.history, look.one.metadata.namespace
    batches: list[Batch] = []
    name = metadata(history.current).name
    if history.made:
        batches.append((Create(REVISIONS, namespace, history.current),))
    if history.doubles:
        batches.append(_relabelled(look))
        batches.append(_deletions(history.doubles))
    if history.renumbered:
        number = Document(revision=history.current.get("revision"))
        batches.append((Patch(REVISIONS, namespace, name, number),))
    return batches


def _relabelled(look: Look) -> Batch:
    """Pods of a revision that there are two of get the label of the one that stays."""
    label = Document(metadata=Document(labels=Document({HASH: look.history.hashed})))
    doubles = {child(doc, "metadata", "labels").get(HASH) for doc in look.history.doubles}
    return tuple(
        Patch("pods", each.metadata.namespace, each.metadata.name, label)
        for each in look.pods
        if (each.metadata.labels or {}).get(HASH) in doubles
    )


def _deletions(docs: tuple[Document, ...]) -> Batch:
    gone = (metadata(doc) for doc in docs)
    return tuple(Delete(REVISIONS, meta.namespace, meta.name, uid=meta.uid) for meta in gone)


def _deeds(look: Look, changes: Changes) -> list[Batch]:
    """Create few pods at first, then more; then delete, and tell of it."""
    namespace = look.one.metadata.namespace
    nodes, doomed = changes.create[:BURST], changes.delete[:BURST]
    batches: list[Batch] = []
    if nodes:
        common = common_pod(look.one, look.history.hashed)
        start = 0
        for size in batch_sizes(len(nodes)):
            part = nodes[start : start + size]
            batches.append(tuple(Create("pods", namespace, pod_for(common, n)) for n in part))
            start += size
    if doomed:
        metas = [each.metadata for each in doomed]
        batches.append(tuple(Delete("pods", namespace, meta.name, uid=meta.uid) for meta in metas))
        told = (f"Deleted pod: {meta.name}" for meta in metas)
        batches.append(tuple(_event(look, NORMAL, "SuccessfulDelete", words) for words in told))
    return batches


def _status(look: Look) -> Batch:
    """The request that writes the status, none if it says what is written already."""
    old = look.one.status
    new: DaemonSetStatus = count(look.scene, old.collision_count)
    seen = max(new.observed_generation, old.observed_generation)
    new = msgspec.structs.replace(new, observed_generation=seen)
    return () if new == old else _written(look.one, new)


def _written(one: DaemonSet, status: DaemonSetStatus) -> Batch:
    written = status.document(child(one.doc, "status"))
    doc, meta = Document({**one.doc, "status": written}), one.metadata
    return (Update(DAEMON_SETS, meta.namespace, meta.name, doc, subresource="status"),)


def _forgotten(look: Look) -> Batch:
    """Deletions of what is beyond the revision history."""
    return _deletions(to_forget(look.one, look.history, look.pods))


def _news(look: Look) -> list[RecordEvent]:
    """Events about what became of the last plan, and about pods that have ended."""
    memory = look.memory
    found = [
        _event(look, NORMAL, "SuccessfulCreate", f"Created pod: {name}") for name in memory.created
    ]
    found += [_event(look, WARNING, each.reason, each.event) for each in memory.failures]
    for node, ended in look.found.ended:
        failed = ended.status.phase == "Failed"
        severity: Severity = WARNING if failed else NORMAL
        reason, verb = ("FailedDaemonPod", "kill") if failed else ("SucceededDaemonPod", "delete")
        what = f"Found {ended.status.phase.lower()} daemon pod {ended.metadata.key}"
        found.append(
            _event(look, severity, reason, f"{what} on node {node}, will try to {verb} it")
        )
    return found


def _event(look: Look, severity: Severity, reason: str, message: str) -> RecordEvent:
    return event(look.one.doc, DAEMON_SETS, COMPONENT, severity, reason, message)
