"""Bodies that nobody means well with, and requests that mean nothing: all get an answer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.requests import Target

CONFIGS = "/api/v1/namespaces/default/configmaps"
JSON, YAML = "application/json", "application/yaml"
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + step, 98 + step, b",".join([b"*%c" % (97 + step)] * 9))
    for step in range(8)
)
BODIES: dict[str, tuple[str, bytes, str]] = {
    "nested too deep": (JSON, b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "exceeded max depth"),
    "not a number": (JSON, b'{"data":NaN}', "invalid character 'N'"),
    "a number without end": (JSON, b'{"data":1e999}', "cannot unmarshal number 1e999"),
    "a number of 5,000 digits": (JSON, b'{"data":' + b"9" * 5_000 + b"}", "unmarshal number"),
    "an empty body": (JSON, b"", "unexpected end of JSON input"),
    "a control character": (JSON, b'{"a":"\x01"}', "in string literal"),
    "aliases of aliases": (YAML, BOMB, "excessive aliasing"),
    "an alias of itself": (YAML, b"metadata: &x {labels: *x}", "max depth"),
    "a tag of Python": (YAML, b'!!python/object/apply:os.system ["x"]', "yaml"),
    "an infinite number": (YAML, b"data: .inf", "unsupported value"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_at_once(name: str) -> None:
    content_type, body, said = BODIES[name]
    start = time.process_time()
    reply, fault = Target().ask("POST", CONFIGS, None, body, {"Content-Type": content_type})
    assert fault == ""
    assert reply is not None
    assert (reply.status, said in reply.body["message"]) == (400, True), reply.body["message"]
    assert time.process_time() - start < 5


def test_half_of_a_surrogate_pair_is_stored_as_no_character() -> None:
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"\\ud800!"}}'
    reply, fault = Target().ask("POST", CONFIGS, None, body, {"Content-Type": JSON})
    assert fault == ""
    assert reply is not None
    assert reply.body["data"] == {"x": "\ufffd!"}


def test_a_json_patch_has_ten_thousand_operations_at_most() -> None:
    body = [{"op": "add", "path": "/data", "value": {}}] * 10_001
    sent = {"Content-Type": "application/json-patch+json"}
    reply, fault = Target().ask("PATCH", f"{CONFIGS}/a", None, body, sent)
    assert (fault, reply and reply.status) == ("", 413)


KINDS = {
    "ConfigMap": "/api/v1/namespaces/default/configmaps",
    "Pod": "/api/v1/namespaces/default/pods",
    "Service": "/api/v1/namespaces/default/services",
    "Namespace": "/api/v1/namespaces",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
    "Job": "/apis/batch/v1/namespaces/default/jobs",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
THERE = ["ConfigMap", "Deployment", "Namespace"]
"""Kinds of which there is an object `a`."""
NAMES = st.sampled_from(["a", "default", "", "A", "x" * 300, "a.b", "\x00", "ü"])
FIELDS = st.sampled_from(
    [
        "metadata",
        "spec",
        "status",
        "data",
        "name",
        "labels",
        "containers",
        "image",
        "ports",
        "template",
        "selector",
        "rules",
        "replicas",
        "matchLabels",
        "type",
        "$patch",
        "managedFields",
        "finalizers",
        "ownerReferences",
        "uid",
        "schema",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(FIELDS, VALUES, max_size=4)
PLACES = st.sampled_from(["/spec", "/metadata/labels/a", "/spec/containers/0", "", "a", "/a/-"])
PATCH_TYPES = st.sampled_from(["json", "merge", "strategic-merge"])
SUFFIXES = st.sampled_from(["", "/a", "/a/status", "/a/scale", "/default/x"])
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "continue",
            "labelSelector",
            "fieldSelector",
            "resourceVersion",
            "resourceVersionMatch",
            "dryRun",
            "fieldManager",
            "fieldValidation",
            "gracePeriodSeconds",
            "propagationPolicy",
            "timeout",
            "pretty",
        ]
    ),
    st.sampled_from(["", "1", "-1", "0", "All", "a=b", "a in (", "Exact", "10s", "eyJ2IjoiIn0"]),
    max_size=2,
)


@st.composite
def patches(draw: st.DrawFn) -> tuple[object, str]:
    kind, body = draw(PATCH_TYPES), draw(OBJECTS | VALUES)
    if kind == "json":
        word = draw(st.sampled_from(["add", "remove", "test", "move", "copy"]))
        body = [{"op": word, "path": draw(PLACES), "value": body, "from": "/spec"}]
    return body, f"application/{kind}-patch+json"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], object, dict[str, str]]:
    kind = draw(st.sampled_from(THERE) | st.sampled_from(sorted(KINDS)))
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "PATCH", "DELETE"]))
    path = KINDS[kind] if method == "POST" else KINDS[kind] + draw(st.just("/a") | SUFFIXES)
    body: Any = draw(VALUES)
    content_type = JSON
    if method == "PATCH":
        body, content_type = draw(patches())
    elif isinstance(body, dict) and method in ("POST", "PUT"):
        body = {"kind": kind, "metadata": {"name": "a"}, **body}
    return method, path, draw(st.just({}) | QUERIES), body, {"Content-Type": content_type}


WEB: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        },
    },
}
FIRST: list[Any] = [
    ("POST", KINDS["ConfigMap"], {}, {"metadata": {"name": "a"}}, {"Content-Type": JSON}),
    ("POST", KINDS["Deployment"], {}, WEB, {"Content-Type": JSON}),
    ("POST", KINDS["Namespace"], {}, {"metadata": {"name": "a"}}, {"Content-Type": JSON}),
]
"""What there is to change, replace and delete."""


@settings(max_examples=100)
@given(st.lists(requests(), min_size=1, max_size=4))
def test_every_request_has_an_answer_that_an_api_server_may_give(asked: Any) -> None:
    target = Target()
    for one in (*FIRST, *asked):
        assert target.ask(*one)[1] == "", one
