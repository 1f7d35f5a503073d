"""Patches: that a made patch does what it was made for, and how directives act."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.patches.json_patch import apply_json_patch
from kelm.core.api.patches.merge_patch import (
    apply_merge_patch,
    merge_documents,
    merge_patch_between,
    three_way_merge_patch,
)
from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.order import arranged
from kelm.core.api.patches.strategic_merge import (
    apply_strategic_patch,
    strategic_patch_between,
    three_way_strategic_patch,
)
from kelm.core.api.schema.definitions import definition_of
from kelm.effects.document import Document, Json, document, freeze

POD = definition_of("v1", "Pod")
SCALARS = st.sampled_from([0, 1, True, False, "", "x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES).map(document)


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_between_two_objects_leads_from_one_to_the_other(
    before: Document, after: Document
) -> None:
    patch = merge_patch_between(before, after)
    assert same(merge_documents(before, patch), after)
    assert (patch == {}) == same(before, after)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_a_three_way_patch_sets_what_is_wanted_and_leaves_strangers(
    applied: Document, wanted: Document, live: Document
) -> None:
    result = merge_documents(live, three_way_merge_patch(applied, wanted, live))
    for key in {*live, *wanted}:
        if key not in wanted and key not in applied:
            assert same(result.get(key), live[key])
        if key in wanted and not isinstance(wanted[key], Document):
            assert same(result.get(key), wanted[key])
        if key in applied and key not in wanted:
            assert key not in result


@given(OBJECTS, VALUES)
def test_a_merge_patch_changes_nothing_twice(target: Document, patch: object) -> None:
    once = apply_merge_patch(target, freeze(patch))
    assert same(apply_merge_patch(once, freeze(patch)), once)


def test_a_new_object_takes_no_nulls_along() -> None:
    patch = document({"a": {"b": None, "c": [{"d": None}, None]}})
    assert merge_documents(Document(), patch) == {"a": {"c": (Document(), None)}}


def operation(**fields: Any) -> Document:
    return document({key.rstrip("_"): value for key, value in fields.items()})


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([operation(op="add", path="/l/1", value=9)], {"l": (1, 9, 2), "o": {"k": 1}}),
        ([operation(op="add", path="/l/-", value=9)], {"l": (1, 2, 9), "o": {"k": 1}}),
        ([operation(op="add", path="/l/-1", value=9)], {"l": (1, 9, 2), "o": {"k": 1}}),
        ([operation(op="remove", path="/l/-1")], {"l": (1,), "o": {"k": 1}}),
        ([operation(op="replace", path="/o/k", value=None)], {"l": (1, 2), "o": {"k": None}}),
        ([operation(op="move", from_="/o/k", path="/m")], {"l": (1, 2), "o": {}, "m": 1}),
        ([operation(op="copy", from_="/l", path="/o/k")], {"l": (1, 2), "o": {"k": (1, 2)}}),
        ([operation(op="test", path="/none", value=None)], {"l": (1, 2), "o": {"k": 1}}),
        ([operation(op="replace", path="", value={"a": 1})], {"a": 1}),
    ],
)
def test_json_patch_operations(steps: list[Document], result: dict[str, Json]) -> None:
    doc = document({"l": [1, 2], "o": {"k": 1}})
    assert apply_json_patch(doc, tuple(steps)).unwrap() == result


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (operation(op="remove", path="/none"), "doc is missing key: /none"),
        (operation(op="replace", path="/none", value=1), "doc is missing key: /none"),
        (operation(op="add", path="/none/a", value=1), "doc is missing key: /none"),
        (operation(op="add", path="/l/3", value=1), "invalid index"),
        (operation(op="remove", path="/l/-"), "no index"),
        (operation(op="test", path="/o/k", value=True), "test failed"),
        (operation(op="add", path="/o/z"), "missing value"),
        (operation(op="add", path="o", value=1), "does not start"),
        (operation(op="add", value=1), "missing path"),
        (operation(op="frob", path="/o"), "Unexpected kind: frob"),
        (operation(op="remove", path=""), "cannot be removed"),
        ("x", "an operation is an object"),
    ],
)
def test_a_json_patch_that_cannot_be_done_is_refused(step: Json, why: str) -> None:
    doc = document({"l": [1, 2], "o": {"k": 1}})
    assert why in apply_json_patch(doc, (step,)).failure()


NAMES = st.lists(st.sampled_from("abcde"), unique=True, max_size=4)


def spec(containers: list[dict[str, object]], **fields: object) -> Document:
    return document({"spec": {"containers": containers, **fields}})


@st.composite
def pods(draw: st.DrawFn) -> Document:
    containers: list[dict[str, object]] = []
    for name in draw(NAMES):
        container: dict[str, object] = {"name": name}
        if draw(st.booleans()):
            container["image"] = draw(st.sampled_from("xy"))
        if draw(st.booleans()):
            container["env"] = [{"name": key, "value": "v"} for key in draw(NAMES)]
        if draw(st.booleans()):
            container["args"] = draw(NAMES)
        containers.append(container)
    volumes = [{"name": name, draw(st.sampled_from(["emptyDir", "secret"])): {}}
               for name in draw(NAMES)]  # fmt: skip
    return document(
        {
            "metadata": {
                "labels": draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))),
                "finalizers": draw(NAMES),
            },
            "spec": {"containers": containers, "volumes": volumes},
        }
    )


@given(pods(), pods())
def test_a_strategic_patch_between_two_pods_leads_from_one_to_the_other(
    before: Document, after: Document
) -> None:
    patch = strategic_patch_between(before, after, POD).unwrap()
    assert same(apply_strategic_patch(before, patch, POD).unwrap(), after)


@given(pods(), pods())
def test_an_own_change_alone_never_conflicts(applied: Document, wanted: Document) -> None:
    patch = three_way_strategic_patch(applied, wanted, applied, POD).unwrap()
    assert same(apply_strategic_patch(applied, patch, POD).unwrap(), wanted)


@given(pods(), pods())
def test_what_others_have_set_stays(wanted: Document, live: Document) -> None:
    patch = three_way_strategic_patch(wanted, wanted, live, POD, overwrite=True).unwrap()
    result = apply_strategic_patch(live, patch, POD).unwrap()

    def names(doc: Document, field: str) -> set[object]:
        listed = doc["spec"][field]  # type: ignore[index,call-overload]
        return {item["name"] for item in listed}

    for field in ("containers", "volumes"):
        assert names(result, field) == names(live, field) | names(wanted, field)


@given(NAMES, NAMES, NAMES)
def test_merged_lists_keep_both_orders(
    named: list[str], server: list[str], extra: list[str]
) -> None:
    merged = tuple(dict.fromkeys([*server, *named, *extra]))
    result = arranged(merged, tuple(named), tuple(server), "")
    assert sorted(map(str, result)) == sorted(merged)
    assert [item for item in result if item in named] == named
    only_server = [item for item in server if item not in named]
    assert [item for item in result if item in only_server] == only_server


def test_directives_act() -> None:
    pod = spec(
        [{"name": "a", "image": "x"}, {"name": "b", "env": [{"name": "E", "value": "1"}]}],
        volumes=[{"name": "v", "emptyDir": {}}],
        tolerations=[{"key": "k"}],
    )
    patch = spec(
        [
            {"name": "c", "env": [{"name": "F", "value": None}, {"name": "G", "$patch": "delete"}]},
            {"name": "a", "$patch": "delete"},
            {"name": "b", "env": [{"$patch": "replace"}, {"name": "G"}]},
        ],
        volumes=[{"$retainKeys": ["name", "secret"], "name": "v", "secret": {}}],
        tolerations=[{"key": "l"}],
    )
    assert apply_strategic_patch(pod, patch, POD).unwrap() == spec(
        [{"name": "c", "env": [{"name": "F"}]}, {"name": "b", "env": [{"name": "G"}]}],
        volumes=[{"name": "v", "secret": {}}],
        tolerations=[{"key": "l"}],
    )


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (spec([{"image": "x"}]), "map: map[image:x] does not contain declared merge key: name"),
        (spec([{"name": "a", "$patch": "frob"}]), "unknown patch type: frob in map"),
        (spec([{"name": "a", "$patch": "merge"}]), "cannot yet be specified"),
        (document({"spec": {"$patch": "x"}}), "unknown patch type: x in map: map[$patch:x]"),
        (document({"spec": {"containers": ["a"]}}), "not identical"),
        (document({"spec": {"containers": [[]]}}), "lists of lists"),
        (spec([{"name": "b"}], **{"$setElementOrder/containers": [{"name": "a"}]}), "The order in"),
        (document({"spec": {"$retainKeys": ["x"], "nodeName": "n"}}), "retainKeys"),
    ],
)
def test_a_bad_strategic_patch_is_refused_in_upstreams_words(patch: Document, why: str) -> None:
    pod = spec([{"name": "a"}])
    assert why in apply_strategic_patch(pod, patch, POD).failure()


def test_a_kind_without_a_schema_replaces_lists() -> None:
    doc, patch = document({"a": [1], "b": {"c": 1}}), document({"a": [2], "b": {"d": 1}})
    merged = apply_strategic_patch(doc, patch, None).unwrap()
    assert merged == {"a": (2,), "b": {"c": 1, "d": 1}}


def test_what_is_live_already_needs_no_patch() -> None:
    applied, wanted = document({"a": 1}), document({"a": 2})
    assert three_way_merge_patch(applied, wanted, wanted) == {}
    assert three_way_strategic_patch(applied, wanted, wanted, None, overwrite=True).unwrap() == {}


def test_an_item_of_the_server_stays_before_what_it_stood_before() -> None:
    assert arranged((1, 2, 3), (3,), (1, 2, 3), "") == (1, 2, 3)
    assert arranged((1, 2, 3, 4), (3, 1), (1, 2, 3, 4), "") == (2, 3, 1, 4)


def test_a_new_order_alone_is_a_change() -> None:
    before, after = spec([{"name": "a"}, {"name": "b"}]), spec([{"name": "b"}, {"name": "a"}])
    patch = strategic_patch_between(before, after, POD).unwrap()
    assert patch == {"spec": {"$setElementOrder/containers": ({"name": "b"}, {"name": "a"})}}


def test_a_union_keeps_only_the_fields_that_are_wanted() -> None:
    wanted = document({"spec": {"strategy": {"type": "Recreate"}}})
    live = document({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {}}}})
    kind = definition_of("apps/v1", "Deployment")
    patch = three_way_strategic_patch(wanted, wanted, live, kind).unwrap()
    assert patch == {"spec": {"strategy": {"$retainKeys": ("type",)}}}
    assert apply_strategic_patch(live, patch, kind).unwrap() == wanted


def test_two_changes_of_one_field_conflict_unless_overwritten() -> None:
    applied, wanted, live = (spec([{"name": "a", "image": image}]) for image in "xyz")
    refusal = three_way_strategic_patch(applied, wanted, live, POD).failure()
    assert "conflicts with changes made from original to current" in refusal
    patch = three_way_strategic_patch(applied, wanted, live, POD, overwrite=True).unwrap()
    assert apply_strategic_patch(live, patch, POD).unwrap() == wanted
