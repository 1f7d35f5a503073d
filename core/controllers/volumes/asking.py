"""The requests that bind claims and volumes, and the events that tell of them.

A binding is written in two halves, first on the volume and then on the claim, and each half's
status after it. Whoever is interrupted between them goes on from what is there.

Source: kubernetes v1.36, pkg/controller/volume/persistentvolume/pv_controller.go (bind).
"""

from __future__ import annotations

from kelm.core.controllers.shared.events import Severity, event
from kelm.core.objects.storage import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    VOLUMES,
    Claim,
    Volume,
)
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Command, Patch, RecordEvent, Update
from kelm.effects.document import Document, Json, child, with_value, without

COMPONENT = "persistentvolume-controller"


def bound(one: Claim, each: Volume) -> tuple[Batch, ...]:
    """What is missing of the binding of a claim and a volume, in order."""
    halves = (_volume_half(one, each), volume_phase(each, "Bound"), *_claim_half(one, each))
    return tuple((command,) for command in halves if command is not None)


def _volume_half(one: Claim, each: Volume) -> Command | None:
    meta, ref = one.metadata, each.claim_ref
    wanted: dict[str, Json] = {
        "kind": "PersistentVolumeClaim",
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "apiVersion": "v1",
        "resourceVersion": meta.resource_version,
    }
    if ref.get("uid") == meta.uid:
        return None
    doc = with_value(each.doc, ("spec", "claimRef"), Document({**ref, **wanted}))
    if not ref:
        doc = _annotated(doc, BOUND_BY_CONTROLLER)
    return Update(VOLUMES, "", each.metadata.name, doc)


def _claim_half(one: Claim, each: Volume) -> tuple[Command | None, ...]:
    meta, doc = one.metadata, one.doc
    if not one.volume_name:
        doc = with_value(doc, ("spec", "volumeName"), each.metadata.name)
        doc = _annotated(doc, BOUND_BY_CONTROLLER)
    if BIND_COMPLETED not in one.annotations:
        doc = _annotated(doc, BIND_COMPLETED)
    spec = Update(CLAIMS, meta.namespace, meta.name, doc) if doc is not one.doc else None
    capacity, modes = child(each.doc, "spec", "capacity"), each.access_modes
    status = child(one.doc, "status")
    if one.phase == "Bound":
        # How large a bound claim is says whoever makes its volume larger.
        if status.get("accessModes") == modes:
            return (spec,)
        return spec, _claim_status(one, Document(accessModes=modes))
    change = Document(phase="Bound", accessModes=modes, capacity=capacity)
    return spec, _claim_status(one, change)


def _annotated(doc: Document, name: str) -> Document:
    held = child(doc, "metadata", "annotations")
    return with_value(doc, ("metadata", "annotations"), Document({**held, name: "yes"}))


def _claim_status(one: Claim, change: Document) -> Patch:
    meta = one.metadata
    return Patch(CLAIMS, meta.namespace, meta.name, Document(status=change), subresource="status")


def claim_phase(one: Claim, phase: str) -> Command | None:
    """The request that gives a claim this phase; None where it has it."""
    return None if one.phase == phase else _claim_status(one, Document(phase=phase))


def volume_phase(each: Volume, phase: str, message: str = "") -> Command | None:
    """The request that gives a volume this phase; None where it has it."""
    if each.phase == phase:
        return None
    status = Document(phase=phase, message=message) if message else Document(phase=phase)
    return Patch(VOLUMES, "", each.metadata.name, Document(status=status), subresource="status")


def unbound(each: Volume) -> Command:
    """Take a claim off a volume: altogether, or its uid where the user keeps it for the name.

    Source: unbindVolume.
    """
    if BOUND_BY_CONTROLLER in each.annotations:
        doc = without(each.doc, ("spec", "claimRef"))
        doc = without(doc, ("metadata", "annotations", BOUND_BY_CONTROLLER))
    else:
        doc = without(each.doc, ("spec", "claimRef", "uid"))
    return Update(VOLUMES, "", each.metadata.name, doc)


def claim_event(one: Claim, severity: Severity, reason: str, message: str) -> RecordEvent:
    return event(one.doc, CLAIMS, COMPONENT, severity, reason, message)


def volume_event(each: Volume, severity: Severity, reason: str, message: str) -> RecordEvent:
    return event(each.doc, VOLUMES, COMPONENT, severity, reason, message)
