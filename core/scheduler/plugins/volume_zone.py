"""VolumeZone: a volume that says by its labels where it is, is had there only.

Source: kubernetes v1.36, plugins/volumezone/volume_zone.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.meta import labels_of
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.volumes import VOLUMES
from kelm.core.scheduler.happenings import Happening, NodeChanged, StorageChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status
from kelm.core.scheduler.plugins.volume_binding import found_claims
from kelm.effects.document import text

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
            volume = cluster.storage.get(VOLUMES, text(claim, "spec", "volumeName"))
            labels = labels_of(volume) if volume is not None else {}
            wanted += [(k, frozenset(labels[k].split(BETWEEN))) for k in PLACES if k in labels]
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
        if isinstance(happening, NodeChanged):
            return happening.old is None or happening.old.labels != happening.new.labels
        return isinstance(happening, StorageChanged)


def _place(node: NodeUse, key: str) -> str | None:
    """A node's value of a label of place, by its old name or the new one."""
    new = key.replace("failure-domain.beta", "topology")
    return node.labels.get(key, node.labels.get(new))
