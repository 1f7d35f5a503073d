"""NodeVolumeLimits: a node can have so many volumes of a driver attached, and not more.

A volume counts once, however many pods of the node use it; one that is attached for nobody counts
too. A claim that is yet to be bound counts for the driver that its class will make a volume with.

Source: kubernetes v1.36, plugins/nodevolumelimits/csi.go; csi-translation-lib/plugins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from kelm.core.scheduler.cache.disks import Disk, disks_of
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import Mount, NodeUse, mounts_of
from kelm.core.scheduler.cache.volumes import (
    ATTACHMENTS,
    CLAIMS,
    CLASSES,
    CSI_NODES,
    VOLUMES,
    Storage,
    class_name,
)
from kelm.core.scheduler.happenings import Happening, NodeChanged, ObjectChanged, PodWent
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
)
from kelm.core.scheduler.plugins.volumes.volume_binding import names_claim
from kelm.effects.document import EMPTY, Document, child, children, text

EXCEEDED = "node(s) exceed max volume count"
DRIVERS = {
    "awsElasticBlockStore": "ebs.csi.aws.com",
    "gcePersistentDisk": "pd.csi.storage.gke.io",
    "azureDisk": "disk.csi.azure.com",
    "cinder": "cinder.csi.openstack.org",
    "portworxVolume": "pxd.portworx.com",
}
"""Who has the volumes of kinds that Kubernetes once attached itself."""
PROVISIONERS = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
}
UNCOUNTED = ("kubernetes.io/azure-file", "kubernetes.io/vsphere-volume")
Attached = tuple[str, str]
"""Driver and handle of a volume."""


class NodeVolumeLimits(msgspec.Struct, frozen=True):
    name: str = "NodeVolumeLimits"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        mounts = [one for one in mounts_of(ask) if isinstance(one, str) or one.kind in DRIVERS]
        if not mounts:
            return None
        storage = cluster.storage
        wanted = _volumes(mounts, storage)
        if not wanted:
            return None
        limits = _limits(storage)
        attached = _attached(storage) if limits else {}
        no = Status(self.name, (EXCEEDED,))

        def refuse(node: NodeUse) -> Status | None:
            limit = limits.get(node.name)
            if limit is None:
                return None
            there = _volumes(node.mounts, storage)
            fresh = Counter(driver for driver, _ in wanted - there)
            known = Counter(driver for driver, _ in there | attached.get(node.name, frozenset()))
            for driver, number in fresh.items():
                if driver in limit and known[driver] + number > limit[driver]:
                    return no
            return None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A pod with volumes went; a volume was detached; a node takes more; a claim came.

        Differs: upstream overlooks that a node may stop having a limit, or become another.
        """
        if isinstance(happening, PodWent):
            needs = happening.ask.needs
            return bool(needs.claims) or any(one.kind in DRIVERS for one in needs.disks)
        if isinstance(happening, NodeChanged):
            return happening.old is None
        if not isinstance(happening, ObjectChanged):
            return False
        if not happening.key:
            return True
        if happening.resource == CSI_NODES:
            return _rises(happening)
        if happening.resource == ATTACHMENTS:
            return happening.new is None
        return happening.came(CLAIMS) and names_claim(ask, happening.key)


def _rises(happening: ObjectChanged) -> bool:
    """Whether a node takes more volumes of some driver than before."""
    if happening.old is None or happening.new is None:
        return True
    before, after = _limit(happening.old), _limit(happening.new)
    return any(driver not in after or after[driver] > number for driver, number in before.items())


def _limit(csi_node: Document) -> dict[str, int]:
    """How many volumes of each driver a node takes, where that is limited."""
    found = {}
    for driver in children(csi_node, "spec", "drivers"):
        count = child(driver, "allocatable").get("count")
        if isinstance(count, int):
            found[text(driver, "name")] = count
    return found


def _limits(storage: Storage) -> dict[str, dict[str, int]]:
    nodes = storage.objects(CSI_NODES)
    limits = {text(one, "metadata", "name"): _limit(one) for one in nodes}
    return {name: limit for name, limit in limits.items() if limit}


def _attached(storage: Storage) -> dict[str, frozenset[Attached]]:
    """The volumes that are attached to each node, whoever uses them."""
    found: dict[str, set[Attached]] = {}
    for one in storage.objects(ATTACHMENTS):
        driver, node = text(one, "spec", "attacher"), text(one, "spec", "nodeName")
        volume = storage.get(VOLUMES, text(one, "spec", "source", "persistentVolumeName"))
        source = child(volume or EMPTY, "spec", "csi")
        if driver and source:
            found.setdefault(node, set()).add((driver, text(source, "volumeHandle")))
    return {node: frozenset(volumes) for node, volumes in found.items()}


def _volumes(mounts: Iterable[Mount], storage: Storage) -> frozenset[Attached]:
    """The volumes of drivers behind claims and disks, each once."""
    found = []
    for one in mounts:
        volume = _of_disk(one) if isinstance(one, Disk) else _of_claim(one, storage)
        if volume is not None:
            found.append(volume)
    return frozenset(found)


def _of_disk(disk: Disk) -> Attached | None:
    driver = DRIVERS.get(disk.kind)
    return None if driver is None else (driver, disk.identity[0])


def _of_claim(key: str, storage: Storage) -> Attached | None:
    """The volume of a claim, or the one that its class will have made."""
    claim = storage.get(CLAIMS, key)
    if claim is None:
        return None
    volume = storage.get(VOLUMES, text(claim, "spec", "volumeName"))
    if volume is not None:
        source = child(volume, "spec", "csi")
        if source:
            driver, handle = text(source, "driver"), text(source, "volumeHandle")
            return (driver, handle) if driver and handle else None
        disks = disks_of(Document(volumes=(volume.get("spec"),)))
        return _of_disk(disks[0]) if disks else None
    kind = storage.get(CLASSES, class_name(claim))
    provisioner = text(kind, "provisioner") if kind is not None else ""
    if not provisioner or provisioner in UNCOUNTED:
        return None
    return PROVISIONERS.get(provisioner, provisioner), f"of claim {key}"
