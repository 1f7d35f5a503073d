"""The real kubectl's commands that talk with containers."""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
import os
import pty
import random
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.apiserver.test_kubectl import Kubectl
from tests.adapters.apiserver.test_serve import Server
from tests.adapters.apiserver.tools import tool

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tool("kubectl")
    server = Server(tmp_path_factory.mktemp("kelm"), "--nodes", "2", "--speed", "max")
    yield server
    _, output = server.stop()
    assert "Traceback" not in output, output


@pytest.fixture(scope="module")
def kubectl(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    found = Kubectl(tool("kubectl"), cluster.kubeconfig, tmp_path_factory.mktemp("home"))
    found("run one --image=busybox -- sleep 10000")
    found(f"run web --image={AGNHOST} --port=8080 --expose -- netexec")
    found("wait --for=condition=Ready pod/one pod/web --timeout=60s")
    return found


def on_terminal(kubectl: Kubectl, words: str, *typed: str) -> tuple[str, int]:
    """What a terminal shows on which these lines are typed, and the exit code."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(kubectl.path), *words.split()],
        env=kubectl.environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, lines, end = b"", list(typed), time.monotonic() + 30
    while time.monotonic() < end:
        if select.select([screen], [], [], 0.25)[0]:
            try:
                data = os.read(screen, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        elif lines and shown:
            os.write(screen, lines.pop(0).encode())
    os.close(screen)
    try:
        return shown.decode(), process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()


def test_a_command_runs_with_its_output_errors_and_exit_code(kubectl: Kubectl) -> None:
    assert kubectl("exec one -- echo hello") == "hello\n"
    code, out, errors = kubectl.run(
        "exec", "one", "--", "sh", "-c", "echo out; echo err >&2; exit 3"
    )
    assert (code, out) == (3, "out\n")
    assert errors == "err\ncommand terminated with exit code 3\n"
    assert kubectl("exec one -c one -- hostname") == "one\n"


def test_what_was_written_is_there_for_the_next_command(kubectl: Kubectl) -> None:
    kubectl("exec one -- sh -c", "echo kept > /tmp/kept")
    assert kubectl("exec one -- cat /tmp/kept") == "kept\n"


def test_a_command_sees_volumes_and_what_the_container_wrote(kubectl: Kubectl) -> None:
    kubectl("create configmap words --from-literal=greeting=hello")
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["sh", "-c", "echo mine > /tmp/own; sleep 10000"],
        "volumeMounts": [{"name": "words", "mountPath": "/etc/words"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "words", "configMap": {"name": "words"}}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": spec}
    kubectl("apply -f -", stdin=json.dumps(pod))
    kubectl("wait --for=condition=Ready pod/reader --timeout=60s")
    assert kubectl("exec reader -- cat /etc/words/greeting /tmp/own") == "hellomine\n"
    assert kubectl("exec web -- /agnhost dns-server-list") == "10.96.0.10\n"
    assert kubectl("exec web -- /agnhost connect web:8080") == ""
    said = kubectl.fails("exec web -- /agnhost connect --timeout=1s 10.9.9.9:80")
    assert said.startswith("TIMEOUT\n")


def test_input_goes_to_the_command_and_ends(kubectl: Kubectl) -> None:
    assert kubectl("exec -i one -- cat", stdin="a\nb") == "a\nb"
    script = "echo a\nif true; then\necho b\nfi\nexit 4\n"
    code, out, _ = kubectl.run("exec", "-i", "one", "--", "sh", stdin=script)
    assert (code, out) == (4, "a\nb\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("exec one -- nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("exec one -c nope -- ls", "container nope is not valid for pod one"),
        ("exec none -- ls", 'pods "none" not found'),
    ],
)
def test_what_cannot_be_run_is_refused(kubectl: Kubectl, words: str, said: str) -> None:
    assert said in kubectl.fails(words)


def test_a_container_that_does_not_run_is_not_found(kubectl: Kubectl) -> None:
    kubectl("run stuck --image=busybox --image-pull-policy=Never")
    kubectl("wait --for=jsonpath={.spec.nodeName} pod/stuck --timeout=60s")
    said = kubectl.fails("exec stuck -- ls")
    assert 'unable to upgrade connection: container not found ("stuck")' in said


def test_files_are_copied_in_and_out(kubectl: Kubectl, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(300_000)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_bytes(data)
    (tmp_path / "there" / "b").write_text("b")
    kubectl(f"cp {tmp_path}/there one:/tmp/there")
    said = kubectl("exec one -- sha256sum /tmp/there/a")
    assert said.split()[0] == hashlib.sha256(data).hexdigest()
    kubectl(f"cp one:/tmp/there {tmp_path}/back")
    assert (tmp_path / "back" / "a").read_bytes() == data
    assert (tmp_path / "back" / "b").read_text() == "b"


def test_a_shell_on_a_terminal(kubectl: Kubectl) -> None:
    shown, code = on_terminal(
        kubectl, "exec -it one -- sh", "cd /etc\r", "cat hostname; tty\r", "exit 7\r"
    )
    assert code == 7
    assert "/ # cd /etc\r\n/etc # cat hostname; tty\r\none\r\n/dev/pts/0\r\n" in shown


def test_control_c_ends_what_runs_on_a_terminal(kubectl: Kubectl) -> None:
    kubectl("exec one -- sh -c", "printf 'echo ready; sleep 1000' > /tmp/waits")
    shown, code = on_terminal(kubectl, "exec -it one -- sh /tmp/waits", "\x03")
    assert code == 130 and "^C" in shown


def test_programs_are_asked_from_within(kubectl: Kubectl) -> None:
    assert kubectl("exec one -- wget -qO- http://web:8080/hostname") == "web"
    assert kubectl("exec one -- curl -s http://web.default.svc:8080/echo?msg=hi") == "hi"
    assert "Address: 10.96." in kubectl("exec one -- nslookup web")
    address = kubectl("get pod web -o jsonpath={.status.podIP}")
    code, _, errors = kubectl.run("exec", "one", "--", "nc", "-vz", address, "8082")
    assert code == 1 and "Connection refused" in errors


def test_a_pod_is_run_and_talked_with_and_goes_when_it_is_done(kubectl: Kubectl) -> None:
    words = "run talk --image=busybox --rm -i --restart=Never -- sh -c"
    said = kubectl(words, "cat; echo 'stdin closed'", stdin="abcd1234")
    assert said.startswith("abcd1234stdin closed\n") and 'pod "talk" deleted' in said
    assert "NotFound" in kubectl.fails("get pod talk")


def test_what_was_said_to_somebody_attached_is_in_the_log(kubectl: Kubectl) -> None:
    script = 'while [ -z "$s" ]; do read s; sleep 1; done; echo read:$s && cat && echo closed'
    words = "run noted --image=busybox --restart=Never --attach --stdin -- sh -c"
    said = kubectl(words, script, stdin="value\nabcd1234")
    assert "read:value" in said and "abcd1234" in said
    kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/noted --timeout=60s")
    log = kubectl("logs noted")
    assert "read:value\n" in log and "closed\n" in log


def test_a_terminal_is_attached_to_a_shell_that_waits(kubectl: Kubectl) -> None:
    words = "run inter -it --rm --image=busybox --restart=Never -- sh"
    shown, code = on_terminal(kubectl, words, "echo $((40+2))\r", "exit 5\r")
    assert "\r\n42\r\n" in shown and code == 5


def test_attaching_to_what_waits_for_nobody_shows_what_it_writes(kubectl: Kubectl) -> None:
    kubectl("run ticks --image=busybox -- sh -c", "while true; do sleep 1; echo tick; done")
    kubectl("wait --for=condition=Ready pod/ticks --timeout=60s")
    attached = subprocess.Popen(
        [str(kubectl.path), "attach", "ticks"],
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert attached.stdout is not None
    assert [attached.stdout.readline() for _ in range(2)] == [b"tick\n", b"tick\n"]
    attached.terminate()
    attached.communicate()


@pytest.fixture(scope="module")
def over_spdy(kubectl: Kubectl) -> Kubectl:
    """kubectl as older ones are: without WebSockets."""
    old = copy.copy(kubectl)
    old.environment = {
        **kubectl.environment,
        "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
        "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
    }
    return old


def test_older_clients_speak_spdy(over_spdy: Kubectl, tmp_path: Path) -> None:
    code, out, errors = over_spdy.run("exec", "one", "--", "sh", "-c", "echo a; echo b >&2; exit 3")
    assert (code, out, errors) == (3, "a\n", "b\ncommand terminated with exit code 3\n")
    assert over_spdy("exec -i one -- cat", stdin="x" * 100_000) == "x" * 100_000
    (tmp_path / "file").write_text("copied")
    over_spdy(f"cp {tmp_path}/file one:/tmp/file")
    assert over_spdy("exec one -- cat /tmp/file") == "copied"
    said = over_spdy.fails("exec one -- nosuch")
    assert 'exec: "nosuch": executable file not found in $PATH' in said
    shown, code = on_terminal(over_spdy, "exec -it one -- sh", "echo $((1+1))\r", "exit 4\r")
    assert "\r\n2\r\n" in shown and code == 4


@pytest.mark.parametrize("name", ["kubectl", "over_spdy"])
def test_a_port_is_forwarded(name: str, request: pytest.FixtureRequest) -> None:
    kubectl: Kubectl = request.getfixturevalue(name)
    words = [str(kubectl.path), "port-forward", "pod/web", ":8080", ":9"]
    process = subprocess.Popen(
        words, env=kubectl.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        ports = []
        while len(ports) < 2:
            line = process.stdout.readline()
            assert line.startswith("Forwarding from"), line
            if "127.0.0.1" in line:
                ports.append(int(line.split(":")[1].split()[0]))
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=10)
            for path, said in (("/hostname", b"web"), ("/echo?msg=a%20b&code=202", b"a b")):
                connection.request("GET", path)
                assert connection.getresponse().read() == said
            connection.close()
        lost = http.client.HTTPConnection("127.0.0.1", ports[1], timeout=10)
        with pytest.raises((http.client.HTTPException, OSError)):
            lost.request("GET", "/")
            lost.getresponse()
        while "connection refused" not in (line := process.stdout.readline()):
            assert line
        assert "error forwarding port 9 to pod" in line
    finally:
        process.terminate()
        process.communicate()


def test_a_running_pod_is_debugged_by_a_container_beside_it(kubectl: Kubectl) -> None:
    shown, _ = on_terminal(
        kubectl, "debug -it one --image=busybox -c looks", "hostname -i\r", "echo seen\r", "exit\r"
    )
    address = kubectl("get pod one -o jsonpath={.status.podIP}")
    assert address in shown and "seen" in shown
    status = "get pod one -o jsonpath={.status.ephemeralContainerStatuses[0]"
    kubectl("wait --for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated} pod/one")
    assert kubectl(f"{status}.name}}") == "looks"
    assert "seen" in kubectl("logs one -c looks")
    assert kubectl("get pod one -o jsonpath={.status.phase}") == "Running"
    kubectl("debug one --image=busybox -c stays -- sleep 1000")
    kubectl("wait --for=jsonpath={.status.ephemeralContainerStatuses[1].state.running} pod/one")
    assert kubectl("exec one -c stays -- echo hi") == "hi\n"


def test_ephemeral_containers_stay_and_have_no_ports(kubectl: Kubectl) -> None:
    kubectl("run host --image=busybox -- sleep 10000")
    kubectl("wait --for=condition=Ready pod/host --timeout=60s")
    guest = {"name": "guest", "image": "busybox", "command": ["sleep", "100"]}
    patch = "patch pod host --subresource=ephemeralcontainers -p"
    ports = json.dumps(
        {"spec": {"ephemeralContainers": [{**guest, "ports": [{"containerPort": 1}]}]}}
    )
    assert "cannot be set for an Ephemeral Container" in kubectl.fails(patch, ports)
    kubectl(patch, json.dumps({"spec": {"ephemeralContainers": [guest]}}))
    other = json.dumps({"spec": {"ephemeralContainers": [{**guest, "image": "alpine"}]}})
    assert 'existing ephemeral containers "guest" may not be changed' in kubectl.fails(patch, other)
    gone = '[{"op":"remove","path":"/spec/ephemeralContainers"}]'
    said = kubectl.fails("patch pod host --subresource=ephemeralcontainers --type=json -p", gone)
    assert 'existing ephemeral containers "guest" may not be removed' in said
    kubectl("delete pod host --now --timeout=60s")


def test_a_machine_is_debugged_by_a_pod_on_it(kubectl: Kubectl) -> None:
    shown, code = on_terminal(
        kubectl, "debug node/node-1 -it --image=busybox", "hostname\r", "exit\r"
    )
    assert code == 0 and "node-1" in shown
