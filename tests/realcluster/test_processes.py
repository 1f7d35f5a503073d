"""kelm as processes beside a bare API server: started, killed, handed over, watched, recorded."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kelm.adapters.cli.main import main
from kelm.effects.document import thaw
from tests.conformance.worlds import deployment
from tests.realcluster.binaries import SERVERS, have
from tests.realcluster.servers import Servers, running

pytestmark = [pytest.mark.realcluster, pytest.mark.timeout(300)]
KELM = (sys.executable, "-W", "error", "-c", "from kelm.adapters.cli.main import main; main()")
STORM = os.environ.get("KELM_PROFILE") == "storm"
Doc = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    if not have(*SERVERS):
        pytest.skip("no API server: python -m tests.realcluster build")
    with running() as started:
        yield started


class Shop:
    """The processes of one test, and a user's view of the API server."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(
        self, name: str, *arguments: str, config: Path | None = None
    ) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        chosen = config or self.servers.kubeconfig
        process = subprocess.Popen(
            (*KELM, *arguments, "--kubeconfig", str(chosen)), stdout=log, stderr=log
        )
        log.close()
        self.running.append(process)
        return process

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def ask(self, method: str, path: str, body: Doc | None = None) -> Doc:
        request = urllib.request.Request(
            self.servers.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, context=self.servers.tls(), timeout=20) as answer:
            found: Doc = json.load(answer)
        return found

    def found(self, path: str) -> Doc | None:
        try:
            return self.ask("GET", path)
        except urllib.error.HTTPError as problem:
            assert problem.code == 404
            return None

    def namespace(self, name: str) -> None:
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(lambda: self.found(account) is not None, self)

    def deploy(self, namespace: str, name: str, replicas: int) -> None:
        doc = thaw(deployment(name, replicas))
        assert isinstance(doc, dict)
        self.ask("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", doc)

    def available(self, namespace: str, name: str) -> int:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        return int(self.ask("GET", path).get("status", {}).get("availableReplicas", 0))

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def shop(servers: Servers, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(servers, tmp_path)
    try:
        yield shop
    finally:
        shop.close()


def until(condition: Callable[[], object], shop: Shop, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        logs = "\n".join(path.read_text()[-1_500:] for path in shop.folder.glob("*.log"))
        assert time.monotonic() < end, f"it does not become true; the processes said:\n{logs}"
        time.sleep(0.05)


def ended(process: subprocess.Popen[bytes], number: int, seconds: float = 20.0) -> int:
    process.send_signal(number)
    return process.wait(seconds)


def test_killed_at_any_point_a_restart_finishes_and_does_nothing_twice(shop: Shop) -> None:
    replicas, kills, dice = (60, 5, random.Random()) if STORM else (24, 2, random.Random(7))
    shop.start("nodes", "node", "run", "--count", "2")
    shop.start("scheduler", "scheduler", "run", "--no-leader-elect")
    run = ("controllers", "run", "--no-leader-elect", "--qps", "30", "--burst", "5")
    controllers = shop.start("controllers", *run)
    shop.namespace("killed")
    shop.deploy("killed", "web", replicas)
    pods = "/api/v1/namespaces/killed/pods"
    for kill in range(kills):
        goal = (kill + 1) * replicas // (kills + 2)
        until(lambda: len(shop.ask("GET", pods)["items"]) >= goal, shop)  # noqa: B023
        time.sleep(dice.random() * 0.1)
        assert ended(controllers, signal.SIGKILL) == -signal.SIGKILL
        controllers = shop.start("controllers", *run)
    until(lambda: shop.available("killed", "web") == replicas, shop)
    events = shop.ask("GET", "/api/v1/namespaces/killed/pods")["items"]
    assert len(events) == replicas
    sets = shop.ask("GET", "/apis/apps/v1/namespaces/killed/replicasets")["items"]
    assert len(sets) == 1 and sets[0]["status"]["replicas"] == replicas
    born = {item["metadata"]["creationTimestamp"] for item in events}
    assert len(born) > 1, "the kills came between"
    deleted = [
        one
        for one in shop.ask("GET", "/api/v1/namespaces/killed/events")["items"]
        if one["reason"] == "SuccessfulDelete"
    ]
    assert deleted == [], "a surplus pod was made and taken back"


def test_a_leader_hands_over_and_a_follower_waits(shop: Shop) -> None:
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/election-test"
    run = ("controllers", "run", "serviceaccount", "--lease", "election-test")
    first = shop.start("first", *run)
    until(lambda: "leading as" in shop.said("first"), shop)
    holder = shop.ask("GET", lease)["spec"]["holderIdentity"]
    second = shop.start("second", *run)
    until(lambda: "waiting for the lease" in shop.said("second"), shop)
    time.sleep(2.5)
    assert "leading as" not in shop.said("second")
    assert ended(first, signal.SIGTERM) == 0
    until(lambda: "leading as" in shop.said("second"), shop, 8)
    spec = shop.ask("GET", lease)["spec"]
    assert spec["holderIdentity"] != holder and spec["leaseTransitions"] >= 1
    # A leader whose lease is taken away by force stops acting and ends with status 1.
    until(lambda: steal(shop, lease), shop)
    assert second.wait(30) == 1
    assert "no longer leading" in shop.said("second")


def steal(shop: Shop, lease: str) -> bool:
    taken = shop.ask("GET", lease)
    taken["spec"]["holderIdentity"] = "somebody else"
    try:
        shop.ask("PUT", lease, taken)
    except urllib.error.HTTPError as problem:
        assert problem.code == 409, "it was renewed meanwhile"
        return False
    return True


def test_a_missing_permission_is_told_with_the_rule_that_grants_it(shop: Shop) -> None:
    config = shop.servers.user("nobody", "system:serviceaccount:default:nobody")
    process = shop.start(
        "nobody", "controllers", "run", "replicaset", "--no-leader-elect", config=config
    )
    rule = '{apiGroups: ["apps"], resources: ["replicasets"], verbs: ["list"]}'
    until(lambda: rule in shop.said("nobody"), shop)
    assert "Traceback" not in shop.said("nobody")
    assert ended(process, signal.SIGTERM) == 0


def test_a_recorded_run_replays_and_its_metrics_are_served(shop: Shop) -> None:
    trace = shop.folder / "trace.jsonl"
    port = 20_000 + os.getpid() % 20_000
    shop.start("nodes", "node", "run", "--count", "2", "--first", "1")
    recording = shop.start(
        "record", "record", "all", "scheduler", "--trace", str(trace), "--no-leader-elect",
        "--metrics", f"127.0.0.1:{port}",
    )  # fmt: skip
    shop.namespace("recorded")
    shop.deploy("recorded", "web", 3)
    until(lambda: shop.available("recorded", "web") == 3, shop)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        metrics = answer.read().decode()
    assert 'kelm_requests_total{code="ok",command="Create",resource="pods"} 3.0' in metrics
    assert "kelm_watch_lag_seconds_count" in metrics
    assert ended(recording, signal.SIGTERM) == 0
    done = CliRunner().invoke(main, ["replay", str(trace)])
    assert done.exit_code == 0, done.output
    assert "all as recorded" in done.output and "replicaset-controller" in done.output
    lines = trace.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if '"command":"Bind"' in line)
    lines[place] = lines[place].replace('"node":"node-', '"node":"edge-')
    trace.write_text("\n".join(lines))
    changed = CliRunner().invoke(main, ["replay", str(trace)])
    assert changed.exit_code == 1
    assert f"line {place + 1}: default-scheduler does otherwise" in changed.output
