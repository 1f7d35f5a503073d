"""Hooks that ask other pods: what is asked arrives there, and the answer decides."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import fetch, local_pod
from kelm.core.node.containers.logs import as_text, container_log
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.programs.process import Fetch
from kelm.effects.commands import Delete, List

SECOND_MS = 1_000
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.56"


def pod(name: str, *args: str, **container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": AGNHOST, "args": list(args), **container}
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [main]}}


def sh(script: str) -> dict[str, Any]:
    return {"exec": {"command": ["sh", "-c", script]}}


def with_server() -> tuple[Cluster, str]:
    """A cluster with a server that notes what it is sent, and its address."""
    cluster = Cluster(nodes=2)
    cluster.apply(pod("server", "nettest"))
    cluster.run(15 * SECOND_MS)
    found: Any = cluster.get("pods", "server")
    return cluster, found["status"]["podIP"]


def received(cluster: Cluster, address: str) -> dict[str, int]:
    reply = fetch(cluster, Fetch(address, 8_080, path="/read"))
    assert isinstance(reply, HttpResponse)
    return json.loads(reply.body)["Received"] or {}


def post(address: str, source: str) -> str:
    return f'curl -s -d \'{{"Source": "{source}"}}\' http://{address}:8080/write'


def told(cluster: Cluster) -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [one["reason"] for one in events]


def is_ready(cluster: Cluster, name: str) -> bool:
    found: Any = cluster.get("pods", name)
    return bool(found["status"]["containerStatuses"][0]["ready"])


def test_a_post_start_hook_writes_to_another_pod_once() -> None:
    cluster, address = with_server()
    cluster.apply(pod("p", "pause", lifecycle={"postStart": sh(post(address, "start"))}))
    cluster.run(30 * SECOND_MS)
    assert received(cluster, address) == {"start": 1}
    assert is_ready(cluster, "p")
    assert told(cluster).count("Started") == 2


def test_each_request_of_a_hook_is_sent_once_and_in_its_order() -> None:
    cluster, address = with_server()
    script = f"{post(address, 'a')} && {post(address, 'b')} && {post(address, 'b')} | grep server"
    cluster.apply(pod("p", "pause", lifecycle={"postStart": sh(script)}))
    cluster.run(30 * SECOND_MS)
    assert received(cluster, address) == {"a": 1, "b": 2}
    assert is_ready(cluster, "p")


@settings(max_examples=4, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.sampled_from(["postStart", "preStop"]))
def test_whatever_a_hook_sends_arrives_as_often_as_it_sends_it(words: list[str], kind: str) -> None:
    cluster, address = with_server()
    script = "; ".join([post(address, word) for word in words]) or "true"
    cluster.apply(pod("p", "pause", lifecycle={kind: sh(script)}))
    cluster.run(15 * SECOND_MS)
    cluster.ask(Delete("pods", "default", "p"))
    cluster.run(10 * SECOND_MS)
    assert received(cluster, address) == Counter(words)


def test_an_answer_decides_what_a_hook_goes_on_with() -> None:
    cluster, address = with_server()
    script = f"{post(address, 'a')} | grep nobody && {post(address, 'b')}; {post(address, 'c')}"
    cluster.apply(pod("p", "pause", lifecycle={"postStart": sh(script)}))
    cluster.run(30 * SECOND_MS)
    assert received(cluster, address) == {"a": 1, "c": 1}


@pytest.mark.parametrize("port", [8_080, 9_999])
def test_a_post_start_hook_over_http_fails_only_where_nobody_listens(
    port: int,
) -> None:
    cluster, address = with_server()
    hook = {"httpGet": {"host": address, "port": port, "path": "/write"}}
    cluster.apply(pod("p", "pause", lifecycle={"postStart": hook}))
    cluster.run(10 * SECOND_MS)
    assert ("FailedPostStartHook" in told(cluster)) == (port == 9_999)


def test_a_pre_stop_hook_writes_to_another_pod_once_before_its_pod_is_gone() -> None:
    cluster, address = with_server()
    cluster.apply(pod("p", "pause", lifecycle={"preStop": sh(post(address, "stop"))}))
    cluster.run(15 * SECOND_MS)
    cluster.ask(Delete("pods", "default", "p"))
    cluster.run(10 * SECOND_MS)
    assert cluster.get("pods", "p") is None
    assert received(cluster, address) == {"stop": 1}
    assert "FailedPreStopHook" not in told(cluster)


def test_a_pre_stop_hook_that_reaches_nobody_fails_and_its_pod_goes_all_the_same() -> None:
    cluster, address = with_server()
    hook = sh(f"curl -s http://{address}:9999/write")
    cluster.apply(pod("p", "pause", lifecycle={"preStop": hook}))
    cluster.run(15 * SECOND_MS)
    cluster.ask(Delete("pods", "default", "p"))
    cluster.run(10 * SECOND_MS)
    assert cluster.get("pods", "p") is None
    assert "FailedPreStopHook" in told(cluster)


def test_a_sidecar_of_the_pod_asks_another_pod_for_a_hook() -> None:
    cluster, address = with_server()
    path = f"/dial?host={address}&port=8080&request=write"
    manifest = pod("p", "pause", lifecycle={"preStop": {"httpGet": {"port": 8_080, "path": path}}})
    sidecar = {"name": "redirect", "image": AGNHOST, "args": ["netexec"], "restartPolicy": "Always"}
    manifest["spec"]["initContainers"] = [sidecar]
    cluster.apply(manifest)
    cluster.run(15 * SECOND_MS)
    cluster.ask(Delete("pods", "default", "p"))
    cluster.run(10 * SECOND_MS)
    assert cluster.get("pods", "p") is None
    reply = fetch(cluster, Fetch(address, 8_080, path="/read"))
    assert isinstance(reply, HttpResponse)
    assert json.loads(reply.body)["Errors"][-1] == "server: Got request with no source"


def test_what_a_program_says_when_it_answers_is_in_its_log() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(pod("server", "netexec"))
    cluster.run(15 * SECOND_MS)
    found: Any = cluster.get("pods", "server")
    address = found["status"]["podIP"]
    for word in ("one", "two"):
        fetch(cluster, Fetch(address, 8_080, path="/echo", query=f"msg={word}"))
        cluster.run(SECOND_MS)
    said = [line.partition(" /")[2] for line in log_of(cluster, "server").splitlines()]
    assert said == ["echo?msg=one&code=", "echo?msg=two&code="]


def log_of(cluster: Cluster, name: str) -> str:
    known = local_pod(cluster, f"default/{name}")
    assert known is not None
    return as_text(container_log(known[1], "", cluster.now_ms).unwrap())


def test_a_container_that_waits_for_its_hooks_answer_is_started_once() -> None:
    cluster, address = with_server()
    cluster.apply(pod("p", "pause", lifecycle={"postStart": sh(post(address, "start"))}))
    cluster.run(15 * SECOND_MS)
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    of_p = [one for one in events if one["involvedObject"]["name"] == "p"]
    counts = {one["reason"]: one.get("count") for one in of_p if one["reason"] != "Scheduled"}
    assert counts == {"Pulling": 1, "Pulled": 1, "Created": 1, "Started": 1}


def test_a_sidecar_outlives_a_container_whose_hook_asks_others() -> None:
    cluster, address = with_server()
    manifest = pod("p", lifecycle={"preStop": sh(post(address, "stop"))})
    manifest["spec"]["containers"][0]["command"] = ["sh", "-c", "trap '' TERM; sleep 600"]
    manifest["spec"]["terminationGracePeriodSeconds"] = 8
    sidecar = {"name": "side", "image": AGNHOST, "args": ["netexec"], "restartPolicy": "Always"}
    manifest["spec"]["initContainers"] = [sidecar]
    cluster.apply(manifest)
    cluster.run(15 * SECOND_MS)
    cluster.ask(Delete("pods", "default", "p"))
    cluster.run(4 * SECOND_MS)
    known = local_pod(cluster, "default/p")
    assert known is not None
    assert [run.stage for run in known[1].runs] == ["running", "running"]
    assert received(cluster, address) == {"stop": 1}
    cluster.run(10 * SECOND_MS)
    assert cluster.get("pods", "p") is None
