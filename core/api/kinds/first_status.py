"""The status of a new object: creators do not choose it.

Source: kubernetes v1.36, pkg/registry/*/*/strategy.go, PrepareForCreate.
"""

from __future__ import annotations

import msgspec

from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.custom.naming import first_status as definition_status
from kelm.core.api.kinds.strategies import FIRST_STATUS, STATUS_FROM_CREATOR
from kelm.core.api.known import known
from kelm.core.api.resources import ResourceInfo
from kelm.core.objects.qos import qos_class
from kelm.core.objects.time import format_time
from kelm.effects.document import EMPTY, Document, Json, child


def first_status(info: ResourceInfo, doc: Document, now_ms: int) -> Json:
    """The status to store with a new object, None for none."""
    if info.resource == "pods":
        return pod_status(doc, now_ms)
    if info.resource == DEFINITIONS:
        return definition_status(doc)
    if info.versions:
        return doc.get("status")
    if "status" not in info.subresources or info.resource in STATUS_FROM_CREATOR:
        return doc.get("status")
    if info.resource == "persistentvolumes":
        return Document(phase="Pending", lastPhaseTransitionTime=format_time(now_ms))
    return FIRST_STATUS.get(info.resource, EMPTY)


def phase_dated(old: Document, status: Json, now_ms: int) -> Json:
    """A volume's new status, which says since when the volume has had its phase.

    Source: pkg/registry/core/persistentvolume/strategy.go, updateStatusTransitionTime.
    """
    was = child(old, "status")
    if not isinstance(status, Document) or status.get("phase") == was.get("phase"):
        return status
    since = status.get("lastPhaseTransitionTime")
    if since is not None and since != was.get("lastPhaseTransitionTime"):
        return status
    return Document({**status, "lastPhaseTransitionTime": format_time(now_ms)})


def pod_status(doc: Document, now_ms: int) -> Document:
    """A pod waits, for its gates or for a node. One document for all pods of one specification."""
    spec = doc.get("spec")
    if not isinstance(spec, Document):
        return Document(phase="Pending", qosClass="BestEffort")
    seen = known(spec)
    status = seen.first_status
    if status is None:
        status = Document(phase="Pending", qosClass=qos_class(spec))
        spec.derived = msgspec.structs.replace(seen, first_status=status)
    return Document({**status, "conditions": (_gated(now_ms),)}) if _gates(spec) else status


def _gates(spec: Document) -> bool:
    return bool(spec.get("schedulingGates"))


def _gated(now_ms: int) -> Document:
    return Document(
        type="PodScheduled",
        status="False",
        lastProbeTime=None,
        lastTransitionTime=format_time(now_ms),
        reason="SchedulingGated",
        message="Scheduling is blocked due to non-empty scheduling gates",
    )
