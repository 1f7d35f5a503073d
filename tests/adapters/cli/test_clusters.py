"""Clusters in the background: start, status, clock, fault, history, stop, delete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from kelm.adapters.cli.main import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("KELM_HOME", str(tmp_path / "kelm"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield Run()
    Run()("delete", "--all")


class Run:
    """The command line, in this process."""

    def __call__(self, *words: str, code: int = 0) -> str:
        done: Result = CliRunner().invoke(main, words)
        assert done.exit_code == code, done.output
        return done.output


def test_clusters_live_side_by_side_under_their_names(run: Run, tmp_path: Path) -> None:
    assert "There are no clusters" in run("status")
    started = run("start", "-p", "one", "--nodes", "2", "--speed", "paused")
    assert "kubectl get nodes" in started and "Traceback" not in started
    run("start", "-p", "two", "--nodes", "1")
    assert "runs already" in run("start", "-p", "one")
    config = yaml.safe_load((tmp_path / "config").read_text())
    assert [one["name"] for one in config["contexts"]] == ["one", "two"]
    assert config["current-context"] == "two"
    one = run("status").splitlines()[1]
    assert one.split()[:2] == ["one", "Running"] and "paused" in one
    run("stop", "-p", "two")
    assert "Stopped" in run("status").splitlines()[2]
    assert run("status", "-p", "two", code=1)
    assert "does not run" in run("clock", "advance", "1m", "-p", "two", code=1)
    run("delete", "-p", "two")
    config = yaml.safe_load((tmp_path / "config").read_text())
    assert [one["name"] for one in config["contexts"]] == ["one"]

    assert "Cluster time is 6m" in run("clock", "advance", "6m", "-p", "one")
    run("fault", "crash", "node/node-1", "-p", "one")
    run("clock", "advance", "2m", "-p", "one")
    assert "node-1" in run("history", "-p", "one")
    assert "no span of time" in run("clock", "advance", "soon", "-p", "one", code=2)
    assert "is no fault" in run("fault", "cordon", "node-1", "-p", "one", code=1)
    assert "is no speed" in run("clock", "speed", "fast", "-p", "one", code=1)
    assert "at speed 10x" in run("clock", "speed", "10x", "-p", "one")


def test_a_cluster_that_cannot_start_says_why(run: Run) -> None:
    assert "is no speed" in run("start", "--speed", "fast", code=1)
    assert "lower-case letters" in run("start", "-p", "../x", code=2)
    assert "Invalid value for NEW" in run("fork", "../x", code=2)


def test_a_server_that_is_gone_is_no_server_of_somebody_else(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kelm" / "clusters" / "kelm"
    folder.mkdir(parents=True)
    gone = {"pid": 1, "server": "https://127.0.0.1:9", "kubeconfig": "", "nodes": 1, "speed": ""}
    (folder / "server.json").write_text(json.dumps(gone))
    (folder / "ca.crt").write_text("")
    assert "Gone" in run("status")
    assert "Stopped" in run("stop")


def test_a_fork_goes_its_own_way_from_the_moment_it_is_made(run: Run, tmp_path: Path) -> None:
    run("start", "-p", "one", "--nodes", "2", "--speed", "paused")
    run("clock", "advance", "6m", "-p", "one")
    forked = run("fork", "two", "-p", "one")
    assert 'kubectl uses context "two" now' in forked
    one, two = run("status").splitlines()[1:]
    assert one.split()[3:6] == two.split()[3:6]
    assert two.split()[6] in ("6m", "6m1s")
    assert one.split()[2] != two.split()[2]
    run("fault", "crash", "node/node-1", "-p", "two")
    run("clock", "advance", "2m", "-p", "two")
    assert "node-1" in run("history", "-p", "two")
    assert "node-1" not in run("history", "-p", "one")
    assert "exists already" in run("fork", "two", "-p", "one", code=1)
    run("stop", "-p", "two")
    assert "exists already" in run("start", "-p", "two", "--from", "one", code=1)
    run("start", "-p", "two", "--speed", "paused")
    assert run("status", "-p", "two").split()[-1].startswith("8m")
    run("stop", "-p", "two")
    assert "does not run" in run("start", "-p", "three", "--from", "two", code=1)
    run("start", "-p", "four", "--from", "one", "--data-dir", str(tmp_path / "four"))
    assert (tmp_path / "four" / "journal.db").exists()
