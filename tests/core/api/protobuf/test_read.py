"""Objects as Go sends them in Protobuf, read as the documents that they are in JSON."""

from __future__ import annotations

import struct
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.protobuf.numbers import numbers
from kelm.core.api.protobuf.read import MAGIC, parse_protobuf
from kelm.core.api.schema.definitions import Type, definition_of, kubernetes
from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, Json, child, children

FROM_KUBECTL = (
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErwBCicKB3dlYi12MzMSABoAIgAqADIAOABCAFoOCgNhcHASB3dlYi12"
    "MzMSggEIARIQCg4KA2FwcBIHd2ViLXYzMxpkCiAKABIAGgAiACoAMgA4AEIAWg4KA2FwcBIHd2ViLXYzMxJAEiIKBW5n"
    "aW54EgVuZ2lueCoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwI"
    "ABAAGAAgACgAOAAaACIA"
)
"""What `kubectl create deployment web-v33 --image=nginx` sends."""


def test_a_deployment_from_kubectl() -> None:
    labels = {"app": "web-v33"}
    parsed = parse_protobuf(b64decode(FROM_KUBECTL))
    assert parsed.fault == ""
    assert _without_empty(parsed.value) == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web-v33", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": ({"name": "nginx", "image": "nginx"},)},
            },
        },
    }


def _without_empty(value: Json) -> Json:
    if isinstance(value, Document):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return Document({key: item for key, item in kept.items() if item not in ({}, ())})
    if isinstance(value, tuple):
        return tuple(_without_empty(item) for item in value)
    return value


# -- an encoder to agree with -------------------------------------------------------------------


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def encoded(value: Json, number: int, wanted: Type) -> bytes:
    """One field of a message, repeated ones as often as they are."""
    if wanted.kind == "list":
        assert isinstance(value, tuple) and wanted.element is not None
        return b"".join(encoded(item, number, wanted.element) for item in value)
    if wanted.kind == "map":
        assert isinstance(value, Document) and wanted.element is not None
        return b"".join(
            field(number, field(1, key.encode()) + encoded(item, 2, wanted.element))
            for key, item in value.items()
        )
    if wanted.kind in ("bool", "i32", "i64"):
        assert isinstance(value, int)
        return varint(number << 3) + varint(int(value))
    if wanted.kind == "num":
        assert isinstance(value, float)
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return field(number, _payload(value, wanted))


def _payload(value: Json, wanted: Type) -> bytes:
    if isinstance(value, Document):
        return message(value, wanted.name)
    if wanted.kind == "intstr":
        if isinstance(value, str):
            return varint(1 << 3) + varint(1) + field(3, value.encode())
        assert isinstance(value, int)
        return varint(1 << 3) + varint(0) + varint(2 << 3) + varint(value)
    assert isinstance(value, str)
    if wanted.kind == "qty":
        return field(1, value.encode())
    if wanted.kind in ("time", "micro"):
        at_ms = parse_time(value)
        seconds, left = divmod(at_ms, 1_000)
        return varint(1 << 3) + varint(seconds) + varint(2 << 3) + varint(left * 1_000_000)
    return b64decode(value) if wanted.kind == "b64" else value.encode()


def message(doc: Document, name: str) -> bytes:
    """A document as the message of a type."""
    known = kubernetes()[name].fields
    outer: dict[tuple[int, ...], bytes] = {}
    for numbered in numbers()[name]:
        if numbered.name in doc:
            *way, number = numbered.path
            part = encoded(doc[numbered.name], number, known[numbered.name].type)
            outer[tuple(way)] = outer.get(tuple(way), b"") + part
    result = outer.pop((), b"")
    for way, inner in outer.items():
        for number in reversed(way):
            inner = field(number, inner)
        result += inner
    return result


def body(doc: Document) -> bytes:
    api_version, kind = str(doc["apiVersion"]), str(doc["kind"])
    definition = definition_of(api_version, kind)
    assert definition is not None
    envelope = field(1, field(1, api_version.encode()) + field(2, kind.encode()))
    rest = Document({key: doc[key] for key in doc if key not in ("apiVersion", "kind")})
    return MAGIC + envelope + field(2, message(rest, definition.name))


# -- documents of any kind ----------------------------------------------------------------------

TEXT = st.text(min_size=1, max_size=6)


