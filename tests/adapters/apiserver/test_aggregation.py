"""API servers outside of the simulation, to which requests are passed on as upstream does it."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from kelm.adapters.apiserver.background import BackgroundServer
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.simulator.cluster import Settings
from tests.adapters.apiserver.background_client import asking

AUTHORITY = trustme.CA()
GROUP = "/apis/ext.example.com"
ROW = {"name": "things", "singularName": "thing", "namespaced": True, "kind": "Thing"}
PART = {"name": "things/status", "singularName": "", "namespaced": True, "kind": "Thing"}
LIST = {
    "kind": "APIResourceList",
    "groupVersion": "ext.example.com/v1",
    "resources": [{**ROW, "verbs": ["get"], "shortNames": ["th"]}, {**PART, "verbs": ["get"]}],
}


class Other:
    """An API server of somebody else: it lists its resources, and says what it was asked."""

    def __init__(self, folder: Path) -> None:
        other = self
        self.seen: list[tuple[str, dict[str, list[str]], object]] = []
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                other.answer(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("ext.default.svc").configure_cert(context)
        context.load_verify_locations(str(folder / "front-proxy-ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(size).decode()
        headers: dict[str, list[str]] = {}
        for name, value in handler.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        certificate = handler.connection.getpeercert()  # type: ignore[attr-defined]  # it is TLS
        subject = certificate["subject"][0][0][1]
        self.seen.append((handler.path, headers, body or subject))
        if "watch=1" in handler.path:
            self.stream(handler)
            return
        found = json.dumps(LIST if handler.path == f"{GROUP}/v1" else {"said": body}).encode()
        handler.send_response(self.status if handler.path == f"{GROUP}/v1" else 202)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("X-Mine", "yes")
        handler.send_header("Content-Length", str(len(found)))
        handler.end_headers()
        handler.wfile.write(found)

    @staticmethod
    def stream(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in (b"one\n", b"two\n"):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()
            time.sleep(0.1)
        handler.wfile.write(b"0\r\n\r\n")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BackgroundServer]:
    with BackgroundServer(tmp_path, Settings(nodes=0), Speed(skips=True), mode="RBAC") as found:
        yield found


@pytest.fixture
def other(server: BackgroundServer) -> Iterator[Other]:
    found = Other(server.authority.parent)
    yield found
    found.close()


def registered(server: BackgroundServer, other: Other, **spec: Any) -> tuple[str, str, str]:
    """Have the other server's group served, and wait for what is said of it."""
    ask = asking(server)
    service = {
        "metadata": {"name": "ext"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    assert ask("POST", "/api/v1/namespaces/default/services", service)[0] == 201
    bundle = base64.b64encode(AUTHORITY.cert_pem.bytes()).decode()
    api_service = {
        "metadata": {"name": "v1.ext.example.com"},
        "spec": {
            "group": "ext.example.com",
            "version": "v1",
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "service": {"name": "ext", "namespace": "default", "port": other.port},
            "caBundle": bundle,
            **spec,
        },
    }
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    assert ask("POST", path, api_service)[0] == 201
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = ask("GET", f"{path}/v1.ext.example.com")[2].get("status", {}).get("conditions")
        if found:
            return found[0]["status"], found[0]["reason"], found[0]["message"]
        time.sleep(0.02)
    raise AssertionError("nothing was said of it")


def test_requests_are_passed_on_with_the_name_of_who_asks(
    server: BackgroundServer, other: Other
) -> None:
    assert registered(server, other) == ("True", "Passed", "all checks passed")
    path, headers, subject = other.seen[0]
    assert (path, subject) == (f"{GROUP}/v1", "front-proxy-client")
    assert headers["x-remote-user"] == ["system:kube-aggregator"]
    ask = asking(server)
    things = f"{GROUP}/v1/namespaces/default/things"
    code, sent, body = ask("POST", f"{things}?dryRun=All", {"a": 1})
    assert (code, sent["x-mine"], body) == (202, "yes", {"said": '{"a": 1}'})
    path, headers, _ = other.seen[-1]
    assert path == f"{things}?dryRun=All"
    assert headers["x-remote-user"] == ["kubernetes-admin"]
    assert "system:masters" in headers["x-remote-group"]
    assert "authorization" not in headers
    assert ask("GET", f"{things}?watch=1")[2] == "one\ntwo\n"


def test_discovery_has_what_the_other_serves(server: BackgroundServer, other: Other) -> None:
    registered(server, other)
    ask = asking(server)
    groups = ask("GET", "/apis")[2]["groups"]
    assert groups[-1]["name"] == "ext.example.com"
    media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    last = ask("GET", "/apis", more={"Accept": media})[2]["items"][-1]
    assert last["metadata"]["name"] == "ext.example.com"
    kind = {"group": "", "version": "", "kind": "Thing"}
    (version,) = last["versions"]
    assert (version["version"], version["freshness"]) == ("v1", "Current")
    assert version["resources"] == [
        {
            "resource": "things",
            "responseKind": kind,
            "scope": "Namespaced",
            "singularResource": "thing",
            "verbs": ["get"],
            "shortNames": ["th"],
            "subresources": [{"subresource": "status", "responseKind": kind, "verbs": ["get"]}],
        }
    ]
    assert ask("GET", GROUP)[2]["preferredVersion"]["version"] == "v1"
    assert ask("GET", f"{GROUP}/v1")[2] == LIST


def test_one_who_may_not_is_not_passed_on(server: BackgroundServer, other: Other) -> None:
    registered(server, other)
    asked = len(other.seen)
    things = f"{GROUP}/v1/namespaces/default/things"
    ask = asking(server)
    code, _, body = ask("GET", things, more={"Impersonate-User": "ann"})
    assert (code, body["message"]) == (
        403,
        'things.ext.example.com is forbidden: User "ann" cannot list resource "things" in API '
        'group "ext.example.com" in the namespace "default"',
    )
    assert len(other.seen) == asked


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"caBundle": base64.b64encode(trustme.CA().cert_pem.bytes()).decode()},
            "x509: certificate signed by unknown authority",
        ),
        ({"service": {"name": "ext", "namespace": "default", "port": 1}}, "connection refused"),
        ({"service": {"name": "gone", "namespace": "default", "port": 1}}, "is not present"),
    ],
)
def test_one_that_is_not_to_be_reached_is_not_available(
    server: BackgroundServer, other: Other, spec: dict[str, Any], why: str
) -> None:
    status, _, message = registered(server, other, **spec)
    assert (status, why in message) == ("False", True), message
    assert asking(server)("GET", f"{GROUP}/v1")[::2] == (503, "service unavailable\n")


