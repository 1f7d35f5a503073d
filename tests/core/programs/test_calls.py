"""Programs that ask programs, through names, addresses and the service proxy."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.simulator.calls.calling import fetch, world_of
from kelm.adapters.simulator.inputs import NodeCrashed
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.network.calls import Calls, Source
from kelm.core.node.containers.images import image, serves
from kelm.core.node.programs.http import HttpRequest, HttpResponse, Unreachable, unquoted
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch
from tests.core.programs.clusters import agnhost, ask, body, cluster_with, service


def test_a_program_answers_by_every_name_of_its_service() -> None:
    cluster = cluster_with(agnhost("one", "netexec"), service("web", "one", 80, 8080))
    for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local"):
        assert body(ask(cluster, name, 80, "/hostname")) == "one"
    assert ask(cluster, "nobody", 80) == Unreachable("name", "nobody")
    elsewhere = fetch(cluster, Fetch("web", 80), Source("kube-system"))
    assert elsewhere == Unreachable("name", "web")


def test_a_pod_is_asked_by_its_address_and_only_on_ports_that_it_serves() -> None:
    cluster = cluster_with(agnhost("one", "netexec", "--http-port=9000", "--udp-port=-1"))
    pod = cluster.get("pods", "one")
    assert pod is not None
    address = str(pod["status"]["podIP"])  # type: ignore[index,call-overload]
    assert body(ask(cluster, address, 9000, "/serverport")) == "9000"
    refused = ask(cluster, address, 8080)
    assert isinstance(refused, Unreachable) and refused.kind == "refused"
    dashed = f"{address.replace('.', '-')}.default.pod"
    assert body(ask(cluster, dashed, 9000, "/hostName")) == "one"


def test_a_service_without_endpoints_refuses_and_a_dead_machine_says_nothing() -> None:
    cluster = cluster_with(agnhost("one", "netexec"), service("web", "one", 80, 8080))
    cluster.apply(service("empty", "nobody", 80, 8080))
    cluster.run(1_000)
    empty = ask(cluster, "empty", 80)
    assert isinstance(empty, Unreachable) and empty.kind == "refused"
    pod = cluster.get("pods", "one")
    assert pod is not None
    cluster.inject(NodeCrashed(str(pod["spec"]["nodeName"])))  # type: ignore[index,call-overload]
    cluster.run(1_000)
    dead = ask(cluster, "web", 80)
    assert isinstance(dead, Unreachable) and dead.kind == "timeout"


def test_a_program_that_dials_tells_what_the_others_answered() -> None:
    cluster = cluster_with(
        agnhost("client", "netexec"),
        agnhost("server", "netexec"),
        service("web", "server", 80, 8080),
        service("front", "client", 80, 8080),
    )
    query = "host=web&port=80&request=hostname&tries=3"
    reply = json.loads(body(ask(cluster, "front", 80, "/dial", query)))
    assert reply == {"responses": ["server", "server", "server"]}
    query = "host=web&port=80&request=echo%3Fmsg=hi%20there&tries=1"
    assert json.loads(body(ask(cluster, "front", 80, "/dial", query))) == {
        "responses": ["hi there"]
    }
    lost = json.loads(body(ask(cluster, "front", 80, "/dial", "host=1.2.3.4&port=1&request=x")))
    assert "i/o timeout" in lost["errors"][0]


def test_clients_stay_with_one_pod_where_the_service_says_so() -> None:
    pods = [agnhost(f"p{number}", "serve-hostname") for number in range(3)]
    for pod in pods:
        pod["metadata"]["labels"]["app"] = "all"
    sticky = service("sticky", "all", 80, 9376, sessionAffinity="ClientIP")
    cluster = cluster_with(*pods, service("web", "all", 80, 9376), sticky)
    source = Source("default", "10.244.0.99")
    calls = Calls(world_of(cluster))
    spread = {body(calls.fetch(source, Fetch("web"))) for _ in range(6)}
    assert spread == {"p0", "p1", "p2"}
    # each time somebody else asks, and the draw is another: the machines' proxies remember
    kept, other = set(), cluster.fork()
    for _ in range(6):
        kept.add(body(fetch(cluster, Fetch("sticky"), source)))
        cluster.run(1_001)
    assert len(kept) == 1
    assert len({body(fetch(other, Fetch("sticky"), source)) for _ in range(3)}) == 1


def test_what_a_guestbook_was_told_is_there_for_the_next_and_gone_with_its_container() -> None:
    primary = agnhost("primary", "guestbook", "--backend-port", "6379", "--http-port", "6379")
    replica = agnhost("replica", "guestbook", "--replicaof", "agnhost-primary", "--http-port=6379")
    cluster = cluster_with(
        primary,
        replica,
        agnhost("front", "guestbook"),
        service("agnhost-primary", "primary", 6379, 6379),
        service("agnhost-replica", "replica", 6379, 6379),
        service("front", "front", 80, 80),
    )
    said = body(ask(cluster, "front", 80, "/guestbook", "cmd=set&key=messages&value=hello"))
    assert json.loads(said) == {"message": "Updated"}
    cluster.run(10)
    got = body(ask(cluster, "front", 80, "/guestbook", "cmd=get&key=messages"))
    assert json.loads(got) == {"data": "hello"}


def test_an_image_of_your_own_answers_and_may_ask_others_first() -> None:
    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        count = inside.disk.read("/tmp/count")
        number = int(count) + 1 if isinstance(count, bytes) else 1
        inside.disk.write("/tmp/count", str(number).encode())
        return HttpResponse(body=f"{inside.launch.pod} {number} {request.body!r}".encode())

    plane = ControlPlane().with_image("mine", image(serves(8080), handle=handle))
    cluster = cluster_with(
        agnhost("one", image="mine"), service("web", "one", 80, 8080), plane=plane
    )
    for number in (1, 2):
        reply = fetch(cluster, Fetch("web", method="POST", body=b"x"))
        assert body(reply) == f"one {number} b'x'"
        cluster.run(1)


def test_a_circle_of_programs_ends() -> None:
    cluster = cluster_with(agnhost("one", "netexec"), service("web", "one", 80, 8080))
    request = "host=web&port=80&request=hostname"
    for _ in range(20):
        escaped = request.replace("%", "%25").replace("&", "%26").replace("=", "%3D")
        request = f"host=web&port=80&request=dial%3F{escaped}"
    assert "errors" in body(ask(cluster, "web", 80, "/dial", request))


@given(st.text())
def test_whatever_is_escaped_is_read_again(text: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in text.encode())
    assert unquoted(escaped) == text
