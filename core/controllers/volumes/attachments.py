"""What is to be attached where: the disks of pods, for drivers that ask for it.

A disk is attached to the node of a pod that uses it, by a VolumeAttachment that the driver's
attacher acts on, and detached when no pod there uses it any more. A disk that only one node may
write is not attached to a second one before it has left the first (Multi-Attach). From a node that
does not answer it is taken after six minutes, or at once where the node is out of service.

Source: kubernetes v1.36, pkg/controller/volume/attachdetach (reconciler/reconciler.go,
util/util.go, statusupdater/node_status_updater.go), pkg/volume/csi/csi_attacher.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import msgspec

from kelm.core.controllers.volumes.claims import claim_names
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.objects.storage import (
    CLAIMS,
    DRIVERS,
    VOLUMES,
    Volume,
    driver_of,
    needs_attaching,
    unique_name,
    volume,
)
from kelm.core.runtime.controller import Caches
from kelm.effects.address import key_of
from kelm.effects.document import Document, child, children, elements, text

ATTACHMENTS: Final = "volumeattachments.storage.k8s.io"
FORCED_MS: Final = 6 * 60_000
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"
SHARED: Final = frozenset({"ReadWriteMany", "ReadOnlyMany"})


class Place(msgspec.Struct, frozen=True):
    """A volume on a node."""

    node: str
    volume: str

    @classmethod
    def of(cls, attachment: Document) -> Place:
        spec = child(attachment, "spec")
        return cls(text(spec, "nodeName"), text(spec, "source", "persistentVolumeName"))


def is_attachable(each: Document, caches: Caches) -> bool:
    """Whether a volume's driver wants its volumes attached."""
    return needs_attaching(each, caches[DRIVERS].get(driver_of(each)))


def attachment_name(each: Document, node: str) -> str:
    """The name of the attachment of a volume to a node.

    Source: csi_attacher.go, getAttachmentName.
    """
    csi = child(each, "spec", "csi")
    told = f"{text(csi, 'volumeHandle')}{text(csi, 'driver')}{node}"
    return f"csi-{sha256(told.encode()).hexdigest()}"


def is_attached(attachment: Document) -> bool:
    return child(attachment, "status").get("attached") is True


def is_exclusive(each: Volume) -> bool:
    """Whether only one node may have a volume."""
    return not SHARED & set(each.access_modes)


def volumes_of(one: Pod, caches: Caches) -> Iterator[str]:
    """The volumes of a pod's claims, those of them that are bound."""
    for name in claim_names(one):
        claim = caches[CLAIMS].get(key_of(one.metadata.namespace, name))
        volume_name = text(claim, "spec", "volumeName") if claim is not None else ""
        if volume_name:
            yield volume_name


def users(each: Document, caches: Caches) -> dict[str, list[Pod]]:
    """The pods that use a volume and have not ended, by their node, oldest first."""
    ref = volume(each).claim_ref
    namespace, name = text(ref, "namespace"), text(ref, "name")
    claim = caches[CLAIMS].get(key_of(namespace, name)) if name else None
    found: dict[str, list[Pod]] = {}
    if claim is None or text(claim, "spec", "volumeName") != metadata(each).name:
        return found
    for one in map(pod, caches["pods"].select("namespace", namespace)):
        node = one.spec.node_name
        if node and one.status.phase not in ENDED and name in claim_names(one):
            found.setdefault(node, []).append(one)
    return found


def multi_attach_error(volume_name: str, node: str, wanted: dict[str, list[Pod]]) -> str:
    """Why a volume cannot be attached to a second node. Source: reportMultiAttachError."""
    others = [one.metadata.name for other, pods in wanted.items() if other != node for one in pods]
    why = "Volume is already exclusively attached to one node and can't be attached to another"
    if others:
        why = f"Volume is already used by pod(s) {', '.join(sorted(others))}"
    return f'Multi-Attach error for volume "{volume_name}" {why}'


def is_in_use(node: Document, unique: str) -> bool:
    """Whether a node says that it uses a volume: it is mounted there, or may be any moment."""
    return unique in elements(node, "status", "volumesInUse")


def may_detach_ms(node: Document | None, *, used: bool, since_ms: int) -> int | None:
    """From when on a volume that no pod on a node wants may be taken from it, None: not yet.

    used: whether the node said of the volume that it uses it, when it was last heard of. Nothing is
    taken from a machine that uses it, unless that has not been ready for six minutes, or is out of
    service.

    >>> may_detach_ms(None, used=False, since_ms=0), may_detach_ms(None, used=True, since_ms=0)
    (0, 360000)
    """
    taints = () if node is None else children(node, "spec", "taints")
    if not used or any(text(one, "key") == OUT_OF_SERVICE for one in taints):
        return since_ms
    ready = node is not None and any(
        text(one, "type") == "Ready" and text(one, "status") == "True"
        for one in children(node, "status", "conditions")
    )
    return None if ready else since_ms + FORCED_MS


def attach_failure(attachment: Document) -> str:
    """What a driver says of why it could not attach a volume, "" if it could or has not tried."""
    return "" if is_attached(attachment) else text(attachment, "status", "attachError", "message")


def attached_volumes(node: str, caches: Caches) -> tuple[Document, ...]:
    """What the status of a node says is attached to it, by the names of the attachments."""
    here = [doc for doc in caches[ATTACHMENTS].objects() if Place.of(doc).node == node]
    listed = []
    for doc in sorted(here, key=lambda doc: metadata(doc).name):
        each = caches[VOLUMES].get(Place.of(doc).volume)
        leaving = metadata(doc).deletion_timestamp is not None
        if each is not None and is_attached(doc) and not leaving:
            listed.append(Document(name=unique_name(each), devicePath=""))
    return tuple(listed)
