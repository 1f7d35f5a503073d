"""Rules of custom resources: judged with their definition, asked of every object, ratcheted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.custom.definition import DEFINITIONS, has_rules
from kelm.core.api.custom.judging.leniency import STRICT
from kelm.core.api.custom.judging.schemas import schema_faults
from kelm.core.api.custom.rules.compiled import compile_rules
from kelm.core.api.custom.rules.evaluate import rule_violations
from kelm.core.api.server import ApiServer
from kelm.effects.commands import Create, Get, Patch, Update
from kelm.effects.document import Document, document, with_value
from tests.core.api.clusters import done, refused, server_with

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "rules_recorded.jsonl").read_text().splitlines()
]
DEFINED = [case for case in RECORDED if "definition" in case]
JUDGED = [case for case in RECORDED if "rules" in case]
WIDGETS = "widgets.example.com"
PATH = "spec.validation.openAPIV3Schema"


@pytest.mark.parametrize("case", DEFINED, ids=lambda case: json.dumps(case["schema"])[50:130])
def test_definitions_are_refused_for_their_rules_as_upstream_refuses_them(case: Any) -> None:
    schema = document(case["schema"])
    found = schema_faults(schema, "spec.validation", STRICT, status=False, dear_before=False)
    assert [[one.text, one.type.value] for one in found] == case["definition"]


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: json.dumps(case["schema"])[50:130])
def test_objects_are_refused_by_rules_as_upstream_refuses_them(case: Any) -> None:
    schema = document(case["schema"])
    rules = compile_rules(schema) if has_rules(schema) else None
    old = None if case["old"] is None else document(case["old"])
    found = () if rules is None else rule_violations(rules, document(case["new"]), old)
    assert sorted([one.text, one.type.value] for one in found) == sorted(case["rules"])


SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "least": {"type": "integer", "maximum": 100},
                "most": {"type": "integer"},
                "kind": {
                    "type": "string",
                    "x-kubernetes-validations": [
                        {"rule": "self == oldSelf", "message": "is immutable"}
                    ],
                },
            },
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.least) || !has(self.most) || self.least <= self.most",
                    "messageExpression": "'%d is above %d'.format([self.least, self.most])",
                    "fieldPath": ".least",
                }
            ],
        },
        "status": {
            "type": "object",
            "properties": {"done": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.done >= 0"}],
        },
    },
}


def definition(schema: Any = SCHEMA) -> Document:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return document({"metadata": {"name": WIDGETS}, "spec": spec})


def widget(**spec: Any) -> Document:
    kind = {"apiVersion": "example.com/v1", "kind": "Widget"}
    return document({**kind, "metadata": {"name": "w"}, "spec": spec})


def defined() -> ApiServer:
    return server_with(Create(DEFINITIONS, "", definition()))


def test_a_definition_whose_rule_does_not_compile_is_refused() -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.nothing"}]}
    refusal = refused(server_with(), Create(DEFINITIONS, "", definition(schema)))
    assert refusal.code == 422
    assert "undefined field 'nothing'" in refusal.message
    assert refusal.causes[0].field == f"{PATH}.x-kubernetes-validations[0].rule"


def test_an_object_that_breaks_a_rule_is_refused_in_the_rules_words() -> None:
    refusal = refused(defined(), Create(WIDGETS, "default", widget(least=3, most=2)))
    assert refusal.code == 422
    assert refusal.message == (
        'Widget.example.com "w" is invalid: spec.least: Invalid value: 3 is above 2'
    )
    done(defined(), Create(WIDGETS, "default", widget(least=2, most=3)))


def test_rules_are_not_asked_of_an_object_whose_shape_is_wrong() -> None:
    refusal = refused(defined(), Create(WIDGETS, "default", widget(least="x", most=1)))
    assert "spec.least in body must be of type integer" in refusal.message
    assert "<nil>: Invalid value: null: some validation rules were not checked" in refusal.message


def test_a_rule_about_before_is_asked_of_changes_only() -> None:
    server, made = done(defined(), Create(WIDGETS, "default", widget(kind="a")))
    refusal = refused(
        server, Update(WIDGETS, "default", "w", with_value(made, ("spec", "kind"), "b"))
    )
    assert refusal.message == (
        'Widget.example.com "w" is invalid: spec.kind: Invalid value: "b": is immutable'
    )
    done(server, Update(WIDGETS, "default", "w", with_value(made, ("spec", "most"), 1)))


def test_what_broke_a_rule_before_it_was_made_may_stay_as_it_is() -> None:
    loose = with_value(definition(), ("spec", "versions"), definition({"type": "object",
        "x-kubernetes-preserve-unknown-fields": True})["spec"]["versions"])  # type: ignore[index,call-overload]  # fmt: skip
    server, _ = done(server_with(), Create(DEFINITIONS, "", loose))
    server, made = done(server, Create(WIDGETS, "default", widget(least=300, most=2)))
    now = done(server, Get(DEFINITIONS, "", WIDGETS))[1]
    strict = with_value(now, ("spec", "versions"), definition()["spec"]["versions"])  # type: ignore[index,call-overload]
    server, _ = done(server, Update(DEFINITIONS, "", WIDGETS, strict))
    labelled = with_value(made, ("metadata", "labels"), Document(a="b"))
    server, kept = done(server, Update(WIDGETS, "default", "w", labelled))
    changed = with_value(kept, ("spec", "most"), 1)
    refusal = refused(server, Update(WIDGETS, "default", "w", changed))
    assert "300 is above 1" in refusal.message
    assert "less than or equal to 100" not in refusal.message


def test_a_status_is_asked_too() -> None:
    server, made = done(defined(), Create(WIDGETS, "default", widget(kind="a")))
    wrong = with_value(made, ("status",), Document(done=-1))
    refusal = refused(server, Update(WIDGETS, "default", "w", wrong, subresource="status"))
    assert "status: Invalid value: failed rule: self.done >= 0" in refusal.message
    patch = document({"status": {"done": 2}})
    done(server, Patch(WIDGETS, "default", "w", patch, subresource="status"))


@given(least=st.integers(-3, 3), most=st.integers(-3, 3), kept=st.booleans())
def test_what_is_stored_keeps_its_rules(least: int, most: int, kept: bool) -> None:
    server = defined()
    if least > most:
        refused(server, Create(WIDGETS, "default", widget(least=least, most=most)))
        return
    server, made = done(server, Create(WIDGETS, "default", widget(least=least, most=most)))
    other = most if kept else least - 1
    change = Update(WIDGETS, "default", "w", with_value(made, ("spec", "most"), other))
    if other < least:
        refused(server, change)
    else:
        done(server, change)
