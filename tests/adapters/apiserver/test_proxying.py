"""The API server's proxies to pods, Services and machines."""

from __future__ import annotations

import pytest

from tests.adapters.apiserver.client import Client
from tests.adapters.apiserver.live import live_app
from tests.core.programs.clusters import agnhost, service

IN_DEFAULT = "/api/v1/namespaces/default"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


@pytest.fixture(scope="module")
def client() -> Client:
    declared = agnhost(
        "declared",
        "porter",
        "--json-response",
        ports=[{"containerPort": 80}],
        env=[{"name": "SERVE_PORT_80", "value": "foo"}, {"name": "SERVE_PORT_81", "value": "bar"}],
    )
    web = service("web", "declared", 80, 80)
    web["spec"]["ports"][0]["name"] = "http"
    web["spec"]["ports"].append({"name": "other", "port": 81, "targetPort": 81})
    return Client(
        live_app(
            declared,
            web,
            agnhost("exec", "netexec"),
            agnhost("files", "test-webserver"),
            service("empty", "nobody", 80, 80),
        )
    )


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("thing", ["pods/declared", "services/web:http"])
def test_every_method_reaches_the_program_and_comes_back(
    client: Client, verb: str, thing: str
) -> None:
    for path in ("proxy/", "proxy/some/path/with/"):
        reply = client.ask(verb, f"{IN_DEFAULT}/{thing}/{path}")
        assert reply.status == 200
        assert reply.body == {"Method": verb, "Body": "foo"}


def test_an_address_without_a_slash_is_led_to_the_one_with_it(client: Client) -> None:
    reply = client.ask("GET", f"{IN_DEFAULT}/pods/declared/proxy?a=1")
    assert reply.status == 301
    assert reply.headers["location"] == f"{IN_DEFAULT}/pods/declared/proxy/?a=1"
    assert client.ask("POST", f"{IN_DEFAULT}/pods/declared/proxy").body["Method"] == "POST"


def test_ports_are_named_numbered_or_the_first_declared(client: Client) -> None:
    assert client.ask("GET", f"{IN_DEFAULT}/pods/declared:81/proxy/").body["Body"] == "bar"
    assert client.ask("GET", f"{IN_DEFAULT}/pods/http:declared:81/proxy/").body["Body"] == "bar"
    assert client.ask("GET", f"{IN_DEFAULT}/services/web:81/proxy/").body["Body"] == "bar"
    assert client.ask("GET", f"{IN_DEFAULT}/services/https:web:other/proxy/").body["Body"] == "bar"
    assert client.ask("GET", f"{IN_DEFAULT}/pods/exec:8080/proxy/echo?msg=hi").body == "hi"


def test_what_a_program_says_of_its_status_and_place_comes_through(client: Client) -> None:
    root = f"{IN_DEFAULT}/pods/exec:8080/proxy"
    assert client.ask("GET", f"{root}/echo?msg=no&code=418").status == 418
    moved = client.ask("GET", f"{root}/redirect?location=/hostname&code=307")
    assert (moved.status, moved.headers["location"]) == (307, f"{root}/hostname")
    assert client.ask("GET", f"{IN_DEFAULT}/pods/files/proxy/no/such").status == 404
    page = client.ask("GET", f"{IN_DEFAULT}/pods/files/proxy/etc/")
    assert page.status == 200 and b'<a href="hosts">hosts</a>' in page.raw
    hosts = client.ask("GET", f"{IN_DEFAULT}/pods/files/proxy/etc/hosts").raw
    assert b"# Kubernetes-managed hosts file." in hosts and b"\tfiles\n" in hosts


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("services/empty/proxy/", 503, 'no endpoints available for service "empty"'),
        ("services/web:9/proxy/", 503, 'no service port 9 found for service "web"'),
        ("services/web:none/proxy/", 503, 'no endpoints available for service "web:none"'),
        ("services/nobody/proxy/", 404, 'endpoints "nobody" not found'),
        ("services/nobody:80/proxy/", 404, 'services "nobody" not found'),
        ("services/ftp:web:80/proxy/", 400, 'invalid service request "ftp:web:80"'),
        ("pods/nobody/proxy/", 404, 'pods "nobody" not found'),
        ("pods/a:b:c:d/proxy/", 400, 'invalid pod request "a:b:c:d"'),
    ],
)
def test_what_cannot_be_reached_is_refused_in_upstreams_words(
    client: Client, path: str, code: int, said: str
) -> None:
    reply = client.ask("GET", f"{IN_DEFAULT}/{path}")
    assert (reply.status, reply.body["message"]) == (code, said)


def test_a_port_that_nobody_serves_is_told_as_the_dial_that_failed(client: Client) -> None:
    body = client.ask("GET", f"{IN_DEFAULT}/pods/exec:1/proxy/").body
    assert body["code"] == 503 and body["reason"] == "ServiceUnavailable"
    assert body["message"].startswith("error trying to reach service: dial tcp 10.244.")
    assert body["message"].endswith(":1: connect: connection refused")


def test_a_machine_answers_for_itself(client: Client) -> None:
    assert client.ask("GET", "/api/v1/nodes/node-1/proxy/healthz").body == "ok"
    assert client.ask("GET", "/api/v1/nodes/node-1:10250/proxy/healthz").body == "ok"
    assert client.ask("GET", "/api/v1/nodes/node-1/proxy/logs/").status == 200
    assert client.ask("GET", "/api/v1/nodes/node-1/proxy/pods").body["kind"] == "PodList"
    assert client.ask("GET", "/api/v1/nodes/node-9/proxy/healthz").status == 404
