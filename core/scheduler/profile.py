"""A profile: which plugins have a say, with which weight, and how they are set.

A cluster may run several: pods name theirs in `spec.schedulerName`.

Source: kubernetes v1.36, pkg/scheduler/apis/config/v1/default_plugins.go, defaults.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.plugins.balanced_allocation import BalancedAllocation
from kelm.core.scheduler.plugins.dynamic_resources import DynamicResources
from kelm.core.scheduler.plugins.framework import Plugin
from kelm.core.scheduler.plugins.image_locality import ImageLocality
from kelm.core.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kelm.core.scheduler.plugins.node_affinity import NodeAffinity
from kelm.core.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from kelm.core.scheduler.plugins.node_name import NodeName
from kelm.core.scheduler.plugins.node_ports import NodePorts
from kelm.core.scheduler.plugins.node_resources_fit import NodeResourcesFit
from kelm.core.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kelm.core.scheduler.plugins.taint_toleration import TaintToleration
from kelm.core.scheduler.plugins.topology_spread import TopologySpread
from kelm.core.scheduler.plugins.volumes.node_volume_limits import NodeVolumeLimits
from kelm.core.scheduler.plugins.volumes.volume_binding import VolumeBinding
from kelm.core.scheduler.plugins.volumes.volume_restrictions import VolumeRestrictions
from kelm.core.scheduler.plugins.volumes.volume_zone import VolumeZone


class Weighted(msgspec.Struct, frozen=True):
    """A plugin and what its scores count."""

    plugin: Plugin
    weight: int = 1


DEFAULT_PLUGINS = (
    Weighted(NodeUnschedulable()),
    Weighted(NodeName()),
    Weighted(TaintToleration(), 3),
    Weighted(NodeAffinity(), 2),
    Weighted(NodePorts()),
    Weighted(NodeResourcesFit()),
    Weighted(VolumeRestrictions()),
    Weighted(NodeVolumeLimits()),
    Weighted(VolumeBinding()),
    Weighted(VolumeZone()),
    Weighted(TopologySpread(), 2),
    Weighted(InterPodAffinity(), 2),
    Weighted(DynamicResources(), 2),
    Weighted(BalancedAllocation()),
    Weighted(ImageLocality()),
    Weighted(NodeDeclaredFeatures()),
)
"""In the order in which they may refuse a node: the first that does speaks for it."""


class Profile(msgspec.Struct, frozen=True):
    """`percentage_of_nodes_to_score`: how many of the nodes that would do are compared.

    0 lets the number of nodes decide, None leaves it to the scheduler's own setting.
    """

    plugins: tuple[Weighted, ...] = DEFAULT_PLUGINS
    percentage_of_nodes_to_score: int | None = None

    def without(self, *names: str) -> Profile:
        """The same profile without these plugins.

        >>> any(p.plugin.name == "NodePorts" for p in Profile().without("NodePorts").plugins)
        False
        """
        kept = tuple(one for one in self.plugins if one.plugin.name not in names)
        return msgspec.structs.replace(self, plugins=kept)


def feasible_enough(count: int, percentage: int | None = None, overall: int = 0) -> int:
    """How many nodes that would do are enough to choose among.

    Source: pkg/scheduler/schedule_one.go, numFeasibleNodesToFind.

    >>> feasible_enough(60), feasible_enough(1000), feasible_enough(5000)
    (60, 420, 500)
    >>> feasible_enough(1000, percentage=40)
    400
    """
    if count < 100:
        return count
    percent = overall if percentage is None else percentage
    if percent == 0:
        percent = max(50 - count // 125, 5)
    return max(count * percent // 100, 100)
