"""Volume claims, volumes and storage classes as decisions read them.

Source: kubernetes v1.36, api/core/v1/types.go, api/storage/v1/types.go;
component-helpers/storage/volume/pv_helpers.go.
"""

from __future__ import annotations

from typing import Final, Self

import msgspec

from kelm.core.objects.meta import Metadata, annotations_of
from kelm.core.objects.quantity import whole_units
from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.objects.views import view, whole
from kelm.effects.document import Document, child, elements, text, value_at

CLAIMS: Final = "persistentvolumeclaims"
VOLUMES: Final = "persistentvolumes"
CLASSES: Final = "storageclasses.storage.k8s.io"
DRIVERS: Final = "csidrivers.storage.k8s.io"

BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
PROVISIONER_BETA: Final = "volume.beta.kubernetes.io/storage-provisioner"
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
CLASS_BETA: Final = "volume.beta.kubernetes.io/storage-class"
WAITS: Final = "WaitForFirstConsumer"
FILESYSTEM: Final = "Filesystem"


class Claim(msgspec.Struct, frozen=True, gc=False):
    """`selector` None: any volume will do. `storage`: how many bytes it asks for."""

    doc: Document
    metadata: Metadata
    access_modes: tuple[str, ...]
    selector: Selector | None
    storage: int
    volume_name: str
    storage_class: str
    volume_mode: str
    phase: str
    annotations: dict[str, str]

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec, annotations = child(doc, "spec"), annotations_of(doc)
        given = spec.get("selector")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            access_modes=_modes(spec),
            selector=selector_of(given) if isinstance(given, Document) else None,
            storage=_bytes(spec, "resources", "requests", "storage"),
            volume_name=text(spec, "volumeName"),
            storage_class=annotations.get(CLASS_BETA) or text(spec, "storageClassName"),
            volume_mode=text(spec, "volumeMode") or FILESYSTEM,
            phase=text(doc, "status", "phase"),
            annotations=annotations,
        )

    @property
    def selected_node(self) -> str:
        """The node that the scheduler chose for the first pod that uses this claim."""
        return self.annotations.get(SELECTED_NODE, "")


def claim(doc: Document) -> Claim:
    """The view of a PersistentVolumeClaim."""
    return whole(Claim, doc)


class Volume(msgspec.Struct, frozen=True, gc=False):
    """`claim_ref` empty: nobody's. `storage`: its size in bytes."""

    doc: Document
    metadata: Metadata
    access_modes: tuple[str, ...]
    storage: int
    claim_ref: Document
    storage_class: str
    volume_mode: str
    reclaim_policy: str
    phase: str
    annotations: dict[str, str]

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec, annotations = child(doc, "spec"), annotations_of(doc)
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            access_modes=_modes(spec),
            storage=_bytes(spec, "capacity", "storage"),
            claim_ref=child(spec, "claimRef"),
            storage_class=annotations.get(CLASS_BETA) or text(spec, "storageClassName"),
            volume_mode=text(spec, "volumeMode") or FILESYSTEM,
            reclaim_policy=text(spec, "persistentVolumeReclaimPolicy"),
            phase=text(doc, "status", "phase"),
            annotations=annotations,
        )

    def is_for(self, one: Claim) -> bool:
        """Whether a volume is bound to a claim, or kept for one of its name.

        Source: IsVolumeBoundToClaim.
        """
        ref, meta = self.claim_ref, one.metadata
        if (text(ref, "namespace"), text(ref, "name")) != (meta.namespace, meta.name):
            return False
        return text(ref, "uid") in ("", meta.uid)


def volume(doc: Document) -> Volume:
    """The view of a PersistentVolume."""
    return whole(Volume, doc)


def driver_of(each: Document) -> str:
    """The CSI driver of a volume, "" for a volume of another kind."""
    return text(each, "spec", "csi", "driver")


def needs_attaching(each: Document, driver: Document | None) -> bool:
    """Whether a volume is to be attached to machines: what its driver says, if it has one.

    driver: the CSIDriver of the volume's driver; one that says nothing wants it.
    """
    if not driver_of(each):
        return False
    return driver is None or child(driver, "spec").get("attachRequired") is not False


def unique_name(each: Document) -> str:
    """What a node's status calls a volume.

    >>> csi = Document(driver="disk.example.com", volumeHandle="d-1")
    >>> unique_name(Document(spec=Document(csi=csi)))
    'kubernetes.io/csi/disk.example.com^d-1'
    """
    csi = child(each, "spec", "csi")
    return f"kubernetes.io/csi/{text(csi, 'driver')}^{text(csi, 'volumeHandle')}"


def waits_for_consumer(storage_class: Document | None) -> bool:
    """Whether volumes of a class are bound only when a pod has been given a node."""
    return storage_class is not None and text(storage_class, "volumeBindingMode") == WAITS


def _modes(spec: Document) -> tuple[str, ...]:
    return tuple(str(mode) for mode in elements(spec, "accessModes"))


def _bytes(spec: Document, *path: str) -> int:
    value = value_at(spec, *path)
    return whole_units(value) if isinstance(value, str | int | float) else 0
