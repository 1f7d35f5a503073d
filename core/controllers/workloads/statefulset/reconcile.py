"""What to do about one StatefulSet: whose is what, which revisions, the next step, the status.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set.go (sync, syncStatefulSet),
stateful_set_control.go (UpdateStatefulSet).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared import claims
from kelm.core.controllers.shared.claims import Claims
from kelm.core.controllers.shared.pods import next_availability_ms
from kelm.core.controllers.workloads.statefulset import history
from kelm.core.controllers.workloads.statefulset.draft import Draft
from kelm.core.controllers.workloads.statefulset.history import REVISIONS, Found
from kelm.core.controllers.workloads.statefulset.identity import (
    ordinal_of,
    parent_and_ordinal,
    pod_name,
)
from kelm.core.controllers.workloads.statefulset.memory import (
    STATEFUL_SETS,
    Memory,
    failure_event,
    memory_of,
)
from kelm.core.controllers.workloads.statefulset.prefix import Prefix, growing, prefix_of
from kelm.core.controllers.workloads.statefulset.status import Revisions, completed, count, differs
from kelm.core.controllers.workloads.statefulset.step import IsStale, Step, next_step, walk
from kelm.core.controllers.workloads.statefulset.storage import CLAIMS, claims_are_stale
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.stateful_set import StatefulSet, StatefulSetStatus, stateful_set
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Create, Delete, Get, Patch, Update
from kelm.effects.document import Document
from kelm.effects.refusals import Reason


class Look(msgspec.Struct, frozen=True):
    """A set, what belongs to it, and the revisions that it has or is to have."""

    one: StatefulSet
    claimed: Claims
    adopted_revisions: tuple[Document, ...]
    pods: tuple[Pod, ...]
    found: Found
    sync: Sync

    @property
    def revisions(self) -> Revisions:
        return Revisions(metadata(self.found.current).name, metadata(self.found.update).name)


def reconcile(sync: Sync, *, max_unavailable: bool) -> Plan:
    """Decide about one StatefulSet."""
    doc = sync.caches[STATEFUL_SETS].get(sync.key)
    if doc is None:
        return Plan()
    one, memory = stateful_set(doc), memory_of(sync)
    grown = _grown(one, memory, sync)
    if grown is not None:
        return grown
    look = _look(one, sync)
    if (look.claimed.adopt or look.adopted_revisions) and not memory.may_adopt:
        return _ask_before_adopting(one, memory, sync.now_ms)
    return _plan(look, memory, _step(look, max_unavailable=max_unavailable))


def _grown(one: StatefulSet, memory: Memory, sync: Sync) -> Plan | None:
    """The plan of a set of which only the end has to be looked at; None for all others."""
    if memory.prefix is None or memory.failures or memory.may_adopt:
        return None
    owned, found = _revisions(one, sync)
    if owned.adopt or owned.release:
        return None
    draft = Draft(one, sync.caches[CLAIMS], told=memory.hindered)
    now = growing(one, memory.prefix, found, sync, draft.is_whole, _staleness(one, sync))
    if now is None:
        return None
    for group in now.groups:
        draft = draft.act(group, found)
    revisions = Revisions(now.prefix.revision, now.prefix.revision)
    whole = now.prefix.length
    status = count(one, now.next_pod, revisions, found.collisions, sync.now_ms, whole)
    draft = draft.ask(_written(one, completed(one, status)))
    return _ended(draft, None, now.prefix)


def _ended(draft: Draft, again_ms: int | None, prefix: Prefix | None) -> Plan:
    batches = draft.finished()
    creates = any(isinstance(command, Create) for batch in batches for command in batch)
    known = Memory(hindered=draft.hindered, prefix=prefix)
    return Plan(
        batches,
        known if draft.hindered or prefix is not None else None,
        again_at_ms=again_ms,
        tolerated=frozenset() if creates else frozenset({Reason.NOT_FOUND}),
    )


def _revisions(one: StatefulSet, sync: Sync) -> tuple[Claims, Found]:
    """The revisions that are a set's, and those that it has or is to have."""
    meta, stored = one.metadata, sync.caches[REVISIONS]
    owned = claims.claim(
        meta,
        one.selector,
        stored.select("owner", meta.uid),
        stored.select("orphan", meta.namespace),
    )
    found = history.find(
        one,
        (*owned.keep, *owned.adopt),
        lambda name: stored.get(key_of(meta.namespace, name)),
    )
    return owned, found


