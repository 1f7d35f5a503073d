"""Ports of machines and of protocols: host ports, loopback, and endpoints that name no pod."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from tests.core.programs.clusters import agnhost, cluster_with, service, typed


def on_node(pod: dict[str, Any], node: str = "node-1", **spec: Any) -> dict[str, Any]:
    pod["spec"].update(nodeName=node, **spec)
    return pod


def host_port(name: str, host_ip: str, protocol: str, *args: str) -> dict[str, Any]:
    port = {"hostPort": 54323, "containerPort": 8080, "hostIP": host_ip, "protocol": protocol}
    return on_node(agnhost(name, "netexec", *args, ports=[port]))


def address_of(cluster: Cluster, node: str) -> str:
    doc = cluster.get("nodes", node)
    assert doc is not None
    return str(doc["status"]["addresses"][0]["address"])  # type: ignore[index,call-overload]


def test_a_host_port_is_told_apart_by_its_address_and_its_protocol() -> None:
    cluster = cluster_with(on_node(agnhost("host"), hostNetwork=True))
    here = address_of(cluster, "node-1")
    for pod in (
        host_port("one", "127.0.0.1", "TCP", "--udp-port=-1"),
        host_port("two", here, "TCP", "--udp-port=-1"),
        host_port("three", here, "UDP", "--http-port=8008", "--udp-port=8080"),
    ):
        cluster.apply(pod)
    cluster.apply(agnhost("away"))
    cluster.run_until_converged()
    curl = ("curl", "-s", "--connect-timeout", "1")
    assert typed(cluster, "host", *curl, "http://127.0.0.1:54323/hostname").out == "one"
    assert typed(cluster, "host", *curl, f"http://{here}:54323/hostname").out == "two"
    nc = ("nc", "-u", "-w", "1", here, "54323")
    assert typed(cluster, "host", *nc, given=b"hostname\n").out == "three"
    assert typed(cluster, "away", *curl, f"http://{here}:54323/hostname").out == "two"
    assert typed(cluster, "away", *curl, "http://127.0.0.1:54323/hostname").code == 7


def test_a_machines_loopback_leads_to_its_own_pods_and_node_ports() -> None:
    cluster = cluster_with(
        on_node(agnhost("host"), hostNetwork=True),
        on_node(agnhost("first", "netexec", "--http-port=81", "--udp-port=-1"), hostNetwork=True),
        on_node(agnhost("second", "netexec", "--http-port=82", "--udp-port=-1"), hostNetwork=True),
        agnhost("one", "netexec"),
        service("web", "one", 80, 8080, type="NodePort"),
    )
    doc = cluster.get("services", "web")
    assert doc is not None
    node_port = doc["spec"]["ports"][0]["nodePort"]  # type: ignore[index,call-overload]
    for port, want in ((81, "81"), (82, "82"), (node_port, "8080")):
        ran = typed(cluster, "host", "curl", "-s", f"http://localhost:{port}/serverport")
        assert ran.out == want
    assert typed(cluster, "host", "curl", "-s", "http://localhost:83/").code == 7


def test_a_port_answers_only_over_the_protocol_that_it_is_served_by() -> None:
    env = [
        {"name": "SERVE_TCP_PORT_80", "value": "<a href='/x'>"},
        {"name": "SERVE_UDP_PORT_80", "value": "datagram"},
        {"name": "SERVE_SCTP_PORT_81", "value": "stream"},
    ]
    cluster = cluster_with(agnhost("one", "porter", env=env), service("web", "one", 80, 80))
    pod = cluster.get("pods", "one")
    assert pod is not None
    address = pod["status"]["podIP"]  # type: ignore[index,call-overload]
    assert typed(cluster, "one", "curl", "-s", f"http://{address}").out == "<a href='/x'>"
    assert typed(cluster, "one", "nc", "-u", str(address), "80", given=b"x").out == "datagram"
    connect = ("/agnhost", "connect", "--timeout=2s")
    for protocol, port, said in (
        ("tcp", 80, ""),
        ("udp", 80, ""),
        ("sctp", 81, ""),
        ("tcp", 81, "REFUSED\n"),
        ("udp", 81, f"REFUSED: read udp {address}:81: connection refused\n"),
        ("sctp", 80, f"REFUSED: read sctp {address}:80: connection refused\n"),
    ):
        ran = typed(cluster, "one", *connect, f"--protocol={protocol}", f"{address}:{port}")
        assert (ran.err, ran.code) == (said, int(said != "")), (protocol, port)


def test_connecting_tells_at_which_step_it_failed_and_takes_its_time() -> None:
    cluster = cluster_with(agnhost("one", "netexec"))
    connect = ("/agnhost", "connect", "--timeout=2s")
    assert typed(cluster, "one", *connect, "10.9.9.9:80") == ("", "TIMEOUT\n", 1, 2_000)
    assert typed(cluster, "one", *connect, "nobody:80").err == "DNS: lookup nobody: no such host\n"
    assert typed(cluster, "one", *connect, "nobody").err.startswith("UNKNOWN: address nobody")
    assert typed(cluster, "one", *connect).err == "Error: accepts 1 arg(s), received 0\n"
    assert typed(cluster, "one", "/agnhost", "nonsense").err == (
        'Error: unknown command "nonsense" for "app"\n'
    )


def test_an_endpoint_that_names_no_pod_leads_to_whoever_has_its_address() -> None:
    cluster = cluster_with(agnhost("one", "netexec"), agnhost("asks"))
    pod = cluster.get("pods", "one")
    assert pod is not None
    address = pod["status"]["podIP"]  # type: ignore[index,call-overload]
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "custom"},
            "spec": {"ports": [{"port": 80}]},
        }
    )
    cluster.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "mine", "labels": {"kubernetes.io/service-name": "custom"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    )
    cluster.run_until_converged()
    assert typed(cluster, "asks", "curl", "-s", "http://custom/hostname").out == "one"
