"""VolumeRestrictions: disks that two pods of a node cannot have, and claims that are for one pod.

Source: kubernetes v1.36, plugins/volumerestrictions/volume_restrictions.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from kelm.core.scheduler.cache.counting import Count
from kelm.core.scheduler.cache.disks import Disk, clash
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.volumes import CLAIMS
from kelm.core.scheduler.happenings import Happening, NodeChanged, ObjectChanged, PodWent
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filter,
    Filtering,
    Refuse,
    Scoring,
    Status,
)
from kelm.core.store.hash_map import hash_map
from kelm.effects.document import elements

DISK_CONFLICT = "node(s) had no available disk"
IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already "
    "in-use by another pod"
)
ONE_POD = "ReadWriteOncePod"


class VolumeRestrictions(msgspec.Struct, frozen=True):
    name: str = "VolumeRestrictions"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        mine: list[str] = []
        for name in _named(ask):
            claim = cluster.storage.get(CLAIMS, f"{ask.namespace}/{name}")
            if claim is None:
                missing = f'persistentvolumeclaim "{name}" not found'
                return Status(self.name, (missing,), hopeless=True)
            if ONE_POD in elements(claim, "spec", "accessModes"):
                mine.append(name)
        found: list[Filter] = []
        disks = tuple(one for one in ask.needs.disks if one.exclusive)
        if disks:
            found.append(self._disks(disks))
        if mine:
            found.append(OnePod(self.name, (_users(ask.namespace, tuple(mine), cluster),)))
        return tuple(found) or None

    def _disks(self, disks: tuple[Disk, ...]) -> Refuse:
        no = Status(self.name, (DISK_CONFLICT,))

        def refuse(node: NodeUse) -> Status | None:
            return no if _clashes(disks, node.mounts) else None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came; a pod went with one of the pod's disks or claims; a claim of it came."""
        if isinstance(happening, NodeChanged):
            return happening.old is None
        if isinstance(happening, PodWent):
            other = happening.ask
            return other.namespace == ask.namespace and (
                _clashes(ask.needs.disks, other.needs.disks)
                or any(name in _named(other) for name in _named(ask))
            )
        return (
            isinstance(happening, ObjectChanged)
            and happening.came(CLAIMS)
            and (
                not happening.key
                or any(f"{ask.namespace}/{name}" == happening.key for name in _named(ask))
            )
        )


class OnePod(msgspec.Struct, frozen=True):
    """Claims that somebody has already, wherever that is; without him the pod may have them."""

    plugin: str
    counts: tuple[Count, ...]

    def verdict(self, numbers: Sequence[int | None]) -> Status | None:
        return Status(self.plugin, (IN_USE,)) if any(numbers) else None


class Everywhere(Count):
    """A number that is the same on all nodes."""

    def value(self, node: NodeUse) -> str:
        return ""

    def reader(self) -> Callable[[NodeUse], str]:
        return lambda _: ""


def _users(namespace: str, names: tuple[str, ...], cluster: Cluster) -> Count:
    """How many of these claims somebody has; each counts once as the decision begins."""
    used = sum(1 for name in names if cluster.claimed_by(f"{namespace}/{name}"))

    def weigh(ask: Ask) -> int:
        if ask.namespace != namespace:
            return 0
        return sum(1 for name in _named(ask) if name in names)

    return Everywhere("", weigh, hash_map([("", used)] if used else ()))


def _named(ask: Ask) -> list[str]:
    """The claims that a pod names; not those that are made for it."""
    return [one.name for one in ask.needs.claims if not one.generated]


def _clashes(mine: Sequence[Disk], theirs: Sequence[object]) -> bool:
    return any(isinstance(one, Disk) and clash(disk, one) for one in theirs for disk in mine)
