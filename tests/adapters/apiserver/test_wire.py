"""What HTTP adds that no object shows: compression, caching, methods, doubtful bodies."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from typing import Any

import pytest

from kelm.adapters.apiserver.app import App
from kelm.core.api.bootstrap import new_server
from kelm.core.store.table import KEPT_CHANGES
from kelm.effects.commands import Patch
from kelm.effects.document import Document
from tests.adapters.apiserver.client import Client, still_app
from tests.adapters.apiserver.test_app import CONFIGS, NOW_MS, config

APPLY = {"Content-Type": "application/apply-patch+yaml"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
TWICE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {}\ndata: {x: z}\n"
SAID = 'line 5: key "data" already set in map'
CUSTOM = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def app() -> App:
    return still_app(new_server(now_ms=NOW_MS), NOW_MS)


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


def test_long_answers_are_zipped_for_who_takes_that(client: Client) -> None:
    client.ask("POST", CONFIGS, config("long", x="y" * 200_000))
    plain = client.ask("GET", f"{CONFIGS}/long")
    zipped = client.ask("GET", f"{CONFIGS}/long", headers={"Accept-Encoding": "deflate, gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["vary"] == "Accept-Encoding"
    assert zlib.decompress(zipped.raw, wbits=31) == plain.raw
    short = client.ask("GET", CONFIGS + "/none", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1"])
def test_a_client_that_has_a_schema_is_told_that_it_is_good(client: Client, path: str) -> None:
    first = client.ask("GET", path)
    again = client.ask("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status, again.status, again.raw) == (200, 304, b"")
    other = client.ask("GET", path, headers={"If-None-Match": '"other"'})
    assert (other.status, other.raw) == (200, first.raw)


def test_a_schema_at_its_own_address_never_changes(client: Client) -> None:
    paths = client.ask("GET", "/openapi/v3").body["paths"]
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    assert client.ask("GET", url).headers["cache-control"] == "public, immutable"
    moved = client.ask("GET", "/openapi/v3/apis/apps/v1?hash=OLD")
    assert (moved.status, moved.headers["location"]) == (301, url)


def definition(field: str) -> Any:
    schema = {"type": "object", "properties": {field: {"type": "string"}}}
    version = {"name": "v1", "served": True, "storage": True}
    names = {"plural": "webs", "singular": "web", "kind": "Web", "listKind": "WebList"}
    spec = {"group": "a.io", "scope": "Namespaced", "names": names}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "webs.a.io"},
        "spec": {**spec, "versions": [{**version, "schema": {"openAPIV3Schema": schema}}]},
    }


def test_the_schema_of_a_group_is_another_when_its_definition_is(client: Client) -> None:
    client.ask("POST", CUSTOM, definition("x"))
    made = client.ask("GET", f"{CUSTOM}/webs.a.io")
    before = client.ask("GET", "/openapi/v3/apis/a.io/v1").headers["etag"]
    other = definition("y")
    other["metadata"]["resourceVersion"] = made.body["metadata"]["resourceVersion"]
    assert client.ask("PUT", f"{CUSTOM}/webs.a.io", other).status == 200
    assert client.ask("GET", "/openapi/v3/apis/a.io/v1").headers["etag"] != before


def test_an_audit_id_is_given_back(client: Client) -> None:
    assert client.ask("GET", CONFIGS, headers={"Audit-ID": "mine"}).headers["audit-id"] == "mine"
    drawn = {client.ask("GET", CONFIGS).headers["audit-id"] for _ in range(2)}
    assert len(drawn) == 2


def test_methods_that_no_resource_has_are_refused(client: Client) -> None:
    for method in ("HEAD", "OPTIONS", "TRACE"):
        reply = client.ask(method, CONFIGS)
        assert (reply.status, reply.body["reason"]) == (405, "MethodNotAllowed"), method
    assert client.ask("POST", "/version").status == 405
    assert client.ask("HEAD", "/openapi/v2").status == 200


def test_a_time_limit_is_a_span_of_time(client: Client) -> None:
    assert client.ask("GET", f"{CONFIGS}?timeout=10s").status == 200
    refused = client.ask("GET", f"{CONFIGS}?timeout=soon")
    assert (refused.status, refused.body["message"]) == (
        400,
        'invalid timeout specified in the request URL - time: invalid duration "soon"',
    )


def test_a_list_whose_moment_is_forgotten_may_go_on_with_what_is_now(client: Client) -> None:
    for name in "abcd":
        client.ask("POST", CONFIGS, config(name))
    token = client.ask("GET", f"{CONFIGS}?limit=1").body["metadata"]["continue"]
    for number in range(2 * KEPT_CHANGES + 1):
        change = Document(data=Document(n=str(number)))
        patch = Patch("configmaps", "default", "d", change)
        asyncio.run(client.app.engine.ask(patch)).outcome.unwrap()
    expired = client.ask("GET", f"{CONFIGS}?limit=1&continue={token}")
    assert (expired.status, expired.body["reason"]) == (410, "Expired")
    anew = expired.body["metadata"]["continue"]
    assert json.loads(base64.urlsafe_b64decode(anew + "=="))["rv"] == -1
    rest = client.ask("GET", f"{CONFIGS}?continue={anew}").body
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b", "c", "d"]
    assert rest["items"][-1]["data"] == {"n": str(2 * KEPT_CHANGES)}


def test_a_key_that_stands_twice_is_refused_told_or_passed_over(client: Client) -> None:
    def apply(how: str) -> Any:
        path = f"{CONFIGS}/a?fieldManager=me&fieldValidation={how}"
        return client.ask("PATCH", path, TWICE, APPLY)

    strict = apply("Strict")
    assert (strict.status, SAID in strict.body["message"]) == (400, True)
    warned = apply("Warn")
    assert (warned.status, warned.body["data"]) == (201, {"x": "z"})
    assert "already set in map" in warned.headers["warning"]
    assert "warning" not in apply("Ignore").headers


def test_a_json_patch_that_puts_something_where_no_field_is_is_told_so(client: Client) -> None:
    client.ask("POST", CONFIGS, config("a"))
    patch = [{"op": "add", "path": "/datum", "value": {"x": "y"}}]
    warned = client.ask("PATCH", f"{CONFIGS}/a", patch, JSON_PATCH)
    assert (warned.status, warned.headers["warning"]) == (200, '299 - "unknown field \\"datum\\""')
    assert "datum" not in warned.body
    strict = client.ask("PATCH", f"{CONFIGS}/a?fieldValidation=Strict", patch, JSON_PATCH)
    assert (strict.status, 'unknown field "datum"' in strict.body["message"]) == (422, True)
