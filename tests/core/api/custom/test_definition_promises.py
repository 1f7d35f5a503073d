"""What holds of definitions whatever is asked: no name is two's, and nothing stops the server."""

from __future__ import annotations

from typing import Any

from hypothesis import event, example, given
from hypothesis import strategies as st

from kelm.core.api.custom.definition import DEFINITIONS, is_established
from kelm.core.api.custom.definitions import completed
from kelm.core.api.custom.settling import settled
from kelm.core.api.server import ApiServer, handle
from kelm.core.store.store import Store
from kelm.effects.commands import Command, Create, Delete, Patch
from kelm.effects.document import Document, child, document, elements, text
from tests.core.api.clusters import done, server_with

GROUP = "example.com"
WORDS = st.sampled_from(["a", "b", "c"])
KINDS = st.sampled_from(["A", "B", "C", "AList"])


def definition(plural: str, names: dict[str, Any]) -> Document:
    version = {"name": "v1", "served": True, "storage": True}
    spec = {
        "group": GROUP,
        "scope": "Cluster",
        "names": {"plural": plural, **names},
        "versions": [{**version, "schema": {"openAPIV3Schema": {"type": "object"}}}],
    }
    return document({"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec})


NAMES = st.fixed_dictionaries(
    {"kind": KINDS, "singular": WORDS},
    optional={"shortNames": st.lists(WORDS, max_size=2, unique=True), "listKind": KINDS},
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        lambda plural, names: Create(DEFINITIONS, "", definition(plural, names)), WORDS, NAMES
    ),
    st.builds(lambda plural: Delete(DEFINITIONS, "", f"{plural}.{GROUP}"), WORDS),
    st.builds(
        lambda plural, short: Patch(
            DEFINITIONS,
            "",
            f"{plural}.{GROUP}",
            document({"spec": {"names": {"shortNames": short}}}),
        ),
        WORDS,
        st.lists(WORDS, max_size=2, unique=True),
    ),
)


def owned(one: Document) -> tuple[set[str], set[str]]:
    names = child(one, "status", "acceptedNames")
    short = set(map(str, elements(names, "shortNames")))
    resources = {text(names, "plural"), text(names, "singular")} | short
    return resources - {""}, {text(names, "kind"), text(names, "listKind")} - {""}


@given(st.lists(COMMANDS, max_size=12))
def test_no_name_of_a_group_is_two_definitions_own(commands: list[Command]) -> None:
    server = ApiServer()
    for command in commands:
        server, _ = handle(server, command, 0)
        found = tuple(server.store.table(DEFINITIONS).objects())
        for which in (0, 1):
            owners = [owned(one)[which] for one in found]
            assert sum(map(len, owners)) == len(set().union(*owners))
        event(f"{sum(map(is_established, found))} of {len(found)} are served")
        assert settled(server.store, Store(), 0) is server.store


def test_a_name_that_is_given_up_goes_to_who_waits_for_it() -> None:
    first = definition("as", {"kind": "A", "shortNames": ["x"]})
    second = definition("bs", {"kind": "B", "shortNames": ["x"]})
    server = server_with(Create(DEFINITIONS, "", first), Create(DEFINITIONS, "", second))
    waiting = server.store.get(DEFINITIONS, f"bs.{GROUP}")
    assert waiting is not None and not is_established(waiting)
    free = Patch(DEFINITIONS, "", f"as.{GROUP}", document({"spec": {"names": {"shortNames": []}}}))
    served = done(server, free)[0].store.get(DEFINITIONS, f"bs.{GROUP}")
    assert served is not None and is_established(served)
    assert elements(served, "status", "acceptedNames", "shortNames") == ("x",)


def test_a_name_goes_to_who_waits_for_it_whoever_came_first() -> None:
    older = definition("as", {"kind": "A", "shortNames": ["x"]})
    younger = definition("bs", {"kind": "B", "shortNames": ["y"]})

    def asking(plural: str, *short: str) -> Patch:
        names = {"spec": {"names": {"shortNames": list(short)}}}
        return Patch(DEFINITIONS, "", f"{plural}.{GROUP}", document(names))

    server = server_with(Create(DEFINITIONS, "", older), Create(DEFINITIONS, "", younger))
    server = done(server, asking("as", "x", "y"))[0]
    server = done(server, asking("bs", "z"))[0]
    found = server.store.get(DEFINITIONS, f"as.{GROUP}")
    assert found is not None
    assert elements(found, "status", "acceptedNames", "shortNames") == ("x", "y")


FLAGS = st.sampled_from(
    [
        "nullable",
        "uniqueItems",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ]
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "boolean", "thing", ""])
VALUES = st.sampled_from([None, "x", 1, 1.5, True, ["a", "a"], {"a": 1}, {"kind": 1}])


def holding(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = st.sampled_from(["a", "b", "metadata", "kind"])
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "properties": st.dictionaries(fields, inner, max_size=2),
            "items": inner | st.lists(inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
            "not": inner,
            "allOf": st.lists(inner, max_size=2),
            "anyOf": st.lists(inner, max_size=2),
            "default": VALUES,
            "pattern": st.sampled_from(["a", "[", "(?=a)"]),
            "x-kubernetes-list-type": st.sampled_from(["set", "map", "atomic", "bag"]),
            "x-kubernetes-map-type": st.sampled_from(["atomic", "granular", "x"]),
            "x-kubernetes-list-map-keys": st.lists(fields, max_size=2),
            "x-kubernetes-validations": st.just([{"rule": "self == oldSelf"}]),
        },
    )


LEAVES = st.dictionaries(FLAGS, st.booleans(), max_size=2)
PARTS = st.recursive(LEAVES | st.builds(dict, type=TYPES), holding, max_leaves=6)
SCHEMAS = PARTS | PARTS.map(lambda part: {"type": "object", "properties": {"a": part}})


@given(SCHEMAS)
@example({"type": "object", "properties": {"a": {"type": "array", "items": [{}]}}})
def test_every_schema_is_let_in_or_refused_and_says_nothing_in_vain(schema: Any) -> None:
    doc = definition("as", {"kind": "A"})
    version = {**child(doc, "spec")["versions"][0], "schema": {"openAPIV3Schema": schema}}  # type: ignore[index,dict-item,call-overload]
    doc = document({**doc, "spec": {**child(doc, "spec"), "versions": [version]}})
    server, outcome = handle(ApiServer(), Create(DEFINITIONS, "", doc), 0)
    answer = outcome.value_or(None)
    event("let in" if answer is not None else "refused")
    assert completed(completed(doc)) == completed(doc)
    if answer is None:
        assert outcome.failure().causes and not server.store.revision
    else:
        assert completed(answer) == answer
