"""How many nodes of a zone may be given up, and when giving up must stop altogether.

A few silent nodes are dead; a whole silent zone is more likely a broken network. So each zone is
in a state, and the state sets the rate at which its nodes get NoExecute taints. When every zone
is silent at once the fault is ours: all taints are taken off and nothing is evicted until a
node answers.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go
(handleDisruption, ComputeZoneState, ReducedQPSFunc); component-helpers/node/topology.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.objects.meta import labels_of
from kelm.effects.document import Document

Zone: TypeAlias = str

EXCLUDED = "node.kubernetes.io/exclude-disruption"


class ZoneState(StrEnum):
    INITIAL = "Initial"
    NORMAL = "Normal"
    PARTIAL_DISRUPTION = "PartialDisruption"
    FULL_DISRUPTION = "FullDisruption"


class Disruption(StrEnum):
    """What a pass means for the cluster as a whole."""

    NONE = "None"
    ENTERED = "Entered"
    LEFT = "Left"


class Count(msgspec.Struct, frozen=True, gc=False):
    """How many nodes of a zone answer, and how many do not."""

    ready: int = 0
    not_ready: int = 0

    @property
    def nodes(self) -> int:
        return self.ready + self.not_ready


def zone_of(node: Document) -> Zone:
    """The failure domain of a node: its region and zone labels, "" without any.

    >>> zone_of(Document(metadata=Document(labels=Document({"topology.kubernetes.io/zone": "a"}))))
    ':\\x00:a'
    """
    labels = labels_of(node)
    region = labels.get("topology.kubernetes.io/region", "")
    zone = labels.get("topology.kubernetes.io/zone", "")
    if not region and not zone:
        region = labels.get("failure-domain.beta.kubernetes.io/region", "")
        zone = labels.get("failure-domain.beta.kubernetes.io/zone", "")
    return f"{region}:\0:{zone}" if region or zone else ""


def is_excluded(node: Document) -> bool:
    """Whether a node asks not to be counted."""
    return EXCLUDED in labels_of(node)


def zone_state(count: Count, unhealthy_zone_threshold: float = 0.55) -> ZoneState:
    """The state of a zone.

    >>> zone_state(Count(1, 2)), zone_state(Count(2, 3)), zone_state(Count(0, 1))
    (<ZoneState.NORMAL: 'Normal'>, <ZoneState.PARTIAL_DISRUPTION: 'PartialDisruption'>, \
<ZoneState.FULL_DISRUPTION: 'FullDisruption'>)
    """
    if count.ready == 0 and count.not_ready > 0:
        return ZoneState.FULL_DISRUPTION
    if count.not_ready > 2 and count.not_ready / count.nodes >= unhealthy_zone_threshold:
        return ZoneState.PARTIAL_DISRUPTION
    return ZoneState.NORMAL


def eviction_rate(state: ZoneState, nodes: int, settings: Settings) -> float:
    """How many nodes of a zone may be tainted a second, where some zone still answers.

    >>> eviction_rate(ZoneState.PARTIAL_DISRUPTION, 51, Settings())
    0.01
    """
    if state is not ZoneState.PARTIAL_DISRUPTION:
        return settings.eviction_rate
    is_large = nodes > settings.large_cluster_threshold
    return settings.secondary_eviction_rate if is_large else 0.0


def disruption(before: Mapping[Zone, ZoneState], now: Mapping[Zone, ZoneState]) -> Disruption:
    """Whether the whole cluster has just fallen silent, or has just been heard of again.

    >>> full, normal = ZoneState.FULL_DISRUPTION, ZoneState.NORMAL
    >>> disruption({"a": normal}, {"a": full}), disruption({"a": full}, {"a": full})
    (<Disruption.ENTERED: 'Entered'>, <Disruption.NONE: 'None'>)
    """
    full = ZoneState.FULL_DISRUPTION
    silent = all(state is full for state in now.values())
    was_silent = all(before.get(zone, ZoneState.INITIAL) is full for zone in now)
    if silent == was_silent:
        return Disruption.NONE
    return Disruption.ENTERED if silent else Disruption.LEFT
