"""A table against a model too dull to be wrong: a dict, and a list of what was ever done to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.store import table as tables
from kelm.core.store.indexes import entries
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.document import Document, document

NAMES = st.sampled_from([f"n/{letter}" for letter in "abcdefgh"])
PODS = st.builds(
    lambda app, owner, node: {"labels": {"app": app}, "owner": owner, "node": node},
    st.sampled_from(["web", "db"]),
    st.sampled_from(["", "u1", "u2"]),
    st.sampled_from(["", "node-1", "node-2"]),
)
STEPS = st.lists(st.tuples(NAMES, st.none() | PODS), max_size=200)


def pod_document(key: str, facts: dict[str, object]) -> Document:
    owner = facts["owner"]
    owners = [{"uid": owner, "controller": True}] if owner else []
    namespace, name = key.split("/")
    meta = {"name": name, "namespace": namespace, "labels": facts["labels"]}
    return document(
        {"metadata": {**meta, "ownerReferences": owners}, "spec": {"nodeName": facts["node"]}}
    )


def follow(
    steps: list[tuple[str, dict[str, object] | None]],
) -> list[tuple[Table, dict[str, Document]]]:
    """Every version of the table beside the dict that it should equal."""
    table, model = Table("pods"), dict[str, Document]()
    versions = [(table, dict(model))]
    for revision, (key, facts) in enumerate(steps, start=1):
        if facts is not None:
            doc = pod_document(key, facts)
            table, model[key] = tables.put(table, key, doc, revision), doc
        elif key in model:
            table = tables.remove(table, key, model.pop(key), revision)
        versions.append((table, dict(model)))
    return versions


@given(STEPS)
def test_every_version_equals_its_model_even_after_later_changes(steps):
    for table, model in follow(steps):
        keys = table.sorted_keys()
        assert {key: table.get(key) for key in keys} == model
        assert len(table) == len(model)
        assert sorted(map(id, table.objects())) == sorted(map(id, model.values()))


@given(STEPS)
def test_an_index_finds_exactly_what_is_filed_under_a_value(steps):
    for table, model in follow(steps):
        expected: dict[str, set[int]] = {}
        for doc in model.values():
            for entry in entries("pods", doc):
                expected.setdefault(entry, set()).add(id(doc))
        for index, value in (
            ("namespace", "n"),
            ("ownedBy", "u1"),
            ("owner", "u2"),
            ("orphan", "n"),
            ("label", "n/app=web"),
            ("spec.nodeName", "node-1"),
        ):
            entry = f"{'ownedBy' if index == 'owner' else index}/{value}"
            found = [id(doc) for doc in table.select(index, value)]
            assert len(found) == len(set(found))
            assert set(found) == expected.get(entry, set())


@given(STEPS, st.integers(0, 200))
def test_the_changes_since_a_version_lead_from_it_to_the_present(steps, start):
    versions = follow(steps)
    table, then = versions[min(start, len(versions) - 1)]
    present, now = versions[-1]
    changes = present.changes_since(table.revision)
    assert changes is not None
    assert [c.revision for c in changes] == sorted({c.revision for c in changes})
    for change in changes:
        assert then.get(change.key) == change.old
        if change.new is None:
            del then[change.key]
        else:
            then[change.key] = change.new
    assert then == now


def test_a_table_that_forgot_says_so(monkeypatch):
    monkeypatch.setattr(tables, "KEPT_CHANGES", 4)
    table = Table("pods")
    for revision in range(1, 20):
        doc = pod_document("n/a", {"labels": {}, "owner": "", "node": ""})
        table = tables.put(table, "n/a", doc, revision)
    assert table.changes_since(2) is None
    recent = table.changes_since(15)
    assert recent is not None
    assert [change.revision for change in recent] == [16, 17, 18, 19]


def test_walking_a_table_is_in_order_of_creation_whatever_the_names():
    store = Store()
    for name in ("zoe", "adam", "mia"):
        doc = document({"metadata": {"name": name}})
        store = store.put("nodes", name, doc)
    names = [doc["metadata"]["name"] for doc in store.table("nodes").objects()]
    assert names == ["zoe", "adam", "mia"]
