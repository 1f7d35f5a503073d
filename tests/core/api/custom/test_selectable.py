"""Fields of custom resources that field selectors may name.

`selectable_recorded.jsonl` has versions of definitions, of which a schema may be given by its name,
with what Kubernetes v1.36.2 has against their selectable fields.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kelm.core.api.custom.definition import find_custom
from kelm.core.api.custom.selectable import selectable_faults
from kelm.core.api.openapi.customs import custom_schemas
from kelm.core.api.openapi.schemas import V3
from kelm.effects.commands import Create, DeleteCollection, List
from kelm.effects.document import Document, child, children, document, text
from tests.core.api.clusters import done, refused, server_with

RECORDED = Path(__file__).with_name("selectable_recorded.jsonl").read_text().splitlines()
CASES: list[Any] = [msgspec.json.decode(line) for line in RECORDED]
SCHEMAS = CASES[0]["schemas"]


@pytest.mark.parametrize("case", CASES[1:], ids=lambda case: str(case["versions"])[:60])
def test_definitions_are_judged_as_upstream_judges_them(case: Any) -> None:
    versions = [
        {**one, "schema": {"openAPIV3Schema": SCHEMAS[one["schema"]]}} for one in case["versions"]
    ]
    found = selectable_faults(children(document({"versions": versions}), "versions"))
    assert [one.text for one in found] == case["said"]


def gadgets(*paths: str) -> Create:
    properties = {"color": {"type": "string"}, "size": {"type": "integer"}}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": properties}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "selectableFields": [{"jsonPath": path} for path in paths],
    }
    names = {"plural": "gadgets", "kind": "Gadget", "listKind": "GadgetList"}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version]}
    definition = document({"metadata": {"name": "gadgets.example.com"}, "spec": spec})
    return Create("customresourcedefinitions.apiextensions.k8s.io", "", definition)


def gadget(name: str, **spec: object) -> Create:
    kind = {"apiVersion": "example.com/v1", "kind": "Gadget"}
    doc = document({**kind, "metadata": {"name": name}, "spec": spec})
    return Create("gadgets.example.com", "default", doc)


def listed(selector: str) -> List:
    return List("gadgets.example.com", "default", field_selector=selector)


def test_lists_and_deletions_select_by_fields() -> None:
    server = server_with(
        gadgets(".spec.color", ".spec.size"),
        gadget("a", color="red", size=1),
        gadget("b", color="red", size=2),
        gadget("c"),
    )

    def names(selector: str) -> list[str]:
        found = done(server, listed(selector))[1]
        return [text(one, "metadata", "name") for one in children(found, "items")]

    assert names("spec.color=red,spec.size=2") == ["b"]
    assert names("spec.color!=red") == ["c"]
    assert names("spec.color=,metadata.namespace=default") == ["c"]
    many = DeleteCollection("gadgets.example.com", "default", field_selector="spec.color=red")
    server = done(server, many)[0]
    assert names("") == ["c"]


def test_other_fields_are_not_supported() -> None:
    server = server_with(gadgets(".spec.color"))
    assert refused(server, listed("spec.size=1")).message == (
        "field label not supported: spec.size"
    )


def test_the_fields_are_published() -> None:
    custom = find_custom(server_with(gadgets(".spec.color")).store, "gadgets.example.com")
    assert custom is not None
    fields = (Document(fieldPath="spec.color"),)
    found = Document(custom_schemas(custom, V3))
    for kind in ("Gadget", "GadgetList"):
        published = child(found, f"com.example.v1.{kind}")
        assert published["x-kubernetes-selectable-fields"] == fields
