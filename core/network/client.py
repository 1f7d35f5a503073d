"""A simulated client of a Service: which part of its requests would be answered now.

kube-proxy picks among the endpoints in use at random, so of many requests each endpoint gets an
equal part, and those whose endpoint does not really answer are lost. The part is computed, not
sampled: the same question always has the same answer.

Source: kubernetes v1.36, pkg/proxy (see proxy.py); pkg/proxy/iptables for the even spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kelm.core.network.membership import address_types
from kelm.core.network.proxy import Target, in_use, policy_of, slices_of, targets
from kelm.core.network.reach import Reach
from kelm.core.network.topology import Policy
from kelm.core.objects.service import HEADLESS, Service, ServicePort, endpoint, zone_of
from kelm.effects.messages import Cache


class Client(msgspec.Struct, frozen=True):
    """Where requests come from.

    nodes: whose proxies handle them, each an equal part: the nodes that clients run on, or those
        that a balancer outside spreads requests over. None given: any node, which for a Service
        with local traffic only is every node with an endpoint.
    from_outside: by node port or balancer instead of by cluster IP.
    """

    nodes: tuple[str, ...] = ()
    from_outside: bool = False


ANYWHERE = Client()


def answered_part(
    one: Service, slices: Cache, nodes: Cache, reach: Reach, client: Client = ANYWHERE
) -> float:
    """The part of a client's requests that is answered, from 0 to 1: the mean over all ports."""
    listed = tuple(slices_of(slices, one))
    family = address_types(one)[0]
    if one.cluster_ip == HEADLESS and not one.ports:
        found = [
            Target(endpoint(doc), 0, view.metadata.namespace)
            for view in listed
            for doc in view.endpoints
            if view.address_type == family
        ]
        return _part([target for target in found if target.endpoint.ready], reach)
    if not one.ports:
        return 0.0
    parts = [
        _port_part(one, port, targets(listed, port, family), nodes, reach, client)
        for port in one.ports
    ]
    return sum(parts) / len(parts)


def _port_part(
    one: Service,
    port: ServicePort,
    found: list[Target],
    nodes: Cache,
    reach: Reach,
    client: Client,
) -> float:
    policy = policy_of(one)
    local = policy.external_local if client.from_outside else policy.internal_local
    entries = client.nodes or _entries(found, local=local)
    if not entries:
        return 0.0
    return sum(
        _part(_in_use_at(found, policy, node, nodes, local=local), reach)
        for node in entries
        if not node or reach.node_answers(node)
    ) / len(entries)


def _entries(found: list[Target], *, local: bool) -> Sequence[str]:
    if not local:
        return ("",)
    return sorted({target.endpoint.node_name for target in found if target.endpoint.node_name})


def _in_use_at(
    found: list[Target], policy: Policy, node: str, nodes: Cache, *, local: bool
) -> list[Target]:
    zone = zone_of(nodes.get(node)) if node else ""
    return in_use(found, policy, node, zone, local=local)[0]


def _part(used: list[Target], reach: Reach) -> float:
    """Which part of the endpoints in use answers; addresses that are no pods always do."""
    if not used:
        return 0.0
    good = sum(
        1
        for target in used
        if not target.endpoint.pod_uid or reach.pod_answers(target.pod, target.endpoint.pod_uid)
    )
    return good / len(used)
