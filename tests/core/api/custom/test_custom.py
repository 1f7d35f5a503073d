"""Custom resources: defined, completed, judged, shown in every version, gone with theirs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.custom.definition import DEFINITIONS, catalogue, condition_of, find_custom
from kelm.core.api.custom.pruning import prune_object, unknown_fields
from kelm.core.api.custom.structural import defaulted, violations
from kelm.core.api.custom.writing import CLEANUP
from kelm.core.api.rest.address import read_address, resolve
from kelm.core.api.rest.answer import converted
from kelm.core.api.rest.discovery import api_resources
from kelm.core.api.rest.tables import table_of
from kelm.core.api.server import ApiServer, watch_events
from kelm.effects.commands import Create, Delete, Get, Patch, Update
from kelm.effects.document import Document, child, children, document, text, thaw, with_value
from tests.core.api.clusters import done, refused, server_with

GADGETS = "gadgets.example.com"
SPEC_SCHEMA = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "port": {"x-kubernetes-int-or-string": True},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}}},
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": SPEC_SCHEMA,
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
COLUMNS = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]


def definition(**changes: Any) -> Document:
    version = {"served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
    version |= {"subresources": {"status": {}}, "additionalPrinterColumns": COLUMNS}
    older = {**version, "name": "v1beta1", "storage": False}
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget", "shortNames": ["gd"]},
        "versions": [{**version, "name": "v1"}, older],
    }
    return document({"metadata": {"name": GADGETS}, "spec": {**spec, **changes}})


def gadget(name: str = "g", **spec: Any) -> Document:
    body = {"size": 3, **spec}
    kind = {"apiVersion": "example.com/v1", "kind": "Gadget"}
    return document({**kind, "metadata": {"name": name}, "spec": body})


def defined() -> ApiServer:
    return server_with(Create(DEFINITIONS, "", definition()))


def test_a_definition_is_established_with_its_names() -> None:
    server, made = done(server_with(), Create(DEFINITIONS, "", definition()))
    assert thaw(made["status"]) == {
        "conditions": [],
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": ["v1"],
    }
    stored = server.store.get(DEFINITIONS, GADGETS)
    assert stored is not None
    status = child(stored, "status")
    assert [one["type"] for one in status["conditions"]] == ["NamesAccepted", "Established"]  # type: ignore[index,union-attr,call-overload]
    assert text(status, "acceptedNames", "listKind") == "GadgetList"
    assert status["storedVersions"] == ("v1",)


def test_a_definition_that_contradicts_itself_is_refused() -> None:
    server = server_with()
    misnamed = with_value(definition(), ("metadata", "name"), "other.example.com")
    assert refused(server, Create(DEFINITIONS, "", misnamed)).code == 422
    two = definition(versions=[{"name": "v1", "served": True, "storage": False}])
    assert "storage version" in refused(server, Create(DEFINITIONS, "", two)).message


def test_a_definition_whose_kind_is_taken_is_not_served_until_that_is_free() -> None:
    names = {"plural": "gizmos", "kind": "Gadget", "listKind": "GizmoList"}
    other = definition(names=names)
    other = with_value(other, ("metadata", "name"), "gizmos.example.com")
    server = done(defined(), Create(DEFINITIONS, "", other))[0]
    gizmo = Create("gizmos.example.com", "default", gadget())
    assert refused(server, gizmo).code == 404
    assert find_custom(server.store, "gizmos.example.com") is None
    server = done(server, Delete(DEFINITIONS, "", GADGETS))[0]
    assert done(server, gizmo)[1]["kind"] == "Gadget"


def test_an_object_is_pruned_defaulted_and_counted() -> None:
    server, made = done(defined(), Create(GADGETS, "default", gadget(extra=1, parts=[{}])))
    spec = {"size": 3, "color": "red", "parts": [{"n": 7}]}
    assert thaw(made["spec"]) == spec
    assert child(made, "metadata")["generation"] == 1
    again = with_value(made, ("spec", "size"), 4)
    server, changed = done(server, Update(GADGETS, "default", "g", again))
    assert child(changed, "metadata")["generation"] == 2
    labelled = Patch(GADGETS, "default", "g", document({"metadata": {"labels": {"a": "b"}}}))
    assert child(done(server, labelled)[1], "metadata")["generation"] == 2


def test_what_its_schema_forbids_is_refused() -> None:
    server = defined()
    for spec in ({"size": 0}, {"size": 10}, {"size": "big"}, {"color": "green"}, {"parts": {}}):
        refusal = refused(server, Create(GADGETS, "default", gadget(**spec)))
        assert (refusal.code, refusal.kind) == (422, "Gadget"), spec
    nothing = document({"metadata": {"name": "g"}, "spec": {}})
    assert (
        "spec.size: Required value" in refused(server, Create(GADGETS, "default", nothing)).message
    )
    server = done(server, Create(GADGETS, "default", gadget()))[0]
    bad = Patch(GADGETS, "default", "g", document({"spec": {"size": 99}}))
    assert "less than or equal to 9" in refused(server, bad).message


def test_applying_names_the_first_field_that_the_schema_does_not_have() -> None:
    server = defined()
    for doc, field in (
        (gadget(extra=1), ".spec.extra"),
        (with_value(gadget(), ("metadata", "nick"), "x"), ".metadata.nick"),
        (with_value(gadget(), ("top",), "x"), ".top"),
    ):
        patch = Patch(GADGETS, "default", "g", doc, "apply", field_manager="me")
        refusal = refused(server, patch)
        assert refusal.code == 500
        assert f"{field}: field not declared in schema" in refusal.message


def test_the_status_has_an_address_of_its_own() -> None:
    given = Document({**gadget(), "status": Document(phase="Made up")})
    server, made = done(defined(), Create(GADGETS, "default", given))
    assert "status" not in made
    status = document({"status": {"phase": "Ready", "any": 1}, "spec": {"size": 5}})
    changed = done(server, Patch(GADGETS, "default", "g", status, subresource="status"))[1]
    assert (thaw(changed["status"]), child(changed, "spec")["size"]) == (
        {"phase": "Ready", "any": 1},
        3,
    )
    assert child(changed, "metadata")["generation"] == 1


def test_every_served_version_shows_the_same_object() -> None:
    older = with_value(gadget(), ("apiVersion",), "example.com/v1beta1")
    server, stored = done(defined(), Create(GADGETS, "default", older))
    assert stored["apiVersion"] == "example.com/v1"
    address = read_address("/apis/example.com/v1beta1/namespaces/default/gadgets/g")
    assert address is not None
    target = resolve(address, server.store)
    assert target is not None
    assert converted(target, stored)["apiVersion"] == "example.com/v1beta1"
    found = api_resources("example.com", "v1", catalogue(server.store))
    assert found is not None
    names = [row["name"] for row in found["resources"]]  # type: ignore[index,union-attr,call-overload]
    assert names == ["gadgets", "gadgets/status"]


def test_a_table_has_the_columns_that_were_asked_for() -> None:
    server, made = done(defined(), Create(GADGETS, "default", gadget()))
    custom = find_custom(server.store, GADGETS)
    assert custom is not None
    table = table_of(GADGETS, made, 0, custom=custom.storage)
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Size"]  # type: ignore[index,union-attr,call-overload]
    assert table["rows"][0]["cells"] == ("g", 3)  # type: ignore[index,call-overload]


def test_a_definition_goes_with_all_objects_of_its_kind() -> None:
    server = done(defined(), Create(GADGETS, "default", gadget()))[0]
    assert len(watch_events(server, GADGETS, 0).unwrap()) == 1
    server = done(server, Delete(DEFINITIONS, "", GADGETS))[0]
    assert not len(server.store.table(GADGETS))
    assert refused(server, Get(GADGETS, "default", "g")).code == 404
    seen = watch_events(server, DEFINITIONS, 0).unwrap()
    changes = ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [event.type for event in seen] == changes
    said = [children(event.object, "status", "conditions") for event in seen]
    assert [tuple(one[-1:]) and one[-1]["reason"] for one in said] == [
        (),
        "Installing",
        "InitialNamesAccepted",
        "InstanceDeletionPending",
        "InstanceDeletionInProgress",
        "InstanceDeletionInProgress",
    ]
    assert child(seen[3].object, "metadata")["finalizers"] == (CLEANUP,)


def test_a_definition_keeps_the_finalizers_of_others_until_these_take_them_away() -> None:
    held = Patch(DEFINITIONS, "", GADGETS, document({"metadata": {"finalizers": ["a.io/b"]}}))
    server = done(done(defined(), held)[0], Delete(DEFINITIONS, "", GADGETS))[0]
    left = server.store.get(DEFINITIONS, GADGETS)
    assert left is not None
    assert child(left, "metadata")["finalizers"] == ("a.io/b",)
    terminating = children(left, "status", "conditions")[-1]
    assert (terminating["status"], terminating["reason"]) == ("False", "InstanceDeletionCompleted")
    free = Patch(DEFINITIONS, "", GADGETS, document({"metadata": {"finalizers": None}}))
    assert done(server, free)[0].store.get(DEFINITIONS, GADGETS) is None


def test_a_definition_waits_for_objects_that_are_held() -> None:
    held = with_value(gadget(), ("metadata", "finalizers"), ("example.com/hold",))
    server = done(defined(), Create(GADGETS, "default", held))[0]
    server, answer = done(server, Delete(DEFINITIONS, "", GADGETS))
    assert "deletionTimestamp" in child(answer, "metadata")
    assert condition_of(answer, "Terminating")["reason"] == "InstanceDeletionPending"
    waiting = server.store.get(DEFINITIONS, GADGETS)
    assert waiting is not None
    terminating = condition_of(waiting, "Terminating")
    assert (terminating["status"], terminating["reason"]) == ("True", "InstanceDeletionInProgress")
    refusal = refused(server, Create(GADGETS, "default", gadget(name="late")))
    assert refusal.message == (
        'gadgets.example.com "late" is forbidden: create not allowed while custom resource '
        "definition is terminating"
    )
    free = Patch(GADGETS, "default", "g", document({"metadata": {"finalizers": None}}))
    server = done(server, free)[0]
    assert server.store.get(DEFINITIONS, GADGETS) is None


# -- schemas -----------------------------------------------------------------------------------

KEYS = st.sampled_from(["size", "color", "port", "parts", "n", "other"])
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from(["red", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
WHOLE = document(SCHEMA)
OBJECTS = st.dictionaries(st.sampled_from(["spec", "status", "other"]), VALUES).map(document)


@given(OBJECTS)
def test_what_was_pruned_has_nothing_unknown_and_stays_as_it_is(doc: Document) -> None:
    once = prune_object(doc, WHOLE)
    assert unknown_fields(once, WHOLE) == ()
    assert prune_object(once, WHOLE) is once


@given(OBJECTS)
def test_defaults_are_filled_in_once(doc: Document) -> None:
    once = defaulted(doc, WHOLE)
    assert defaulted(once, WHOLE) is once


@given(OBJECTS)
def test_every_fault_is_inside_of_the_object(doc: Document) -> None:
    for fault in violations(doc, WHOLE, ""):
        assert fault.field.startswith(("spec", "status")), fault
