"""What machines know outlives a server that is killed at any moment."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kelm.adapters.apiserver.journal import Journal
from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.inputs import FilesChanged, NodeBooted, NodeCrashed
from kelm.core.node.containers.logs import container_log
from kelm.core.node.files.entries import Change, File
from kelm.core.node.pods.local import LocalPod
from kelm.effects.commands import Create, Delete
from kelm.effects.document import document, text
from tests.adapters.apiserver.test_journal import killed

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
SCRIPTS = {
    "reader": f"cat {TOKEN}; echo; sleep 100000",
    "looping": f"while true; do cat {TOKEN}; echo; sleep 60; done",
    "failing": "echo once more; sleep 7; exit 1",
    "ending": "sleep 3; echo done > /data/end",
    "serving": "sleep 100000",
}


def pod(name: str) -> Create:
    mounts = [{"name": "data", "mountPath": "/data"}]
    first = {"name": "first", "image": "busybox", "volumeMounts": mounts}
    first["command"] = ["sh", "-c", "echo begun > /data/begin"]
    main = {"name": "main", "image": "busybox", "volumeMounts": mounts}
    main["command"] = ["sh", "-c", SCRIPTS[name]]
    spec = {
        "initContainers": [first],
        "containers": [main],
        "volumes": [{"name": "data", "emptyDir": {}}],
        "restartPolicy": "Always" if name == "failing" else "Never",
    }
    return Create("pods", "default", document({"metadata": {"name": name}, "spec": spec}))


def local(cluster: Cluster, name: str) -> LocalPod:
    found: LocalPod = cluster.simulator.processes["kubelet/node-1"].state.pods[f"default/{name}"]
    return found


def write(cluster: Cluster, name: str, data: bytes) -> None:
    """As somebody in a container does."""
    change = Change("volume/data", "/note", File(data))
    cluster.inject(FilesChanged("default", name, local(cluster, name).uid, (change,)))
    cluster.run(1)


def files(cluster: Cluster, name: str) -> dict[str, bytes]:
    tree: Any = local(cluster, name).parts.get("volume/data", {})
    return {path: one.data for path, one in tree.items() if isinstance(one, File)}


def again(path: Path, folder: Path, cluster: Cluster) -> Cluster:
    """The cluster of a server that starts where another was killed."""
    saved = Journal(killed(path, folder)).read()
    assert saved is not None
    return Cluster(saved=saved, nodes=1, start_ms=max(saved.now_ms, cluster.now_ms))


def started(folder: Path, *names: str) -> tuple[Journal, Path, Cluster]:
    path = folder / "live" / "journal.db"
    journal, cluster = Journal(path), Cluster(nodes=1)
    for name in names:
        cluster.ask(pod(name)).unwrap()
    return journal, path, cluster


def keep(journal: Journal, cluster: Cluster) -> None:
    journal.write(cluster)
    journal.machines.write(cluster)


def test_files_logs_and_tokens_are_there_after_a_kill(tmp_path: Path) -> None:
    journal, path, cluster = started(tmp_path, "serving", "failing", "looping")
    cluster.run(20_000)
    write(cluster, "serving", b"mine")
    keep(journal, cluster)
    after = again(path, tmp_path / "copy", cluster)
    assert files(after, "serving") == {"/note": b"mine", "/begin": b"begun\n"}
    for name, previous in (("looping", False), ("failing", True)):
        logs = (
            container_log(local(one, name), "main", one.now_ms, previous=previous).unwrap()
            for one in (cluster, after)
        )
        before, now = logs
        assert now[: len(before)] == before and before
    assert local(after, "looping").promises == local(cluster, "looping").promises


def test_only_what_is_new_is_written_and_what_is_gone_goes(tmp_path: Path) -> None:
    journal, path, cluster = started(tmp_path, "serving", "reader")
    cluster.run(20_000)
    keep(journal, cluster)
    database: Any = journal.machines._db
    before = database.total_changes
    cluster.run(30_000)
    keep(journal, cluster)
    journal.machines.write(cluster)
    heartbeats = database.total_changes - before
    write(cluster, "serving", b"x")
    before = database.total_changes
    journal.machines.write(cluster)
    assert database.total_changes - before == 1
    assert heartbeats < 40
    cluster.ask(Delete("pods", "default", "serving", grace_period_seconds=0)).unwrap()
    cluster.run(60_000)
    keep(journal, cluster)
    saved = Journal(killed(path, tmp_path / "copy")).read()
    assert saved is not None and list(saved.machines["node-1"].pods) == ["default/reader"]


@pytest.mark.parametrize("damage", ["update nodes set code = 'x'", "update nodes set state = 'x'"])
def test_what_cannot_be_read_is_found_in_the_pods_statuses(tmp_path: Path, damage: str) -> None:
    journal, path, cluster = started(tmp_path, "serving")
    cluster.run(20_000)
    keep(journal, cluster)
    copy = killed(path, tmp_path / "copy")
    database = sqlite3.connect(copy)
    database.execute(damage)
    database.commit()
    database.close()
    saved = Journal(copy).read()
    assert saved is not None and not saved.machines
    after = Cluster(saved=saved, nodes=1, start_ms=saved.now_ms)
    after.run(5_000)
    assert local(after, "serving").runs[1].stage == "running"


def test_a_machine_that_has_lost_power_since_knows_nothing(tmp_path: Path) -> None:
    journal, path, cluster = started(tmp_path, "serving")
    cluster.run(20_000)
    keep(journal, cluster)
    cluster.inject(NodeCrashed("node-1"))
    cluster.inject(NodeBooted("node-1"), 1_000)
    cluster.run(1_000)
    journal.write(cluster)
    after = again(path, tmp_path / "copy", cluster)
    after.run(30_000)
    doc = after.get("pods", "serving")
    assert doc is not None and text(doc, "status", "phase") == "Failed"


@pytest.mark.parametrize("under_way", ["asked", "promised"])
def test_what_was_asked_for_and_not_answered_is_asked_for_again(
    tmp_path: Path, under_way: str
) -> None:
    journal, path, cluster = started(tmp_path, "reader")
    for _ in range(20_000):
        cluster.run(1)
        pods = cluster.simulator.processes["kubelet/node-1"].state.pods
        if pods and getattr(local(cluster, "reader"), under_way):
            break
    assert getattr(local(cluster, "reader"), under_way)
    keep(journal, cluster)
    after = again(path, tmp_path / "copy", cluster)
    after.run(60_000)
    known, doc = local(after, "reader"), after.get("pods", "reader")
    assert (known.asked, known.promised) == (0, {})
    assert doc is not None and text(doc, "status", "phase") == "Running"


STEPS = st.lists(st.sampled_from([1, 3, 700, 4_000, 30_000]), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(
    steps=STEPS,
    kept=st.lists(st.booleans(), min_size=6, max_size=6),
    names=st.lists(st.sampled_from(sorted(SCRIPTS)), min_size=1, max_size=3, unique=True),
)
def test_killed_at_any_moments_every_pod_comes_to_where_it_was_to_come(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], kept: list[bool], names: list[str]
) -> None:
    """Also where a machine's rows are older than the journal, as after kill -9."""
    folder = tmp_path_factory.mktemp("machines")
    journal, path, cluster = started(folder, *names)
    for number, (step, is_kept) in enumerate(zip(steps, kept, strict=False)):
        cluster.run(step)
        journal.write(cluster)
        if is_kept:
            journal.machines.write(cluster)
        if number % 2:
            cluster = again(path, folder / f"copy-{number}", cluster)
            path = folder / f"live-{number}" / "journal.db"
            journal = Journal(path)
            keep(journal, cluster)
    cluster.run(120_000)
    event(f"{len(steps) // 2} kills")
    expected = {"ending": "Succeeded"}
    for name in names:
        doc = cluster.get("pods", name)
        assert doc is not None
        assert text(doc, "status", "phase") == expected.get(name, "Running")
        if name in expected:
            continue
        known = local(cluster, name)
        assert (known.asked, known.promised) == (0, {})
        if name == "reader":
            assert container_log(known, "main", cluster.now_ms).unwrap()[0].text.count(".") == 2
