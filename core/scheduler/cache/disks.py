"""The disks that a pod names in its volumes itself: some cannot be had by two pods of a node.

Others are here because a node takes so many of a driver's volumes only.

Source: kubernetes v1.36, plugins/volumerestrictions/volume_restrictions.go (isVolumeConflict);
csi-translation-lib/plugins.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kelm.effects.document import Document, child, children, elements, flag, text


class Disk(msgspec.Struct, frozen=True):
    """`monitors`: any of them leads to a disk of kind `rbd`."""

    kind: str
    identity: tuple[str, ...]
    read_only: bool = False
    monitors: frozenset[str] = frozenset()
    exclusive: bool = True


def clash(one: Disk, other: Disk) -> bool:
    """Whether two pods of one node cannot have these: they are one disk, and one may write.

    >>> clash(Disk("iscsi", ("iqn",), True), Disk("iscsi", ("iqn",), True))
    False
    """
    if one.kind != other.kind or one.identity != other.identity:
        return False
    if one.kind == "rbd" and not one.monitors & other.monitors:
        return False
    return one.exclusive and not (one.read_only and other.read_only)


def _gce(source: Document) -> Disk:
    return Disk("gcePersistentDisk", (text(source, "pdName"),), flag(source, "readOnly"))


def _ebs(source: Document) -> Disk:
    """Never had twice, be it only to read."""
    return Disk("awsElasticBlockStore", (text(source, "volumeID"),))


def _iscsi(source: Document) -> Disk:
    return Disk("iscsi", (text(source, "iqn"),), flag(source, "readOnly"))


def _rbd(source: Document) -> Disk:
    image = (text(source, "pool", default="rbd"), text(source, "image"))
    monitors = frozenset(str(one) for one in elements(source, "monitors"))
    return Disk("rbd", image, flag(source, "readOnly"), monitors)


def _shared(kind: str, field: str) -> Callable[[Document], Disk]:
    return lambda source: Disk(kind, (text(source, field),), exclusive=False)


KINDS: dict[str, Callable[[Document], Disk]] = {
    "gcePersistentDisk": _gce,
    "awsElasticBlockStore": _ebs,
    "iscsi": _iscsi,
    "rbd": _rbd,
    "azureDisk": _shared("azureDisk", "diskURI"),
    "cinder": _shared("cinder", "volumeID"),
    "portworxVolume": _shared("portworxVolume", "volumeID"),
}


def disks_of(spec: Document) -> tuple[Disk, ...]:
    """The disks that a pod's volumes name.

    >>> disks_of(Document(volumes=(Document(name="d", iscsi=Document(iqn="iqn")),)))[0].identity
    ('iqn',)
    """
    return tuple(
        read(child(volume, kind))
        for volume in children(spec, "volumes")
        for kind, read in KINDS.items()
        if kind in volume
    )
