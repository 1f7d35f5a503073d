"""Finding the new ReplicaSet, bringing it into line, and creating it.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (getAllReplicaSetsAndSyncRevision,
getNewReplicaSet).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared import conditions
from kelm.core.controllers.shared.events import WARNING
from kelm.core.controllers.workloads.deployment import revisions
from kelm.core.controllers.workloads.deployment.draft import Draft
from kelm.core.controllers.workloads.deployment.memory import Memory
from kelm.core.controllers.workloads.deployment.new_replica_set import aligned, new_replica_set
from kelm.core.controllers.workloads.deployment.replica_sets import ReplicaSets
from kelm.core.controllers.workloads.deployment.status import PROGRESSING, condition
from kelm.core.controllers.workloads.deployment.template import equal_ignoring_hash
from kelm.core.objects.workloads import DeploymentStatus, ReplicaSet, replica_set
from kelm.effects.document import Document
from kelm.effects.messages import Cache

NEW_CREATED = "NewReplicaSetCreated"
FOUND_NEW = "FoundNewReplicaSet"
CREATE_ERROR = "ReplicaSetCreateError"


def in_line(
    draft: Draft, new: ReplicaSet, old: ReplicaSets, now_ms: int
) -> tuple[Draft, ReplicaSet]:
    """The new ReplicaSet with its annotations and `minReadySeconds` as the Deployment has them.

    Once that is so, the Deployment takes over its revision, and says that it has found it where
    nothing was said about progress yet.
    """
    doc = aligned(draft.deployment, new, old)
    if doc is not None:
        return draft.update(new, doc), replica_set(doc)
    revision = revisions.annotations_of(new).get(revisions.REVISION, "")
    status = draft.deployment.status
    waited_for = draft.deployment.progress_deadline_seconds is not None
    if waited_for and conditions.get(status.conditions, PROGRESSING) is None:
        words = f'Found new replica set "{new.metadata.name}"'
        said = _with(status, "True", FOUND_NEW, words, now_ms)
        return draft.write(said, revision), new
    if revisions.annotations_of(draft.deployment).get(revisions.REVISION, "") != revision:
        return draft.write(status, revision), new
    return draft, new


def created(
    draft: Draft, old: ReplicaSets, memory: Memory, sets: Cache, now_ms: int
) -> tuple[Draft, ReplicaSet]:
    """Create the new ReplicaSet, and say so in the Deployment's status.

    Where that went wrong the last time, tell of it first.
    """
    doc = new_replica_set(draft.deployment, old)
    new = replica_set(doc)
    name = new.metadata.name
    if memory.taken == name:
        draft = _name_is_taken(draft, sets.get(new.metadata.key))
    if memory.not_created == name:
        draft = _creation_failed(draft, memory, now_ms)
    draft = draft.create(doc)
    if new.replicas > 0:
        words = f"Scaled up replica set {name} from 0 to {new.replicas}"
        draft = draft.tell("ScalingReplicaSet", words)
    revision = revisions.annotations_of(new).get(revisions.REVISION, "")
    status = draft.deployment.status
    if draft.deployment.progress_deadline_seconds is not None:
        words = f'Created new replica set "{name}"'
        return draft.write(_with(status, "True", NEW_CREATED, words, now_ms), revision), new
    if revisions.annotations_of(draft.deployment).get(revisions.REVISION, "") != revision:
        return draft.write(status, revision), new
    return draft, new


def _name_is_taken(draft: Draft, taken: Document | None) -> Draft:
    """Another object has the new ReplicaSet's name: count it, so that the next hash differs.

    Source: getNewReplicaSet, on AlreadyExists.
    """
    if taken is None:
        return draft
    holder, one = replica_set(taken), draft.deployment
    controller = holder.metadata.controller
    ours = controller is not None and controller.uid == one.metadata.uid
    if ours and equal_ignoring_hash(one.template, holder.template):
        return draft.end()
    count = (one.status.collision_count or 0) + 1
    return draft.write(msgspec.structs.replace(one.status, collision_count=count)).end()


def _creation_failed(draft: Draft, memory: Memory, now_ms: int) -> Draft:
    """Say that a ReplicaSet could not be created; once that is said, try again."""
    words = f'Failed to create new replica set "{memory.not_created}": {memory.refusal}'
    draft = draft.tell(CREATE_ERROR, words, WARNING)
    status = draft.deployment.status
    if draft.deployment.progress_deadline_seconds is None:
        return draft
    said = _with(status, "False", CREATE_ERROR, words, now_ms)
    return draft if said == status else draft.write(said).end()


def _with(
    status: DeploymentStatus, value: str, reason: str, words: str, now_ms: int
) -> DeploymentStatus:
    said = condition(PROGRESSING, value, reason, words, now_ms)
    return msgspec.structs.replace(status, conditions=conditions.put(status.conditions, said))
