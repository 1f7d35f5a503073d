"""Webhooks of a served cluster: called over HTTPS, at a real address."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from kelm.adapters.apiserver.background import BackgroundServer
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.simulator.cluster import Settings
from tests.adapters.apiserver.background_client import asking

MAPS = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"]}
AUTHORITY = trustme.CA()


class Webhook:
    """An HTTPS server that answers reviews with a function."""

    def __init__(self) -> None:
        self.decide: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {"allowed": True}
        self.seen: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append((self.path, review["request"]))
                answer = {"uid": review["request"]["uid"], **outer.decide(review["request"])}
                body = json.dumps({**review, "request": None, "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/check"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.close()


@pytest.fixture(params=["max", "paused"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BackgroundServer]:
    speed = Speed(skips=True) if request.param == "max" else Speed(0.0)
    with BackgroundServer(tmp_path, Settings(nodes=1, replace_machines=False), speed) as found:
        yield found


def register(ask: Any, url: str, **fields: object) -> None:
    bundle = base64.b64encode(AUTHORITY.cert_pem.bytes()).decode()
    hook = {
        "name": "maps.example.com",
        "clientConfig": {"url": url, "caBundle": bundle},
        "rules": [MAPS],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        **fields,
    }
    body = {"metadata": {"name": "policy"}, "webhooks": [hook]}
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    assert ask("POST", path, body)[0] == 201


PATH = "/api/v1/namespaces/default/configmaps"


def test_a_real_webhook_is_asked_and_heard(server: BackgroundServer, webhook: Webhook) -> None:
    ask = asking(server)
    register(ask, webhook.url)
    webhook.decide = lambda request: {
        "allowed": request["name"] != "bad",
        "status": {"code": 403, "reason": "Forbidden", "message": "bad name"},
        "warnings": ["look out"],
    }
    code, headers, body = ask("POST", PATH, {"metadata": {"name": "good"}})
    assert (code, body["metadata"]["name"]) == (201, "good")
    assert headers["warning"] == '299 - "look out"'
    path, request = webhook.seen[0]
    assert path == "/check?timeout=1s"
    assert request["userInfo"]["username"] == "kubernetes-admin"
    code, _, body = ask("POST", PATH, {"metadata": {"name": "bad"}})
    assert (code, body["reason"]) == (403, "Forbidden")
    assert body["message"] == 'admission webhook "maps.example.com" denied the request: bad name'
    assert ask("GET", f"{PATH}/bad")[0] == 404


def test_what_goes_wrong_on_the_way_is_said_in_upstreams_words(
    server: BackgroundServer, webhook: Webhook
) -> None:
    ask = asking(server)
    register(ask, webhook.url)
    webhook.decide = lambda _: time.sleep(1.5) or {"allowed": True}  # type: ignore[func-returns-value]
    code, _, body = ask("POST", PATH, {"metadata": {"name": "slow"}})
    assert code == 500
    assert body["message"] == (
        'Internal error occurred: failed calling webhook "maps.example.com": failed to call '
        f'webhook: Post "{webhook.url}?timeout=1s": context deadline exceeded'
    )
    configuration = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/policy"
    assert ask("DELETE", configuration)[0] == 200
    other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    register(ask, webhook.url, clientConfig={"url": webhook.url, "caBundle": other})
    message = ask("POST", PATH, {"metadata": {"name": "odd"}})[2]["message"]
    assert message.endswith(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )
    assert ask("DELETE", configuration)[0] == 200
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        register(ask, f"https://127.0.0.1:{port}/", failurePolicy="Fail")
        message = ask("POST", PATH, {"metadata": {"name": "down"}})[2]["message"]
    assert message.endswith(f"dial tcp 127.0.0.1:{port}: connect: connection refused")


def test_others_are_served_while_a_request_waits(
    server: BackgroundServer, webhook: Webhook
) -> None:
    ask = asking(server)
    register(ask, webhook.url)
    go_on = threading.Event()
    webhook.decide = lambda _: {"allowed": go_on.wait(5)}
    codes: list[int] = []

    def create() -> None:
        codes.append(asking(server)("POST", PATH, {"metadata": {"name": "late"}})[0])

    waiting = threading.Thread(target=create)
    waiting.start()
    end = time.monotonic() + 5
    while not webhook.seen and time.monotonic() < end:
        time.sleep(0.005)
    assert ask("GET", f"{PATH}/late")[0] == 404
    secret = {"metadata": {"name": "s"}}
    assert ask("POST", "/api/v1/namespaces/default/secrets", secret)[0] == 201
    go_on.set()
    waiting.join(5)
    assert codes == [201]


GADGETS = "/apis/example.com/{}/namespaces/default/gadgets"


def definition(url: str) -> dict[str, Any]:
    bundle = base64.b64encode(AUTHORITY.cert_pem.bytes()).decode()
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": {"openAPIV3Schema": free}}
        for name in ("v1", "v2")
    ]
    webhook = {
        "clientConfig": {"url": url, "caBundle": bundle},
        "conversionReviewVersions": ["v1"],
    }
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": versions,
        "conversion": {"strategy": "Webhook", "webhook": webhook},
    }
    return {"metadata": {"name": "gadgets.example.com"}, "spec": spec}


def shout(request: dict[str, Any]) -> dict[str, Any]:
    """Version 2 says everything in capitals."""
    version = request["desiredAPIVersion"]
    found = [
        {
            **doc,
            "apiVersion": version,
            "say": doc["say"].upper() if version.endswith("v2") else doc["say"].lower(),
        }
        for doc in request["objects"]
    ]
    return {"convertedObjects": found, "result": {"status": "Success"}}


def test_lists_and_watches_are_converted(server: BackgroundServer, webhook: Webhook) -> None:
    ask = asking(server)
    webhook.decide = shout
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert ask("POST", path, definition(webhook.url))[0] == 201
    old, new = GADGETS.format("v1"), GADGETS.format("v2")
    assert ask("POST", old, {"metadata": {"name": "a"}, "say": "hi"})[0] == 201
    code, _, made = ask("POST", new, {"metadata": {"name": "b"}, "say": "HO"})
    assert (code, made["say"]) == (201, "HO")
    assert [one["say"] for one in ask("GET", old)[2]["items"]] == ["hi", "ho"]
    assert [one["say"] for one in ask("GET", new)[2]["items"]] == ["HI", "HO"]
    _, _, lines = ask("GET", f"{new}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true")
    events = [json.loads(line) for line in lines.splitlines()]
    seen = [(one["type"], one["object"].get("say")) for one in events]
    assert seen[:2] == [("ADDED", "HI"), ("ADDED", "HO")]
    webhook.decide = lambda _: {"result": {"status": "Failure", "message": "not today"}}
    code, _, status = ask("GET", f"{new}/a")
    message = "conversion webhook for example.com/v1, Kind=Gadget failed: not today"
    assert (code, status["message"]) == (500, message)
    _, _, event = ask("GET", f"{new}?watch=1&timeoutSeconds=1")
    assert (event["type"], event["object"]["message"]) == ("ERROR", message)


def test_fields_of_a_version_are_asked_of_objects_in_that_version(
    server: BackgroundServer, webhook: Webhook
) -> None:
    ask = asking(server)
    webhook.decide = shout
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    doc = definition(webhook.url)
    for version in doc["spec"]["versions"]:
        version["schema"] = {
            "openAPIV3Schema": {"type": "object", "properties": {"say": {"type": "string"}}}
        }
        version["selectableFields"] = [{"jsonPath": ".say"}]
    assert ask("POST", path, doc)[0] == 201
    new = GADGETS.format("v2")
    for name, say in (("a", "HI"), ("b", "HO"), ("c", "HI")):
        assert ask("POST", new, {"metadata": {"name": name}, "say": say})[0] == 201
    _, _, listed = ask("GET", f"{new}?fieldSelector=say%3DHI&limit=1")
    assert [one["metadata"]["name"] for one in listed["items"]] == ["a", "c"]
    assert ask("GET", f"{GADGETS.format('v1')}?fieldSelector=say%3DHI")[2]["items"] == []
    since = listed["metadata"]["resourceVersion"]
    merge = "application/merge-patch+json"
    ask("PATCH", f"{new}/b", {"say": "HI"}, merge)
    ask("PATCH", f"{new}/a", {"say": "HE"}, merge)
    ask("PATCH", f"{new}/a", {"metadata": {"labels": {"x": "y"}}}, merge)
    assert ask("DELETE", f"{new}?fieldSelector=say%3DHI")[0] == 200
    assert [one["say"] for one in ask("GET", new)[2]["items"]] == ["HE"]
    watch = f"{new}?watch=1&timeoutSeconds=1&fieldSelector=say%3DHI&resourceVersion={since}"
    events = [json.loads(line) for line in ask("GET", watch)[2].splitlines()]
    seen = [(one["type"], one["object"]["metadata"]["name"]) for one in events]
    assert seen == [("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b"), ("DELETED", "c")]
    assert {one["object"]["say"] for one in events} == {"HI"}


def test_a_connection_is_reviewed_like_a_write(server: BackgroundServer, webhook: Webhook) -> None:
    ask = asking(server)
    attach = {**MAPS, "operations": ["CONNECT"], "resources": ["pods/exec"]}
    register(ask, webhook.url, rules=[attach])
    webhook.decide = lambda _: {"allowed": False, "status": {"message": "no shells"}}
    path = "/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&container=c"
    code, _, status = ask("POST", path)
    assert code == 400
    assert status["message"] == 'admission webhook "maps.example.com" denied the request: no shells'
    _, request = webhook.seen[0]
    assert (request["operation"], request["subResource"], request["options"]) == (
        "CONNECT",
        "exec",
        None,
    )
    assert request["object"] == {
        "kind": "PodExecOptions",
        "apiVersion": "v1",
        "stdin": True,
        "container": "c",
        "command": ["sh", "-c"],
    }
