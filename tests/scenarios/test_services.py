"""Services, as test/integration/service, dualstack, servicecidr and network have them."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.effects.commands import Create, Update
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.scenarios.stage import Stage, name_of, pod_spec

SERVICES = "services"
SLICES = "endpointslices.discovery.k8s.io"
PORT = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}


def service(name: str = "svc", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [PORT], **spec}}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def spec_of(stage: Stage, name: str = "svc") -> dict[str, Any]:
    found: dict[str, Any] = stage.get(SERVICES, name)["spec"]
    return found


def test_node_ports_of_a_load_balancer_on_request(stage: Stage) -> None:
    """Test_ServiceLoadBalancerDisableAllocateNodePorts and its siblings."""
    stage.create(
        SERVICES,
        service(type="LoadBalancer", allocateLoadBalancerNodePorts=False, selector={"a": "b"}),
    )
    assert "nodePort" not in spec_of(stage)["ports"][0]
    stage.patch(SERVICES, "svc", {"spec": {"allocateLoadBalancerNodePorts": True}})
    port = spec_of(stage)["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    stage.patch(SERVICES, "svc", {"spec": {"allocateLoadBalancerNodePorts": False}})
    assert spec_of(stage)["ports"][0]["nodePort"] == port, "what was given is not taken away"


def test_the_class_of_a_load_balancer_is_set_once(stage: Stage) -> None:
    """Test_ServiceLoadBalancerEnableLoadBalancerClass, Test_SetLoadBalancerClassThenUpdate..."""
    stage.create(SERVICES, service(type="LoadBalancer", loadBalancerClass="test.com/test"))
    body = stage.get(SERVICES, "svc")
    body["spec"]["loadBalancerClass"] = "test.com/other"
    said = stage.refused(Update(SERVICES, "default", "svc", document(body)))
    assert said.reason is Reason.INVALID and "loadBalancerClass" in said.message
    stage.patch(SERVICES, "svc", {"spec": {"type": "ClusterIP", "loadBalancerClass": None}})
    assert "loadBalancerClass" not in spec_of(stage)


def test_traffic_policies_go_where_they_mean_nothing(stage: Stage) -> None:
    """Test_ExternalNameServiceStopsDefaultingInternalTrafficPolicy and its siblings."""
    stage.create(SERVICES, service("name", type="ExternalName", externalName="foo.bar.com"))
    assert "internalTrafficPolicy" not in spec_of(stage, "name")
    stage.create(SERVICES, service(type="NodePort", selector={"a": "b"}))
    assert spec_of(stage)["internalTrafficPolicy"] == "Cluster"
    assert spec_of(stage)["externalTrafficPolicy"] == "Cluster"
    stage.patch(SERVICES, "svc", {"spec": {"type": "ClusterIP"}})
    assert "externalTrafficPolicy" not in spec_of(stage)
    change = {"type": "ExternalName", "externalName": "foo.bar.com", "clusterIP": ""}
    stage.patch(SERVICES, "svc", {"spec": change})
    assert "internalTrafficPolicy" not in spec_of(stage)


def test_from_external_name_to_cluster_ip_endpoints_follow() -> None:
    """TestExternalNameToClusterIPTransition, TestClusterIPToExternalNameTransition..."""
    stage = Stage(nodes=1)
    stage.create("pods", {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": pod_spec()})
    stage.create(SERVICES, service(type="ExternalName", externalName="a.b", selector={"a": "b"}))
    stage.settle(10_000)
    assert not stage.has("endpoints", "svc")
    stage.patch(SERVICES, "svc", {"spec": {"type": "ClusterIP", "externalName": None}})
    stage.settle()
    address = stage.get("pods", "p")["status"]["podIP"]
    (subset,) = stage.get("endpoints", "svc")["subsets"]
    assert [one["ip"] for one in subset["addresses"]] == [address]
    (found,) = (one for one in stage.all(SLICES) if name_of(one) != "kubernetes")
    assert found["endpoints"][0]["addresses"] == [address]


def test_a_headless_service_is_marked_and_the_mark_follows(stage: Stage) -> None:
    """TestEndpointWithMultiplePodUpdates' neighbours: service.kubernetes.io/headless."""
    label = "service.kubernetes.io/headless"
    stage.create(SERVICES, service("head", clusterIP="None", selector={"a": "b"}))
    stage.create(SERVICES, service("whole", selector={"a": "b"}))
    stage.settle()
    for resource in ("endpoints", SLICES):
        marks = {
            name_of(one)[:4]: label in one["metadata"]["labels"] for one in stage.all(resource)
        }
        assert marks["head"] is True and marks["whol"] is False


SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"


@pytest.mark.parametrize(
    ("policy", "families", "expected"),
    [
        (None, None, (SINGLE, ["IPv4"])),
        (SINGLE, None, (SINGLE, ["IPv4"])),
        (SINGLE, ["IPv4"], (SINGLE, ["IPv4"])),
        (SINGLE, ["IPv6"], None),
        (SINGLE, ["IPv4", "IPv6"], None),
        (PREFER, None, (PREFER, ["IPv4"])),
        (PREFER, ["IPv4"], (PREFER, ["IPv4"])),
        (PREFER, ["IPv6"], None),
        (REQUIRE, None, None),
        (REQUIRE, ["IPv4"], None),
        (REQUIRE, ["IPv4", "IPv6"], None),
        (None, ["IPv4", "IPv4"], None),
    ],
)
def test_families_on_a_cluster_of_one_family(
    stage: Stage, policy: str | None, families: list[str] | None, expected: Any
) -> None:
    """TestCreateServiceSingleStackIPv4."""
    spec: dict[str, Any] = {}
    if policy:
        spec["ipFamilyPolicy"] = policy
    if families:
        spec["ipFamilies"] = families
    command = Create(SERVICES, "default", document(service(**spec)))
    if expected is None:
        said = stage.refused(command)
        assert said.reason is Reason.INVALID
        assert "ipFamil" in said.message
    else:
        found = stage.ask(command)["spec"]
        assert (found["ipFamilyPolicy"], found["ipFamilies"]) == expected
        assert found["clusterIPs"] == [found["clusterIP"]]


def test_a_given_address_must_be_free_and_in_range(stage: Stage) -> None:
    """TestServiceAllocation, TestServicesFinalizers..."""
    first = stage.create(SERVICES, service("first"))["spec"]["clusterIP"]
    taken = service("second", clusterIP=first)
    said = stage.refused(Create(SERVICES, "default", document(taken)))
    assert "provided IP is already allocated" in said.message
    far = service("third", clusterIP="192.168.77.1")
    said = stage.refused(Create(SERVICES, "default", document(far)))
    assert said.reason is Reason.INVALID and "spec.clusterIPs" in said.message
    stage.delete(SERVICES, "first")
    assert stage.create(SERVICES, taken)["spec"]["clusterIP"] == first


def test_mixed_protocols_may_share_a_port_number(stage: Stage) -> None:
    """Test_ServiceLoadBalancerMixedProtocol."""
    ports = [{**PORT, "name": p, "protocol": p.upper()} for p in ("tcp", "udp")]
    made = stage.create(SERVICES, service(type="LoadBalancer", ports=ports))
    assert len({one["nodePort"] for one in made["spec"]["ports"]}) in (1, 2)
    twice = service("twice", ports=[PORT, {**PORT, "name": "again"}])
    said = stage.refused(Create(SERVICES, "default", document(twice)))
    assert "spec.ports[1]: Duplicate value" in said.message
