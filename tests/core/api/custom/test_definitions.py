"""CustomResourceDefinitions, as Kubernetes v1.36.2 judges them and answers for them.

`definitions_recorded.jsonl` has what a real API server said to them
(`python -m tests.tools.record_definitions`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from returns.result import Failure

from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.rest.fields import Fields, checked_object
from kelm.core.api.rest.options import WriteOptions
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import Document, child, children, document, text, thaw, with_value

RECORDED = Path(__file__).with_name("definitions_recorded.jsonl").read_text().splitlines()
KIND = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
GENERATED = re.compile(r'"gadgets\.[a-z0-9]{5}"')
DIFFERENT = {"versions: odd warning"}
"""Upstream prints the text that a pointer leads to as JSON, and every other text as Go does."""
CASES: list[Any] = [msgspec.json.decode(line) for line in RECORDED]


def command_of(server: ApiServer, verb: str, doc: Document) -> Command:
    name = text(doc, "metadata", "name")
    sent = checked_object(doc, KIND, (), WriteOptions())
    assert isinstance(sent, Fields)
    doc = sent.document
    if verb == "create":
        return Create(DEFINITIONS, "", doc)
    if verb == "delete":
        return Delete(DEFINITIONS, "", name)
    stored = server.store.get(DEFINITIONS, name)
    assert stored is not None
    path = ("metadata", "resourceVersion")
    version = text(stored, "metadata", "resourceVersion")
    return Update(DEFINITIONS, "", name, with_value(doc, path, version))


def heard(outcome: Any) -> Any:
    """An answer as the recording has it."""
    if isinstance(outcome, Failure):
        refusal = outcome.failure()
        causes = [[one.field, one.reason, one.message] for one in refusal.causes]
        causes = sorted([*rest, GENERATED.sub('"gadgets."', said)] for *rest, said in causes)
        found = {"code": refusal.code, "reason": refusal.reason.value, "causes": causes}
        return found if causes else {**found, "message": refusal.message}
    return thaw(outcome.unwrap())


def state(definition: Document) -> Any:
    status = child(definition, "status")
    conditions = {
        text(one, "type"): [text(one, "status"), text(one, "reason"), text(one, "message")]
        for one in children(status, "conditions")
    }
    names = {key: thaw(value) for key, value in child(status, "acceptedNames").items() if value}
    return {"conditions": conditions, "names": names, "stored": thaw(status["storedVersions"])}


SAME = [case for case in CASES if case["name"] not in DIFFERENT]


@pytest.mark.parametrize("case", SAME, ids=lambda case: str(case["name"]))
def test_definitions_are_answered_as_upstream_answers_them(case: Any) -> None:
    server = ApiServer()
    for step in case["steps"]:
        command = command_of(server, step["verb"], document(step["object"]))
        server, outcome = handle(server, command, 0)
        wanted, found = step["answer"], heard(outcome)
        if wanted["code"] >= 400:
            assert found == wanted
            continue
        assert "code" not in found
        if "spec" in wanted:
            assert found["spec"] == wanted["spec"]
            assert found["status"]["storedVersions"] == wanted["stored"]
        table = server.store.table(DEFINITIONS)
        known = {text(one, "metadata", "name"): state(one) for one in table.objects()}
        assert known == step["state"]
