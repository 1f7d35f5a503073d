"""VolumeZone: a volume that says by its labels where it is, is had there only.

Source: kubernetes v1.36, plugins/volumezone/volume_zone.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.meta import labels_of
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.volumes import CLAIMS, CLASSES, VOLUMES
from kelm.core.scheduler.happenings import Happening, NodeChanged, ObjectChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status
from kelm.core.scheduler.plugins.volumes.volume_binding import found_claims, names_claim
from kelm.effects.document import Document, text

PLACES = (
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)
ELSEWHERE = "node(s) had no available volume zone"
BETWEEN = "__"
"""Stands between the zones of a volume that is in several."""


class VolumeZone(msgspec.Struct, frozen=True):
    name: str = "VolumeZone"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        claims = found_claims(ask, cluster.storage) if ask.needs.claims else {}
        if isinstance(claims, str):
            return None
        wanted: list[tuple[str, frozenset[str]]] = []
        for claim in claims.values():
            name = text(claim, "spec", "volumeName")
            volume = cluster.storage.get(VOLUMES, name)
            if name and volume is None:
                missing = f'persistentvolume "{name}" not found'
                return Status(self.name, (missing,), hopeless=True)
            if volume is not None:
                wanted.extend(_places(volume))
        if not wanted:
            return None
        no = Status(self.name, (ELSEWHERE,), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            if not any(key in node.labels for key in PLACES):
                return None
            there = all(_place(node, key) in zones for key, zones in wanted)
            return None if there else no

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came or was relabelled; a claim of it, a volume or a class came or changed."""
        if isinstance(happening, NodeChanged):
            return happening.old is None or happening.old.labels != happening.new.labels
        if not isinstance(happening, ObjectChanged):
            return False
        if happening.resource == CLAIMS:
            return happening.is_there(CLAIMS) and names_claim(ask, happening.key)
        if happening.resource == VOLUMES and happening.old is not None:
            new = happening.new
            return new is not None and _places(happening.old) != _places(new)
        return happening.came(VOLUMES, CLASSES)


def _places(volume: Document) -> list[tuple[str, frozenset[str]]]:
    """Where a volume says that it is: by label, the values that will do."""
    labels = labels_of(volume)
    return [(key, frozenset(labels[key].split(BETWEEN))) for key in PLACES if key in labels]


def _place(node: NodeUse, key: str) -> str | None:
    """A node's value of a label of place, by its old name or the new one."""
    new = key.replace("failure-domain.beta", "topology")
    return node.labels.get(key, node.labels.get(new))
