"""Endpoints, slices, the service proxy and ingress: tables to functions."""

from __future__ import annotations

import json
from typing import Any

from kelm.core.controllers.services.endpoints import subsets
from kelm.core.controllers.services.endpointslice.endpoint import Listed, endpoint_of
from kelm.core.controllers.services.endpointslice.packing import pack
from kelm.core.network import hints, ingress, membership, topology
from kelm.core.network.members import Member
from kelm.core.objects.pod import Container, Pod, pod
from kelm.core.objects.service import Endpoint, Service, service, zone_of
from kelm.core.objects.views import view
from kelm.effects.document import Document, document, thaw

Case = dict[str, Any]
Sides = tuple[object, object]


def _as_set(value: object) -> object:
    """A form in which lists are equal whatever their order."""
    if isinstance(value, dict):
        return {key: _as_set(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted(json.dumps(_as_set(item), sort_keys=True) for item in value)
    return value


def _service(given: Case) -> Service:
    return service(document(given))


def _pod(given: Case) -> Pod:
    return pod(document(given))


def endpoints_repack_truncate(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    if case["kind"] == "repack":
        packed = subsets.repack(document(one) for one in given["subsets"])
        return _as_set({"subsets": packed}), _as_set(expected)
    ready, not_ready = subsets.kept_of(given["ready"], given["notReady"], given["max"])
    return {"ready": ready, "notReady": not_ready}, expected


def endpointslice_endpoints(case: Case) -> Sides:
    return _SLICE_KINDS[case["kind"]](case["input"]), case["expected"]


def _endpoint(given: Case) -> object:
    zone = zone_of(document(given["node"])) if given.get("node") else ""
    found = endpoint_of(_pod(given["pod"]), zone, _service(given["service"]), given["addressType"])
    return {"endpoint": None if found is None else thaw(found)}


def _ports(given: Case) -> object:
    found = membership.endpoint_ports(_service(given["service"]), _pod(given["pod"]))
    return {"ports": [thaw(port) for port in found]}


def _target_port(given: Case) -> object:
    containers, init = (
        [view(Container, document(one)) for one in given[field] or ()]
        for field in ("containers", "initContainers")
    )
    number = membership.target_port(containers, init, given["targetPort"], given["protocol"])
    return {"error": True} if number is None else {"port": number}


def _address_types(given: Case) -> object:
    return {"addressTypes": list(membership.address_types(_service(given["service"])))}


def _membership(given: Case) -> object:
    included = membership.may_be_endpoint(
        _pod(given["pod"]), include_terminating=given["includeTerminating"]
    )
    return {"included": included}


def _hostname(given: Case) -> object:
    found = membership.hostname_of(_pod(given["pod"]), _service(given["service"]))
    return {"setHostname": bool(found)}


def _packing(given: Case) -> object:
    names = [f"pod-{number}" for number in range(given["endpoints"])]
    wanted = {
        name: Member(Document(), "", "", Listed((), (), (Document(addresses=(name,)),)))
        for name in names
    }
    made = pack((), wanted, dict.fromkeys(names), 0, bool, given["maxEndpointsPerSlice"])
    return {"sliceLengths": [len(one.endpoints) for one in made.create]}


_SLICE_KINDS = {
    "endpoint": _endpoint,
    "ports": _ports,
    "target-port": _target_port,
    "address-types": _address_types,
    "membership": _membership,
    "hostname": _hostname,
    "packing": _packing,
}


def traffic_distribution_hints(case: Case) -> Sides:
    given = case["input"]
    lists = [tuple(document(one) for one in given[name] or ()) for name in _LISTS]
    found = hints.reconcile_hints(given["trafficDistribution"] or "", *lists)
    actual = {name: [thaw(one) for one in some] for name, some in zip(_LISTS, found, strict=True)}
    return actual, case["expected"]


_LISTS = ("create", "update", "unchanged")


def proxy_endpoint_selection(case: Case) -> Sides:
    given, here = case["input"], case["input"]["nodeName"] or "this node"
    backends = [
        Endpoint(
            address=one["endpoint"],
            ready=one["ready"],
            serving=one["serving"],
            terminating=one["terminating"],
            node_name=here if one["isLocal"] else "another node",
            zone="",
            pod_uid="",
            pod_name="",
            zone_hints=frozenset(one.get("zoneHints") or ()),
            node_hints=frozenset(one.get("nodeHints") or ()),
        )
        for one in given["endpoints"]
    ]
    service = given["service"]
    policy = topology.Policy(
        service["internalPolicyLocal"],
        service["externalPolicyLocal"],
        service["externallyAccessible"],
    )
    zone = (given["nodeLabels"] or {}).get("topology.kubernetes.io/zone", "")
    enabled = given.get("sameNodeHintsEnabled", True)
    choice = topology.categorize(backends, policy, here, zone, node_hints=enabled)
    named = {
        field: sorted(backends[place].address for place in places)
        for field, places in (
            ("cluster", choice.cluster),
            ("local", choice.local),
            ("all", choice.used),
        )
    }
    return {**named, "hasAny": choice.everywhere}, case["expected"]


def ingress_matching(case: Case) -> Sides:
    given = case["input"]
    if case["kind"] == "host":
        matches = ingress.host_matches(given["ruleHost"], given["requestHost"])
        return {"match": matches}, case["expected"]
    if case["kind"] == "path":
        path = ingress.Path(given["pathType"], given["path"])
        return {"match": ingress.path_matches(path, given["request"])}, case["expected"]
    paths = [ingress.Path(one["pathType"], one["path"]) for one in given["paths"]]
    return {"index": ingress.choose_path(paths, given["request"])}, case["expected"]


BINDINGS = {
    "ingress-matching": ingress_matching,
    "proxy-endpoint-selection": proxy_endpoint_selection,
    "endpoints-repack-truncate": endpoints_repack_truncate,
    "endpointslice-endpoints": endpointslice_endpoints,
    "traffic-distribution-hints": traffic_distribution_hints,
}
