"""Server-side apply: ownership, conflicts, what goes and what stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure

from kelm.core.api.patches.apply.field_set import fields_of, from_fields_v1, to_fields_v1
from kelm.core.api.patches.apply.managers import Manager, managers_of, without_managers
from kelm.core.api.patches.apply.merge import compared, merged, without_fields
from kelm.core.api.patches.apply.tracking import entries_of, updated
from kelm.core.api.patches.same import same
from kelm.core.api.patches.server_side_apply import (
    apply,
    conflict_refusal,
    typed_patch_fault,
)
from kelm.core.api.patches.strategic.rules import root
from kelm.core.api.schema.decode import decode, decode_kind
from kelm.core.api.schema.definitions import definition_of
from kelm.effects.document import EMPTY, Document, document, with_value

KIND = definition_of("apps/v1", "Deployment")
PLACE = root(KIND)
ONE, TWO = (Manager(name, "Apply", "apps/v1") for name in ("one", "two"))
EDIT = Manager("edit", "Update", "apps/v1")
NAMES = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)


@st.composite
def configurations(draw: st.DrawFn) -> Document:
    containers = []
    for name in draw(NAMES):
        container: dict[str, object] = {"name": name}
        if draw(st.booleans()):
            container["image"] = draw(st.sampled_from("xy"))
        if draw(st.booleans()):
            container["env"] = [{"name": key, "value": "v"} for key in draw(NAMES) or ["e"]]
        containers.append(container)
    spec: dict[str, object] = {}
    if containers:
        spec["template"] = {"spec": {"containers": containers}}
    if draw(st.booleans()):
        spec["replicas"] = draw(st.integers(0, 2))
    if draw(st.booleans()):
        spec["selector"] = {"matchLabels": {"app": draw(st.sampled_from("xy"))}}
    return document({"spec": spec} if spec else {})


@given(configurations())
def test_fields_survive_their_nested_form(doc: Document) -> None:
    fields = fields_of(doc, PLACE)
    assert from_fields_v1(to_fields_v1(fields)) == fields


@given(configurations(), configurations())
def test_a_merge_has_all_that_was_applied_and_loses_nothing(
    live: Document, applied: Document
) -> None:
    new = merged(live, applied, PLACE)
    assert fields_of(new, PLACE) == fields_of(live, PLACE) | fields_of(applied, PLACE)
    assert compared(live, new, PLACE).removed == frozenset()
    assert same(merged(new, applied, PLACE), new)
    assert (compared(live, new, PLACE).added == frozenset()) or not same(live, new)


@given(configurations(), configurations())
def test_what_is_added_can_be_taken_away(live: Document, applied: Document) -> None:
    new = merged(live, applied, PLACE)
    back = without_fields(new, compared(live, new, PLACE).added, PLACE)
    assert fields_of(back, PLACE) == fields_of(live, PLACE)


@given(configurations(), configurations())
def test_applying_again_changes_nothing(first: Document, second: Document) -> None:
    once = apply(apply(None, first, ONE, KIND, 0).unwrap(), second, ONE, KIND, 1000).unwrap()
    assert apply(once, second, ONE, KIND, 2000).unwrap() is once
    left = fields_of(without_managers(once), PLACE) - {("f:metadata",)}
    assert left == fields_of(second, PLACE)


@given(configurations(), configurations())
def test_a_conflict_is_a_field_of_another_that_would_change(
    mine: Document, theirs: Document
) -> None:
    live = apply(None, mine, ONE, KIND, 0).unwrap()
    outcome = apply(live, theirs, TWO, KIND, 0)
    difference = compared(
        without_managers(live), merged(without_managers(live), theirs, PLACE), PLACE
    )
    owned = managers_of(live)[ONE].fields if managers_of(live) else frozenset()
    expected = owned & (difference.modified | difference.added)
    found = outcome.failure() if isinstance(outcome, Failure) else ()
    assert {one.path for one in found} == expected
    forced = apply(live, theirs, TWO, KIND, 0, force=True).unwrap()
    assert fields_of(theirs, PLACE) <= fields_of(without_managers(forced), PLACE)


def containers(*names: str, **spec: object) -> Document:
    template = {"spec": {"containers": [{"name": name} for name in names]}}
    return document({"spec": {**spec, "template": template}})


def test_what_nobody_owns_any_more_goes() -> None:
    first, second = containers("a", replicas=2), containers("b")
    live = apply(None, first, ONE, KIND, 0).unwrap()
    live = apply(live, second, TWO, KIND, 0).unwrap()
    assert apply(live, EMPTY, ONE, KIND, 0).unwrap()["spec"] == second["spec"]


def test_a_shared_field_stays_with_the_other() -> None:
    wanted = document({"spec": {"replicas": 2}})
    live = apply(apply(None, wanted, ONE, KIND, 0).unwrap(), wanted, TWO, KIND, 0).unwrap()
    assert apply(live, EMPTY, ONE, KIND, 0).unwrap()["spec"] == {"replicas": 2}


def test_an_update_takes_ownership_of_what_it_changes() -> None:
    live = apply(None, document({"spec": {"replicas": 2}}), ONE, KIND, 0).unwrap()
    edited = document({**live, "spec": {"replicas": 3}})
    entries = updated(entries_of(live), live, edited, EDIT, PLACE, 5000)
    tracked = with_value(edited, ("metadata", "managedFields"), entries)
    assert managers_of(tracked).keys() == {EDIT}
    conflicts = apply(tracked, document({"spec": {"replicas": 1}}), ONE, KIND, 0).failure()
    refusal = conflict_refusal(conflicts)
    assert refusal.message == (
        'Apply failed with 1 conflict: conflict with "edit" using apps/v1: .spec.replicas'
    )


def test_an_object_that_was_never_applied_belongs_to_its_past() -> None:
    live = document({"metadata": {"name": "web"}, "spec": {"replicas": 2}})
    assert updated((), live, live, EDIT, PLACE, 0) == ()
    conflicts = apply(live, document({"spec": {"replicas": 1}}), ONE, KIND, 0).failure()
    assert [(one.manager, one.field) for one in conflicts] == [
        ('"before-first-apply" using apps/v1', ".spec.replicas")
    ]


def test_live_items_keep_their_place() -> None:
    for live, applied, result in (("c", "s", "cs"), ("axb", "ba", "bax"), ("axb", "acb", "axcb")):
        assert same(merged(containers(*live), containers(*applied), PLACE), containers(*result))


def test_a_configuration_that_fits_no_type_is_refused_in_upstreams_words() -> None:
    applied = document(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"foo": 1},
        }
    )
    assert KIND is not None
    assert typed_patch_fault(applied, decode(applied, KIND)) == (
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): "
        ".spec.foo: field not declared in schema"
    )
    switched = document({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": True}})
    assert typed_patch_fault(switched, decode_kind(switched, "v1", "ConfigMap")) == (
        "failed to create typed patch object (/; /v1, Kind=ConfigMap): "
        ".metadata.name: expected string, got &value.valueUnstructured{Value:true}"
    )
    assert typed_patch_fault(containers("a"), decode(containers("a"), KIND)) == ""


def test_leaves_items_map_keys_and_empty_structures_are_fields() -> None:
    doc = document(
        {
            "metadata": {"labels": {"a": "x"}},
            "spec": {
                "selector": {"matchLabels": {"a": "x"}},
                "strategy": {},
                "template": {"spec": {"containers": [{"name": "c"}], "tolerations": [{}]}},
            },
        }
    )
    below = ("f:spec", "f:template", "f:spec")
    assert fields_of(doc, PLACE) == {
        ("f:metadata", "f:labels", "f:a"),
        ("f:spec", "f:selector"),
        ("f:spec", "f:strategy"),
        (*below, "f:containers", 'k:{"name":"c"}'),
        (*below, "f:containers", 'k:{"name":"c"}', "f:name"),
        (*below, "f:tolerations"),
    }


def test_a_comparison_names_whole_parts_and_their_leaves() -> None:
    one, none = document({"spec": {"strategy": {"type": "Recreate"}}}), document({"spec": {}})
    part = {("f:spec", "f:strategy"), ("f:spec", "f:strategy", "f:type")}
    assert compared(one, none, PLACE).removed == part
    assert compared(none, one, PLACE).added == part


def test_a_forced_apply_takes_the_field_from_its_owner() -> None:
    live = apply(None, document({"spec": {"replicas": 2, "paused": True}}), ONE, KIND, 0).unwrap()
    forced = apply(live, document({"spec": {"replicas": 3}}), TWO, KIND, 0, force=True).unwrap()
    owned = {one.name: owned.fields for one, owned in managers_of(forced).items()}
    assert owned == {"one": {("f:spec", "f:paused")}, "two": {("f:spec", "f:replicas")}}
