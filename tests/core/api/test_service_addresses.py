"""IPAddresses and ServiceCIDRs, and what a load balancer says of a Service."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from kelm import Cluster
from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document, child, document, with_value
from kelm.effects.messages import Outcome
from tests.core.api.clusters import NOW_MS

ADDRESSES = "ipaddresses.networking.k8s.io"
RANGES = "servicecidrs.networking.k8s.io"
PARENT = {"resource": "services", "name": "web", "namespace": "default"}


def created(resource: str, name: str, spec: dict[str, Any], namespace: str = "") -> Outcome:
    doc = document({"metadata": {"name": name}, "spec": spec})
    return handle(ApiServer(), Create(resource, namespace, doc), 0)[1]


@pytest.mark.parametrize("name", ["fe80::42:1dff:fe84:f9e2", "192.168.1.5"])
def test_an_address_is_named_by_itself(name: str) -> None:
    assert created(ADDRESSES, name, {"parentRef": PARENT}).unwrap()


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("web", {"parentRef": PARENT}, "metadata.name: Invalid value"),
        ("010.0.0.1", {"parentRef": PARENT}, "must not have leading 0s"),
        ("10.0.0.1", {}, "spec.parentRef: Required value"),
        ("10.0.0.1", {"parentRef": {"name": "a"}}, "spec.parentRef.resource: Required value"),
        ("10.0.0.1", {"parentRef": {**PARENT, "name": "a/b"}}, "may not contain '/'"),
    ],
)
def test_an_address_belongs_to_something(name: str, spec: dict[str, Any], words: str) -> None:
    assert words in created(ADDRESSES, name, spec).failure().message


def test_the_parent_of_an_address_stays() -> None:
    server = ApiServer()
    doc = document({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": PARENT}})
    server, _ = handle(server, Create(ADDRESSES, "", doc), 0)
    patch = document({"spec": {"parentRef": {"name": "other"}}})
    refused = handle(server, Patch(ADDRESSES, "", "10.0.0.1", patch), 0)[1].failure()
    assert "field is immutable" in refused.message


@pytest.mark.parametrize(
    ("cidrs", "words"),
    [
        ([], "at least one CIDR required"),
        (["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/64"], "may only hold up to 2 values"),
        (["10.0.0.1/8"], "must not have bits set beyond the prefix length"),
        (["10.0.0.0/8", "11.0.0.0/8"], "no more than one IP for each IP family"),
    ],
)
def test_a_range_has_one_network_of_a_family(cidrs: list[str], words: str) -> None:
    assert words in created(RANGES, "more", {"cidrs": cidrs}).failure().message


def test_a_range_stays_and_may_get_the_other_family() -> None:
    server = ApiServer()
    doc = document({"metadata": {"name": "more"}, "spec": {"cidrs": ["10.0.0.0/16"]}})
    server, made = handle(server, Create(RANGES, "", doc), 0)

    def changed(*cidrs: str) -> Outcome:
        wanted = with_value(made.unwrap(), ("spec", "cidrs"), cidrs)
        return handle(server, Update(RANGES, "", "more", wanted), 0)[1]

    assert changed("10.0.0.0/16", "2001:db8::/64").unwrap()
    assert "field is immutable" in changed("10.1.0.0/16").failure().message
    assert "field is immutable" in changed("10.1.0.0/16", "2001:db8::/64").failure().message
    assert "field is immutable" in changed().failure().message


def test_an_address_of_a_load_balancer_says_how_traffic_comes() -> None:
    server = ApiServer()
    server, _ = handle(server, Create("namespaces", "", document({"metadata": {"name": "a"}})), 0)
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    web = document({"metadata": {"name": "web"}, "spec": spec})
    server, made = handle(server, Create("services", "a", web), 0)
    made.unwrap()
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}
    patch = Patch("services", "a", "web", document(ingress), subresource="status")
    status = child(handle(server, patch, 0)[1].unwrap(), "status", "loadBalancer")
    assert status == {"ingress": (Document(ip="203.0.113.1", ipMode="VIP"),)}


def test_a_new_cluster_says_where_its_addresses_come_from() -> None:
    server = new_server(now_ms=NOW_MS)
    doc: Any = server.store.get(RANGES, "kubernetes")
    service: Any = server.store.get("services", "default/kubernetes")
    (network,) = doc["spec"]["cidrs"]
    assert ip_address(service["spec"]["clusterIP"]) in ip_network(network)
    (ready,) = doc["status"]["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")


def test_a_new_cluster_says_where_its_api_server_is() -> None:
    store = new_server(now_ms=NOW_MS).store
    endpoints: Any = store.get("endpoints", "default/kubernetes")
    slice_: Any = store.get("endpointslices.discovery.k8s.io", "default/kubernetes")
    (subset,), (endpoint,) = endpoints["subsets"], slice_["endpoints"]
    assert (subset["addresses"][0]["ip"],) == endpoint["addresses"]
    assert subset["ports"] == slice_["ports"]
    cluster = Cluster(nodes=1)
    cluster.run(60_000)
    slices = [one["metadata"]["name"] for one in cluster.list("endpointslices.discovery.k8s.io")]  # type: ignore[index,call-overload]
    assert slices == ["kubernetes"]
