"""What OpenAPI says of values: as a real API server says it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.openapi.paths import group_word, paths_of
from kelm.core.api.openapi.schemas import V2, V3, schema_of
from kelm.core.api.openapi.values import needed_order, values_of
from kelm.core.api.schema.definitions import kubernetes
from kelm.effects.document import EMPTY, Document, child, elements

FIELDS = sorted((name, field) for name, found in kubernetes().items() for field in found.fields)


def _property(name: str, field: str, dialect: object = V3) -> Document:
    return child(schema_of(kubernetes()[name], dialect), "properties", field)  # type: ignore[arg-type]


def test_words_are_listed_in_both_versions_and_defaults_in_the_third() -> None:
    wanted = ("SCTP", "TCP", "UDP")
    third, second = (_property("core.v1.ContainerPort", "protocol", it) for it in (V3, V2))
    assert (third["enum"], third["default"]) == (wanted, "TCP")
    assert second["enum"] == wanted and "default" not in second
    policy = _property("core.v1.Container", "imagePullPolicy")
    assert policy["enum"] == ("Always", "IfNotPresent", "Never") and "default" not in policy


def test_words_of_a_list_are_those_of_its_items() -> None:
    found = _property("core.v1.PersistentVolumeSpec", "accessModes")
    assert "ReadWriteOnce" in elements(found, "items", "enum") and "enum" not in found


def test_words_may_have_blanks() -> None:
    usages = _property("certificates.v1.CertificateSigningRequestSpec", "usages")
    assert "client auth" in elements(usages, "items", "enum")


def test_an_object_that_is_always_there_has_an_empty_default() -> None:
    assert _property("core.v1.NodeStatus", "nodeInfo")["default"] == EMPTY
    assert "default" not in _property("core.v1.PodSpec", "securityContext")
    assert _property("core.v1.PodSpec", "containers")["items"] == Document(
        allOf=(V3.reference("io.k8s.api.core.v1.Container"),), default=EMPTY
    )


def test_fields_that_hold_anything_name_their_type() -> None:
    [named] = elements(_property("meta.v1.ManagedFieldsEntry", "fieldsV1"), "allOf")
    assert named == V3.reference("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1")


def test_needed_fields_stand_in_the_order_of_their_type() -> None:
    order = schema_of(kubernetes()["core.v1.AttachedVolume"], V3)["required"]
    assert order == ("name", "devicePath")
    assert needed_order("core.v1.AttachedVolume", ("other",)) == ("other",)


def test_operations_are_tagged_by_group_and_version() -> None:
    for group, version in (("", "v1"), ("flowcontrol.apiserver.k8s.io", "v1")):
        for _, item in paths_of(group, version):
            operations = [one for one in item.values() if isinstance(one, Document)]
            assert all(one["tags"] == (f"{group_word(group)}_{version}",) for one in operations)


def test_deleting_what_is_returned_answers_with_the_object() -> None:
    for plural, kind in (
        ("storageclasses", "io.k8s.api.storage.v1.StorageClass"),
        ("csistoragecapacities", "io.k8s.apimachinery.pkg.apis.meta.v1.Status"),
    ):
        path, item = next(
            (path, item)
            for path, item in paths_of("storage.k8s.io", "v1")
            if path.endswith(f"/{plural}/{{name}}")
        )
        answer = child(item, "delete", "responses", "200", "content", "application/json", "schema")
        assert answer == V3.reference(kind), path


@given(st.sampled_from(FIELDS))
def test_a_default_is_one_of_the_words(place: tuple[str, str]) -> None:
    said, wanted = values_of(*place), kubernetes()[place[0]].fields[place[1]].type
    if said.default and said.words:
        assert said.default_of(wanted) in said.words
