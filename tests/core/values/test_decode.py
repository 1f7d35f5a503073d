"""Decoding: the normal form of documents, and refusals in Go's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.schema.decode import decode_kind
from kelm.core.api.schema.definitions import definition_of, kubernetes
from kelm.core.api.schema.mismatch import base64_fault, path_text
from kelm.effects.document import Document, Json, child, document, freeze

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "1Gi", "5%"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "image", "ports", "env", "labels", "containers", "zzz"]), inner
        )
    ),
    max_leaves=10,
)


def pod(**spec: object) -> Document:
    return document({"apiVersion": "v1", "kind": "Pod", "spec": spec})


def container(**fields: object) -> Document:
    return pod(containers=[{"name": "c", **fields}])


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status", "foo"]), JSON))
def test_the_normal_form_is_reached_at_once(raw: dict[str, object]) -> None:
    first = decode_kind(document(raw), "v1", "Pod")
    if first.mismatch is None:
        again = decode_kind(first.document, "v1", "Pod")
        assert again.document is first.document
        assert again.unknown == ()


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status"]), JSON), JSON)
def test_sharing_with_the_stored_object_changes_no_answer(
    raw: dict[str, object], value: object
) -> None:
    stored = decode_kind(document(raw), "v1", "Pod")
    if stored.mismatch is None:
        new = Document({**stored.document, "spec": freeze(value)})
        alone = decode_kind(new, "v1", "Pod")
        beside = decode_kind(new, "v1", "Pod", stored.document)
        assert (alone.unknown, alone.mismatch) == (beside.unknown, beside.mismatch)
        assert alone.document == beside.document


def test_fields_of_no_type_are_named_and_dropped() -> None:
    doc = document(
        {
            "specc": 1,
            "spec": {"containers": [{"name": "c", "foo": 1}], "nodeSelector": {"any": "key"}},
            "metadata": {"labels": {"any": "key"}, "managedFields": [{"fieldsV1": {"f:a": {}}}]},
        }
    )
    decoded = decode_kind(doc, "v1", "Pod")
    assert decoded.unknown == ("specc", "spec.containers[0].foo")
    assert decoded.document["spec"] == {
        "containers": ({"name": "c"},),
        "nodeSelector": {"any": "key"},
    }


def test_what_says_nothing_is_left_out() -> None:
    doc = container(args=[], env=None, resources={}, ports=[{"containerPort": 1, "name": None}])
    spec = decode_kind(doc, "v1", "Pod").document["spec"]
    assert spec == {
        "containers": ({"name": "c", "resources": {}, "ports": ({"containerPort": 1},)},)
    }
    kept = decode_kind(pod(containers=None, volumes=[{"name": "v", "emptyDir": {}}]), "v1", "Pod")
    assert kept.document["spec"] == {
        "containers": None,
        "volumes": ({"name": "v", "emptyDir": {}},),
    }


def test_quantities_and_times_get_their_canonical_text() -> None:
    doc = document(
        {
            "metadata": {
                "creationTimestamp": None,
                "deletionTimestamp": "2024-01-01T01:00:00+01:00",
            },
            "spec": {"containers": [{"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}]},
        }
    )
    decoded = decode_kind(doc, "v1", "Pod").document
    assert decoded["metadata"] == {"deletionTimestamp": "2024-01-01T00:00:00Z"}
    assert decoded["spec"] == {
        "containers": ({"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}},)
    }


@pytest.mark.parametrize(
    ("kind", "doc", "text"),
    [
        ("Pod", container(image=5), "json: cannot unmarshal number into Go struct field "
         "Container.spec.containers.image of type string"),
        ("Pod", pod(containers=["c"]), "json: cannot unmarshal string into Go struct field "
         "PodSpec.spec.containers of type v1.Container"),
        ("Pod", pod(priority=1.5), "json: cannot unmarshal number 1.5 into Go struct field "
         "PodSpec.spec.priority of type int32"),
        ("Pod", pod(priority=2**40), "json: cannot unmarshal number 1099511627776 into Go struct "
         "field PodSpec.spec.priority of type int32"),
        ("Pod", pod(hostNetwork="yes"), "json: cannot unmarshal string into Go struct field "
         "PodSpec.spec.hostNetwork of type bool"),
        ("Pod", pod(restartPolicy=True), "json: cannot unmarshal bool into Go struct field "
         "PodSpec.spec.restartPolicy of type v1.RestartPolicy"),
        ("Pod", document({"spec": 1}), "json: cannot unmarshal number into Go struct field "
         "Pod.spec of type v1.PodSpec"),
        ("Pod", container(livenessProbe={"httpGet": {"port": {}}}),
         "json: cannot unmarshal object into Go value of type int32"),
        ("Pod", document({"metadata": {"creationTimestamp": 5}}),
         "json: cannot unmarshal number into Go value of type string"),
        ("Pod", document({"metadata": {"creationTimestamp": "soon"}}),
         'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"'),
        ("Pod", document({"metadata": {"creationTimestamp": "2024-13-01T00:00:00Z"}}),
         'parsing time "2024-13-01T00:00:00Z": month out of range'),
        ("Secret", document({"data": {"a": "###"}}), "illegal base64 data at input byte 0"),
        ("ConfigMap", document({"data": ["a"]}),
         "json: cannot unmarshal array into Go struct field ConfigMap.data of type "
         "map[string]string"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused_in_gos_words(kind: str, doc: Document, text: str) -> None:
    mismatch = decode_kind(doc, "v1", kind).mismatch
    assert mismatch is not None
    assert mismatch.decoder == text


def test_the_converter_has_words_of_its_own() -> None:
    doc = document({"spec": {"replicas": "x"}})
    mismatch = decode_kind(doc, "apps/v1", "Deployment").mismatch
    assert mismatch is not None
    assert mismatch.converter == "unrecognized type: int32"


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        ("YQ==", None),
        ("", None),
        ("YWI=", None),
        ("YWJj", None),
        ("YQ", 0),
        ("YW=j", 4),
        ("a b=", 1),
    ],
)
def test_bytes_are_base64(text: str, byte: int | None) -> None:
    fault = base64_fault(text)
    assert (fault is None) == (byte is None)
    assert fault is None or fault.decoder.endswith(f"byte {byte}")


def test_every_type_that_is_named_is_there() -> None:
    definitions = kubernetes()
    for definition in definitions.values():
        for field in definition.fields.values():
            inner = field.type
            while inner.element is not None:
                inner = inner.element
            assert inner.kind != "object" or inner.name in definitions


def test_kinds_that_are_not_built_in_are_taken_as_they_are() -> None:
    doc = document({"spec": {"anything": None}})
    assert definition_of("example.com/v1", "Web") is None
    assert decode_kind(doc, "example.com/v1", "Web").document is doc


def test_a_path_names_fields_indexes_and_keys() -> None:
    steps: list[tuple[Json, str]] = [("spec", "Pod"), (0, ""), ("key", ""), ("x", "Y")]
    at = None
    for step, structure in steps:
        at = (at, step, structure)
    assert path_text(at) == "spec[0].key.x"  # type: ignore[arg-type]
    assert child(document({"a": {}}), "a") == {}


def test_a_changed_part_is_read_though_the_stored_object_has_one() -> None:
    stored = container(image="x")
    new = pod(containers=[{"name": "c", "image": "y", "foo": 1}], nodeName="n")
    decoded = decode_kind(new, "v1", "Pod", stored)
    assert decoded.unknown == ("spec.containers[0].foo",)


def test_a_null_in_a_list_or_map_is_the_zero_of_its_type() -> None:
    doc = container(args=[None, "x"])
    labels = document({"metadata": {"labels": {"a": None}}})
    assert decode_kind(doc, "v1", "Pod").document == container(args=["", "x"])
    assert decode_kind(labels, "v1", "Pod").document == {"metadata": {"labels": {"a": ""}}}


def test_unknown_fields_may_stay_and_the_rest_is_normal_all_the_same() -> None:
    doc = container(foo=1, resources={"limits": {"cpu": "1000m"}})
    decoded = decode_kind(doc, "v1", "Pod", keep_unknown=True)
    assert decoded.unknown == ("spec.containers[0].foo",)
    assert decoded.document == container(foo=1, resources={"limits": {"cpu": "1"}})
