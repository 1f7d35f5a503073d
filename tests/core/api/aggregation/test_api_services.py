"""API services: registered, judged, and shown by discovery."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.api.aggregation.discovery import elsewhere, with_groups, with_others
from kelm.core.api.aggregation.services import API_SERVICES, built_in
from kelm.core.api.rest.discovery import aggregated, api_groups
from kelm.core.controllers.api.api_services import ApiServices
from kelm.core.node.containers.images import image, serves
from kelm.core.node.programs.http import HttpRequest, HttpResponse, json_response
from kelm.core.node.programs.inside import Inside
from kelm.effects.commands import Delete
from kelm.effects.document import children, text, value_at

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}


def cluster_with(nodes: int = 0) -> Cluster:
    plane = ControlPlane().with_controller(ApiServices())
    return Cluster(nodes=nodes, control_plane=plane, replace_machines=False)


def condition(cluster: Cluster, name: str) -> tuple[str, str, str]:
    found = cluster.get(API_SERVICES, name)
    assert found is not None, name
    (one,) = children(found, "status", "conditions")
    return text(one, "status"), text(one, "reason"), text(one, "message")


def service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1alpha1.wardle.example.com"},
        "spec": {
            "group": "wardle.example.com",
            "version": "v1alpha1",
            "groupPriorityMinimum": 2000,
            "versionPriority": 200,
            "insecureSkipTLSVerify": True,
            "service": {"name": "api", "namespace": "default", "port": 443},
            **spec,
        },
    }


def test_what_is_built_in_is_local_and_available() -> None:
    cluster = cluster_with()
    cluster.run(1_000)
    names = [text(one, "metadata", "name") for one in cluster.list(API_SERVICES)]
    assert names == sorted(one.name for one in built_in())
    assert condition(cluster, "v1.apps") == (
        "True",
        "Local",
        "Local APIServices are always available",
    )
    apps = cluster.get(API_SERVICES, "v1.apps")
    assert apps is not None
    assert value_at(apps, "spec", "groupPriorityMinimum") == 17_800


def test_custom_resources_bring_their_api_service_and_take_it_along() -> None:
    cluster = cluster_with()
    cluster.apply(CRD)
    cluster.run(1_000)
    assert condition(cluster, "v1.example.com")[1] == "Local"
    name = "customresourcedefinitions.apiextensions.k8s.io"
    cluster.ask(Delete(name, "", "gadgets.example.com")).unwrap()
    cluster.run(1_000)
    assert cluster.get(API_SERVICES, "v1.example.com") is None


def test_one_of_somebody_else_is_as_good_as_its_service() -> None:
    name = "v1alpha1.wardle.example.com"
    cluster = cluster_with(nodes=1)
    cluster.apply(service())
    cluster.run(1_000)
    assert condition(cluster, name) == (
        "False",
        "ServiceNotFound",
        'service/api in "default" is not present',
    )
    backend: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "default"},
        "spec": {"selector": {"app": "api"}, "ports": [{"name": "https", "port": 80}]},
    }
    cluster.apply(backend)
    cluster.run(1_000)
    assert condition(cluster, name)[1] == "ServicePortError"
    backend["spec"]["ports"] = [{"name": "https", "port": 443}]
    cluster.apply(backend)
    cluster.run(2_000)
    assert condition(cluster, name)[1:] == (
        "MissingEndpoints",
        'endpointslices for service/api in "default" have no addresses with port name "https"',
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api", "namespace": "default", "labels": {"app": "api"}},
        "spec": {"containers": [{"name": "c", "image": "api"}]},
    }
    cluster.apply(pod)
    cluster.run(10_000)
    assert condition(cluster, name) == ("True", "Passed", "all checks passed")


def serving(status: int, until_ms: int = 10**6, **spec: Any) -> Cluster:
    """A cluster in which a program answers every request with a status, and at last with 500."""

    def handle(inside: Inside, _request: HttpRequest) -> HttpResponse:
        return json_response({"kind": "x"}, status if inside.age_ms < until_ms else 500)

    program = image(serves(443), handle=handle)
    plane = ControlPlane().with_controller(ApiServices()).with_image("api", program)
    cluster = Cluster(nodes=1, control_plane=plane, replace_machines=False)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api", "namespace": "default", "labels": {"app": "api"}},
        "spec": {"containers": [{"name": "c", "image": "api"}]},
    }
    backend = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "default"},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 443}]},
    }
    cluster.apply(pod, backend, service(**spec))
    cluster.run(20_000)
    return cluster


NAME = "v1alpha1.wardle.example.com"


@pytest.mark.parametrize(
    ("status", "spec", "said"),
    [
        (200, {}, ("True", "Passed", "all checks passed")),
        (404, {}, ("False", "FailedDiscoveryCheck", "bad status from {url}: 404")),
        (
            200,
            {"insecureSkipTLSVerify": False},
            (
                "False",
                "FailedDiscoveryCheck",
                'Get "{url}": tls: failed to verify certificate: x509: certificate signed by '
                "unknown authority",
            ),
        ),
        (200, {"insecureSkipTLSVerify": False, "caBundle": "eA=="}, ("True", "Passed", "")),
    ],
)
def test_one_of_somebody_else_is_asked_whether_it_answers(
    status: int, spec: dict[str, Any], said: tuple[str, str, str]
) -> None:
    cluster = serving(status, **spec)
    found = condition(cluster, NAME)
    address = text(cluster.get("services", "api"), "spec", "clusterIP")
    url = f"https://{address}:443/apis/wardle.example.com/v1alpha1"
    assert found[:2] == said[:2]
    assert found[2].endswith(said[2].format(url=url))


def test_one_that_does_not_answer_any_more_is_found_out_at_the_next_look() -> None:
    cluster = serving(200, until_ms=25_000)
    assert condition(cluster, NAME)[1] == "Passed"
    cluster.run(31_000)
    assert condition(cluster, NAME)[1] == "FailedDiscoveryCheck"


def test_discovery_shows_the_groups_of_others_as_stale() -> None:
    cluster = cluster_with()
    cluster.apply(service())
    others = elsewhere(cluster.store)
    groups = children(with_groups(api_groups(), others), "groups")
    assert text(groups[-1], "name") == "wardle.example.com"
    items = children(with_others(aggregated(core=False), others, {}), "items")
    assert items[-1] == {
        "metadata": {"name": "wardle.example.com"},
        "versions": ({"version": "v1alpha1", "freshness": "Stale"},),
    }
    assert with_groups(api_groups(), ()) == api_groups()
