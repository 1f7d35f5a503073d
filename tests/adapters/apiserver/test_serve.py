"""`kelm serve` as a process: TLS, kubeconfig, real time, and a clean end."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kelm.adapters.apiserver.kubeconfig import entry, merged, without


class Server:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.kubeconfig = folder / "config"
        environment = {**os.environ, "KELM_HOME": str(folder), "KUBECONFIG": str(self.kubeconfig)}
        command = [sys.executable, "-c", "from kelm.adapters.cli.main import main; main()"]
        self.process = subprocess.Popen(
            [*command, "serve", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._wait()
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.address = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        self.token = config["users"][0]["user"]["token"]

    def _wait(self) -> None:
        end = time.monotonic() + 90
        while not self.kubeconfig.exists() or not self.kubeconfig.read_text():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.02)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, context=self.context, timeout=10) as reply:
            return json.loads(reply.read())

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        output = self.process.communicate(timeout=20)[0]
        return self.process.returncode, output


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path, "--nodes", "2", "--speed", "max")
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.communicate()


def test_a_deployment_becomes_ready_behind_https(server: Server) -> None:
    assert len(server.ask("GET", "/api/v1/nodes")["items"]) == 2
    labels = {"app": "web"}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    }
    where = "/apis/apps/v1/namespaces/default/deployments"
    server.ask("POST", where, {"metadata": {"name": "web"}, "spec": spec})
    end = time.monotonic() + 20
    while server.ask("GET", f"{where}/web")["status"].get("readyReplicas") != 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    (pod, _) = server.ask("GET", "/api/v1/namespaces/default/pods")["items"]
    assert pod["status"]["phase"] == "Running"
    code, output = server.stop()
    assert "kubectl get nodes" in output
    assert "Traceback" not in output
    assert code in (0, -signal.SIGTERM)


def test_a_kubeconfig_keeps_what_others_wrote() -> None:
    other = entry("minikube", "https://192.168.49.2:8443", b"ca", "theirs")
    both = merged(other, entry("kelm", "https://127.0.0.1:1", b"ca", "ours"))
    assert [one["name"] for one in both["contexts"]] == ["minikube", "kelm"]
    assert both["current-context"] == "kelm"
    again = merged(both, entry("kelm", "https://127.0.0.1:2", b"ca", "ours"))
    assert [one["cluster"]["server"] for one in again["clusters"]][1:] == ["https://127.0.0.1:2"]
    left = without(again, "kelm")
    assert (left["current-context"], len(left["users"])) == ("", 1)


def test_a_client_that_keeps_its_connection_does_not_hold_up_the_end(server: Server) -> None:
    host, port = server.address.removeprefix("https://").split(":")
    kept = http.client.HTTPSConnection(host, int(port), context=server.context, timeout=10)
    kept.request("GET", "/version", headers={"Authorization": f"Bearer {server.token}"})
    assert kept.getresponse().read()
    code, output = server.stop()
    kept.close()
    assert code in (0, -signal.SIGTERM)
    assert "exceeded" not in output  # uvicorn's word for connections it had to wait for
