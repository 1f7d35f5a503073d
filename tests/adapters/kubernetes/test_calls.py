"""Commands as HTTP requests, and answers as outcomes: against recorded exchanges, too."""

from __future__ import annotations

import json

import pytest
from returns.result import Failure, Success

from kelm.adapters.kubernetes.documents import Siblings, shared_document
from kelm.adapters.kubernetes.requests.answers import Response, outcome_of
from kelm.adapters.kubernetes.requests.calls import Call, call_of
from kelm.adapters.kubernetes.served import built_in
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    List,
    Patch,
)
from kelm.effects.document import Document, document
from kelm.effects.refusals import Reason
from tests.conformance.runner import DEFAULT_UPSTREAM

HTTP = DEFAULT_UPSTREAM / "traces" / "http"


def call(command: Command, resource: str = "pods") -> Call:
    served = built_in(resource)
    assert served is not None
    return call_of(command, served, lambda letters: "x" * letters)


def test_a_delete_names_its_preconditions() -> None:
    made = call(Delete("pods", "n", "a", uid="u", resource_version="7", grace_period_seconds=0))
    assert (made.method, made.path, made.repeatable) == (
        "DELETE",
        "/api/v1/namespaces/n/pods/a",
        True,
    )
    assert made.body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u", "resourceVersion": "7"},
    }


def test_a_generated_name_is_cut_as_the_server_cuts_it() -> None:
    long = "l" * 80
    made = call(Create("pods", "n", document({"metadata": {"generateName": long}})))
    assert isinstance(made.body, Document)
    meta = made.body["metadata"]
    assert meta == {"generateName": long, "name": "l" * 58 + "xxxxx"} and made.named_here


def test_what_is_created_carries_its_kind() -> None:
    made = call(Create("pods", "n", document({"metadata": {"name": "a"}})))
    assert isinstance(made.body, Document)
    assert made.body["kind"] == "Pod" and made.body["apiVersion"] == "v1"
    assert not made.repeatable and not made.named_here


@pytest.mark.parametrize(
    ("command", "path", "query"),
    [
        (Bind("n", "a", "u", "node-1"), "/api/v1/namespaces/n/pods/a/binding", ()),
        (Evict("n", "a", "u"), "/api/v1/namespaces/n/pods/a/eviction", ()),
        (
            DeleteCollection("pods", "n", "a=b", "x=y"),
            "/api/v1/namespaces/n/pods",
            (("labelSelector", "a=b"), ("fieldSelector", "x=y")),
        ),
        (
            List("pods", "n", limit=5, continue_token="t"),
            "/api/v1/namespaces/n/pods",
            (("limit", "5"), ("continue", "t")),
        ),
        (
            Patch("pods", "n", "a", Document(), "apply", "status", "me", True, True),
            "/api/v1/namespaces/n/pods/a/status",
            (("dryRun", "All"), ("fieldManager", "me"), ("force", "true")),
        ),
    ],
)
def test_paths_and_queries(command: Command, path: str, query: tuple[tuple[str, str], ...]) -> None:
    made = call(command)
    assert (made.path, made.query) == (path, query)


def test_a_cluster_scoped_object_has_no_namespace_in_its_path() -> None:
    assert call(Delete("nodes", "", "node-1"), "nodes").path == "/api/v1/nodes/node-1"


@pytest.mark.skipif(not HTTP.exists(), reason="no recorded exchanges here")
@pytest.mark.parametrize("file", sorted(HTTP.glob("*.jsonl")), ids=lambda path: path.stem)
def test_recorded_answers_are_read_as_they_were_meant(file: object) -> None:
    """Every recorded `Status` comes back from our refusal as it was; objects come unchanged."""
    count = 0
    for line in HTTP.joinpath(str(file)).read_text().splitlines():
        exchange = json.loads(line)
        body = exchange.get("response")
        if not isinstance(body, dict):
            continue
        outcome = outcome_of(Response(exchange["status"], json.dumps(body).encode()))
        count += 1
        if exchange["status"] < 400:
            assert isinstance(outcome, Success)
            if not str(body.get("kind")).endswith("List"):
                assert outcome.unwrap() == document(body)
            continue
        assert isinstance(outcome, Failure)
        told, meant = outcome.failure().status(), document(body)
        assert told["message"] == meant["message"]
        assert told.get("reason", "") == meant.get("reason", "")
        assert told.get("details", {}) == meant.get("details", {})
    assert count or file


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (503, b"upstream connect error", Reason.SERVICE_UNAVAILABLE),
        (429, b"Too many requests, please try again later.", Reason.TOO_MANY_REQUESTS),
        (401, b'{"error":"token"}', Reason.UNAUTHORIZED),
        (418, b"", Reason.INTERNAL_ERROR),
    ],
)
def test_what_no_api_server_wrote(code: int, body: bytes, reason: Reason) -> None:
    refusal = outcome_of(Response(code, body)).failure()
    assert refusal.reason is reason and str(code) in refusal.message


def test_a_page_that_pretends_to_be_an_answer_leaves_the_outcome_open() -> None:
    assert outcome_of(Response(200, b"<html>log in</html>")).failure().unknown_outcome


def test_a_new_version_shares_what_did_not_change() -> None:
    old = document({"spec": {"a": [1, {"b": 2}]}, "status": {"n": 1}, "flag": True})
    new = document({"spec": {"a": [1, {"b": 2}]}, "status": {"n": 2}, "flag": 1})
    kept = shared_document(old, new)
    assert kept == new and kept["spec"] is old["spec"] and type(kept["flag"]) is int


def test_siblings_share_what_they_were_made_of() -> None:
    siblings = Siblings()

    def pod(name: str, owner: str) -> Document:
        meta = {"name": name, "ownerReferences": [{"uid": owner}]}
        spec = {"containers": [{"image": owner}], "tolerations": [{"key": "a"}]}
        return document({"metadata": meta, "spec": spec, "status": {"podIP": name}})

    first, other, second = (pod("a", "u"), pod("b", "v"), pod("c", "u"))
    kept = [siblings.shared(None, doc) for doc in (first, other, second)]
    assert kept == [first, other, second]
    assert kept[2]["spec"] is kept[0]["spec"] and kept[1]["spec"] is not kept[0]["spec"]
    assert kept[2]["status"] == {"podIP": "c"}
