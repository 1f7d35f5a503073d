"""Kubernetes' sample API server as a program of the simulated cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import fetch
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.programs.process import Fetch
from kelm.effects.document import text

IMAGE = "registry.k8s.io/e2e-test-images/sample-apiserver:1.29.2"
OLD, NEW = "/apis/wardle.example.com/v1alpha1", "/apis/wardle.example.com/v1beta1"
ANN = (("X-Remote-User", "ann"), ("Content-Type", "application/json"))


class Wardle:
    """One such server, and how to ask it."""

    def __init__(self) -> None:
        self.cluster = Cluster(nodes=1, replace_machines=False)
        containers = [{"name": "sample-apiserver", "image": IMAGE}]
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "wardle", "namespace": "default"},
                "spec": {"containers": containers},
            }
        )
        self.cluster.run(20_000)
        pod = self.cluster.get("pods", "wardle")
        assert pod is not None
        self.address = text(pod, "status", "podIP")

    def reply(
        self,
        method: str,
        path: str,
        body: object = None,
        query: str = "",
        headers: tuple[tuple[str, str], ...] = ANN,
    ) -> HttpResponse:
        sent = b"" if body is None else json.dumps(body).encode()
        found = fetch(self.cluster, Fetch(self.address, 443, method, path, query, headers, sent))
        self.cluster.run(1)
        assert isinstance(found, HttpResponse), found
        return found

    def ask(self, method: str, path: str, body: object = None, query: str = "") -> tuple[int, Any]:
        found = self.reply(method, path, body, query)
        return found.status, json.loads(found.body)


@pytest.fixture(scope="module")
def wardle() -> Wardle:
    return Wardle()


def flunders(version: str, namespace: str) -> str:
    return f"{version}/namespaces/{namespace}/flunders"


def flunder(name: str, **spec: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


def test_it_says_what_it_serves(wardle: Wardle) -> None:
    groups = wardle.ask("GET", "/apis")[1]["groups"]
    assert [one["name"] for one in groups] == ["wardle.example.com"]
    versions = wardle.ask("GET", "/apis/wardle.example.com")[1]["versions"]
    assert [one["version"] for one in versions] == ["v1beta1", "v1alpha1"]
    names = {
        version: [one["name"] for one in wardle.ask("GET", version)[1]["resources"]]
        for version in (OLD, NEW)
    }
    assert names == {OLD: ["fischers", "flunders"], NEW: ["flunders"]}
    paths = wardle.ask("GET", "/openapi/v3")[1]["paths"]
    assert set(paths) == {"apis/wardle.example.com/v1alpha1", "apis/wardle.example.com/v1beta1"}
    assert wardle.ask("GET", "/openapi/v3/apis/wardle.example.com/v1beta1")[0] == 200


def test_flunders_are_made_listed_changed_and_deleted(wardle: Wardle) -> None:
    path = flunders(OLD, "one")
    code, made = wardle.ask("POST", path, flunder("a", reference="b"))
    assert (code, made["kind"], made["apiVersion"]) == (201, "Flunder", OLD.removeprefix("/apis/"))
    assert made["spec"] == {"reference": "b", "referenceType": "Flunder"}
    assert made["status"] == {}
    assert wardle.ask("POST", path, flunder("a"))[1]["reason"] == "AlreadyExists"
    listed = wardle.ask("GET", path)[1]
    assert [one["metadata"]["uid"] for one in listed["items"]] == [made["metadata"]["uid"]]
    changed = {**made, "metadata": {**made["metadata"], "labels": {"x": "y"}}}
    assert wardle.ask("PUT", f"{path}/a", changed)[1]["metadata"]["labels"] == {"x": "y"}
    assert wardle.ask("PUT", f"{path}/a", changed)[1]["reason"] == "Conflict"
    assert wardle.ask("DELETE", f"{path}/a")[0] == 200
    assert wardle.ask("GET", f"{path}/a")[0] == 404
    assert wardle.ask("POST", path, flunder("a"))[1]["metadata"]["uid"] != made["metadata"]["uid"]


def test_every_version_says_it_in_its_own_words(wardle: Wardle) -> None:
    old, new = flunders(OLD, "two"), flunders(NEW, "two")
    given = flunder("a", fischerReference="f", referenceType="Fischer")
    assert wardle.ask("POST", new, given)[1]["spec"] == given["spec"]
    assert wardle.ask("GET", f"{old}/a")[1]["spec"] == {
        "reference": "f",
        "referenceType": "Fischer",
    }
    patch = {"spec": {"fischerReference": "g"}}
    merge = (("X-Remote-User", "ann"), ("Content-Type", "application/merge-patch+json"))
    found = wardle.reply("PATCH", f"{new}/a", patch, headers=merge)
    assert (found.status, json.loads(found.body)["spec"]["fischerReference"]) == (200, "g")
    assert wardle.ask("GET", f"{old}/a")[1]["spec"]["reference"] == "g"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"referenceType": "Fischer"}, 'spec.fischerReference: Invalid value: "": cannot be empty'),
        ({"flunderReference": "a"}, "cannot be set if referenceType is not Flunder"),
        (
            {"flunderReference": "a", "fischerReference": "b", "referenceType": "Flunder"},
            'spec.fischerReference: Invalid value: "b": cannot be set with flunderReference',
        ),
        ({"referenceType": "Fish"}, "must be Flunder or Fischer"),
    ],
)
def test_a_flunder_that_cannot_be_is_refused(
    wardle: Wardle, spec: dict[str, str], said: str
) -> None:
    code, status = wardle.ask("POST", flunders(NEW, "three"), flunder("a", **spec))
    assert (code, said in status["message"]) == (422, True), status


def test_a_fischer_bans_names(wardle: Wardle) -> None:
    fischer = {"metadata": {"name": "f"}, "disallowedFlunders": ["bad"]}
    assert wardle.ask("POST", f"{OLD}/fischers", fischer)[0] == 201
    code, status = wardle.ask("POST", flunders(OLD, "four"), flunder("bad"))
    assert code == 403
    assert status["message"] == (
        'flunders.wardle.example.com "bad" is forbidden: this name may not be used, please change '
        "the resource name"
    )
    assert wardle.ask("DELETE", f"{OLD}/fischers/f")[0] == 200
    assert wardle.ask("POST", flunders(OLD, "four"), flunder("bad"))[0] == 201


def test_a_watch_goes_on_where_it_stopped(wardle: Wardle) -> None:
    path = flunders(NEW, "five")
    wardle.ask("POST", path, flunder("a"))
    first = wardle.reply("GET", path, query="watch=1&labelSelector=")
    (event,) = map(json.loads, first.body.splitlines())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert event["object"]["apiVersion"] == NEW.removeprefix("/apis/")
    assert wardle.reply("GET", path, query=first.then).body == b""
    wardle.ask("DELETE", f"{path}/a")
    later = wardle.reply("GET", path, query=first.then)
    assert json.loads(later.body)["type"] == "DELETED"
    assert wardle.reply("GET", path, query=later.then).body == b""


def test_nobody_is_known_who_does_not_come_through_the_api_server(wardle: Wardle) -> None:
    found = wardle.reply("GET", flunders(OLD, "one"), headers=())
    assert found.status == 403
    assert wardle.reply("GET", "/readyz", headers=()).status == 200
    assert wardle.reply("GET", "/apis", headers=()).status == 403
