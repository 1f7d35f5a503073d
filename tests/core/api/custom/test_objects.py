"""Custom objects, as Kubernetes v1.36.2 judges and stores them.

`objects_recorded.jsonl` has what a real API server made of values under a schema
(`python -m tests.tools.record_objects`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from returns.result import Failure

from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create
from kelm.effects.document import child, document, thaw
from tests.core.api.clusters import server_with

RECORDED = Path(__file__).with_name("objects_recorded.jsonl").read_text().splitlines()
CASES: list[Any] = [
    (line["schema"], one["value"], one["answer"])
    for line in map(msgspec.json.decode, RECORDED)
    for one in line["values"]
]


def defined(schema: Any) -> ApiServer:
    whole = {"type": "object", "properties": {"a": schema}}
    root = {"type": "object", "properties": {"spec": whole}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
    }
    spec = {
        "group": "kelm.example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": [version],
    }
    definition = document({"metadata": {"name": "gadgets.kelm.example.com"}, "spec": spec})
    return server_with(Create(DEFINITIONS, "", definition))


@pytest.mark.parametrize(("schema", "value", "answer"), CASES)
def test_objects_are_answered_as_upstream_answers_them(
    schema: Any, value: Any, answer: Any
) -> None:
    kind = {"apiVersion": "kelm.example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    doc = document({**kind, "spec": {"a": value}})
    outcome = handle(defined(schema), Create("gadgets.kelm.example.com", "default", doc), 0)[1]
    if answer["code"] < 400:
        assert thaw(child(outcome.unwrap(), "spec")) == answer["spec"]
        return
    assert isinstance(outcome, Failure), "it was let in"
    refusal = outcome.failure()
    causes = sorted([one.field, one.reason, one.message] for one in refusal.causes)
    assert (refusal.code, causes) == (answer["code"], answer["causes"])