def test_one_that_answers_badly_is_not_available(server: BackgroundServer, other: Other) -> None:
    other.status = 404
    status, reason, message = registered(server, other)
    assert (status, reason) == ("False", "FailedDiscoveryCheck")
    url = f"https://localhost:{other.port}{GROUP}/v1"
    assert message == f"failing or missing response from {url}: bad status from {url}: 404"


def test_nobody_need_be_believed(server: BackgroundServer, other: Other) -> None:
    assert registered(server, other, caBundle=None, insecureSkipTLSVerify=True)[1] == "Passed"


def test_others_can_read_whom_to_believe(server: BackgroundServer) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    data = asking(server)("GET", path)[2]["data"]
    assert data["requestheader-allowed-names"] == '["front-proxy-client"]'
    authority = server.authority.parent / "front-proxy-ca.crt"
    assert data["requestheader-client-ca-file"] == authority.read_text()


WARDLE = "/apis/wardle.example.com"


def test_a_program_of_the_cluster_serves_an_api(tmp_path: Path) -> None:
    with BackgroundServer(tmp_path, Settings(nodes=1), Speed(skips=True)) as server:
        ask = asking(server)
        container = {"name": "c", "image": "registry.k8s.io/sample-apiserver:1.29.2"}
        pod = {
            "metadata": {"name": "w", "labels": {"app": "w"}},
            "spec": {"containers": [container]},
        }
        assert ask("POST", "/api/v1/namespaces/default/pods", pod)[0] == 201
        ports = [{"port": 7443, "targetPort": 443}]
        service = {"metadata": {"name": "w"}, "spec": {"selector": {"app": "w"}, "ports": ports}}
        assert ask("POST", "/api/v1/namespaces/default/services", service)[0] == 201
        api_service = {
            "metadata": {"name": "v1alpha1.wardle.example.com"},
            "spec": {
                "group": "wardle.example.com",
                "version": "v1alpha1",
                "groupPriorityMinimum": 2000,
                "versionPriority": 200,
                "insecureSkipTLSVerify": True,
                "service": {"name": "w", "namespace": "default", "port": 7443},
            },
        }
        path = "/apis/apiregistration.k8s.io/v1/apiservices"
        assert ask("POST", path, api_service)[0] == 201
        flunders = f"{WARDLE}/v1alpha1/namespaces/default/flunders"
        end = time.monotonic() + 30
        while ask("GET", flunders)[0] == 503 and time.monotonic() < end:
            time.sleep(0.05)
        assert ask("POST", flunders, {"metadata": {"name": "a"}})[0] == 201
        assert [one["metadata"]["name"] for one in ask("GET", flunders)[2]["items"]] == ["a"]
        events: list[str] = []

        def watch() -> None:
            found = asking(server)("GET", f"{flunders}?watch=1&timeoutSeconds=3")[2]
            events.extend(json.loads(line)["type"] for line in found.splitlines())

        watching = threading.Thread(target=watch)
        watching.start()
        time.sleep(0.5)
        assert ask("DELETE", f"{flunders}/a")[0] == 200
        watching.join(20)
        assert events == ["ADDED", "DELETED"]
        media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        last = ask("GET", "/apis", more={"Accept": media})[2]["items"][-1]
        assert [one["resource"] for one in last["versions"][0]["resources"]] == [
            "fischers",
            "flunders",
        ]
        paths = ask("GET", "/openapi/v3")[2]["paths"]
        assert "apis/wardle.example.com/v1alpha1" in paths
        schema = ask("GET", "/openapi/v3/apis/wardle.example.com/v1alpha1")[2]
        assert f"{WARDLE}/v1alpha1/namespaces/{{namespace}}/flunders" in schema["paths"]
