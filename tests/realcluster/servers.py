"""One etcd and one kube-apiserver on loopback, with certificates of their own and RBAC.

Nothing else runs: no controller, no scheduler, no kubelet.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import trustme
import yaml

from tests.realcluster.binaries import cache

START_SECONDS = 90.0
ADMINS = "system:masters"


class Servers:
    """The running servers: where they are and how to get in."""

    def __init__(self, folder: Path, ports: tuple[int, int, int]) -> None:
        self.folder = folder
        self.etcd_port, self.peer_port, self.port = ports
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(str(folder / "ca.crt"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.kubeconfig = self.user("admin", "kelm-admin", ADMINS)

    def user(self, file: str, name: str, group: str = "") -> Path:
        """A kubeconfig with a client certificate for a user of a group."""
        host = f"{name.rpartition(':')[2]}.users.test"
        cert = self.ca.issue_cert(host, common_name=name, organization_name=group or None)
        paths = self.folder / f"{file}.crt", self.folder / f"{file}.key"
        cert.cert_chain_pems[0].write_to_path(str(paths[0]))
        cert.private_key_pem.write_to_path(str(paths[1]))
        return self.write_config(
            file, {"client-certificate": str(paths[0]), "client-key": str(paths[1])}
        )

    def write_config(
        self, file: str, user: Mapping[str, object], cluster: Mapping[str, object] | None = None
    ) -> Path:
        """A kubeconfig for some credentials."""
        trusted = {"certificate-authority": str(self.folder / "ca.crt")}
        where = {"server": self.url, **(trusted if cluster is None else cluster)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "clusters": [{"name": "real", "cluster": where}],
            "contexts": [{"name": "real", "context": {"cluster": "real", "user": "me"}}],
            "users": [{"name": "me", "user": dict(user)}],
        }
        path = self.folder / f"{file}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def start(self) -> None:
        """Start both and wait until the API server is ready."""
        self._etcd()
        self._apiserver()
        self.wait_ready()

    def _run(self, name: str, *flags: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes.append(
            subprocess.Popen(
                (str(cache() / name), *flags),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env={**os.environ, "GOMAXPROCS": "2"},
            )
        )
        log.close()

    def _etcd(self) -> None:
        client = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def _apiserver(self) -> None:
        server = self.ca.issue_cert("127.0.0.1", "localhost", "10.96.0.1")
        server.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))
        tokens = self.ca.issue_cert("accounts.test")
        tokens.private_key_pem.write_to_path(str(self.folder / "accounts.key"))
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.folder / 'server.pem'}",
            f"--tls-private-key-file={self.folder / 'server.pem'}",
            f"--client-ca-file={self.folder / 'ca.crt'}",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            "--v=1",
        )

    def tls(self) -> ssl.SSLContext:
        """A context that gets in as the administrator."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(str(self.folder / "admin.crt"), str(self.folder / "admin.key"))
        return context

    def wait_ready(self) -> None:
        """Wait for /readyz, and for the namespaces that the server makes by itself."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args!r} ended:\n{self.last_words()}")
            if all(self._answers(path) for path in ("/readyz", "/api/v1/namespaces/default")):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the API server is not ready in time:\n{self.last_words()}")

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, context=self.tls(), timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def last_words(self) -> str:
        """The ends of the logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)

    def stop(self) -> None:
        """End both, the API server first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.processes.clear()


def free_ports() -> tuple[int, int, int]:
    """Three ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        one, two, three = (each.getsockname()[1] for each in found)
    return one, two, three


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    """The servers while the block runs; ports may be taken in between, so it is tried thrice."""
    with tempfile.TemporaryDirectory(prefix="kelm-realcluster-") as folder:
        for attempt in (1, 2, 3):
            here = Path(folder) / str(attempt)
            here.mkdir()
            servers = Servers(here, free_ports())
            try:
                servers.start()
            except RuntimeError:
                servers.stop()
                if attempt == 3:
                    raise
                continue
            try:
                yield servers
            finally:
                servers.stop()
            return
