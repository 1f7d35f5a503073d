"""Whatever is sent, somebody answers with a Status, and never with a fault of the server's own."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.bootstrap import new_server
from kelm.core.api.resources import RESOURCES
from kelm.core.api.rest.discovery import versions
from kelm.core.api.server import handle
from kelm.effects.commands import Create
from kelm.effects.document import document
from tests.adapters.apiserver.client import Client, still_app

ALLOWED_500 = (
    "resourceVersion should not be set on objects to be created",
    "failed to create typed patch object",
    "strconv.ParseUint",
    "strategic merge patch",
)
"""Where upstream itself answers 500."""
NAMES = st.sampled_from(["web", "default", "a", "Ä", "..", "kube-root-ca.crt", "x" * 300])
SUBRESOURCES = st.sampled_from(
    ["", "status", "scale", "log", "exec", "binding", "eviction", "token", "finalize", "nope"]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
TYPES = st.sampled_from(
    [
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
        "text/plain",
        "",
    ]
)
QUERIES = st.sampled_from(
    [
        "",
        "dryRun=All",
        "fieldManager=me&force=true",
        "fieldValidation=Strict",
        "limit=2&continue=bm9uZQ",
        "labelSelector=a%3Db,c!%3Dd",
        "fieldSelector=metadata.name%3Da",
        "resourceVersion=1&resourceVersionMatch=Exact",
        "resourceVersion=x",
        "gracePeriodSeconds=-1&propagationPolicy=Orphan",
        "tailLines=1&container=c",
        "labelSelector=%3D%3D%3D",
        "limit=9999999999999999999999",
    ]
)
FIELDS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "name", "spec", "status", "labels", "containers", "replicas",
     "template", "selector", "data", "subsets", "rules", "ports", "$patch", "finalizers"]
)  # fmt: skip
BODIES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**40) | st.text(max_size=4) | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=14,
)


@st.composite
def paths(draw: st.DrawFn) -> str:
    info = draw(st.sampled_from(list(RESOURCES.values())))
    version = draw(st.sampled_from(versions(info.group)))
    root = f"/apis/{info.group}/{version}" if info.group else f"/api/{version}"
    parts = [root]
    if draw(st.booleans()):
        parts += ["namespaces", draw(NAMES)]
    parts.append(info.plural)
    if draw(st.booleans()):
        parts.append(draw(NAMES))
        parts += [sub] if (sub := draw(SUBRESOURCES)) else []
    return "/".join(parts)


def client() -> Client:
    server = new_server()
    account = document({"metadata": {"name": "default"}})
    server, _ = handle(server, Create("serviceaccounts", "default", account), 0)
    for resource, body in (
        ("configmaps", {"metadata": {"name": "a"}}),
        (
            "pods",
            {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
        ),
    ):
        server, outcome = handle(server, Create(resource, "default", document(body)), 0)
        outcome.unwrap()
    return Client(still_app(server, 1_767_225_600_000))


@given(METHODS, paths(), QUERIES, TYPES, BODIES | st.binary(max_size=12), st.booleans())
def test_every_request_is_answered_without_a_fault(
    method: str, path: str, query: str, content_type: str, body: Any, typed: bool
) -> None:
    if typed and isinstance(body, dict):
        info = next((one for one in RESOURCES.values() if f"/{one.plural}" in path), None)
        if info is not None:
            body = {**body, "apiVersion": info.api_version, "kind": info.kind}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client().ask(method, f"{path}?{query}", raw, {"Content-Type": content_type})
    if reply.status >= 500:
        assert any(said in str(reply.body) for said in ALLOWED_500), (reply.status, reply.body)
    if reply.status >= 400 and reply.headers["content-type"] == "application/json":
        assert (reply.body["kind"], reply.body["code"]) == ("Status", reply.status)
