"""Rows of volumes, claims, storage classes and what drives them.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.printing.cells import NONE, UNSET, age_of, joined, name_of
from kelm.effects.document import Document, Json, child, children, elements, flag, text

MODES: Final = (
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
)
CLASS: Final = "volume.beta.kubernetes.io/storage-class"
DEFAULTS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _modes(doc: Document, *path: str) -> str:
    given = elements(doc, *path)
    return ",".join(short for mode, short in MODES if mode in given)


def _class(doc: Document) -> str:
    return text(doc, "metadata", "annotations", CLASS) or text(doc, "spec", "storageClassName")


def volume(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a PersistentVolume."""
    spec, claim = child(doc, "spec"), child(doc, "spec", "claimRef")
    deleted = text(doc, "metadata", "deletionTimestamp")
    return (
        name_of(doc),
        text(spec, "capacity", "storage") or "0",
        _modes(spec, "accessModes"),
        text(spec, "persistentVolumeReclaimPolicy"),
        "Terminating" if deleted else text(doc, "status", "phase"),
        f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else "",
        _class(doc),
        text(spec, "volumeAttributesClassName") or UNSET,
        text(doc, "status", "reason"),
        age_of(doc, now_ms),
        text(spec, "volumeMode") or UNSET,
    )


def claim(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a PersistentVolumeClaim."""
    spec, status = child(doc, "spec"), child(doc, "status")
    bound = text(spec, "volumeName")
    deleted = text(doc, "metadata", "deletionTimestamp")
    return (
        name_of(doc),
        "Terminating" if deleted else text(status, "phase"),
        bound,
        (text(status, "capacity", "storage") or "0") if bound else "",
        _modes(status, "accessModes") if bound else "",
        _class(doc),
        text(spec, "volumeAttributesClassName") or UNSET,
        age_of(doc, now_ms),
        text(spec, "volumeMode") or UNSET,
    )


def storage_class(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a StorageClass."""
    annotations = child(doc, "metadata", "annotations")
    default = any(annotations.get(key) == "true" for key in DEFAULTS)
    return (
        f"{name_of(doc)} (default)" if default else name_of(doc),
        text(doc, "provisioner"),
        text(doc, "reclaimPolicy") or "Delete",
        text(doc, "volumeBindingMode") or "Immediate",
        flag(doc, "allowVolumeExpansion"),
        age_of(doc, now_ms),
    )


def attributes_class(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a VolumeAttributesClass."""
    return name_of(doc), text(doc, "driverName"), age_of(doc, now_ms)


def attachment(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a VolumeAttachment."""
    spec = child(doc, "spec")
    return (
        name_of(doc),
        text(spec, "attacher"),
        text(spec, "source", "persistentVolumeName"),
        text(spec, "nodeName"),
        flag(doc, "status", "attached"),
        age_of(doc, now_ms),
    )


def csi_node(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a CSINode."""
    return name_of(doc), len(elements(doc, "spec", "drivers")), age_of(doc, now_ms)


def csi_driver(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a CSIDriver."""
    spec = child(doc, "spec")
    asked = [text(one, "audience") for one in children(spec, "tokenRequests")]
    return (
        name_of(doc),
        flag(spec, "attachRequired", default=True),
        flag(spec, "podInfoOnMount"),
        flag(spec, "storageCapacity"),
        ",".join(asked) if "tokenRequests" in spec else UNSET,
        flag(spec, "requiresRepublish"),
        joined(elements(spec, "volumeLifecycleModes"), NONE),
        age_of(doc, now_ms),
    )


def capacity(doc: Document, _now_ms: int) -> tuple[Json, ...]:
    """The cells of a CSIStorageCapacity."""
    return name_of(doc), text(doc, "storageClassName"), text(doc, "capacity") or UNSET
