"""How patient the node lifecycle controller is, and how fast it gives nodes up.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/config; cmd/kube-controller-manager.
"""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """The controller's flags.

    monitor_period_ms: how often all nodes are looked at.
    startup_grace_ms: how long a node may live without ever posting a status.
    grace_ms: how long a node may be silent.
    eviction_rate: nodes a second that a healthy zone may lose to NoExecute taints.
    secondary_eviction_rate: the same for a large zone of which many nodes are not ready.
    large_cluster_threshold: a zone with more nodes than this is large.
    unhealthy_zone_threshold: the part of a zone's nodes from which on it is disrupted.
    """

    monitor_period_ms: int = 5_000
    startup_grace_ms: int = 60_000
    grace_ms: int = 40_000
    eviction_rate: float = 0.1
    secondary_eviction_rate: float = 0.01
    large_cluster_threshold: int = 50
    unhealthy_zone_threshold: float = 0.55
