"""A table after a new list: the difference, told as changes that a watch could have told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.store import table as tables
from kelm.core.store.relist import key_of_doc, listed, relisted, version_of
from kelm.core.store.table import Table
from kelm.effects.document import Document, document


def pod(name: str, version: int, uid: str) -> Document:
    labels = {"app": f"v{version % 3}"}
    return document(
        {
            "metadata": {
                "name": name,
                "namespace": "n",
                "uid": uid,
                "resourceVersion": str(version),
                "labels": labels,
            }
        }
    )


class Server:
    """What an API server holds while it does these writes, one revision each."""

    def __init__(self) -> None:
        self.revision = 10
        self.pods: dict[str, Document] = {}

    def write(self, name: str, *, delete: bool) -> None:
        self.revision += 1
        old = self.pods.get(name)
        if delete:
            if self.pods.pop(name, None) is None:
                self.revision -= 1
        else:
            uid = old["metadata"]["uid"] if old else f"{name}-{self.revision}"  # type: ignore[index,call-overload]
            self.pods[name] = pod(name, self.revision, str(uid))


WRITES = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=25)


def objects(table: Table) -> dict[str, Document]:
    return {key_of_doc(doc): doc for doc in table.objects()}


@given(WRITES, WRITES, st.integers(0, 3))
def test_the_difference_leads_from_one_list_to_the_next(
    before: list[tuple[str, bool]], after: list[tuple[str, bool]], others: int
) -> None:
    server = Server()
    for name, delete in before:
        server.write(name, delete=delete)
    old = listed("pods", server.pods.values(), server.revision)
    for name, delete in after:
        server.write(name, delete=delete)
    server.revision += others
    new = relisted(old, server.pods.values(), server.revision)

    assert objects(new) == {f"n/{name}": doc for name, doc in server.pods.items()}
    assert new.revision == server.revision
    changes = new.changes_since(old.revision)
    assert changes is not None
    revisions = [change.revision for change in changes]
    assert revisions == sorted(set(revisions))
    assert all(old.revision < revision <= server.revision for revision in revisions)

    replayed = objects(old)
    for change in changes:
        held = replayed.get(change.key)
        if change.new is None:
            assert held is not None
            del replayed[change.key]
        else:
            assert change.old == held
            assert change.revision == version_of(change.new)
            if held is not None:
                assert held["metadata"]["uid"] == change.new["metadata"]["uid"]  # type: ignore[index,call-overload]
            replayed[change.key] = change.new
    assert replayed == objects(new)


@given(WRITES)
def test_a_first_list_is_the_table_that_writes_would_have_made(
    writes: list[tuple[str, bool]],
) -> None:
    server = Server()
    for name, delete in writes:
        server.write(name, delete=delete)
    first = listed("pods", server.pods.values(), server.revision)
    grown = Table("pods")
    for doc in sorted(server.pods.values(), key=version_of):
        grown = tables.put(grown, key_of_doc(doc), doc, version_of(doc))
    assert objects(first) == objects(grown)
    for value in ("v0", "v1", "v2"):
        both = [t.select("label", f"n/app={value}") for t in (first, grown)]
        assert sorted(map(key_of_doc, both[0])) == sorted(map(key_of_doc, both[1]))


def test_an_older_list_is_a_history_that_was_replaced() -> None:
    old = listed("pods", [pod("a", 7, "u")], 90)
    new = relisted(old, [pod("b", 4, "v")], 5)
    assert new.revision == 5 and new.changes_since(4) is None and list(objects(new)) == ["n/b"]
