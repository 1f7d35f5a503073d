"""Who answers a request: addresses, policies, affinity, and pods that do not answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.network.affinity import NO_SESSIONS
from kelm.core.network.client import Client, answered_part
from kelm.core.network.ingress import Path, backend_for, choose_path, path_matches
from kelm.core.network.proxy import Answered, Network, Refused, Request, TimedOut, answer
from kelm.core.network.reach import Everything, These
from kelm.core.network.topology import Policy, categorize
from kelm.core.objects.service import Endpoint, service
from kelm.effects.document import document, text
from tests.core.network.bench import Bench

SLICES = "endpointslices.discovery.k8s.io"


def network(one: Bench) -> Network:
    return Network(*(one.table(name) for name in ("services", SLICES, "nodes", "pods")))


def cluster(**spec: Any) -> tuple[Bench, str]:
    """Two nodes with a pod each, and a Service; its address."""
    one = Bench()
    for node in ("node-1", "node-2"):
        one.node(node, f"zone-{node[-1]}")
    doc = one.service(**spec)
    for number in (1, 2):
        one.pod(f"p{number}")
        one.run(f"p{number}", f"10.0.0.{number}", node=f"node-{number}")
    one.settle()
    return one, text(doc, "spec", "clusterIP")


def ask(one: Bench, to: str, port: int = 80, reach: Any = None, **fields: Any) -> Any:
    return answer(network(one), Request(to, port, **fields), reach)[0]


def uid(one: Bench, name: str) -> str:
    doc = one.table("pods").get(f"default/{name}")
    assert doc is not None
    return text(doc, "metadata", "uid")


def test_the_draw_decides_between_ready_endpoints() -> None:
    one, ip = cluster()
    assert [ask(one, ip, draw=draw).pod for draw in (0, 1, 2)] == [
        "default/p1", "default/p2", "default/p1",
    ]  # fmt: skip


def test_no_endpoints_refuse_and_unready_ones_are_none() -> None:
    one, ip = cluster()
    for number in (1, 2):
        one.status(f"p{number}", f"10.0.0.{number}", ready=False)
    one.settle()
    assert ask(one, ip) == Refused("service default/web port 80 has no endpoints")


def test_terminating_pods_answer_where_nobody_else_does() -> None:
    one, ip = cluster()
    one.delete("pods", "p1", grace=30)
    one.settle()
    assert {ask(one, ip, draw=draw).pod for draw in range(4)} == {"default/p2"}
    one.delete("pods", "p2", grace=30)
    one.settle()
    assert {ask(one, ip, draw=draw).pod for draw in range(4)} == {"default/p1", "default/p2"}


def test_a_crashed_machines_pod_stays_an_endpoint_and_does_not_answer() -> None:
    one, ip = cluster()
    reach = These({uid(one, "p2")})
    assert ask(one, ip, reach=reach, draw=1) == Answered(
        "10.0.0.2", 80, "default/p2", uid(one, "p2")
    )
    assert ask(one, ip, reach=reach, draw=0) == TimedOut(
        "pod default/p1 at 10.0.0.1:80 does not answer"
    )


def test_internal_traffic_policy_local_keeps_to_the_node() -> None:
    one, ip = cluster(internalTrafficPolicy="Local")
    assert {ask(one, ip, node="node-2", draw=draw).pod for draw in range(3)} == {"default/p2"}
    one.node("node-3")
    assert ask(one, ip, node="node-3") == TimedOut(
        "service default/web port 80 has no local endpoints on node-3"
    )


def test_external_traffic_policy_local_is_for_traffic_from_outside() -> None:
    one, _ = cluster(type="NodePort", externalTrafficPolicy="Local")
    doc = one.table("services").get("default/web")
    assert doc is not None
    port = doc["spec"]["ports"][0]["nodePort"]  # type: ignore[index,call-overload]
    outside = {"port": port, "node": "node-1", "from_outside": True}
    assert {ask(one, "node-1", draw=d, **outside).pod for d in range(3)} == {"default/p1"}
    inside = {"port": port, "node": "node-1"}
    assert {ask(one, "node-1", draw=d, **inside).pod for d in range(3)} == {
        "default/p1", "default/p2",
    }  # fmt: skip
    one.node("node-3")
    away = {"port": port, "node": "node-3", "from_outside": True}
    assert isinstance(ask(one, "node-3", **away), TimedOut)


def test_a_dead_node_does_not_answer_on_its_port() -> None:
    one, _ = cluster(type="NodePort")
    found = ask(one, "node-1", 30000, These((), {"node-1"}), node="node-1", from_outside=True)
    assert found == TimedOut("node node-1 does not answer")


def test_a_pods_own_address_bypasses_services() -> None:
    one, _ = cluster()
    assert ask(one, "10.0.0.2", 9999).pod == "default/p2"
    assert ask(one, "10.9.9.9") == TimedOut("nobody has the address 10.9.9.9")


def test_close_traffic_stays_in_the_zone_while_every_endpoint_has_hints() -> None:
    one, ip = cluster(trafficDistribution="PreferClose")
    assert {ask(one, ip, node="node-2", draw=d).pod for d in range(3)} == {"default/p2"}
    one.node("node-4")
    assert len({ask(one, ip, node="node-4", draw=d).pod for d in range(3)}) == 2


def test_affinity_lasts_for_its_timeout_after_the_last_connection() -> None:
    config = {"clientIP": {"timeoutSeconds": 60}}
    one, ip = cluster(sessionAffinity="ClientIP", sessionAffinityConfig=config)
    sessions, seen = NO_SESSIONS, []
    for at_ms, draw in ((0, 1), (60_000, 0), (120_000, 0), (180_001, 0)):
        request = Request(ip, 80, client_ip="1.2.3.4", at_ms=at_ms, draw=draw)
        found, sessions = answer(network(one), request, None, sessions)
        assert isinstance(found, Answered)
        seen.append(found.pod)
    assert seen == ["default/p2", "default/p2", "default/p2", "default/p1"]


def test_affinity_does_not_outlive_its_endpoint() -> None:
    one, ip = cluster(sessionAffinity="ClientIP")
    request = Request(ip, 80, client_ip="1.2.3.4", draw=1)
    _, sessions = answer(network(one), request, None, NO_SESSIONS)
    one.status("p2", "10.0.0.2", ready=False)
    one.settle()
    found, _ = answer(network(one), request, None, sessions)
    assert isinstance(found, Answered) and found.pod == "default/p1"


def part(one: Bench, reach: Any, client: Client | None = None) -> float:
    doc = one.table("services").get("default/web")
    assert doc is not None
    return answered_part(
        service(doc), one.table(SLICES), one.table("nodes"), reach, client or Client()
    )


def test_a_client_loses_the_part_that_goes_to_dead_pods() -> None:
    one, _ = cluster()
    assert part(one, Everything()) == 1.0
    assert part(one, These({uid(one, "p1")})) == 0.5
    assert part(one, These(())) == 0.0


def test_a_client_outside_also_loses_what_enters_at_dead_nodes() -> None:
    one, _ = cluster(type="NodePort")
    both = {uid(one, "p1"), uid(one, "p2")}
    client = Client(("node-1", "node-2"), from_outside=True)
    assert part(one, These(both), client) == 1.0
    assert part(one, These(both, {"node-1"}), client) == 0.5


def test_a_service_for_local_traffic_is_measured_on_nodes_with_endpoints() -> None:
    one, _ = cluster(internalTrafficPolicy="Local")
    one.node("node-3")
    assert part(one, Everything()) == 1.0
    assert part(one, Everything(), Client(("node-1", "node-3"))) == 0.5


# -- promises ---------------------------------------------------------------------------------

ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        address=st.just("10.0.0.1"),
        ready=st.booleans(),
        serving=st.booleans(),
        terminating=st.booleans(),
        node_name=st.sampled_from(["here", "there"]),
        zone=st.just(""),
        pod_uid=st.just(""),
        pod_name=st.just(""),
        zone_hints=st.frozensets(st.sampled_from(["a", "b"])),
        node_hints=st.frozensets(st.sampled_from(["here", "there"])),
    ),
    max_size=5,
)
POLICIES = st.builds(Policy, st.booleans(), st.booleans(), st.booleans())


@given(ENDPOINTS, POLICIES)
def test_where_somebody_is_ready_only_ready_ones_are_used(
    endpoints: list[Endpoint], policy: Policy
) -> None:
    choice = categorize(endpoints, policy, "here", "a")
    ready = {place for place, one in enumerate(endpoints) if one.ready}
    if policy.uses_cluster_endpoints:
        assert bool(choice.cluster) == choice.everywhere
        assert not ready or (choice.cluster and set(choice.cluster) <= ready)
    local = {place for place in ready if endpoints[place].node_name == "here"}
    assert not (policy.uses_local_endpoints and local) or set(choice.local) == local
    assert all(endpoints[place].node_name == "here" for place in choice.local)


SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3)


@given(SEGMENTS, SEGMENTS)
def test_a_prefix_matches_whole_elements(prefix: list[str], rest: list[str]) -> None:
    path = Path("Prefix", "/" + "/".join(prefix))
    assert path_matches(path, "/" + "/".join([*prefix, *rest]))
    assert not prefix or not path_matches(path, "/" + "/".join([*prefix[:-1], prefix[-1] + "x"]))


@given(st.lists(st.tuples(st.sampled_from(["Exact", "Prefix"]), SEGMENTS), max_size=4), SEGMENTS)
def test_no_matching_path_is_longer_than_the_chosen_one(paths: Any, request: list[str]) -> None:
    asked = "/" + "/".join(request)
    given_paths = [Path(kind, "/" + "/".join(parts)) for kind, parts in paths]
    matching = [p for p in given_paths if path_matches(p, asked)]
    chosen = choose_path(given_paths, asked)
    assert (chosen is None) == (not matching)
    if chosen is not None:
        assert len(given_paths[chosen].path) == max(len(p.path) for p in matching)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [("a.foo.com", "/", "exact"), ("b.foo.com", "/", "wild"), ("bar.com", "/", "any"),
     ("a.foo.com", "/x", "exact"), ("other.net", "/x", "default")],
)  # fmt: skip
def test_an_ingress_prefers_named_hosts(host: str, path: str, expected: str) -> None:
    def rule(rule_host: str, rule_path: str, name: str) -> dict[str, Any]:
        backend = {"service": {"name": name}}
        paths = [{"path": rule_path, "pathType": "Prefix", "backend": backend}]
        return {"host": rule_host, "http": {"paths": paths}}

    ingress = document(
        {
            "spec": {
                "defaultBackend": {"service": {"name": "default"}},
                "rules": [
                    {**rule("", "/", "any"), "host": "bar.com"},
                    rule("*.foo.com", "/", "wild"),
                    rule("a.foo.com", "/", "exact"),
                ],
            }
        }
    )
    backend = backend_for(ingress, host, path)
    assert backend is not None and text(backend, "service", "name") == expected