def _look(one: StatefulSet, sync: Sync) -> Look:
    meta, pods = one.metadata, sync.caches["pods"]
    claimed = claims.claim(
        meta,
        one.selector,
        pods.select("owner", meta.uid),
        pods.select("orphan", meta.namespace),
        named=lambda name: parent_and_ordinal(name)[0] == meta.name,
    )
    revisions, found = _revisions(one, sync)
    members = tuple(pod(doc) for doc in (*claimed.keep, *claimed.adopt))
    return Look(one, claimed, revisions.adopt, members, found, sync)


def _ask_before_adopting(one: StatefulSet, memory: Memory, now_ms: int) -> Plan:
    """Ask the API itself for the set, and look again when the belief is as new as that.

    Source: pkg/controller/controller_ref_manager.go, RecheckDeletionTimestamp.
    """
    question = Get(STATEFUL_SETS, one.metadata.namespace, one.metadata.name)
    asked = msgspec.structs.replace(memory, may_adopt=True)
    return Plan(((question,),), asked, again_at_ms=now_ms)


def _step(look: Look, *, max_unavailable: bool) -> Step:
    is_stale = _staleness(look.one, look.sync)
    seen = walk(look.one, look.pods, look.revisions, look.sync.now_ms, is_stale)
    return next_step(seen, max_unavailable=max_unavailable)


def _staleness(one: StatefulSet, sync: Sync) -> IsStale:
    """What says whether the missing pod of an ordinal must wait for an old pod's claims to go."""
    volumes, pods = sync.caches[CLAIMS], sync.caches["pods"]

    def is_stale(ordinal: int) -> bool:
        name = pod_name(one.metadata.name, ordinal)
        present = pods.get(key_of(one.metadata.namespace, name))
        uid = metadata(present).uid if present is not None else ""
        return claims_are_stale(one, name, uid, volumes)

    return is_stale


def _plan(look: Look, memory: Memory, step: Step) -> Plan:
    """The requests, in upstream's order. What was refused is told and counted first."""
    one, now_ms = look.one, look.sync.now_ms
    draft = Draft(one, look.sync.caches[CLAIMS], told=memory.hindered)
    draft = draft.tell(*(failure_event(one, failure) for failure in memory.failures))
    if memory.failures:
        draft = draft.ask(_status(look, Step()))
    draft = draft.ask(_taken(look)).ask(_revision(look))
    for group in step.groups:
        draft = draft.act(group, look.found)
    if not memory.failures:
        draft = draft.ask(_status(look, step))
    draft = draft.ask(_forgotten(look))
    again_ms = next_availability_ms(look.pods, one.min_ready_seconds, now_ms)
    usual = not (look.claimed.adopt or look.claimed.release)
    prefix = prefix_of(one, look.found, look.pods, look.sync, draft.is_whole) if usual else None
    return _ended(draft, again_ms, prefix)


def _taken(look: Look) -> list[Command]:
    """Patches that adopt what nobody controls and release what is no longer a member."""
    one, claimed = look.one, look.claimed
    return [
        *(claims.adoption(REVISIONS, doc, one.doc) for doc in look.adopted_revisions),
        *(claims.adoption("pods", doc, one.doc) for doc in claimed.adopt),
        *(claims.release("pods", doc, one.metadata.uid) for doc in claimed.release),
    ]


def _revision(look: Look) -> list[Command]:
    """The request for the revision of the present template, where it is new or comes back."""
    found, namespace = look.found, look.one.metadata.namespace
    if found.made:
        return [Create(REVISIONS, namespace, found.update)]
    if found.renumbered:
        name, number = metadata(found.update).name, found.update.get("revision")
        return [Patch(REVISIONS, namespace, name, Document(revision=number))]
    return []


def _status(look: Look, step: Step) -> list[Command]:
    """The request that writes the status, none if it says what is written already."""
    one = look.one
    pods = look.pods if one.leaving else [each for each in look.pods if ordinal_of(each) >= 0]
    now_ms = look.sync.now_ms
    status: StatefulSetStatus = count(one, pods, look.revisions, look.found.collisions, now_ms)
    left = status.current_replicas - step.replaced
    return _written(one, completed(one, msgspec.structs.replace(status, current_replicas=left)))


def _written(one: StatefulSet, status: StatefulSetStatus) -> list[Command]:
    """The request that writes a status, none if it says what is written already."""
    if not differs(one, status):
        return []
    doc, meta = Document({**one.doc, "status": status.document()}), one.metadata
    return [Update(STATEFUL_SETS, meta.namespace, meta.name, doc, subresource="status")]


def _forgotten(look: Look) -> list[Command]:
    """Deletions of what is beyond the revision history."""
    unused = (metadata(doc) for doc in history.to_forget(look.one, look.found, look.pods))
    return [Delete(REVISIONS, meta.namespace, meta.name, uid=meta.uid) for meta in unused]