def values(wanted: Type, depth: int) -> st.SearchStrategy[Json]:
    """Values of a type that say something: no zeroes, nothing empty."""
    plain: dict[str, st.SearchStrategy[Json]] = {
        "str": TEXT,
        "bool": st.just(True),
        "i32": st.integers(1, 2**31 - 1) | st.integers(-(2**31), -1),
        "i64": st.integers(1, 2**63 - 1),
        "num": st.floats(1.0, 9.0),
        "b64": st.just("aGk="),
        "qty": st.sampled_from(("1", "100m", "2Gi")),
        "intstr": st.integers(0, 99) | TEXT,
        "time": st.just("2026-01-02T03:04:05Z"),
        "micro": st.just("2026-01-02T03:04:05.678000Z"),
    }
    if wanted.kind == "object":
        return documents(wanted.name, depth)
    if wanted.element is None:
        return plain.get(wanted.kind, st.nothing())
    inner = values(wanted.element, depth)
    if wanted.kind == "list":
        return st.lists(inner, min_size=1, max_size=2).map(tuple)
    return st.dictionaries(TEXT, inner, min_size=1, max_size=2).map(Document)


def documents(name: str, depth: int = 3) -> st.SearchStrategy[Document]:
    if depth == 0:
        return st.just(Document())
    fields = {
        one.name: values(kubernetes()[name].fields[one.name].type, depth - 1)
        for one in numbers()[name]
        if not _is_free(kubernetes()[name].fields[one.name].type)
    }
    return st.fixed_dictionaries({}, optional=fields).map(Document)  # type: ignore[arg-type]


def _is_free(wanted: Type) -> bool:
    while wanted.element is not None:
        wanted = wanted.element
    return wanted.kind == "any"


KINDS = (
    ("v1", "Pod"),
    ("v1", "Node"),
    ("v1", "Service"),
    ("v1", "PersistentVolume"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("policy/v1", "Eviction"),
    ("autoscaling/v1", "Scale"),
    ("networking.k8s.io/v1", "Ingress"),
)


@given(st.sampled_from(KINDS), st.data())
def test_every_kind_is_read_as_it_was_written(kind: tuple[str, str], data: st.DataObject) -> None:
    definition = definition_of(*kind)
    assert definition is not None
    inner = data.draw(documents(definition.name))
    typed = {"kind": kind[1], "apiVersion": kind[0]}
    doc = Document({**inner, **typed})
    assert parse_protobuf(body(doc)).value == doc


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_a_fault_and_no_crash(raw: bytes) -> None:
    parsed = parse_protobuf(MAGIC + raw)
    assert parsed.fault or isinstance(parsed.value, Document)


@given(st.data())
def test_a_message_that_was_damaged_is_a_fault_or_another_object(data: st.DataObject) -> None:
    raw = bytearray(b64decode(FROM_KUBECTL))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(4, len(raw) - 1))
        raw[place] = data.draw(st.integers(0, 255))
    parsed = parse_protobuf(bytes(raw))
    assert parsed.fault or isinstance(parsed.value, Document)


def test_a_zero_that_a_pointer_holds_is_kept() -> None:
    doc = Document(kind="Scale", apiVersion="autoscaling/v1", spec=Document(replicas=3))
    assert parse_protobuf(body(doc)).value == doc
    zero = Document(kind="Deployment", apiVersion="apps/v1", spec=Document(replicas=0))
    assert parse_protobuf(body(zero)).value == zero


# -- schemas of custom resources -----------------------------------------------------------------


def test_what_is_one_of_two_things_in_a_schema_is_read_as_that() -> None:
    """As Go writes them: the flag stands there with the schema, too."""
    text, no, yes = field(5, b"string"), varint(1 << 3) + varint(0), varint(1 << 3) + varint(1)
    one_of_each = b"".join(
        (
            field(24, field(1, text)),
            field(30, yes + field(2, text)),
            field(33, no),
            field(32, field(1, b"a") + field(2, field(2, b"x") + field(2, b"y"))),
            field(32, field(1, b"b") + field(2, field(1, text))),
        )
    )
    several = field(24, field(2, text) + field(2, b"")) + field(30, yes)
    crd = body_of_schema(field(29, field(1, b"p") + field(2, one_of_each)) + several)
    parsed = parse_protobuf(crd)
    assert parsed.fault == ""
    string = {"type": "string"}
    assert schema_in(parsed.value) == {
        "properties": {
            "p": {
                "items": string,
                "additionalProperties": string,
                "additionalItems": False,
                "dependencies": {"a": ("x", "y"), "b": string},
            }
        },
        "items": (string, {}),
        "additionalProperties": True,
    }


def body_of_schema(schema: bytes) -> bytes:
    """A definition of a custom resource with nothing but a schema."""
    version = field(4, field(1, schema))
    kind = field(1, b"apiextensions.k8s.io/v1") + field(2, b"CustomResourceDefinition")
    return MAGIC + field(1, kind) + field(2, field(2, field(7, version)))


def schema_in(crd: Json) -> Json:
    version = children(as_document(crd), "spec", "versions")[0]
    return child(version, "schema", "openAPIV3Schema")


def as_document(value: Json) -> Document:
    assert isinstance(value, Document)
    return value
