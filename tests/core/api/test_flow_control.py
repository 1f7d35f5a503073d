"""FlowSchemas and priority levels: judged as upstream judges them, and kept.

`flow_control_recorded.jsonl` has what Kubernetes v1.36.2 answered
(`python -m tests.tools.record_flow_control`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from returns.result import Failure

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.api.flow_control.first import (
    ANNOTATION,
    FIRST,
    LEVELS,
    MANDATORY,
    SCHEMAS,
    making,
)
from kelm.core.api.server import ApiServer, handle
from kelm.core.controllers.api.flow_control import FlowControl
from kelm.effects.commands import Command, Create, Delete, Get, List, Patch, Update
from kelm.effects.document import Document, child, children, document, strings, text, thaw
from tests.core.api.clusters import done, refused, server_with

RECORDED = Path(__file__).with_name("flow_control_recorded.jsonl").read_text().splitlines()
CASES: list[Any] = [msgspec.json.decode(line) for line in RECORDED]


def command_of(server: ApiServer, resource: str, doc: Document) -> Command:
    name = text(doc, "metadata", "name")
    stored = server.store.get(resource, name)
    if stored is None:
        return Create(resource, "", doc)
    return Update(resource, "", name, Document({**stored, "spec": doc["spec"]}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["object"]["spec"])[-60:])
def test_they_are_answered_as_upstream_answers_them(case: Any) -> None:
    server = server_with(*(making(*key) for key in FIRST))
    resource = f"{case['resource']}.flowcontrol.apiserver.k8s.io"
    outcome = handle(server, command_of(server, resource, document(case["object"])), 0)[1]
    wanted = case["answer"]
    if wanted["code"] < 400:
        assert thaw(outcome.unwrap()["spec"]) == wanted["spec"]  # type: ignore[call-overload]
        return
    assert isinstance(outcome, Failure)
    refusal = outcome.failure()
    causes = sorted([one.field, one.reason, one.message] for one in refusal.causes)
    assert (refusal.code, causes) == (wanted["code"], wanted["causes"])


def kept() -> Cluster:
    plane = ControlPlane().with_controller(FlowControl())
    cluster = Cluster(nodes=0, control_plane=plane, replace_machines=False)
    cluster.run(1_000)
    return cluster


def dangling(cluster: Cluster, name: str) -> tuple[str, str]:
    found = cluster.get(SCHEMAS, name)
    assert found is not None
    (one,) = children(found, "status", "conditions")
    return text(one, "status"), text(one, "reason")


def test_there_are_those_that_an_api_server_makes_for_itself() -> None:
    cluster = kept()
    for (resource, name), wanted in FIRST.items():
        found = cluster.get(resource, name)
        assert found is not None
        assert found["spec"] == wanted["spec"], name
    assert dangling(cluster, "probes") == ("False", "Found")


def test_what_was_deleted_is_back_when_the_next_minute_begins() -> None:
    cluster = kept()
    for resource, name in ((LEVELS, "system"), (SCHEMAS, "probes")):
        cluster.ask(Delete(resource, "", name)).unwrap()
    cluster.run(1_000)
    assert cluster.get(LEVELS, "system") is None
    assert dangling(cluster, "system-nodes") == ("True", "NotFound")
    cluster.run(60_000)
    assert cluster.get(LEVELS, "system") is not None
    assert cluster.get(SCHEMAS, "probes") is not None
    assert dangling(cluster, "system-nodes") == ("False", "Found")


def changed(cluster: Cluster, annotation: str | None) -> Document:
    """A suggested level that somebody changed, more than a minute later."""
    patch: dict[str, Any] = {"spec": {"limited": {"nominalConcurrencyShares": 7}}}
    patch["metadata"] = {"annotations": {ANNOTATION: annotation}}
    cluster.ask(Patch(LEVELS, "", "workload-low", document(patch))).unwrap()
    cluster.run(61_000)
    found = cluster.get(LEVELS, "workload-low")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("annotation", "shares", "says"),
    [("true", 100, "true"), ("false", 7, "false"), (None, 7, "false"), ("perhaps", 7, "false")],
)
def test_a_suggested_one_is_put_right_unless_it_is_somebody_elses(
    annotation: str | None, shares: int, says: str
) -> None:
    found = changed(kept(), annotation)
    assert child(found, "spec", "limited")["nominalConcurrencyShares"] == shares
    assert strings(found, "metadata", "annotations")[ANNOTATION] == says


def test_what_says_that_it_is_the_servers_own_and_is_not_goes() -> None:
    cluster = kept()
    spec = FIRST[LEVELS, "system"]["spec"]
    for name, word in (("mine", "true"), ("yours", "false")):
        metadata = Document(name=name, annotations=Document({ANNOTATION: word}))
        cluster.ask(Create(LEVELS, "", Document(metadata=metadata, spec=spec))).unwrap()
    cluster.run(61_000)
    assert cluster.get(LEVELS, "mine") is None
    assert cluster.get(LEVELS, "yours") is not None


def test_a_mandatory_one_is_what_it_is() -> None:
    server = server_with(*(making(*key) for key in FIRST))
    for name in MANDATORY:
        patch = Patch(SCHEMAS, "", name, document({"spec": {"matchingPrecedence": 5}}))
        assert "must equal the fixed value" in refused(server, patch).message
    free = Patch(LEVELS, "", "exempt", document({"spec": {"exempt": {"lendablePercent": 9}}}))
    assert child(done(server, free)[1], "spec", "exempt")["lendablePercent"] == 9


def test_components_are_asked_how_they_are() -> None:
    server = ApiServer()
    listed = done(server, List("componentstatuses"))[1]
    names = [text(one, "metadata", "name") for one in children(listed, "items")]
    assert names == ["controller-manager", "etcd-0", "scheduler"]
    one = done(server, Get("componentstatuses", "", "etcd-0"))[1]
    (condition,) = children(one, "conditions")
    assert (text(condition, "type"), text(condition, "status")) == ("Healthy", "True")
    assert refused(server, Get("componentstatuses", "", "x")).code == 404
