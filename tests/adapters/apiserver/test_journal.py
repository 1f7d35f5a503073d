"""The journal: whatever was acknowledged is there after a kill at any moment."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from kelm.adapters.apiserver import journal as journals
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.journal import Journal, JournalError
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.simulator.cluster import Cluster
from kelm.core.api.server import watch_events
from kelm.core.store.store import Store
from kelm.effects.commands import Command, Create, Delete, Get, Patch
from kelm.effects.document import document
from tests.adapters.apiserver.test_serve import Server

NAMES = st.sampled_from("abcd")


def commands() -> st.SearchStrategy[Command]:
    def made(name: str) -> Command:
        return Create("configmaps", "default", document({"metadata": {"name": name}}))

    def changed(name: str, value: int) -> Command:
        return Patch("configmaps", "default", name, document({"data": {"v": str(value)}}))

    return st.one_of(
        st.builds(made, NAMES),
        st.builds(changed, NAMES, st.integers(0, 3)),
        st.builds(lambda name: Delete("configmaps", "default", name), NAMES),
    )


def killed(path: Path, folder: Path) -> Path:
    """The files of a journal as a process leaves them that is killed now."""
    folder.mkdir(exist_ok=True)
    for one in path.parent.iterdir():
        if not one.name.endswith("-shm"):
            shutil.copy(one, folder / one.name)
    return folder / path.name


def contents(store: Store) -> dict[str, object]:
    tables: dict[str, object] = {
        table.resource: (table.revision, list(table.objects())) for table in store.tables
    }
    return {**tables, "revision": store.revision, "counter": store.counter, "seed": store.seed}


@given(st.lists(st.tuples(commands(), st.booleans()), max_size=12), st.integers(0, 12))
def test_a_killed_cluster_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Command, bool]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    path = folder / "live" / "journal.db"
    journal, cluster = Journal(path), Cluster(nodes=1, seed=3)
    journal.write(cluster)
    before = cluster.store
    for number, (command, runs) in enumerate(steps):
        if number == cut:
            break
        cluster.ask(command)
        if runs:
            cluster.run(2_000)
        journal.write(cluster)
    again = Journal(killed(path, folder / "copy"))
    saved = again.read()
    assert saved is not None
    assert contents(saved.server.store) == contents(cluster.store)
    assert saved.now_ms <= cluster.now_ms and saved.zero_ms == cluster.zero_ms
    assert saved.server.events.log.records() == cluster.api.events.log.records()
    for resource in ("configmaps", "pods", "nodes"):
        ours = watch_events(saved.server, resource, before.revision)
        assert ours == watch_events(cluster.api, resource, before.revision)
    journal.close()
    again.close()


def test_a_cluster_goes_on_from_where_it_was_written_down(tmp_path: Path) -> None:
    path = tmp_path / "live" / "journal.db"
    journal, cluster = Journal(path), Cluster(nodes=2, seed=1)
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    }
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    cluster.apply({**kind, "metadata": {"name": "web"}, "spec": spec})
    cluster.run_until_converged()
    journal.write(cluster)
    saved = Journal(killed(path, tmp_path / "copy")).read()
    again = Cluster(cluster.settings, saved, start_ms=cluster.now_ms)
    again.run(60_000)
    assert again.settled()
    uids = [doc["metadata"]["uid"] for doc in cluster.list("pods")]  # type: ignore[index,call-overload]
    assert [doc["metadata"]["uid"] for doc in again.list("pods")] == uids  # type: ignore[index,call-overload]
    restarts = [
        status["restartCount"]  # type: ignore[index,call-overload]
        for doc in again.list("pods")
        for status in doc["status"]["containerStatuses"]  # type: ignore[index,call-overload]
    ]
    assert restarts == [0, 0, 0]
    again.apply({**kind, "metadata": {"name": "web"}, "spec": {**spec, "replicas": 4}})
    again.run_until_converged()
    assert len(again.list("pods")) == 4


def test_old_changes_are_forgotten_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "KEPT_CHANGES", 5)
    monkeypatch.setattr(journals, "PRUNED_EVERY", 1)
    path = tmp_path / "live" / "journal.db"
    journal, cluster = Journal(path), Cluster(nodes=0)
    for number in range(12):
        name = {"metadata": {"name": f"c-{number}"}}
        cluster.ask(Create("configmaps", "default", document(name)))
        journal.write(cluster)
    saved = Journal(killed(path, tmp_path / "copy")).read()
    assert saved is not None
    table = saved.server.store.table("configmaps")
    assert len(table) == len(cluster.store.table("configmaps"))
    assert table.changes_since(0) is None
    assert len(table.changes_since(table.revision - 1) or ()) == 1


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("this is no database" * 100)
    with pytest.raises(JournalError, match="cannot be used as a journal"):
        Journal(tmp_path / "journal.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("create table about (name text primary key, value text not null)")
    other.execute("insert into about values ('format', '99')")
    other.commit()
    other.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal(tmp_path / "other.db").read()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    options = ("--nodes", "1", "--speed", "max", "--data-dir", str(tmp_path / "data"))
    first = Server(tmp_path, *options)
    path, versions = "/api/v1/namespaces/default/configmaps", {}
    for number in range(40):
        made = first.ask("POST", path, {"metadata": {"name": f"c-{number}"}})
        versions[made["metadata"]["name"]] = made["metadata"]["resourceVersion"]
    first.process.send_signal(signal.SIGKILL)
    first.process.communicate()
    first.kubeconfig.unlink()
    time.sleep(0.05)
    second = Server(tmp_path, *options)
    assert second.address == first.address
    listed = second.ask("GET", path)
    found = {
        one["metadata"]["name"]: one["metadata"]["resourceVersion"]
        for one in listed["items"]
        if one["metadata"]["name"].startswith("c-")
    }
    assert found == versions
    events = watched(second, f"{path}?watch=1&resourceVersion={versions['c-37']}&timeoutSeconds=1")
    assert [one["object"]["metadata"]["name"] for one in events] == ["c-38", "c-39"]
    second.stop()


def watched(server: Server, path: str) -> list[Any]:
    import urllib.request

    request = urllib.request.Request(
        server.address + path, headers={"Authorization": f"Bearer {server.token}"}
    )
    with urllib.request.urlopen(request, context=server.context, timeout=10) as reply:
        return [json.loads(line) for line in reply]


@pytest.mark.parametrize(("durable", "writes"), [(True, 1), (False, 8)])
def test_what_is_asked_at_once_waits_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, writes: int
) -> None:
    journal, told = Journal(tmp_path / "journal.db", durable=durable), list[str]()
    engine = Engine(Cluster(nodes=0), Speed(0.0), journal)
    write = journal.write
    monkeypatch.setattr(journal, "write", lambda it: (write(it), told.append("written"))[0])
    engine.moved = lambda _server: told.append("shown")
    commands = [
        Create("configmaps", "default", document({"metadata": {"name": f"c{number}"}}))
        for number in range(8)
    ]

    async def ask(command: Create) -> None:
        (await engine.ask(command)).outcome.unwrap()
        told.append("answered")

    async def look() -> None:
        found = (await engine.ask(Get("configmaps", "default", "c0"))).outcome
        told.append("read" if isinstance(found, Success) else "missed")

    async def run() -> None:
        await asyncio.gather(*map(ask, commands), look())

    asyncio.run(run())
    assert told.count("written") == told.count("shown") == writes
    assert told[:2] == ["written", "shown"]
    assert (told.count("answered"), told.count("read")) == (8, 1)
    journal.close()


def test_a_journal_that_outlives_power_cuts_waits_for_the_disk(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        journal = Journal(tmp_path / f"{durable}.db", durable=durable)
        assert journal._db.execute("pragma synchronous").fetchone() == (level,)
        journal.close()
