"""What probes find: they ask the program that runs, and only when it may answer otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import local_pod
from kelm.adapters.simulator.inputs import FilesChanged
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.node.containers.images import image, serves
from kelm.core.node.containers.logs import container_log
from kelm.core.node.files.entries import Change, File
from kelm.core.node.programs.http import HttpRequest, HttpResponse
from kelm.core.node.programs.inside import Inside
from kelm.effects.commands import List
from tests.core.programs.clusters import agnhost, ask, body

WEB = {"httpGet": {"port": 8080}}


def running(
    *manifests: dict[str, Any], plane: ControlPlane | None = None, for_s: int = 60
) -> Cluster:
    cluster = Cluster(nodes=1, control_plane=plane or ControlPlane())
    for manifest in manifests:
        cluster.apply(manifest)
    cluster.run(for_s * 1_000)
    return cluster


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **more}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


def status(cluster: Cluster, name: str, index: int = 0) -> Any:
    pod: Any = cluster.get("pods", name)
    return pod["status"]["containerStatuses"][index]


def said(cluster: Cluster, reason: str = "Unhealthy") -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return sorted({one["message"] for one in events if one["reason"] == reason})


def write(cluster: Cluster, change: Change) -> None:
    """Somebody changes a file in the pod `p`."""
    pod: Any = cluster.get("pods", "p")
    cluster.inject(FilesChanged("default", "p", pod["metadata"]["uid"], (change,)))


def log_of(cluster: Cluster) -> list[str]:
    found = local_pod(cluster, "default/p")
    assert found is not None
    return [line.text for line in container_log(found[1], "main", cluster.now_ms).unwrap()]


def web(name: str = "web", **more: Any) -> dict[str, Any]:
    pod = agnhost(name, **more)
    pod["spec"]["containers"][0]["image"] = "web"
    return pod


def plane(handle: Any) -> ControlPlane:
    return ControlPlane().with_image("web", image(serves(8080), handle=handle))


def answering(code: int, headers: tuple[tuple[str, str], ...] = ()) -> ControlPlane:
    return plane(lambda inside, request: HttpResponse(code, b"told", headers))


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "passes"), [(199, False), (200, True), (399, True), (400, False)])
def test_http_probes_pass_from_200_to_399(code: int, passes: bool) -> None:
    cluster = running(web(readinessProbe=WEB), plane=answering(code))
    assert status(cluster, "web")["ready"] is passes
    failed = f"Readiness probe failed: HTTP probe failed with statuscode: {code}"
    assert said(cluster) == ([] if passes else [failed])


def test_an_http_probe_is_a_request_of_the_machine_with_its_headers_and_path() -> None:
    seen: list[HttpRequest] = []

    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    probe = {
        "httpGet": {
            "port": "up",
            "path": "/a?b=c",
            "httpHeaders": [{"name": "X", "value": "1"}, {"name": "Host", "value": "shop"}],
        }
    }
    ports = [{"name": "up", "containerPort": 8080}]
    running(web(readinessProbe=probe, ports=ports), plane=plane(handle))
    (request,) = seen
    assert (request.method, request.path, request.query, request.port) == ("GET", "/a", "b=c", 8080)
    assert request.client_ip == "172.18.0.2"
    assert request.headers == (
        ("X", "1"),
        ("Host", "shop"),
        ("User-Agent", "kube-probe/1.36"),
        ("Accept", "*/*"),
    )


def test_redirects_are_followed_on_the_same_host_and_warned_of_on_another() -> None:
    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        to = {"/here": "/gone", "/away": "http://other/ok", "/round": "/round"}.get(request.path)
        return HttpResponse(302 if to else 404, b"moved", (("Location", to or ""),))

    pods = [
        web(path, readinessProbe={"httpGet": {"port": 8080, "path": f"/{path}"}})
        for path in ("here", "away", "round")
    ]
    cluster = running(*pods, plane=plane(handle))
    assert [status(cluster, name)["ready"] for name in ("here", "away", "round")] == [0, 1, 0]
    warning = "Readiness probe warning: Probe terminated redirects, Response body: moved"
    assert said(cluster, "ProbeWarning") == [warning]
    assert said(cluster) == [
        'Readiness probe failed: Get "http://10.244.0.4:8080/round": stopped after 10 redirects',
        "Readiness probe failed: HTTP probe failed with statuscode: 404",
    ]


def test_whoever_answers_too_late_fails() -> None:
    late = plane(lambda inside, request: HttpResponse(after_ms=2_500))
    patient = {**WEB, "timeoutSeconds": 3}
    pods = web("a", readinessProbe=WEB), web("b", readinessProbe=patient)
    cluster = running(*pods, plane=late)
    assert [status(cluster, name)["ready"] for name in "ab"] == [False, True]
    assert said(cluster) == [
        'Readiness probe failed: Get "http://10.244.0.2:8080/": context deadline exceeded '
        "(Client.Timeout exceeded while awaiting headers)"
    ]


def test_where_nobody_listens_connections_are_refused() -> None:
    probes = {"readinessProbe": WEB, "livenessProbe": {"tcpSocket": {"port": 81}}}
    cluster = running(agnhost("p", "pause", **probes), for_s=20)
    refused = "dial tcp 10.244.0.2:{}: connect: connection refused"
    assert said(cluster) == [
        f"Liveness probe failed: {refused.format(81)}",
        f'Readiness probe failed: Get "http://10.244.0.2:8080/": {refused.format(8080)}',
    ]


def test_a_port_without_a_number_is_an_error_that_does_not_count() -> None:
    cluster = running(agnhost("p", "pause", livenessProbe={"tcpSocket": {"port": "web"}}))
    assert status(cluster, "p")["restartCount"] == 0
    assert said(cluster) == [
        "Liveness probe errored and resulted in unknown state: "
        'strconv.Atoi: parsing "web": invalid syntax'
    ]


def test_a_container_is_reached_on_the_ports_of_its_neighbours() -> None:
    pod = agnhost("p", "pause", readinessProbe=WEB)
    pod["spec"]["containers"].append({"name": "late", "image": "web"})
    slow = image(serves(8080), handle=lambda inside, request: HttpResponse(), pull_ms=30_000)
    cluster = running(pod, plane=ControlPlane().with_image("web", slow), for_s=20)
    assert not status(cluster, "p")["ready"]
    cluster.run(30_000)
    assert status(cluster, "p")["ready"]


def test_agnhost_liveness_is_restarted_after_ten_seconds() -> None:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "failureThreshold": 1}
    probes = {"livenessProbe": {**probe, "initialDelaySeconds": 15}}
    cluster = running(agnhost("p", "liveness", **probes), for_s=25)
    assert status(cluster, "p")["restartCount"] == 1
    assert said(cluster) == ["Liveness probe failed: HTTP probe failed with statuscode: 500"]


# -- gRPC ------------------------------------------------------------------------------------------


def test_a_grpc_server_serves_until_it_is_told_not_to() -> None:
    probe = {"grpc": {"port": 5000}, "periodSeconds": 1, "failureThreshold": 1}
    cluster = running(agnhost("p", "grpc-health-checking", readinessProbe=probe), for_s=10)
    assert status(cluster, "p")["ready"]
    assert body(ask(cluster, "10.244.0.2", 8080, "/make-not-serving")).endswith("s")
    cluster.run(2_000)
    assert not status(cluster, "p")["ready"]
    assert said(cluster) == [
        'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'
    ]
    ask(cluster, "10.244.0.2", 8080, "/make-serving")
    cluster.run(2_000)
    assert status(cluster, "p")["ready"]


def test_a_grpc_server_knows_its_own_service_only_and_may_fail_by_itself() -> None:
    other = agnhost("other", "grpc-health-checking", "--service=a")
    other["spec"]["containers"][0]["livenessProbe"] = {"grpc": {"port": 5000, "service": "b"}}
    tired = agnhost("tired", "grpc-health-checking", "--delay-unhealthy-sec", "12")
    tired["spec"]["containers"][0]["livenessProbe"] = {"grpc": {"port": 5000}}
    deaf = agnhost("deaf", "netexec", livenessProbe={"grpc": {"port": 8080}})
    cluster = running(other, tired, deaf)
    assert all(status(cluster, name)["restartCount"] for name in ("other", "tired", "deaf"))
    assert said(cluster) == [
        "Liveness probe failed: error: health rpc probe failed: "
        "rpc error: code = NotFound desc = unknown service",
        'Liveness probe failed: service unhealthy (responded with "NOT_SERVING")',
        'Liveness probe failed: timeout: failed to connect service "10.244.0.4:8080" within 1s: '
        "context deadline exceeded",
    ]


# -- exec ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "passes"),
    [
        ("exit 0", True),
        ("exit 3", False),
        ('[ "$(cat /etc/hostname)" = p ] && grep -q localhost /etc/hosts', True),
        ("wget -q -O- http://localhost:8080/", False),
        ('[ "$MODE" = fast ]', True),
    ],
)
def test_exec_probes_run_in_the_containers_shell(script: str, passes: bool) -> None:
    probe = {"exec": {"command": ["sh", "-c", script]}}
    env = [{"name": "MODE", "value": "fast"}]
    cluster = running(shell("p", "sleep 600", readinessProbe=probe, env=env), for_s=20)
    assert status(cluster, "p")["ready"] is passes


def test_an_exec_probe_says_what_its_command_said() -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo out; cat /tmp/none; exit 1"]}}
    cluster = running(shell("p", "sleep 600", readinessProbe=probe))
    (text,) = said(cluster)
    missing = "cat: can't open '/tmp/none': No such file or directory"
    assert text == f"Readiness probe failed: out\n{missing}\n"


def test_a_command_that_takes_too_long_fails() -> None:
    probe = {"exec": {"command": ["sleep", "$(HOW_LONG)"]}, "failureThreshold": 1}
    env = [{"name": "HOW_LONG", "value": "2"}]
    slow = shell("slow", "sleep 600", livenessProbe=probe, env=env)
    patient = shell("patient", "sleep 600", livenessProbe={**probe, "timeoutSeconds": 2}, env=env)
    cluster = running(slow, patient, for_s=9)
    assert said(cluster) == [
        'Liveness probe failed: command timed out: "sleep 2" timed out after 1s'
    ]
    assert status(cluster, "patient")["restartCount"] == 0


def test_a_command_that_is_not_there_is_an_error_that_does_not_count() -> None:
    cluster = running(shell("p", "sleep 600", livenessProbe={"exec": {"command": ["missing"]}}))
    (text,) = said(cluster)
    assert text.startswith("Liveness probe errored and resulted in unknown state: rpc error: ")
    assert 'exec: "missing": executable file not found in $PATH: unknown' in text
    assert status(cluster, "p")["restartCount"] == 0


@pytest.mark.parametrize("command", ["pg_isready -U web", "cat /tmp/ready", "./run --check"])
def test_what_an_unknown_image_has_is_believed_to_be_there(command: str) -> None:
    pod = agnhost("p", readinessProbe={"exec": {"command": ["sh", "-c", command]}})
    pod["spec"]["containers"][0]["image"] = "example.com/shop:1"
    cluster = running(pod)
    assert status(cluster, "p")["ready"]
    write(cluster, Change("root/main", "/tmp/ready", None))
    cluster.run(40_000)
    assert status(cluster, "p")["ready"] is ("cat" not in command)


# -- files -----------------------------------------------------------------------------------------


def test_a_served_file_that_is_moved_away_is_missed_and_found_again() -> None:
    probe = {"httpGet": {"port": 80, "path": "/localhost.crt"}, "periodSeconds": 1}
    pod = agnhost("p", "test-webserver", readinessProbe={**probe, "failureThreshold": 1})
    cluster = running(pod, for_s=10)
    ready = []
    for entry in (None, File(b"back")):
        ready.append(status(cluster, "p")["ready"])
        change = Change("root/main", "/localhost.crt", entry)
        write(cluster, change)
        cluster.run(2_000)
    assert [*ready, status(cluster, "p")["ready"]] == [True, False, True]


def test_what_a_container_wrote_is_gone_with_it() -> None:
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/broken"]}, "periodSeconds": 1}
    pod = agnhost("p", "pause", livenessProbe={**probe, "failureThreshold": 1})
    cluster = running(pod, for_s=10)
    change = Change("root/main", "/tmp/broken", File(b"yes"))
    write(cluster, change)
    cluster.run(120_000)
    assert status(cluster, "p")["restartCount"] == 1


def test_a_probe_that_writes_finds_it_the_next_time() -> None:
    count = "n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n + 1)) > /tmp/n; [ $n -lt 3 ]"
    probe = {"exec": {"command": ["sh", "-c", count]}, "periodSeconds": 1, "failureThreshold": 1}
    cluster = running(shell("p", "sleep 600", readinessProbe=probe), for_s=0)
    ready = []
    for _ in range(8):
        cluster.run(1_000)
        found: Any = cluster.get("pods", "p")
        statuses = found["status"].get("containerStatuses", [{"ready": False}])
        ready.append(statuses[0]["ready"])
    assert True in ready
    assert not ready[-1]


def test_a_probe_sees_its_volumes_follow_the_pods_labels() -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    mount = {"name": "info", "mountPath": "/etc/info"}
    probe = {"exec": {"command": ["grep", "-q", "ok=", "/etc/info/labels"]}, "periodSeconds": 1}
    pod = shell("p", "sleep 600", volumeMounts=[mount], readinessProbe=probe)
    pod["spec"]["volumes"] = [{"name": "info", "downwardAPI": {"items": items}}]
    cluster = running(pod, for_s=10)
    assert not status(cluster, "p")["ready"]
    cluster.apply({**pod, "metadata": {"name": "p", "labels": {"ok": "yes"}}})
    cluster.run(5_000)
    assert status(cluster, "p")["ready"]


def test_a_loop_shows_the_labels_that_a_pod_has_now() -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    mount = {"name": "info", "mountPath": "/etc/info"}
    args = ["mounttest", "--break_on_expected_content=false", "--retry_time=120"]
    pod = agnhost("p", *args, "--file_content_in_loop=/etc/info/labels", volumeMounts=[mount])
    pod["spec"]["volumes"] = [{"name": "info", "downwardAPI": {"items": items}}]
    cluster = running(pod, for_s=10)
    cluster.apply({**pod, "metadata": {"name": "p", "labels": {"app": "p", "now": "then"}}})
    cluster.run(10_000)
    assert any('now="then"' in line for line in log_of(cluster))


# -- how often -------------------------------------------------------------------------------------


def test_a_program_that_always_says_the_same_is_asked_once() -> None:
    asked: list[int] = []

    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        asked.append(1)
        name = inside.disk.read("/etc/hostname")
        return HttpResponse(body=name if isinstance(name, bytes) else b"")

    probes = {"readinessProbe": WEB, "livenessProbe": WEB}
    running(web(**probes), plane=plane(handle), for_s=3_600)
    assert len(asked) == 2


def flips(times: list[int]) -> Any:
    """A program that is well, unwell, well ... from these ages on, and looks at its age only so."""

    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        passed = sum(inside.has_run_for(one) for one in times)
        return HttpResponse(503 if passed % 2 else 200)

    return handle


def reads_clock(times: list[int]) -> Any:
    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        passed = sum(inside.age_ms >= one for one in times)
        return HttpResponse(503 if passed % 2 else 200)

    return handle


def script(times: list[int]) -> str:
    """The same as a shell script that has a file there while it is well."""
    words, before = ["touch /tmp/up"], 0
    for number, one in enumerate(times):
        deed = "rm /tmp/up" if number % 2 == 0 else "touch /tmp/up"
        words += [f"sleep {(one - before) / 1_000}", deed]
        before = one
    return "; ".join([*words, "sleep 9999"])


def eager(times: list[int], probe: dict[str, int], until_ms: int) -> list[bool]:
    """Readiness at each second of a container's age if the probe ran at every tick."""
    ready, last, count, found = False, None, 0, []
    ticks = set(range(probe["initialDelaySeconds"], until_ms // 1_000, probe["periodSeconds"]))
    for second in range(until_ms // 1_000):
        if second in ticks:
            well = sum(second * 1_000 >= one for one in times) % 2 == 0
            count = count + 1 if well is last else 1
            last = well
            if count >= probe["successThreshold" if well else "failureThreshold"]:
                ready = well
        found.append(ready)
    return found


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(1, 59), max_size=4, unique=True).map(sorted),
    period=st.integers(1, 7),
    delay=st.integers(0, 8),
    thresholds=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    way=st.sampled_from(["asks", "reads", "writes"]),
)
def test_a_lazy_probe_finds_what_an_eager_one_finds(
    times: list[int], period: int, delay: int, thresholds: tuple[int, int], way: str
) -> None:
    ages = [one * 1_000 - 500 for one in times]
    rhythm = {
        "periodSeconds": period,
        "initialDelaySeconds": delay,
        "successThreshold": thresholds[0],
        "failureThreshold": thresholds[1],
    }
    if way == "writes":
        exec_probe = {"exec": {"command": ["test", "-e", "/tmp/up"]}, **rhythm}
        pod, program = shell("web", script(ages), readinessProbe=exec_probe), ControlPlane()
    else:
        pod = web(readinessProbe={**WEB, **rhythm})
        program = plane(flips(ages) if way == "asks" else reads_clock(ages))
    cluster = Cluster(nodes=1, control_plane=program)
    cluster.apply(pod)
    while (here := local_pod(cluster, "default/web")) is None or not here[1].runs[0].started_ms:
        cluster.run(10)
    cluster.run(here[1].runs[0].started_ms + 500 - cluster.now_ms)
    found = []
    for _ in range(70):
        found.append(status(cluster, "web")["ready"])
        cluster.run(1_000)
    assert found == eager(ages, rhythm, 70_000)
