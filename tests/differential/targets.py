"""The two servers that are asked the same, and one exchange with either.

Both are reached over HTTPS with what a kubeconfig holds. kelm's clock stands still and it has no
nodes, and beside the real kube-apiserver no controller runs: what is asked is all that happens.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from kelm.adapters.apiserver.background import BackgroundServer, options
from kelm.adapters.apiserver.pace import Speed
from tests.realcluster.servers import running

AGENT = "differential/v1"
TIMEOUT_S = 60.0


class Answer(NamedTuple):
    """What a server said: its code, its warnings, and its body, read where it is JSON."""

    code: int
    warnings: tuple[str, ...]
    body: Any


class Target:
    """One server, and a connection to it that is kept."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._place = urlsplit(cluster["server"])
        self._tls = _tls(cluster)
        self._headers = {
            "User-Agent": AGENT,
            "Impersonate-User": "tester",
            "Impersonate-Group": "system:masters",
        }
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        else:
            self._tls.load_cert_chain(user["client-certificate"], user["client-key"])
        self._connection: http.client.HTTPSConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """One request and its answer."""
        for attempt in (1, 2):
            try:
                return self._asked(method, path, body, headers)
            except (http.client.HTTPException, OSError):
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _asked(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        if self._connection is None:
            host, port = self._place.hostname or "", self._place.port
            self._connection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_S, context=self._tls
            )
        self._connection.request(method, path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        warnings = answer.headers.get_all("Warning") or []
        return Answer(answer.status, tuple(warnings), _read(answer.read()))

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _tls(cluster: Mapping[str, str]) -> ssl.SSLContext:
    if "certificate-authority" in cluster:
        return ssl.create_default_context(cafile=cluster["certificate-authority"])
    data = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return ssl.create_default_context(cadata=data)


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


@contextmanager
def kelm_target() -> Iterator[Target]:
    """kelm with its clock stopped."""
    with tempfile.TemporaryDirectory(prefix="kelm-differential-") as folder:
        server = BackgroundServer(Path(folder), options(nodes=0), Speed(0.0), mode="RBAC")
        with server:
            target = Target(server.kubeconfig)
            yield target
            target.close()


@contextmanager
def real_target(kubeconfig: Path | None) -> Iterator[Target]:
    """The real server of a kubeconfig, or one of its own."""
    if kubeconfig is not None:
        target = Target(kubeconfig)
        yield target
        target.close()
        return
    with running() as servers:
        target = Target(servers.kubeconfig)
        yield target
        target.close()
