"""Which endpoints a proxy on one node uses: for traffic from anywhere, and for local traffic only.

Ready endpoints come first. Only where none is ready, those that are terminating but still serve
may answer: better an old pod than nobody. Hints narrow the ready ones, unless they are incomplete
or lead nowhere from this node.

Source: kubernetes v1.36, pkg/proxy/topology.go (CategorizeEndpoints); pkg/proxy/serviceport.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec


class Backend(Protocol):
    """An endpoint as a proxy sees it."""

    @property
    def ready(self) -> bool: ...
    @property
    def serving(self) -> bool: ...
    @property
    def terminating(self) -> bool: ...
    @property
    def node_name(self) -> str: ...
    @property
    def zone_hints(self) -> frozenset[str]: ...
    @property
    def node_hints(self) -> frozenset[str]: ...


class Policy(msgspec.Struct, frozen=True, gc=False):
    """How far traffic may go.

    externally_accessible: by node port, external address or load balancer.
    """

    internal_local: bool = False
    external_local: bool = False
    externally_accessible: bool = False

    @property
    def uses_cluster_endpoints(self) -> bool:
        """Also with external policy Local: traffic from inside takes a short cut."""
        return not self.internal_local or self.externally_accessible

    @property
    def uses_local_endpoints(self) -> bool:
        return self.internal_local or (self.external_local and self.externally_accessible)


class Choice(msgspec.Struct, frozen=True):
    """Places in the list of endpoints, in order.

    cluster: for policy Cluster. local: on this node, for policy Local. everywhere: whether any
    endpoint anywhere could answer: where none can, connections are refused rather than dropped.
    """

    cluster: tuple[int, ...] = ()
    local: tuple[int, ...] = ()
    everywhere: bool = False

    @property
    def used(self) -> tuple[int, ...]:
        """All that this node uses."""
        return tuple(sorted({*self.cluster, *self.local}))


Mode: TypeAlias = Literal["", "node", "zone"]


def categorize(
    backends: Sequence[Backend],
    policy: Policy,
    node_name: str,
    zone: str,
    *,
    node_hints: bool = True,
) -> Choice:
    """Choose endpoints on one node.

    node_hints: whether the cluster honours hints for nodes (a feature gate, on since v1.35).
    """
    cluster: tuple[int, ...] = ()
    if policy.uses_cluster_endpoints:
        mode = _mode(backends, node_name, zone, node_hints=node_hints)
        cluster = tuple(
            place
            for place, one in enumerate(backends)
            if one.ready and _fits(one, mode, node_name, zone)
        ) or _last_resort(backends)
    if not policy.uses_local_endpoints:
        return Choice(cluster, (), bool(cluster))
    near = {place for place, one in enumerate(backends) if is_local(one, node_name)}
    ready = tuple(place for place, one in enumerate(backends) if one.ready and place in near)
    local = ready or tuple(place for place in _last_resort(backends) if place in near)
    anyone = any(one.ready or (one.serving and one.terminating) for one in backends)
    return Choice(cluster, local, anyone)


def is_local(one: Backend, node_name: str) -> bool:
    """Whether an endpoint is on this node."""
    return bool(node_name) and one.node_name == node_name


def _last_resort(backends: Sequence[Backend]) -> tuple[int, ...]:
    return tuple(
        place
        for place, one in enumerate(backends)
        if not one.ready and one.serving and one.terminating
    )


def _mode(backends: Sequence[Backend], node_name: str, zone: str, *, node_hints: bool) -> Mode:
    """Which hints count: all ready endpoints must have some, and some must lead here."""
    ready = [one for one in backends if one.ready]
    if node_hints and all(one.node_hints for one in ready):
        here = any(node_name in one.node_hints for one in ready)
        if here:
            return "node"
    if all(one.zone_hints for one in ready):
        here = any(zone in one.zone_hints for one in ready)
        return "zone" if here else ""
    return ""


def _fits(one: Backend, mode: Mode, node_name: str, zone: str) -> bool:
    if mode == "node":
        return node_name in one.node_hints
    return mode == "" or zone in one.zone_hints
