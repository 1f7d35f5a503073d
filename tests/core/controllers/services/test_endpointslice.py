"""Slices of a Service: examples for every rule, and the promises under any history."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.controllers.services.endpointslice.controller import EndpointSliceController
from kelm.core.controllers.services.endpointslice.endpoint import listed
from kelm.core.network.membership import address_types
from kelm.core.network.selection import selected_pods
from kelm.core.objects.pod import pod
from kelm.core.objects.service import service, zone_of
from kelm.effects.commands import Create, Delete, Update
from kelm.effects.document import thaw
from tests.core.network.bench import Bench

SLICES = "endpointslices.discovery.k8s.io"


def bench(limit: int = 100) -> Bench:
    one = Bench(EndpointSliceController(limit))
    one.node("node-1", "zone-a")
    return one


def fill(one: Bench, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        one.pod(f"p{number}")
        one.run(f"p{number}", f"10.0.{number // 250}.{number % 250 + 1}")


def lengths(one: Bench) -> list[int]:
    return sorted(len(found.get("endpoints") or ()) for found in one.slices())


def test_a_service_without_pods_has_one_empty_slice() -> None:
    one = bench()
    one.service(type="ClusterIP")
    one.settle()
    (found,) = one.slices()
    assert found["metadata"]["name"].startswith("web-")
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert found["metadata"]["labels"] == {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert not found.get("endpoints") and not found.get("ports")


def test_the_first_pod_turns_the_empty_slice_into_its_own() -> None:
    one = bench()
    one.service()
    one.settle()
    fill(one, 1)
    one.writes()
    one.settle()
    assert [type(command) for command in one.writes()] == [Update]
    (found,) = one.slices()
    assert found["ports"] == [{"name": "", "protocol": "TCP", "port": 80}]
    assert found["endpoints"][0]["zone"] == "zone-a"


def test_the_last_pod_leaves_an_empty_slice_of_the_same_name() -> None:
    one = bench()
    one.service()
    fill(one, 1)
    one.settle()
    before = one.slices()[0]["metadata"]["name"]
    one.delete("pods", "p0", grace=0)
    one.settle()
    (found,) = one.slices()
    assert found["metadata"]["name"] == before and not found.get("endpoints")


@pytest.mark.parametrize(
    ("count", "expected"), [(100, [100]), (101, [1, 100]), (250, [50, 100, 100])]
)
def test_no_slice_has_more_than_a_hundred_endpoints(count: int, expected: list[int]) -> None:
    one = bench()
    one.service()
    fill(one, count)
    one.settle()
    assert lengths(one) == expected


def test_one_more_pod_changes_one_slice() -> None:
    one = bench(limit=3)
    one.service()
    fill(one, 8)
    one.settle()
    fill(one, 1, first=8)
    one.writes()
    one.settle()
    assert [type(command) for command in one.writes()] == [Update]
    assert lengths(one) == [3, 3, 3]


def test_pods_that_do_not_fit_into_one_slice_get_a_new_one() -> None:
    one = bench(limit=10)
    one.service()
    fill(one, 7)
    one.settle()
    fill(one, 4, first=7)
    one.settle()
    assert lengths(one) == [4, 7]


def test_ports_by_name_split_the_slices() -> None:
    one = bench()
    one.service(ports=[{"port": 80, "targetPort": "http"}])
    for name, number in (("a", 8080), ("b", 9090)):
        one.pod(name, ports=[{"name": "http", "containerPort": number}])
        one.run(name, f"10.0.0.{number % 7}")
    one.pod("c")
    one.run("c", "10.0.0.9")
    one.settle()
    ports = sorted(found["ports"][0]["port"] if found.get("ports") else 0 for found in one.slices())
    assert ports == [0, 8080, 9090]


def test_a_terminating_pod_still_serves_but_is_not_ready() -> None:
    one = bench()
    one.service()
    fill(one, 1)
    one.settle()
    one.delete("pods", "p0", grace=30)
    one.settle()
    conditions = one.slices()[0]["endpoints"][0]["conditions"]
    assert conditions == {"ready": False, "serving": True, "terminating": True}


def test_a_pod_that_ended_is_no_endpoint() -> None:
    one = bench()
    one.service()
    fill(one, 2)
    one.settle()
    one.status("p0", "10.0.0.1", ready=False, phase="Failed")
    one.settle()
    assert [e["targetRef"]["name"] for e in one.slices()[0]["endpoints"]] == ["p1"]


def test_a_pod_of_a_lost_node_is_left_out_unless_every_address_is_wanted() -> None:
    one = bench()
    one.service()
    one.service("all", publishNotReadyAddresses=True)
    fill(one, 1)
    one.settle()
    one.delete("nodes", "node-1")
    one.settle()
    counts = {
        found["metadata"]["labels"]["kubernetes.io/service-name"]: len(found.get("endpoints") or ())
        for found in one.slices()
    }
    assert counts == {"web": 0, "all": 1}
    one.node("node-1", "zone-b")
    one.settle()
    assert {e["zone"] for found in one.slices() for e in found["endpoints"]} == {"zone-b"}


def test_labels_of_the_service_reach_its_slices_and_reserved_ones_do_not() -> None:
    one = bench()
    doc = thaw(one.service())
    fill(one, 1)
    one.settle()
    assert isinstance(doc, dict)
    labels = {"team": "shop", "endpointslice.kubernetes.io/managed-by": "me"}
    one.change("services", "web", {"metadata": {**doc["metadata"], "labels": labels}})
    one.settle()
    found = one.slices()[0]["metadata"]["labels"]
    assert found["team"] == "shop"
    assert found["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"


def test_headless_services_say_so_and_hostnames_are_kept() -> None:
    one = bench()
    one.service(clusterIP="None")
    one.pod("p0", hostname="first", subdomain="web")
    one.run("p0", "10.0.0.1")
    one.settle()
    (found,) = one.slices()
    assert found["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert found["endpoints"][0]["hostname"] == "first"


def test_traffic_distribution_becomes_hints() -> None:
    one = bench()
    one.service(trafficDistribution="PreferClose")
    fill(one, 1)
    one.settle()
    assert one.slices()[0]["endpoints"][0]["hints"] == {"forZones": [{"name": "zone-a"}]}


def test_the_trigger_time_is_that_of_the_oldest_change_published() -> None:
    one = bench()
    one.service()
    fill(one, 2)
    one.settle()
    one.now_ms += 5_000
    one.status("p0", "10.0.0.1", ready=False)
    one.now_ms += 5_000
    one.status("p1", "10.0.0.2", ready=False)
    one.settle()
    annotation = "endpoints.kubernetes.io/last-change-trigger-time"
    assert one.slices()[0]["metadata"]["annotations"][annotation] == "2026-01-01T00:00:05Z"
    one.delete("pods", "p0", grace=30)
    one.settle()
    assert "annotations" not in one.slices()[0]["metadata"]


def test_slices_of_a_namesake_that_is_gone_are_replaced() -> None:
    one = bench()
    one.service()
    fill(one, 1)
    one.settle()
    one.delete("services", "web")
    one.service()
    one.settle()
    uid = one.table("services").get("default/web")["metadata"]["uid"]  # type: ignore[index,call-overload]
    assert [s["metadata"]["ownerReferences"][0]["uid"] for s in one.slices()] == [uid]


def test_an_external_name_is_left_alone() -> None:
    one = bench()
    one.service("ext", type="ExternalName", externalName="example.com", ports=[])
    one.settle()
    assert one.slices() == []


def test_somebody_elses_changes_to_a_slice_are_undone() -> None:
    one = bench()
    one.service()
    fill(one, 3)
    one.settle()
    (found,) = one.slices()
    stranger = {"addresses": ["10.9.9.9"], "conditions": {"ready": True}}
    kept = found["endpoints"][1:]
    one.change(SLICES, found["metadata"]["name"], {"endpoints": [*kept, stranger]})
    one.settle()
    (after,) = one.slices()
    assert sorted(e["addresses"][0] for e in after["endpoints"]) == [
        f"10.0.0.{n}" for n in (1, 2, 3)
    ]


def test_a_pod_in_two_slices_stays_in_one() -> None:
    one = bench()
    one.service()
    fill(one, 3)
    one.settle()
    (found,) = one.slices()
    metadata = {key: found["metadata"][key] for key in ("labels", "ownerReferences")}
    one.create(SLICES, {**found, "metadata": {**metadata, "generateName": "web-"}})
    one.settle()
    assert lengths(one) == [3]


def test_endpoints_of_a_slice_that_was_refused_are_not_forgotten() -> None:
    one = bench(limit=2)
    one.service()
    fill(one, 2)
    one.settle()
    fill(one, 1, first=2)
    process = one.processes[0]
    one.deliver_all(process)
    one.wake(process)
    one.serve(process, refused=True)
    one.settle()
    assert lengths(one) == [1, 2]


# -- promises ---------------------------------------------------------------------------------


def expected(one: Bench) -> list[str]:
    """What should be in the slices, found the slow way."""
    doc = one.table("services").get("default/web")
    assert doc is not None
    view, nodes = service(doc), one.table("nodes")
    found = []
    for each in selected_pods(one.table("pods"), view):
        node = nodes.get(pod(each).spec.node_name)
        zone = None if node is None else zone_of(node)
        item = listed(pod(each), zone, view, address_types(view))
        if item is not None and item.endpoints[0] is not None:
            found.append(repr((item.port_key, sorted(str(thaw(item.endpoints[0])).split()))))
    return sorted(found)


def actual(one: Bench) -> list[str]:
    from kelm.core.objects.service import endpoint_slice

    views = [endpoint_slice(doc) for doc in one.table(SLICES).objects()]
    return sorted(
        repr((view.port_key, sorted(str(thaw(each)).split())))
        for view in views
        for each in view.endpoints
    )


PEOPLE = ("pod", "run", "unready", "end", "relabel", "delete", "reselect", "node", "lose-node")
VANDALS = ("tamper", "drop-slice", "copy-slice")
PLATFORM = ("deliver", "wake", "wait", "lose", "refuse", "restart")
BUSY = ("turn", "serve", "settle") * 4


def actions(*names: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    one = st.tuples(st.sampled_from(names), st.integers(0, 7))
    return st.lists(one, min_size=10, max_size=60)


class Storm:
    """One history: users, kubelets, vandals and an unreliable platform."""

    def __init__(self, limit: int) -> None:
        self.bench = bench(limit)
        self.bench.service(ports=[{"port": 80, "targetPort": "http"}])
        self.limit = limit
        for number in range(8):
            self.act("pod", number)
            self.act("run", number)
        self.bench.settle()

    def act(self, action: str, number: int) -> None:
        one, name = self.bench, f"p{number}"
        exists = one.table("pods").get(f"default/{name}")
        if action == "pod" and exists is None:
            ports = [{"name": "http", "containerPort": 8080 + number % 2}]
            one.pod(name, app="other" if number == 7 else "web", ports=ports)
        elif action in ("run", "unready", "end") and exists is not None:
            self._status(action, name, number, pod(exists).status.phase)
        elif action == "relabel" and exists is not None:
            was = (pod(exists).metadata.labels or {}).get("app")
            labels = {"app": "other" if was == "web" else "web"}
            metadata = thaw(exists)["metadata"]  # type: ignore[index,call-overload]
            one.change("pods", name, {"metadata": {**metadata, "labels": labels}})
        elif action == "delete" and exists is not None:
            one.delete("pods", name, grace=0 if number % 2 else 30)
        elif action == "reselect":
            spec = thaw(one.table("services").get("default/web"))["spec"]  # type: ignore[index,call-overload,arg-type]
            spec["selector"] = {"app": "other" if number % 2 else "web"}
            one.change("services", "web", {"spec": spec})
        elif action == "node" and one.table("nodes").get("node-1") is None:
            one.node("node-1", "zone-b")
        elif action == "lose-node" and one.table("nodes").get("node-1") is not None:
            one.delete("nodes", "node-1")
        elif action in ("tamper", "drop-slice", "copy-slice"):
            self._vandalise(action, number)
        else:
            self._platform(action)

    def settle(self) -> None:
        """Calm, and whatever came before, everything is as it should be."""
        self.bench.settle()
        assert actual(self.bench) == expected(self.bench)
        assert self.bench.slices()

    def _status(self, action: str, name: str, number: int, phase: str) -> None:
        if phase in ("Failed", "Succeeded"):
            return
        one = self.bench
        if one.table("nodes").get("node-1") is None:
            one.node("node-1", "zone-a")
        one.run(name, f"10.0.0.{number + 1}", ready=action == "run")
        if action == "end":
            one.status(name, f"10.0.0.{number + 1}", ready=False, phase="Failed")

    def _vandalise(self, action: str, number: int) -> None:
        one = self.bench
        found = one.slices()
        if not found:
            return
        chosen = found[number % len(found)]
        name = chosen["metadata"]["name"]
        if action == "drop-slice":
            one.delete(SLICES, name)
        elif action == "tamper":
            one.change(SLICES, name, {"endpoints": (chosen.get("endpoints") or [])[1:]})
        else:
            metadata = {k: chosen["metadata"][k] for k in ("labels", "ownerReferences")}
            copy = {**chosen, "metadata": {**metadata, "generateName": "web-"}}
            one.create(SLICES, copy)

    def _platform(self, action: str) -> None:
        one, process = self.bench, self.bench.processes[0]
        if action == "deliver":
            one.deliver_all(process)
        elif action == "wake":
            one.wake(process)
        elif action == "turn":
            one.now_ms += 50
            one.deliver_all(process)
            one.wake(process)
        elif action == "settle":
            self.settle()
        elif action == "wait":
            one.now_ms += 100
        elif action == "restart":
            one.processes[:] = Bench(EndpointSliceController(self.limit)).processes
        elif action in ("serve", "lose", "refuse") and process.requests:
            one.serve(process, lost=action == "lose", refused=action == "refuse")


@given(actions(*PEOPLE, *VANDALS), st.integers(1, 4))
def test_after_every_change_each_pod_is_in_exactly_one_slice(
    changes: list[tuple[str, int]], limit: int
) -> None:
    storm = Storm(limit)
    for action, number in changes:
        storm.act(action, number)
        storm.settle()


@given(actions(*PEOPLE, *VANDALS, *PLATFORM, *BUSY), st.integers(1, 4))
def test_after_any_storm_each_pod_is_in_exactly_one_slice(
    history: list[tuple[str, int]], limit: int
) -> None:
    storm = Storm(limit)
    for action, number in history:
        if action != "restart" or number == 0:
            storm.act(action, number)
        assert all(len(s.get("endpoints") or ()) <= limit for s in storm.bench.slices())
    storm.settle()
    event(f"{len(actual(storm.bench))} endpoints")
    storm.bench.writes()
    storm.bench.processes[:] = Bench(EndpointSliceController(limit)).processes
    storm.bench.settle()
    assert storm.bench.writes() == [], "a restarted controller found something to do"


@given(st.integers(0, 12), st.integers(2, 5))
def test_adding_one_pod_writes_at_most_one_slice(count: int, limit: int) -> None:
    one = bench(limit)
    one.service()
    fill(one, count)
    one.settle()
    one.writes()
    fill(one, 1, first=count)
    one.settle()
    assert len(one.writes()) == 1


@given(st.integers(1, 12), st.integers(2, 5), st.data())
def test_removing_one_pod_writes_at_most_one_slice(count: int, limit: int, data: Any) -> None:
    one = bench(limit)
    one.service()
    fill(one, count)
    one.settle()
    one.writes()
    one.delete("pods", f"p{data.draw(st.integers(0, count - 1))}", grace=0)
    one.settle()
    written = one.writes()
    assert len(written) == 1 and isinstance(written[0], Update | Delete)
    assert not any(isinstance(command, Create) for command in written)
