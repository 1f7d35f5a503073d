"""Every command survives the way to JSON and back, through text."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.effects import commands
from kelm.effects.address import ObjectRef
from kelm.effects.codec import COMMANDS, from_json, to_json
from kelm.effects.document import Document, document

TEXT = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4).map(document)
COMMAND = st.one_of(
    st.builds(commands.Create, TEXT, TEXT, OBJECTS),
    st.builds(commands.Update, TEXT, TEXT, TEXT, OBJECTS, TEXT),
    st.builds(commands.Patch, TEXT, TEXT, TEXT, OBJECTS, st.sampled_from(["merge", "json"])),
    st.builds(commands.Delete, TEXT, TEXT, TEXT, TEXT, TEXT, st.none() | st.integers(0, 9)),
    st.builds(commands.DeleteCollection, TEXT, TEXT, TEXT),
    st.builds(commands.Get, TEXT, TEXT, TEXT),
    st.builds(commands.List, TEXT, TEXT, limit=st.integers(0, 9)),
    st.builds(commands.Bind, TEXT, TEXT, TEXT, TEXT),
    st.builds(commands.Evict, TEXT, TEXT),
    st.builds(commands.ReadMetrics, st.sampled_from(["resource", "custom"]), TEXT, TEXT, TEXT),
    st.builds(commands.LaunchInstance, TEXT, TEXT, TEXT),
    st.builds(commands.TerminateInstance, TEXT, TEXT),
    st.builds(commands.SignToken, OBJECTS),
    st.builds(commands.Send, st.builds(ObjectRef, TEXT, TEXT, TEXT, TEXT), TEXT, TEXT),
    st.builds(
        commands.SignCertificate,
        TEXT,
        st.lists(TEXT, max_size=3).map(tuple),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.builds(
        commands.RecordEvent,
        st.builds(ObjectRef, TEXT, TEXT, TEXT, TEXT),
        TEXT,
        TEXT,
        st.sampled_from(["Normal", "Warning"]),
        TEXT,
        TEXT,
        TEXT,
    ),
)


@given(COMMAND)
def test_a_command_survives_json_text(command):
    text = msgspec.json.encode(to_json(command))
    assert from_json(msgspec.json.decode(text)).unwrap() == command


def test_every_command_has_a_name():
    kinds = {kind for kind in vars(commands).values() if isinstance(kind, type)}
    structs = {
        k for k in kinds if issubclass(k, msgspec.Struct) and k.__module__ == commands.__name__
    }
    assert structs - {commands.Request} == set(COMMANDS.values())


@pytest.mark.parametrize(
    ("given_json", "told"),
    [
        ({}, 'no command is called "None"'),
        ({"command": "Get", "resource": "pods"}, 'Get lacks its field "name"'),
        ({"command": "Bind", "colour": 1}, 'Bind has no field "colour"'),
    ],
)
def test_what_is_no_command_is_refused_by_name(given_json, told):
    assert from_json(given_json).failure().startswith(told)


def test_a_document_cannot_be_changed_by_any_of_its_methods():
    doc = Document(a=1)
    for change in (
        lambda: doc.__setitem__("a", 2),
        lambda: doc.__delitem__("a"),
        lambda: doc.update(a=2),
        lambda: doc.pop("a"),
        lambda: doc.popitem(),
        lambda: doc.clear(),
        lambda: doc.setdefault("b", 2),
        lambda: doc.__ior__({"b": 2}),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert doc == {"a": 1}
