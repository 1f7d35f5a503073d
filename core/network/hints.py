"""Where an endpoint would like its traffic from: `spec.trafficDistribution` as hints.

A hint depends on nothing but its endpoint, so the controllers ask for it when they make one;
`reconcile_hints` is the same rule over slices that already exist.

Source: kubernetes v1.36, endpointslice/trafficdist/trafficdist.go.
"""

from __future__ import annotations

from typing import TypeAlias

from kelm.effects.document import Document, Json, child, children, text, value_at, with_values

SAME_NODE = "PreferSameNode"
CLOSE = frozenset({"PreferClose", "PreferSameZone", SAME_NODE})
"""Settings under which ready endpoints have hints; all others remove them."""

Slices: TypeAlias = "tuple[Document, ...]"


def hints_for(traffic_distribution: str, zone: str, node_name: str) -> Document | None:
    """The hints of a ready endpoint, None where it has none.

    >>> hints_for("PreferClose", "zone-a", "node-1")
    {'forZones': ({'name': 'zone-a'},)}
    """
    hints: dict[str, Json] = {}
    if traffic_distribution in CLOSE and zone:
        hints["forZones"] = (Document(name=zone),)
    if traffic_distribution == SAME_NODE and node_name:
        hints["forNodes"] = (Document(name=node_name),)
    return Document(hints) if hints else None


def reconcile_hints(
    traffic_distribution: str, create: Slices, update: Slices, unchanged: Slices
) -> tuple[Slices, Slices, Slices]:
    """The same three lists with correct hints; what had to change is no longer unchanged.

    Endpoints that are not ready keep whatever hints they have, unless all hints go.
    """
    corrected = [(old, _hinted(old, traffic_distribution)) for old in unchanged]
    return (
        tuple(_hinted(one, traffic_distribution) for one in create),
        (
            *(_hinted(one, traffic_distribution) for one in update),
            *(new for old, new in corrected if new is not old),
        ),
        tuple(old for old, new in corrected if new is old),
    )


def _hinted(one: Document, traffic_distribution: str) -> Document:
    """A slice with correct hints: the same document where they were."""
    old = children(one, "endpoints")
    new = tuple(_corrected(endpoint, traffic_distribution) for endpoint in old)
    return one if new == old else with_values(one, [("endpoints", new)])


def _corrected(endpoint: Document, traffic_distribution: str) -> Document:
    if traffic_distribution not in CLOSE:
        return with_values(endpoint, [("hints", None)])
    if value_at(child(endpoint, "conditions"), "ready") is not True:
        return endpoint
    hints = hints_for(traffic_distribution, text(endpoint, "zone"), text(endpoint, "nodeName"))
    return with_values(endpoint, [("hints", hints)])
