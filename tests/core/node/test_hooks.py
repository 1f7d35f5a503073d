"""Hooks: what runs in a container after its start and before its end."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.node.containers.images import image, serves
from kelm.core.node.programs.http import HttpRequest, HttpResponse
from kelm.core.node.programs.inside import Inside
from kelm.effects.commands import Delete, List

SECOND_MS = 1_000


def pod(hooks: dict[str, Any], script: str = "sleep 600", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": spec.pop("image", "busybox"), "lifecycle": hooks}
    if script:
        container["command"] = ["sh", "-c", script]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [container], **spec},
    }


def sh(script: str) -> dict[str, Any]:
    return {"exec": {"command": ["sh", "-c", script]}}


def running(manifest: dict[str, Any], plane: ControlPlane | None = None) -> Cluster:
    cluster = Cluster(nodes=1, control_plane=plane or ControlPlane())
    cluster.apply(manifest)
    cluster.run(15 * SECOND_MS)
    return cluster


def status(cluster: Cluster, index: int = 0) -> Any:
    found: Any = cluster.get("pods", "p")
    return found["status"]["containerStatuses"][index]


def told(cluster: Cluster) -> list[tuple[str, str]]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [(one["reason"], one["message"]) for one in events]


def gone_after_ms(cluster: Cluster, step_ms: int = SECOND_MS) -> int:
    """How long a pod is still there that is deleted now."""
    cluster.ask(Delete("pods", "default", "p"))
    begun_ms = cluster.now_ms
    while cluster.get("pods", "p") is not None:
        cluster.run(step_ms)
    return cluster.now_ms - begun_ms


def test_what_a_post_start_hook_writes_is_there() -> None:
    probe = {"exec": {"command": ["cat", "/tmp/started"]}, "periodSeconds": 1}
    manifest = pod({"postStart": sh("echo yes > /tmp/started")})
    manifest["spec"]["containers"][0]["readinessProbe"] = probe
    assert status(running(manifest))["ready"]


@pytest.mark.parametrize(
    "hook", [sh("exit 1"), {"exec": {"command": ["missing"]}}, {"httpGet": {"port": 80}}]
)
def test_a_post_start_hook_that_fails_ends_its_container(hook: dict[str, Any]) -> None:
    cluster = running(pod({"postStart": hook}, terminationGracePeriodSeconds=2))
    assert ("FailedPostStartHook", "PostStartHook failed") in told(cluster)
    assert ("Killing", "FailedPostStartHook") in told(cluster)
    assert status(cluster)["restartCount"] >= 1


def test_a_pod_that_is_not_restarted_fails_with_its_hook() -> None:
    cluster = running(
        pod({"postStart": sh("exit 1")}, restartPolicy="Never", terminationGracePeriodSeconds=1)
    )
    found: Any = cluster.get("pods", "p")
    assert found["status"]["phase"] == "Failed"


@pytest.mark.parametrize("status_code", [200, 500])
def test_an_http_hook_asks_the_program_and_any_answer_will_do(status_code: int) -> None:
    seen: list[HttpRequest] = []

    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(status_code, after_ms=4_000)

    plane = ControlPlane().with_image("web", image(serves(8080), handle=handle))
    hook = {"httpGet": {"port": 8080, "path": "/bye"}}
    cluster = running(pod({"preStop": hook, "postStart": hook}, "", image="web"), plane)
    assert [(one.path, one.header("User-Agent")) for one in seen] == [
        ("/bye", "kube-lifecycle/1.36")
    ]
    assert 4_000 <= gone_after_ms(cluster) <= 6_000, "it is waited for before the end"
    assert len(seen) == 2
    assert not any(reason.startswith("Failed") for reason, _ in told(cluster))


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        (sh("for i in 1 2 3; do sleep 2; done; kill -TERM 1"), 6),
        (sh("nginx -s quit; sleep 3"), 3),
        ({"sleep": {"seconds": 4}}, 4),
        (sh("sleep 600"), 10),
    ],
)
def test_a_pre_stop_hook_is_waited_for_within_the_grace(hook: dict[str, Any], seconds: int) -> None:
    manifest = pod({"preStop": hook}, "", image="shop", terminationGracePeriodSeconds=10)
    taken_ms = gone_after_ms(running(manifest))
    assert seconds * SECOND_MS <= taken_ms <= (seconds + 3) * SECOND_MS


def test_a_pre_stop_hook_that_fails_is_told_and_the_container_ends() -> None:
    cluster = running(pod({"preStop": sh("exit 3")}, terminationGracePeriodSeconds=5))
    gone_after_ms(cluster)
    assert ("FailedPreStopHook", "PreStopHook failed") in told(cluster)


def test_without_grace_there_is_no_hook() -> None:
    cluster = running(pod({"preStop": sh("exit 3")}))
    cluster.ask(Delete("pods", "default", "p", grace_period_seconds=0))
    cluster.run(5 * SECOND_MS)
    assert not any(reason == "FailedPreStopHook" for reason, _ in told(cluster))
