"""Endpoints objects, and slices that mirror those written by hand."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.controllers.services.endpoints.controller import EndpointsController, address_of
from kelm.core.controllers.services.endpoints.subsets import (
    addresses_in,
    repack,
    subsets_of,
    truncate,
)
from kelm.core.controllers.services.mirroring.controller import EndpointSliceMirroring
from kelm.core.network.selection import selected_pods
from kelm.core.objects.pod import pod
from kelm.core.objects.service import service
from kelm.effects.document import Document, document, thaw
from tests.core.controllers.services.test_endpointslice import PEOPLE, Storm, actions, fill
from tests.core.network.bench import Bench


def bench() -> Bench:
    one = Bench(EndpointsController())
    one.node("node-1", "zone-a")
    return one


def test_ready_and_other_addresses_are_told_apart() -> None:
    one = bench()
    one.service()
    fill(one, 2)
    one.status("p1", "10.0.0.2", ready=False)
    one.settle()
    (subset,) = one.endpoints()["subsets"]
    assert [a["ip"] for a in subset["addresses"]] == ["10.0.0.1"]
    assert [a["ip"] for a in subset["notReadyAddresses"]] == ["10.0.0.2"]
    assert subset["ports"] == [{"port": 80, "protocol": "TCP"}]


def test_a_terminating_pod_is_not_listed_unless_every_address_is_wanted() -> None:
    one = bench()
    one.service()
    one.service("all", publishNotReadyAddresses=True)
    fill(one, 1)
    one.delete("pods", "p0", grace=30)
    one.settle()
    assert "subsets" not in one.endpoints("web")
    assert one.endpoints("all")["subsets"][0]["addresses"][0]["ip"] == "10.0.0.1"


def test_headless_without_ports_lists_addresses_without_ports() -> None:
    one = bench()
    one.service(clusterIP="None", ports=[])
    fill(one, 1)
    one.settle()
    (subset,) = one.endpoints()["subsets"]
    assert "ports" not in subset
    assert one.endpoints()["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_the_object_goes_with_its_service() -> None:
    one = bench()
    one.service()
    fill(one, 1)
    one.settle()
    one.delete("services", "web")
    one.settle()
    assert one.endpoints() is None


def test_more_than_a_thousand_addresses_are_cut_and_marked() -> None:
    one = bench()
    one.service()
    fill(one, 1003)
    one.settle()
    found = one.endpoints()
    assert len(found["subsets"][0]["addresses"]) == 1000
    assert found["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"] == "truncated"
    one.writes()
    one.processes[:] = Bench(EndpointsController()).processes
    one.settle()
    assert one.writes() == []


def test_a_pod_that_changes_nothing_writes_nothing() -> None:
    one = bench()
    one.service()
    fill(one, 2)
    one.settle()
    one.writes()
    metadata: Any = thaw(one.table("pods").get("default/p0"))  # type: ignore[arg-type]
    one.change("pods", "p0", {"metadata": {**metadata["metadata"], "annotations": {"a": "b"}}})
    one.settle()
    assert one.writes() == []


@given(actions(*PEOPLE))
def test_after_every_change_the_object_says_what_is(changes: list[tuple[str, int]]) -> None:
    storm = Storm(3)
    one = storm.bench
    one.processes[:] = Bench(EndpointsController()).processes
    for action, number in changes:
        storm.act(action, number)
        one.settle()
        view = service(one.table("services").get("default/web"))  # type: ignore[arg-type]
        pods = [pod(doc) for doc in selected_pods(one.table("pods"), view)]
        listed = [found for each in pods if (found := address_of(each, view)) is not None]
        slow = repack(
            Document(
                {("addresses" if a.ready else "notReadyAddresses"): (a.doc,), "ports": a.ports}
            )
            for a in listed
        )
        stored = one.table("endpoints").get("default/web")
        assert stored is not None and _sorted(stored.get("subsets") or ()) == _sorted(slow)


def _sorted(subsets: Any) -> Any:
    return sorted(
        repr({key: sorted(map(repr, thaw(value))) for key, value in subset.items()})
        for subset in subsets
    )


ADDRESSES = st.dictionaries(
    st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), st.sampled_from(["a", "b"])),
    st.tuples(st.booleans(), st.sets(st.sampled_from([80, 81, 82]), min_size=1)),
)


@given(ADDRESSES)
def test_the_short_way_to_subsets_is_the_long_one(given_addresses: Any) -> None:
    subsets = [
        document(
            {
                "addresses" if ready else "notReadyAddresses": [
                    {"ip": ip, "targetRef": {"uid": uid}}
                ],
                "ports": [{"port": port} for port in sorted(ports)],
            }
        )
        for (ip, uid), (ready, ports) in sorted(given_addresses.items())
    ]
    flat = [address for subset in subsets for address in addresses_in(subset)]
    assert _sorted(subsets_of(flat)) == _sorted(repack(subsets))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5), st.integers(1, 60))
def test_a_cut_keeps_as_many_as_may_stay_and_ready_ones_first(
    counts: list[tuple[int, int]], limit: int
) -> None:
    subsets = tuple(
        document({"addresses": [{"ip": "1"}] * good, "notReadyAddresses": [{"ip": "2"}] * bad})
        for good, bad in counts
    )
    kept, cut = truncate(subsets, limit)
    total = [sum(len(s.get(f) or ()) for s in kept) for f in ("addresses", "notReadyAddresses")]  # type: ignore[arg-type]
    ready, others = sum(good for good, _ in counts), sum(bad for _, bad in counts)
    assert cut == (ready + others > limit)
    assert total[0] == min(ready, limit)
    assert sum(total) == min(ready + others, limit)


# -- mirroring --------------------------------------------------------------------------------


def mirror_bench() -> Bench:
    one = Bench(EndpointSliceMirroring(), EndpointsController())
    one.node("node-1", "zone-a")
    return one


def by_hand(one: Bench, *ips: str, **metadata: Any) -> None:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": 9376}]}
    meta = {"name": "web", **metadata}
    one.create("endpoints", {"metadata": meta, "subsets": [subset]})


def test_hand_written_endpoints_are_mirrored_family_by_family() -> None:
    one = mirror_bench()
    one.service(selector=None)
    by_hand(one, "192.0.2.1", "2001:db8::1", labels={"team": "shop"})
    one.settle()
    assert sorted(s["addressType"] for s in one.slices()) == ["IPv4", "IPv6"]
    assert all(s["metadata"]["labels"]["team"] == "shop" for s in one.slices())
    assert all(s["metadata"]["ownerReferences"][0]["kind"] == "Endpoints" for s in one.slices())


def test_a_selector_ends_the_mirroring_and_its_loss_begins_it() -> None:
    one = mirror_bench()
    one.service(selector=None)
    by_hand(one, "192.0.2.1")
    one.settle()
    spec: Any = thaw(one.table("services").get("default/web"))["spec"]  # type: ignore[index,call-overload,arg-type]
    one.change("services", "web", {"spec": {**spec, "selector": {"app": "web"}}})
    one.settle()
    assert one.slices() == []
    fill(one, 1)
    one.settle()
    one.change("services", "web", {"spec": spec})
    one.settle()
    assert [s["endpoints"][0]["addresses"] for s in one.slices()] == [["10.0.0.1"]]


def test_what_must_not_be_mirrored_is_not() -> None:
    for metadata in (
        {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
    ):
        one = mirror_bench()
        one.service(selector=None)
        by_hand(one, "192.0.2.1", **metadata)
        one.settle()
        assert one.slices() == []


def test_without_a_service_nothing_is_mirrored() -> None:
    one = mirror_bench()
    by_hand(one, "192.0.2.1", annotations={"control-plane.alpha.kubernetes.io/leader": "{}"})
    one.settle()
    assert one.slices() == []


def test_a_change_by_hand_is_mirrored_and_then_it_is_quiet() -> None:
    one = mirror_bench()
    one.service(selector=None)
    by_hand(one, "192.0.2.1")
    one.settle()
    subset = {"addresses": [{"ip": "192.0.2.2"}, {"ip": "192.0.2.1"}], "ports": [{"port": 9376}]}
    one.change("endpoints", "web", {"subsets": [subset]})
    one.settle()
    (found,) = one.slices()
    assert [e["addresses"] for e in found["endpoints"]] == [["192.0.2.2"], ["192.0.2.1"]]
    one.writes()
    one.processes[:] = Bench(EndpointSliceMirroring()).processes
    one.settle()
    assert one.writes() == []
