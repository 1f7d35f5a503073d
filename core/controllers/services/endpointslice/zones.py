"""Which zones endpoints serve under `service.kubernetes.io/topology-mode: Auto`: by share of cpu.

Each zone is to have as large a share of a Service's ready endpoints as it has of the cpu of the
cluster's ready nodes. Most endpoints serve their own zone; zones that have more than their share
lend some to zones that have less. Where no zone could be served without more than a fifth too much
load, or too little is known of nodes, there are no hints at all, and traffic goes anywhere.

Ties between zones go by name.

Source: kubernetes v1.36, endpointslice/topologycache (topologycache.go, sliceinfo.go, utils.go).
Differs: upstream goes through zones in no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Final, TypeAlias

import msgspec

from kelm.core.objects.conditions import has_condition
from kelm.core.objects.meta import labels_of
from kelm.core.objects.quantity import cpu_milli
from kelm.core.objects.service import zone_of
from kelm.effects.document import Document, Json, child, children, text, value_at, without

OVERLOAD: Final = 0.2
"""How much more than its share an endpoint may have to bear."""
_EXCLUDED: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")

NO_NODES: Final = (
    "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
)
NO_ZONE: Final = "One or more endpoints do not have a zone specified"
TOO_FEW: Final = "Insufficient number of endpoints"
TOO_UNEVEN: Final = (
    "Unable to allocate minimum required endpoints to each zone "
    "without exceeding overload threshold"
)
ENABLED: Final = "Topology Aware Hints has been enabled"
DISABLED: Final = "Topology Aware Hints has been disabled"

Endpoints: TypeAlias = "tuple[Document, ...]"


class Share(msgspec.Struct, frozen=True):
    """How many endpoints a zone is to have."""

    minimum: int
    maximum: int
    desired: float


def counts(node: Document) -> tuple[bool, str, int]:
    """What a node means for the shares of zones: whether it counts, its zone, its cpu in milli."""
    labels = labels_of(node)
    ready = has_condition(node, "Ready")
    cpu = value_at(node, "status", "allocatable", "cpu")
    amount = cpu_milli(cpu) if isinstance(cpu, str | int | float) else 0
    return ready and not any(one in labels for one in _EXCLUDED), zone_of(node) or "", amount


def ratios_of(nodes: Iterable[Document]) -> dict[str, float]:
    """Each zone's share of the cpu of all ready nodes; {} where that is not known, or of no use.

    >>> from kelm.effects.document import document
    >>> def node(zone, cpu):
    ...     ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    ...     labels = {"topology.kubernetes.io/zone": zone}
    ...     status = {**ready, "allocatable": {"cpu": cpu}}
    ...     return document({"metadata": {"labels": labels}, "status": status})
    >>> ratios_of([node("a", "1"), node("b", "2"), node("b", "1")])
    {'a': 0.25, 'b': 0.75}
    >>> ratios_of([node("a", "1"), node("", "2")])
    {}
    """
    by_zone: dict[str, int] = {}
    for node in nodes:
        counted, zone, cpu = counts(node)
        if not counted:
            continue
        if not zone or not cpu:
            return {}
        by_zone[zone] = by_zone.get(zone, 0) + cpu
    total = sum(by_zone.values())
    return {zone: by_zone[zone] / total for zone in sorted(by_zone)} if len(by_zone) > 1 else {}


def shares_of(ratios: Mapping[str, float], ready: int) -> dict[str, Share] | str:
    """How many of the ready endpoints each zone is to have, or why that cannot be.

    >>> shares_of({"a": 0.5, "b": 0.5}, 1)
    'Insufficient number of endpoints (1 endpoints, 2 zones)'
    """
    if not ratios:
        return NO_NODES
    numbers = f"({ready} endpoints, {len(ratios)} zones)"
    if len(ratios) > ready:
        return f"{TOO_FEW} {numbers}"
    least = {zone: ceil(ratio * ready * (1 / (1 + OVERLOAD))) for zone, ratio in ratios.items()}
    spare = ready - sum(least.values())
    if spare < 0:
        return f"{TOO_UNEVEN} {numbers}"
    return {
        zone: Share(least[zone], least[zone] + spare, max(ratio * ready, least[zone]))
        for zone, ratio in ratios.items()
    }


def is_ready(endpoint: Document) -> bool:
    return child(endpoint, "conditions").get("ready") is True


def hints_by_zone(
    endpoints: Endpoints, allotted: Mapping[str, int], shares: Mapping[str, Share]
) -> dict[str, int] | None:
    """The hints of a slice that may stay as they are; None where they cannot.

    They cannot where a ready endpoint has none, or one for a zone that needs none any more, or
    where with those that were `allotted` before a zone would have more than it may.
    """
    found: dict[str, int] = {}
    for endpoint in filter(is_ready, endpoints):
        zones = [text(one, "name") for one in children(endpoint, "hints", "forZones")]
        if not zones or any(zone not in shares for zone in zones):
            return None
        for zone in zones:
            found[zone] = found.get(zone, 0) + 1
    over = any(
        count + allotted.get(zone, 0) > shares[zone].maximum for zone, count in found.items()
    )
    return None if over else found


def transfers(
    shares: Mapping[str, Share], allotted: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """How many endpoints each zone gives away, and how many each gets, to come near its share.

    >>> third = Share(2, 4, 3.0)
    >>> transfers({"a": third, "b": third, "c": third}, {"a": 5, "b": 3, "c": 1})
    ({'a': 2}, {'c': 2})
    """
    surplus = {zone: allotted.get(zone, 0) - one.desired for zone, one in shares.items()}
    giving = {zone: amount for zone, amount in surplus.items() if amount > 0}
    lacking = {zone: -amount for zone, amount in surplus.items() if amount < 0}
    gives: dict[str, int] = {}
    gets: dict[str, int] = {}
    while giving and lacking:
        giver, taker = _most(giving), _most(lacking)
        amounts = giving[giver], lacking[taker]
        if min(amounts) < 0.5 or max(amounts) < 1:
            break
        gives[giver] = gives.get(giver, 0) + 1
        gets[taker] = gets.get(taker, 0) + 1
        giving[giver] -= 1
        lacking[taker] -= 1
    return gives, gets


def _most(amounts: Mapping[str, float]) -> str:
    return max(sorted(amounts), key=lambda zone: amounts[zone])


def hinted(
    slices: Sequence[Endpoints], allotted: Mapping[str, int], shares: Mapping[str, Share]
) -> tuple[Endpoints, ...] | str:
    """Slices that are written anyway, with hints for their ready endpoints; or why there are none.

    allotted: the hints in slices that stay as they are, by zone.
    """
    now = dict(allotted)
    for endpoint in (one for endpoints in slices for one in endpoints if is_ready(one)):
        zone = text(endpoint, "zone")
        if not zone:
            return NO_ZONE
        now[zone] = now.get(zone, 0) + 1
    gives, gets = transfers(shares, now)
    return tuple(tuple(_lent(one, gives, gets) for one in endpoints) for endpoints in slices)


def _lent(endpoint: Document, gives: dict[str, int], gets: dict[str, int]) -> Document:
    """An endpoint with a hint: for its own zone, or for one to which its zone still gives."""
    if not is_ready(endpoint):
        return endpoint
    zone = text(endpoint, "zone")
    if gives.get(zone) and (taker := next((one for one in gets if gets[one]), "")):
        gives[zone] -= 1
        gets[taker] -= 1
        zone = taker
    hints: dict[str, Json] = {"forZones": (Document(name=zone),)}
    return Document({**endpoint, "hints": Document(hints)})


def unhinted(endpoints: Endpoints) -> Endpoints:
    """Endpoints without hints."""
    return tuple(without(one, ("hints",)) for one in endpoints)
