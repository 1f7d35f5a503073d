"""`/metrics`: what a served API server counts."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.adapters.apiserver.client import Client, still_app
from tests.core.api.clusters import NOW_MS, server_with

PATH = "/api/v1/namespaces/default/configmaps"


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and those labels that say something."""
    reply = client.ask("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(reply.raw.decode()):
        for one in family.samples:
            labels = tuple(sorted((key, value) for key, value in one.labels.items() if value))
            found[(one.name, labels)] = one.value
    return found


@pytest.fixture
def client() -> Client:
    return Client(still_app(server_with(), NOW_MS))


def count(client: Client, **labels: str) -> float:
    wanted = tuple(sorted({"component": "apiserver", **labels}.items()))
    return samples(client).get(("apiserver_request_total", wanted), 0.0)


def test_requests_are_counted_by_verb_resource_scope_and_code(client: Client) -> None:
    assert client.ask("POST", PATH, {"metadata": {"name": "a"}}).status == 201
    assert client.ask("POST", PATH, {"metadata": {"name": "a"}}).status == 409
    assert client.ask("GET", PATH).status == 200
    assert client.ask("GET", f"{PATH}/b").status == 404
    apply = {"Content-Type": "application/apply-patch+yaml"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    assert client.ask("PATCH", f"{PATH}/c?fieldManager=me", body, apply).status == 201
    maps = {"version": "v1", "resource": "configmaps"}
    for verb, scope, code in (
        ("POST", "namespace", "201"),
        ("POST", "namespace", "409"),
        ("LIST", "namespace", "200"),
        ("GET", "resource", "404"),
        ("APPLY", "resource", "201"),
    ):
        assert count(client, verb=verb, scope=scope, code=code, **maps) == 1, (verb, code)


def test_times_fall_into_upstreams_buckets(client: Client) -> None:
    client.ask("GET", PATH)
    found = samples(client)
    labels = {"verb": "LIST", "version": "v1", "resource": "configmaps", "scope": "namespace"}
    wanted = {**labels, "component": "apiserver"}
    name = "apiserver_request_duration_seconds"
    assert found[(f"{name}_count", tuple(sorted(wanted.items())))] == 1
    buckets = [value for (found_name, _), value in found.items() if found_name == f"{name}_bucket"]
    assert buckets
    key = (f"{name}_bucket", tuple(sorted({**wanted, "le": "+Inf"}.items())))
    assert found[key] == 1


def test_stored_objects_are_counted_by_resource(client: Client) -> None:
    client.ask("POST", PATH, {"metadata": {"name": "a"}})
    found = samples(client)
    assert found[("apiserver_storage_objects", (("resource", "configmaps"),))] == 1
    assert found[("apiserver_resource_objects", (("resource", "namespaces"),))] == 1
    client.ask("DELETE", f"{PATH}/a")
    assert samples(client)[("apiserver_storage_objects", (("resource", "configmaps"),))] == 0


def test_the_process_and_its_version_are_named(client: Client) -> None:
    found = samples(client)
    assert found[("process_start_time_seconds", ())] > 1_700_000_000
    assert any(name == "kubernetes_build_info" for name, _ in found)
