"""What the devices that claims were given look like in their statuses.

Source: kubernetes v1.36, dynamic-resource-allocation/structured/internal/incubating
(allocator_incubating.go, Allocate, createNodeSelector).
"""

from __future__ import annotations

from collections.abc import Sequence

from kelm.core.api.verbs.identity import uid
from kelm.core.objects.meta import metadata
from kelm.core.scheduler.devices.allocator import Given
from kelm.core.scheduler.devices.wanted import Wanted
from kelm.effects.document import Document, Json, child, children, elements, flag


def allocation(claim: Document, given: Sequence[Given], node: str) -> Document:
    """The allocation of one claim on a node."""
    devices: dict[str, Json] = {}
    results = tuple(_result(claim, number, one) for number, one in enumerate(given))
    config = (*_of_classes(given), *_of_claim(claim, given))
    if results:
        devices["results"] = results
    if config:
        devices["config"] = config
    found: dict[str, Json] = {"devices": Document(devices)}
    selector = _node_selector(given, node)
    if selector is not None:
        found["nodeSelector"] = selector
    return Document(found)


def _result(claim: Document, number: int, one: Given) -> Document:
    driver, pool, name = one.device.id
    found: dict[str, Json] = {
        "request": one.wanted.full_name,
        "driver": driver,
        "pool": pool,
        "device": name,
    }
    if one.wanted.admin:
        found["adminAccess"] = True
    tolerations = elements(one.wanted.doc, "tolerations")
    if tolerations:
        found["tolerations"] = tolerations
    if one.device.is_shared:
        # Upstream draws it; here the claim and the place of the device in it decide.
        seed = int.from_bytes(metadata(claim).uid.encode()[:32], "big")
        found["shareID"] = uid(seed, number)
    if one.amounts:
        amounts = {name: str(amount) for name, amount in one.amounts.items()}
        found["consumedCapacity"] = Document(amounts)
    return Document(found)


def _of_classes(given: Sequence[Given]) -> list[Document]:
    """The parameters that classes give to drivers, each class once for all of its requests."""
    requests: dict[str, tuple[Wanted, list[str]]] = {}
    for one in given:
        names = requests.setdefault(metadata(one.wanted.kind).name, (one.wanted, []))[1]
        if one.wanted.full_name not in names:
            names.append(one.wanted.full_name)
    return [
        Document({"source": "FromClass", "requests": tuple(names), **config})
        for wanted, names in requests.values()
        for config in children(wanted.kind, "spec", "config")
    ]


def _of_claim(claim: Document, given: Sequence[Given]) -> list[Document]:
    """The parameters that the claim itself gives: once for each chosen request that they name."""
    chosen = {one.wanted.parent or one.wanted.name: one.wanted.full_name for one in given}
    found: list[Document] = []
    for config in children(claim, "spec", "devices", "config"):
        names = elements(config, "requests")
        uses = [request for request, full in chosen.items() if request in names or full in names]
        found.extend([Document({"source": "FromClaim", **config})] * (len(uses) if names else 1))
    return found


def _node_selector(given: Sequence[Given], node: str) -> Document | None:
    """The nodes from which these devices can be used; None where that is everywhere."""
    fields: list[Json] = []
    labels: list[Json] = []
    for one in given:
        spec = one.device.spec
        place = one.device.doc if flag(spec, "perDeviceNodeSelection") else spec
        if "nodeName" in place or flag(one.device.doc, "bindsToNode"):
            named = Document(key="metadata.name", operator="In", values=(node,))
            return Document(nodeSelectorTerms=(Document(matchFields=(named,)),))
        for term in children(child(place, "nodeSelector"), "nodeSelectorTerms"):
            fields.extend(x for x in elements(term, "matchFields") if x not in fields)
            labels.extend(x for x in elements(term, "matchExpressions") if x not in labels)
    parts = {"matchExpressions": tuple(labels), "matchFields": tuple(fields)}
    term = Document({name: part for name, part in parts.items() if part})
    return Document(nodeSelectorTerms=(term,)) if term else None
