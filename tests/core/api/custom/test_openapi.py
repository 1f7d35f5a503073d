"""Custom resources stand in the OpenAPI documents under the names and in the words of upstream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.custom.definition import CustomResource, custom_resource
from kelm.core.api.openapi import documents
from kelm.core.api.openapi.customs import JUNCTORS, PRESERVES, custom_schemas
from kelm.core.api.openapi.schemas import V2, V3
from kelm.effects.document import Document, Json, child, document

SCHEMA = {
    "type": "object",
    "description": "Gadgets for testing",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size", "rest"],
            "properties": {
                "size": {"type": "integer", "nullable": True, "oneOf": [{"minimum": 1}]},
                "rest": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"a": {"type": "string"}},
                },
                "list": {
                    "type": "array",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "items": {"type": "string"},
                },
                "pod": {"type": "object", "x-kubernetes-embedded-resource": True},
            },
        }
    },
}


def gadgets(schema: object, *versions: str, served: bool = True) -> CustomResource:
    listed = [
        {
            "name": name,
            "served": served or index == 0,
            "storage": index == 0,
            "schema": {"openAPIV3Schema": schema},
        }
        for index, name in enumerate(versions)
    ]
    names = {"plural": "gadgets", "kind": "Gadget"}
    spec = {"group": "x.example.com", "scope": "Namespaced", "names": names, "versions": listed}
    found = custom_resource(document({"spec": spec}))
    assert found is not None
    return found


def test_version_2_leaves_out_what_it_cannot_say() -> None:
    schema = custom_schemas(gadgets(SCHEMA, "v1"), V2)["com.example.x.v1.Gadget"]
    assert isinstance(schema, Document)
    assert schema["description"] == "Gadgets for testing"
    spec = child(schema, "properties", "spec")
    assert spec["required"] == ("rest",)
    fields = child(spec, "properties")
    assert fields["size"] == {}
    assert fields["rest"] == {PRESERVES: True}
    assert fields["list"] == {PRESERVES: True}
    assert sorted(child(fields, "pod", "properties")) == ["apiVersion", "kind", "metadata"]
    assert child(fields, "pod")["required"] == ("kind", "apiVersion")


def test_version_3_says_all() -> None:
    schema = custom_schemas(gadgets(SCHEMA, "v1"), V3)["com.example.x.v1.Gadget"]
    assert isinstance(schema, Document)
    fields = child(schema, "properties", "spec", "properties")
    assert child(fields, "size")["nullable"] is True
    assert child(fields, "rest", "properties", "a") == {"type": "string"}


def test_an_object_that_keeps_unknown_fields_has_no_fields_in_version_2() -> None:
    schema = {"type": "object", PRESERVES: True, "properties": {"a": {"type": "string"}}}
    found = custom_schemas(gadgets(schema, "v1"), V2)["com.example.x.v1.Gadget"]
    assert isinstance(found, Document)
    assert sorted(found) == ["type", "x-kubernetes-group-version-kind"]


def test_every_served_version_has_its_type_and_addresses() -> None:
    page = documents.version_2((gadgets(SCHEMA, "v2", "v3"),))
    definitions, paths = child(page, "definitions"), child(page, "paths")
    for version in ("v2", "v3"):
        assert f"com.example.x.{version}.Gadget" in definitions
        assert f"/apis/x.example.com/{version}/namespaces/{{namespace}}/gadgets" in paths
    assert "io.k8s.api.core.v1.Pod" in definitions
    hidden = documents.version_2((gadgets(SCHEMA, "v2", "v3", served=False),))
    assert "com.example.x.v3.Gadget" not in child(hidden, "definitions")
    assert "com.example.x.v2.Gadget" not in child(documents.version_2(), "definitions")


def test_what_every_object_has_is_described() -> None:
    page = documents.custom_version_3("apis/x.example.com/v1", (gadgets(SCHEMA, "v1"),))
    assert page is not None
    schemas = child(page, "components", "schemas")
    gadget = child(schemas, "com.example.x.v1.Gadget", "properties")
    assert str(child(gadget, "metadata")["description"]).startswith("Standard object's metadata")
    meta = child(schemas, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "properties")
    assert all("description" in field for field in meta.values() if isinstance(field, Document))


FLAGS = ("nullable", PRESERVES, "x-kubernetes-embedded-resource")
leaves = st.fixed_dictionaries(
    {"type": st.sampled_from(("string", "object", "array"))},
    optional={flag: st.booleans() for flag in FLAGS} | {one: st.just([{}]) for one in JUNCTORS},
)


def within(inner: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    fields = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    names = st.lists(st.sampled_from("abc"), unique=True, min_size=1, max_size=2)
    return st.tuples(leaves, fields, inner, names).map(
        lambda parts: (
            {**parts[0], "properties": parts[1], "items": parts[2], "required": parts[3]}
        )
    )


def everything(schema: Json) -> list[Document]:
    found = [schema] if isinstance(schema, Document) else []
    for one in list(found):
        inner = [*child(one, "properties").values(), one.get("items")]
        found += [below for part in inner for below in everything(part)]
    return found


@given(schema=st.recursive(leaves, within, max_leaves=6))
def test_kubectl_can_cope_with_every_type_of_version_2(schema: dict[str, object]) -> None:
    whole = {"type": "object", "properties": {"spec": schema}}
    found = custom_schemas(gadgets(whole, "v1"), V2)["com.example.x.v1.Gadget"]
    for one in everything(found):
        assert not set(JUNCTORS) & set(one)
        assert "nullable" not in one or one["nullable"] is False
        assert one.get("type") != "array" or "items" in one
        if one.get(PRESERVES):
            assert "properties" not in one and one.get("type") != "object"
