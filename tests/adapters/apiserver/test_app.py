"""The application over ASGI: what HTTP adds to the API's rules."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml

from kelm.adapters.apiserver.app import App
from kelm.core.api.bootstrap import new_server
from kelm.core.objects.time import parse_time
from kelm.effects.address import ObjectRef
from kelm.effects.commands import RecordEvent
from tests.adapters.apiserver.client import Client, still_app

NOW_MS = parse_time("2026-01-01T00:00:00Z")
CONFIGS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def app() -> App:
    return still_app(new_server(now_ms=NOW_MS), NOW_MS)


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


def config(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_an_object_lives_and_dies(client: Client) -> None:
    assert client.ask("POST", CONFIGS, config("a", x="1")).status == 201
    assert client.ask("GET", f"{CONFIGS}/a").body["data"] == {"x": "1"}
    merge = {"Content-Type": "application/merge-patch+json"}
    assert client.ask("PATCH", f"{CONFIGS}/a", {"data": {"y": "2"}}, merge).status == 200
    listed = client.ask("GET", CONFIGS).body
    assert [item["data"] for item in listed["items"]] == [{"x": "1", "y": "2"}]
    assert "kind" not in listed["items"][0]
    assert client.ask("DELETE", f"{CONFIGS}/a").body["status"] == "Success"
    assert client.ask("GET", f"{CONFIGS}/a").status == 404


def test_applying_what_is_not_there_creates_it(client: Client) -> None:
    apply = {"Content-Type": "application/apply-patch+yaml"}
    path = f"{CONFIGS}/a?fieldManager=me"
    assert client.ask("PATCH", path, yaml.safe_dump(config("a", x="1")), apply).status == 201
    assert client.ask("PATCH", path, yaml.safe_dump(config("a", x="2")), apply).status == 200


def test_yaml_is_read_and_written(client: Client) -> None:
    sent = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
    reply = client.ask("POST", CONFIGS, yaml.safe_dump(config("a", x="1")), sent)
    assert reply.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(reply.raw)["data"] == {"x": "1"}


def test_people_get_indented_json(client: Client) -> None:
    assert b"\n  " in client.ask("GET", CONFIGS, headers={"User-Agent": "curl/8"}).raw
    assert b"\n" not in client.ask("GET", CONFIGS).raw[:-1]
    assert b"\n  " in client.ask("GET", f"{CONFIGS}?pretty=true").raw


def test_a_body_that_is_too_long_is_refused(client: Client) -> None:
    reply = client.ask("POST", CONFIGS, b" " * (3 * 1024 * 1024 + 1))
    assert (reply.status, reply.body["reason"]) == (413, "RequestEntityTooLarge")


def test_unknown_fields_are_named_in_a_warning_and_dropped(client: Client) -> None:
    reply = client.ask("POST", CONFIGS, {**config("a"), "datum": {"x": "1"}})
    assert reply.headers["warning"] == '299 - "unknown field \\"datum\\""'
    assert "datum" not in reply.body
    strict = client.ask("POST", f"{CONFIGS}?fieldValidation=Strict", {**config("b"), "datum": 1})
    assert strict.status == 400


def test_a_patch_with_unknown_fields_is_refused_where_asked(client: Client) -> None:
    client.ask("POST", CONFIGS, config("a"))
    merge = {"Content-Type": "application/merge-patch+json"}
    path = f"{CONFIGS}/a?fieldValidation=Strict"
    reply = client.ask("PATCH", path, {"datum": 1}, merge)
    assert reply.status == 422
    assert 'strict decoding error: unknown field "datum"' in reply.body["message"]


def test_a_stranger_may_ask_how_it_is_and_nothing_else(client: Client) -> None:
    nobody = {"Authorization": ""}
    assert client.ask("GET", "/healthz", headers=nobody).raw == b"ok"
    assert client.ask("GET", "/version", headers=nobody).body["minor"] == "36"
    assert client.ask("GET", CONFIGS, headers=nobody).status == 403
    assert client.ask("GET", "/apis", headers=nobody).status == 403
    assert client.ask("GET", CONFIGS, headers={"Authorization": "Basic x"}).status == 403
    assert client.ask("GET", CONFIGS, headers={"Authorization": "Bearer x"}).status == 401


def test_events_are_served_under_both_groups(client: Client) -> None:
    pod = ObjectRef("pods", "default", "p", "u-1")
    started = RecordEvent(pod, "Pod", "v1", "Normal", "Started", "It started", "kubelet")
    asyncio.run(client.app.engine.ask(started))
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    (event,) = client.ask("GET", path).body["items"]
    assert (event["note"], event["regarding"]["name"]) == ("It started", "p")
    (older,) = client.ask("GET", "/api/v1/namespaces/default/events").body["items"]
    assert older["message"] == "It started"


def test_an_event_written_in_the_new_group_is_read_in_the_old_one(client: Client) -> None:
    event = {
        "metadata": {"name": "e", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/me",
        "reportingInstance": "me-1",
        "action": "Did",
        "reason": "Done",
        "type": "Normal",
        "note": "said",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "p"},
    }
    reply = client.ask("POST", "/apis/events.k8s.io/v1/namespaces/default/events", event)
    assert (reply.status, reply.body["apiVersion"]) == (201, "events.k8s.io/v1")
    older = client.ask("GET", "/api/v1/namespaces/default/events/e").body
    assert (older["message"], older["reportingComponent"]) == ("said", "example.com/me")


def test_events_are_selected_by_the_names_of_both_groups(client: Client) -> None:
    body = {
        "metadata": {"name": "a"},
        "regarding": {"kind": "Pod", "namespace": "default", "name": "web"},
        "reportingController": "test",
        "reportingInstance": "one",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal",
        "reason": "Tested",
        "action": "Test",
    }
    events = "/apis/events.k8s.io/v1/namespaces/default/events"
    assert client.ask("POST", events, body).status == 201
    for query, count in (
        ("regarding.name%3Dweb,reportingController%3Dtest", 1),
        ("reportingController%3Dother", 0),
        ("involvedObject.name%3Dweb", 1),
    ):
        listed = client.ask("GET", f"{events}?fieldSelector={query}")
        assert (listed.status, len(listed.body["items"])) == (200, count), query


def test_a_review_is_no_table(client: Client) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    assert client.ask("POST", path, body, {"accept": table}).status == 406
    answered = client.ask("POST", path, body, {"accept": f"{table},application/json"})
    assert (answered.status, answered.body["status"]["allowed"]) == (201, True)


def test_a_custom_object_is_read_with_defaults_that_came_later(client: Client) -> None:
    names = {"plural": "gadgets", "kind": "Gadget", "listKind": "GadgetList", "singular": "gadget"}
    schema: dict[str, Any] = {"type": "object", "properties": {"size": {"type": "integer"}}}
    one = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [one]}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    made = client.ask("POST", crds, {"metadata": {"name": "gadgets.example.com"}, "spec": spec})
    assert made.status == 201
    gadgets = "/apis/example.com/v1/gadgets"
    assert "size" not in client.ask("POST", gadgets, {"metadata": {"name": "a"}}).body
    crd = client.ask("GET", f"{crds}/gadgets.example.com").body
    fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    fields["size"]["default"] = 3
    assert client.ask("PUT", f"{crds}/gadgets.example.com", crd).status == 200
    assert client.ask("GET", f"{gadgets}/a").body["size"] == 3
    assert client.ask("GET", gadgets).body["items"][0]["size"] == 3


def test_an_autoscaler_of_version_1_is_one_of_version_2(client: Client) -> None:
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
        "maxReplicas": 3,
        "targetCPUUtilizationPercentage": 70,
    }
    where = "namespaces/default/horizontalpodautoscalers"
    body = {"metadata": {"name": "web"}, "spec": spec}
    made = client.ask("POST", f"/apis/autoscaling/v1/{where}", body)
    assert (made.status, made.body["spec"]["targetCPUUtilizationPercentage"]) == (201, 70)
    newer = client.ask("GET", f"/apis/autoscaling/v2/{where}/web").body
    target = newer["spec"]["metrics"][0]["resource"]["target"]
    assert target == {"type": "Utilization", "averageUtilization": 70}


def test_openapi_knows_every_kind_that_is_served(client: Client) -> None:
    pages = client.ask("GET", "/openapi/v3").body["paths"]
    apps = client.ask("GET", pages["apis/apps/v1"]["serverRelativeURL"]).body
    patch = apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {one["name"] for one in patch["parameters"]} >= {"dryRun", "fieldValidation"}
    older = client.ask("GET", "/openapi/v2").body
    assert "io.k8s.api.core.v1.Pod" in older["definitions"]
    assert client.ask("GET", "/openapi/v3/apis/none/v1").status == 404


def test_types_that_did_not_change_are_not_sent_again(client: Client) -> None:
    first = client.ask("GET", "/openapi/v2")
    tag = first.headers["etag"]
    again = client.ask("GET", "/openapi/v2", None, {"if-none-match": tag})
    assert (again.status, again.raw) == (304, b"")
    names = {"plural": "gadgets", "kind": "Gadget", "listKind": "GadgetList", "singular": "gadget"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    one = {"name": "v1", "served": True, "storage": True, "schema": schema}
    crd = {
        "metadata": {"name": "gadgets.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": [one]},
    }
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert client.ask("POST", crds, crd).status == 201
    newer = client.ask("GET", "/openapi/v2", None, {"if-none-match": tag})
    assert newer.status == 200
    assert "com.example.v1.Gadget" in newer.body["definitions"]


def test_a_list_at_an_exact_version_shows_that_moment(client: Client) -> None:
    first = client.ask("POST", CONFIGS, config("a")).body["metadata"]["resourceVersion"]
    client.ask("POST", CONFIGS, config("b"))
    path = f"{CONFIGS}?resourceVersion={first}&resourceVersionMatch=Exact"
    listed = client.ask("GET", path).body
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert listed["metadata"]["resourceVersion"] == first


# -- watches -----------------------------------------------------------------------------------


def watched(client: Client, query: str, *steps: tuple[Any, ...], **headers: str) -> list[Any]:
    """The events of a watch during which some requests are made."""

    async def run() -> list[Any]:
        path, over = f"{CONFIGS}?watch=1&timeoutSeconds=5&{query}", asyncio.Event()
        watch = asyncio.create_task(client.send("GET", path, headers=headers, over=over))
        await asyncio.sleep(0.02)
        for step in steps:
            await client.send(*step)
        await asyncio.sleep(0.02)
        over.set()
        reply = await watch
        return [json.loads(line) for line in reply.raw.splitlines()]

    return asyncio.run(run())


def named(events: list[Any]) -> list[tuple[str, str]]:
    return [(one["type"], one["object"]["metadata"].get("name", "")) for one in events]


def test_a_watch_shows_what_is_and_what_comes(client: Client) -> None:
    client.ask("POST", CONFIGS, config("a"))
    events = watched(client, "", ("POST", CONFIGS, config("b")), ("DELETE", f"{CONFIGS}/a"))
    assert named(events) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


def test_a_watch_goes_on_where_another_ended(client: Client) -> None:
    first = client.ask("POST", CONFIGS, config("a")).body["metadata"]["resourceVersion"]
    client.ask("POST", CONFIGS, config("b"))
    events = watched(client, f"resourceVersion={first}", ("POST", CONFIGS, config("c")))
    assert named(events) == [("ADDED", "b"), ("ADDED", "c")]


def test_a_watch_from_a_version_to_come_shows_only_what_is_newer(client: Client) -> None:
    now = int(client.ask("POST", CONFIGS, config("a")).body["metadata"]["resourceVersion"])
    steps = (("POST", CONFIGS, config("b")), ("POST", CONFIGS, config("c")))
    events = watched(client, f"resourceVersion={now + 1}", *steps)
    assert named(events) == [("ADDED", "c")]


def test_a_watch_with_a_selector_sees_what_comes_to_match_and_leaves(client: Client) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    events = watched(
        client,
        "labelSelector=on%3Dyes&resourceVersion=0",
        ("POST", CONFIGS, config("a")),
        ("PATCH", f"{CONFIGS}/a", {"metadata": {"labels": {"on": "yes"}}}, merge),
        ("PATCH", f"{CONFIGS}/a", {"metadata": {"labels": {"on": "no"}}}, merge),
    )
    assert named(events) == [("ADDED", "a"), ("DELETED", "a")]


def test_initial_events_end_with_a_bookmark(client: Client) -> None:
    client.ask("POST", CONFIGS, config("a"))
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    events = watched(client, query)
    assert [one["type"] for one in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_only_the_first_table_of_a_watch_describes_its_columns(client: Client) -> None:
    client.ask("POST", CONFIGS, config("a"))
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    events = watched(client, "", ("POST", CONFIGS, config("b")), Accept=table)
    heads = [one["object"]["columnDefinitions"] for one in events]
    assert heads[0] is not None and heads[1] is None


def test_a_watch_from_nowhere_is_refused(client: Client) -> None:
    reply = client.ask("GET", f"{CONFIGS}?watch=1&resourceVersion=x")
    assert reply.status == 500
    assert client.ask("GET", f"{CONFIGS}?watch=1&labelSelector=%3D").status == 400


def test_a_watch_that_is_over_is_forgotten(client: Client) -> None:
    watched(client, "")
    assert len(client.app.streams) == 0
