"""When StatefulSets and DaemonSets are what was asked for, and what each of them waits for.

Source: kubernetes v1.36, kubectl/pkg/polymorphichelpers/rollout_status.go.
"""

from __future__ import annotations

from kelm.core.controllers.workloads.statefulset.identity import ordinal_of, revision_of
from kelm.core.objects.daemon_set import daemon_set
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.stateful_set import StatefulSet, stateful_set
from kelm.effects.document import Document
from kelm.effects.messages import Cache


def stateful_set_waits(doc: Document, pods: Cache) -> str:
    """Why a StatefulSet is not what it should be, "" where it is."""
    one = stateful_set(doc)
    status, wanted = one.status, one.replicas
    if status.observed_generation < one.metadata.generation:
        seen = status.observed_generation
        return f"its controller has seen generation {seen} of {one.metadata.generation}"
    why = _waits_for(one, pods)
    if status.replicas != wanted:
        return f"has {status.replicas} of {wanted} replicas{why}"
    if status.available_replicas != wanted:
        return f"{status.available_replicas} of {wanted} replicas are available{why}"
    updated = status.updated_replicas
    if not one.rolling:
        return ""
    due = max(0, wanted - (one.partition or 0))
    if updated < due or (not one.partition and status.current_revision != status.update_revision):
        return f"{updated} of {due} replicas are updated{why}"
    return ""


def _waits_for(one: StatefulSet, pods: Cache) -> str:
    """The first pod that does not serve: all others may wait for it."""
    owned = (pod(doc) for doc in pods.select("owner", one.metadata.uid))
    stuck = sorted((each for each in owned if not each.ready), key=ordinal_of)
    if not stuck:
        return ""
    first = stuck[0]
    if _is_left_behind(one, first):
        return (
            f" ({first.metadata.name} has revision {revision_of(first)} and not "
            f"{one.status.update_revision}; it will not be replaced while it is unready: delete it)"
        )
    return f" (waiting for {first.metadata.name})"


def _is_left_behind(one: StatefulSet, stuck: Pod) -> bool:
    """Whether a pod has a template that is no longer wanted and never became ready with it."""
    return (
        one.rolling
        and not one.parallel
        and stuck.metadata.deletion_timestamp is None
        and revision_of(stuck) not in ("", one.status.update_revision)
        and revision_of(stuck) != one.status.current_revision
    )


def daemon_set_waits(doc: Document) -> str:
    """Why a DaemonSet is not what it should be, "" where it is."""
    one = daemon_set(doc)
    status, wanted = one.status, one.status.desired_number_scheduled
    if status.observed_generation < one.metadata.generation:
        seen = status.observed_generation
        return f"its controller has seen generation {seen} of {one.metadata.generation}"
    if status.number_misscheduled:
        return f"runs on {status.number_misscheduled} nodes where it should not"
    if status.current_number_scheduled != wanted:
        return f"has pods on {status.current_number_scheduled} of {wanted} nodes"
    if status.number_available != wanted:
        return f"is available on {status.number_available} of {wanted} nodes"
    if one.rolling and status.updated_number_scheduled != wanted:
        return f"is updated on {status.updated_number_scheduled} of {wanted} nodes"
    return ""
