"""What to do about one Deployment: which step of its rollout, pause or resize comes next.

One look makes one step: let the new ReplicaSet grow, or else the old ones shrink, or else clean up;
and write what there is into the status. The ReplicaSets' own statuses call for the next look.
Where upstream's sync ends with a conflict, so does this (see `draft`).

Source: kubernetes v1.36, pkg/controller/deployment/deployment_controller.go (syncDeployment),
sync.go, rolling.go, recreate.go, progress.go.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.controllers.shared import claims, conditions
from kelm.core.controllers.shared.claims import Claims
from kelm.core.controllers.shared.events import WARNING
from kelm.core.controllers.workloads.deployment import finding, progress, rolling, scaling
from kelm.core.controllers.workloads.deployment.draft import DEPLOYMENTS, REPLICA_SETS, Draft
from kelm.core.controllers.workloads.deployment.history import to_forget
from kelm.core.controllers.workloads.deployment.memory import FORGOTTEN, Memory
from kelm.core.controllers.workloads.deployment.recreate import old_pods_running, shrink_all
from kelm.core.controllers.workloads.deployment.replica_sets import ReplicaSets, active, split
from kelm.core.controllers.workloads.deployment.status import (
    PROGRESSING,
    calculate_status,
    condition,
)
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.workloads import (
    RECREATE,
    Deployment,
    DeploymentStatus,
    ReplicaSet,
    deployment,
    replica_set,
)
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.commands import Create, Get
from kelm.effects.refusals import Reason

PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"


class Rollout(msgspec.Struct, frozen=True):
    """A draft and what its step may depend on.

    new: the ReplicaSet of the present template, None if there is none. old: all others.
    """

    draft: Draft
    new: ReplicaSet | None
    old: ReplicaSets
    sync: Sync
    memory: Memory

    @property
    def deployment(self) -> Deployment:
        return self.draft.deployment

    @property
    def sets(self) -> ReplicaSets:
        return (*self.old, self.new) if self.new else self.old


def reconcile(sync: Sync) -> Plan:
    """Decide about one Deployment."""
    doc = sync.caches[DEPLOYMENTS].get(sync.key)
    if doc is None:
        return Plan()
    one = deployment(doc)
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    if one.selector.everything:
        return _plan(_refuse_to_select_all(Draft(one)))
    claimed = _claimed(one, sync)
    if claimed.adopt and not memory.may_adopt:
        return _ask_before_adopting(one, memory, sync.now_ms)
    return _plan(_stepped(_rollout(one, claimed, memory, sync)))


def _plan(draft: Draft) -> Plan:
    batches = draft.finished()
    creates = any(isinstance(command, Create) for batch in batches for command in batch)
    tolerated = frozenset() if creates else frozenset({Reason.NOT_FOUND})
    return Plan(batches, None, draft.again_ms, tolerated, draft.attempt)


def _refuse_to_select_all(draft: Draft) -> Draft:
    words = "This deployment is selecting all pods. A non-empty selector is required."
    draft = draft.tell("SelectingAll", words, WARNING)
    one = draft.deployment
    if one.status.observed_generation >= one.metadata.generation:
        return draft
    seen = one.metadata.generation
    return draft.write(msgspec.structs.replace(one.status, observed_generation=seen))


def _claimed(one: Deployment, sync: Sync) -> Claims:
    sets, meta = sync.caches[REPLICA_SETS], one.metadata
    owned, orphans = sets.select("owner", meta.uid), sets.select("orphan", meta.namespace)
    return claims.claim(meta, one.selector, owned, orphans)


def _ask_before_adopting(one: Deployment, memory: Memory, now_ms: int) -> Plan:
    """Ask the API itself for the Deployment, and look again when the belief is as new as that.

    Source: pkg/controller/controller_ref_manager.go, RecheckDeletionTimestamp.
    """
    question = Get(DEPLOYMENTS, one.metadata.namespace, one.metadata.name)
    asked = msgspec.structs.replace(memory, may_adopt=True)
    return Plan(((question,),), asked, again_at_ms=now_ms)


def _rollout(one: Deployment, claimed: Claims, memory: Memory, sync: Sync) -> Rollout:
    adopted = tuple(claims.adoption(REPLICA_SETS, doc, one.doc) for doc in claimed.adopt)
    released = tuple(claims.release(REPLICA_SETS, doc, one.metadata.uid) for doc in claimed.release)
    draft = Draft(one).adopted((*adopted, *released))
    new, old = split(one, [replica_set(doc) for doc in (*claimed.keep, *claimed.adopt)])
    return Rollout(draft, new, old, sync, memory)


def _stepped(rollout: Rollout) -> Draft:
    """The one step that is due. Source: deployment_controller.go, syncDeployment."""
    one = rollout.deployment
    if one.metadata.deletion_timestamp is not None:
        return _plain_status(_in_line(rollout))
    rollout = _with(rollout, _pause_told(rollout.draft, rollout.sync.now_ms))
    if one.paused:
        return _resized(_in_line(rollout))
    changed = _in_line(rollout)
    if changed.draft.kept:
        # Upstream looks twice, and the second time at the ReplicaSet as it was before.
        return changed.draft
    if scaling.is_scaling_event(one, changed.sets):
        return _resized(changed)
    return _recreated(changed) if one.strategy == RECREATE else _rolled(changed)


def _with(rollout: Rollout, draft: Draft) -> Rollout:
    return msgspec.structs.replace(rollout, draft=draft)


def _pause_told(draft: Draft, now_ms: int) -> Draft:
    """Say that the rollout is paused, or goes on; what has timed out stays so.

    Source: sync.go, checkPausedConditions.
    """
    one = draft.deployment
    current = conditions.get(one.status.conditions, PROGRESSING)
    reason = current.reason if current else ""
    if one.progress_deadline_seconds is None or reason == progress.TIMED_OUT:
        return draft
    if one.paused == (reason == PAUSED):
        return draft
    told = (PAUSED, "Deployment is paused") if one.paused else (RESUMED, "Deployment is resumed")
    said = condition(PROGRESSING, "Unknown", *told, now_ms)
    found = conditions.put(one.status.conditions, said)
    return draft.write(msgspec.structs.replace(one.status, conditions=found))


def _in_line(rollout: Rollout) -> Rollout:
    """With the new ReplicaSet, if there is one, as the Deployment wants it."""
    if rollout.new is None:
        return rollout
    now_ms = rollout.sync.now_ms
    draft, new = finding.in_line(rollout.draft, rollout.new, rollout.old, now_ms)
    return msgspec.structs.replace(rollout, draft=draft, new=new)


def _resized(rollout: Rollout) -> Draft:
    """Pass a new size on to the ReplicaSets; nothing rolls. Source: sync.go, sync."""
    draft = rollout.draft
    for one, size in scaling.scaled(rollout.deployment, rollout.new, rollout.old):
        draft = draft.scale(one, size)
    if rollout.deployment.paused:
        draft = _cleaned_up(draft, rollout.old)
    return _plain_status(_with(rollout, draft))


def _plain_status(rollout: Rollout) -> Draft:
    """Write the status without a word about progress. Source: syncDeploymentStatus."""
    one = rollout.deployment
    status = calculate_status(one, rollout.sets, rollout.new, rollout.sync.now_ms)
    return rollout.draft if status == one.status else rollout.draft.write(status)


def _rolled(rollout: Rollout) -> Draft:
    """One step of a rolling update. Source: rolling.go, rolloutRolling."""
    rollout = _with_new(rollout)
    one, new, draft = rollout.deployment, rollout.new, rollout.draft
    assert new is not None
    size = rolling.next_size_of_new(one, new, rollout.sets)
    if size != new.replicas:
        return _rollout_status(_with(rollout, draft.scale(new, size)))
    shrinking = rolling.shrink_old(one, new, active(rollout.old), rollout.sets)
    sizes: dict[str, int] = {}
    for old, size in shrinking.sizes:
        draft = draft.scale(old, size, sizes.get(old.metadata.name))
        sizes[old.metadata.name] = size
    # Upstream lets no failure to shrink keep it from telling how the rollout stands.
    draft = draft.attempted(rollout.draft)
    if not sizes and progress.is_complete(one, one.status):
        draft = _cleaned_up(draft, rollout.old)
    return _rollout_status(_with(rollout, draft))


def _recreated(rollout: Rollout) -> Draft:
    """One step of a recreation. Source: recreate.go, rolloutRecreate."""
    draft = rollout.draft
    shrinking = shrink_all(rollout.old)
    for old, size in shrinking:
        draft = draft.scale(old, size)
    if shrinking or old_pods_running(rollout.old, _pods_of(rollout.old, rollout.sync)):
        return _rollout_status(_with(rollout, draft))
    rollout = _with_new(rollout)
    one, new, draft = rollout.deployment, rollout.new, rollout.draft
    assert new is not None
    if new.replicas != one.replicas:
        draft = draft.scale(new, one.replicas)
    if progress.is_complete(one, one.status):
        draft = _cleaned_up(draft, rollout.old)
    return _rollout_status(_with(rollout, draft))


def _pods_of(sets: ReplicaSets, sync: Sync) -> Iterator[Pod]:
    pods = sync.caches["pods"]
    return (pod(doc) for one in sets for doc in pods.select("owner", one.metadata.uid))


def _with_new(rollout: Rollout) -> Rollout:
    """With the new ReplicaSet created, if there was none."""
    if rollout.new is not None:
        return rollout
    sync = rollout.sync
    sets = sync.caches[REPLICA_SETS]
    draft, new = finding.created(rollout.draft, rollout.old, rollout.memory, sets, sync.now_ms)
    return msgspec.structs.replace(rollout, draft=draft, new=new)


def _cleaned_up(draft: Draft, old: ReplicaSets) -> Draft:
    """Delete what is beyond the revision history. Source: sync.go, cleanupDeployment."""
    for one in to_forget(old, draft.deployment.revision_history_limit):
        draft = draft.forget(one)
    return draft


def _rollout_status(rollout: Rollout) -> Draft:
    """Write the status with the rollout's progress in it. Source: progress.go."""
    draft, one, now_ms = rollout.draft, rollout.deployment, rollout.sync.now_ms
    status: DeploymentStatus = progress.rollout_status(one, rollout.sets, rollout.new, now_ms)
    if status != one.status:
        return draft.write(status)
    again_ms = progress.look_again_ms(one, status, now_ms)
    return msgspec.structs.replace(draft, again_ms=again_ms)
