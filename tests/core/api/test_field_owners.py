"""Who owns which field: examples of upstream's rules, and what holds of every history of writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.patches.apply.changes import changes
from kelm.core.api.patches.apply.field_set import from_fields_v1, to_fields_v1
from kelm.core.api.patches.apply.field_trees import minus, union
from kelm.core.api.patches.strategic.rules import root
from kelm.core.api.schema.definitions import definition_of
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create, Patch, Update, by
from kelm.effects.document import EMPTY, Document, child, document, thaw, with_value
from tests.core.api.clusters import NOW_MS, config, server_with

STEPS = st.sampled_from(["f:a", "f:b", 'k:{"name":"c"}'])
PATHS = st.lists(STEPS, min_size=1, max_size=3).map(tuple)
SETS = st.frozensets(PATHS, max_size=6)


@given(SETS, SETS)
def test_trees_of_fields_are_sets_of_paths(one: Any, other: Any) -> None:
    left, right = to_fields_v1(one), to_fields_v1(other)
    assert from_fields_v1(union(left, right)) == one | other
    assert from_fields_v1(minus(left, right)) == one - other
    assert union(left, right) == to_fields_v1(one | other)
    assert minus(left, right) == to_fields_v1(one - other)


def owners(doc: Document) -> dict[str, Any]:
    entries: Any = thaw(doc)["metadata"].get("managedFields", ())  # type: ignore[index]
    return {f"{one['manager']}/{one.get('subresource', '')}": one["fieldsV1"] for one in entries}


class World:
    """A server that somebody writes to."""

    def __init__(self) -> None:
        self.server: ApiServer = server_with()
        self.now_ms = NOW_MS

    def ask(self, command: Any, manager: str = "") -> Document:
        self.now_ms += 1_000
        self.server, outcome = handle(self.server, by(command, manager), self.now_ms)
        return outcome.unwrap()

    def create(self, doc: Document, manager: str) -> Document:
        return self.ask(Create("configmaps", "default", doc), manager)

    def update(self, doc: Document, manager: str, name: str = "a") -> Document:
        return self.ask(Update("configmaps", "default", name, doc), manager)


def test_whoever_makes_an_object_owns_what_it_sets() -> None:
    made = World().create(config("a", x="1"), "kubectl-create")
    assert owners(made) == {"kubectl-create/": {"f:data": {".": {}, "f:x": {}}}}


def test_nobody_owns_what_was_made_by_somebody_without_a_name() -> None:
    world = World()
    assert "managedFields" not in world.create(config("a", x="1"), "")["metadata"]
    assert "managedFields" not in world.update(config("a", x="2"), "me")["metadata"]


def test_what_is_changed_changes_its_owner() -> None:
    world = World()
    world.create(config("a", x="1", y="1"), "one")
    changed = world.update(config("a", x="2", y="1"), "two")
    assert owners(changed) == {
        "one/": {"f:data": {".": {}, "f:y": {}}},
        "two/": {"f:data": {"f:x": {}}},
    }


def test_what_is_always_there_in_a_structure_is_not_in_one_behind_a_pointer() -> None:
    claim = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    template = {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}]}
    inner = {"f:requests": {".": {}, "f:storage": {}}}
    kind = root(definition_of("v1", "PersistentVolumeClaim"))
    assert changes(EMPTY, document(claim), kind).taken == {"f:spec": {"f:resources": inner}}
    found = changes(EMPTY, document({"spec": template}), root(definition_of("v1", "Pod"))).taken
    volume = child(found, "f:spec", "f:volumes", 'k:{"name":"v"}', "f:ephemeral")
    behind = child(volume, "f:volumeClaimTemplate", "f:spec")
    assert behind == {".": {}, "f:resources": {".": {}, **inner}}


def test_an_owner_of_nothing_is_gone() -> None:
    world = World()
    world.create(config("a", x="1"), "one")
    gone = world.ask(Patch("configmaps", "default", "a", document({"data": None})), "two")
    assert owners(gone) == {}


def test_a_write_that_changes_nothing_changes_no_owner() -> None:
    world = World()
    made = world.create(config("a", x="1"), "one")
    assert world.update(config("a", x="1"), "two") == made


def test_an_empty_list_ends_the_tracking() -> None:
    world = World()
    world.create(config("a", x="1"), "one")
    for none in ((), (Document(),)):
        sent = with_value(config("a", x="1"), ("metadata", "managedFields"), none)
        assert owners(world.update(sent, "two")) == {}
        assert owners(world.update(config("a", x="3"), "three")) == {}
        world.ask(Patch("configmaps", "default", "a", config("a", x="3"), "apply", "", "four"))


def test_managed_fields_may_be_edited_and_are_ignored_where_they_make_no_sense() -> None:
    world = World()
    made = world.create(config("a", x="1"), "one")
    (entry,) = made["metadata"]["managedFields"]  # type: ignore[index,call-overload]
    renamed = Document({**entry, "manager": "other", "operation": "Apply"})
    sent = with_value(made, ("metadata", "managedFields"), (renamed,))
    assert owners(world.update(sent, "two")) == {"other/": entry["fieldsV1"]}
    broken = Document({**entry, "operation": "Take"})
    sent = with_value(config("a", x="1"), ("metadata", "managedFields"), (broken,))
    assert owners(world.update(sent, "two")) == {"other/": entry["fieldsV1"]}


def test_of_many_updaters_the_oldest_become_one() -> None:
    world = World()
    world.create(config("a", z="1"), "maker")
    for index in range(12):
        data = {f"k{number}": "1" for number in range(index + 1)}
        last = world.update(config("a", z="1", **data), f"m{index:02}")
    found = owners(last)
    assert len(found) == 10
    assert found["ancient-changes/"]["f:data"] == {
        key: {} for key in (".", "f:k0", "f:k1", "f:k2", "f:z")
    }


def test_a_conflict_names_who_it_was() -> None:
    world = World()
    world.create(config("a", x="1"), "kubectl-create")
    apply = Patch("configmaps", "default", "a", config("a", x="2"), "apply", "", "me")
    refused = handle(world.server, apply, NOW_MS)[1].failure()
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.x'
    )


VALUES = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3)
WRITES = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), VALUES), max_size=6)


@given(VALUES, WRITES)
def test_every_field_belongs_to_whoever_set_it_last(first: Any, writes: Any) -> None:
    world = World()
    last = world.create(config("a", **first), "zero")
    if not owners(last):
        return
    setters = dict.fromkeys(first, "zero")
    for who, data in writes:
        before = thaw(last)
        last = world.update(config("a", **data), who)
        old: Any = before.get("data", {})  # type: ignore[attr-defined]
        setters = {
            key: setters[key] if old.get(key) == value else who for key, value in data.items()
        }
        if not owners(last):
            return
    found = {
        (step.removeprefix("f:"), name.partition("/")[0])
        for name, fields in owners(last).items()
        for step in fields.get("f:data", {})
        if step != "."
    }
    assert found == set(setters.items())


def test_lists_of_a_custom_resource_merge_as_its_schema_says() -> None:
    integers = {"type": "array", "items": {"type": "integer"}}
    port = {"type": "object", "properties": {"port": {"type": "integer"}}, "required": ["port"]}
    by_port = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"]}
    parts = {"one": integers, "many": {"type": "array", "items": port, **by_port}}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": parts}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "webs", "singular": "web", "kind": "Web", "listKind": "WebList"}
    spec = {"group": "a.io", "scope": "Namespaced", "names": names, "versions": [version]}
    world = World()
    world.ask(
        Create(
            "customresourcedefinitions.apiextensions.k8s.io",
            "",
            document({"metadata": {"name": "webs.a.io"}, "spec": spec}),
        )
    )

    def apply(who: str, **spec: object) -> Document:
        web = {"apiVersion": "a.io/v1", "kind": "Web", "metadata": {"name": "w"}, "spec": spec}
        patch = Patch("webs.a.io", "default", "w", document(web), "apply", "", who)
        return world.ask(patch)

    apply("one", one=[1, 2], many=[{"port": 80}])
    both = apply("two", many=[{"port": 81}])
    assert thaw(both["spec"]) == {"one": [1, 2], "many": [{"port": 80}, {"port": 81}]}
    assert owners(both)["one/"]["f:spec"]["f:one"] == {}
    assert list(owners(both)["two/"]["f:spec"]["f:many"]) == ['k:{"port":81}']
