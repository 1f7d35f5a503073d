"""Hints for zones: each zone has its share of a Service's endpoints, or there are no hints."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.controllers.services.endpointslice.controller import EndpointSliceController
from kelm.core.controllers.services.endpointslice.zones import (
    Share,
    hinted,
    hints_by_zone,
    shares_of,
    transfers,
)
from kelm.effects.commands import Patch, RecordEvent
from kelm.effects.document import Document, children, document, text
from tests.core.network.bench import Bench

MODE = "service.kubernetes.io/topology-mode"
OLDER = "service.kubernetes.io/topology-aware-hints"
ZONES = ("a", "b", "c")
SOME = ("TopologyAwareHintsEnabled", "Topology Aware Hints has been enabled, addressType: IPv4")


def bench(*zones: str, limit: int = 100, mode: str | None = "Auto") -> Bench:
    """A Service, and a machine of four cores in each of these zones: `a-0`, `b-1` ..."""
    one = Bench(EndpointSliceController(limit))
    for number, zone in enumerate(zones):
        name = f"{zone or 'nowhere'}-{number}"
        one.node(name, zone)
        ready(one, name)
    one.service()
    annotate(one, {MODE: mode})
    return one


def ready(one: Bench, name: str, status: str = "True", cpu: str = "4") -> None:
    capacity = {"cpu": cpu, "memory": "1Gi", "pods": "100"}
    said = [{"type": "Ready", "status": status, "reason": "x", "message": "x"}]
    state = document(
        {"status": {"conditions": said, "capacity": capacity, "allocatable": capacity}}
    )
    one.do(Patch("nodes", "", name, state, subresource="status"))


def annotate(one: Bench, annotations: dict[str, str | None]) -> None:
    patch = document({"metadata": {"annotations": annotations}})
    one.do(Patch("services", "default", "web", patch))


def serve(one: Bench, *nodes: str, first: int = 0) -> None:
    for number, node in enumerate(nodes, first):
        one.pod(f"p{number}")
        one.run(f"p{number}", f"10.0.0.{number + 1}", node)


def hints(one: Bench) -> dict[str, str]:
    """The zone that each pod serves, "" for any."""
    return {
        endpoint["targetRef"]["name"]: ",".join(
            hint["name"] for hint in endpoint.get("hints", {}).get("forZones", ())
        )
        for piece in one.slices()
        for endpoint in piece.get("endpoints") or ()
    }


def told(one: Bench) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in one.written if isinstance(each, RecordEvent)]


def test_endpoints_serve_their_own_zones_where_these_have_their_shares() -> None:
    one = bench("a", "b")
    serve(one, "a-0", "a-0", "b-1", "b-1")
    one.settle()
    assert hints(one) == {"p0": "a", "p1": "a", "p2": "b", "p3": "b"}
    assert told(one) == [SOME]


def test_a_zone_with_more_than_its_share_lends_to_one_with_less() -> None:
    one = bench("a", "b")
    serve(one, "a-0", "a-0", "a-0", "a-0", "a-0", "b-1")
    one.settle()
    assert Counter(hints(one).values()) == {"a": 3, "b": 3}
    assert hints(one)["p5"] == "b"


@pytest.mark.parametrize(
    ("zones", "nodes", "why"),
    [
        ("ab", ("a-0",), "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (
            ("a", "a", ""),
            ("a-0", "a-1"),
            "Insufficient Node information: allocatable CPU or zone not specified on one or more "
            "nodes",
        ),
        (
            "abccc",
            ("a-0", "b-1", "c-2"),
            "Unable to allocate minimum required endpoints to each zone without exceeding overload "
            "threshold (3 endpoints, 3 zones)",
        ),
    ],
)
def test_where_zones_cannot_have_their_shares_nobody_has_hints(
    zones: str, nodes: tuple[str, ...], why: str
) -> None:
    one = bench(*zones)
    serve(one, *nodes)
    one.settle()
    assert set(hints(one).values()) == {""}
    assert told(one) == [("TopologyAwareHintsDisabled", f"{why}, addressType: IPv4")]
    serve(one, nodes[0], first=8)
    ready(one, nodes[0], "False")
    ready(one, nodes[0])
    one.settle()
    assert len(told(one)) <= 3


def test_hints_come_and_go_with_the_annotation_and_the_older_one_goes_first() -> None:
    one = bench("a", "b", mode=None)
    serve(one, "a-0", "b-1")
    one.settle()
    assert (set(hints(one).values()), told(one)) == ({""}, [])
    annotate(one, {MODE: "auto"})
    one.settle()
    assert (hints(one), told(one)) == ({"p0": "a", "p1": "b"}, [SOME])
    annotate(one, {OLDER: "Disabled"})
    one.settle()
    assert set(hints(one).values()) == {""}
    words = "Topology Aware Hints has been disabled, addressType: IPv4"
    assert told(one)[1:] == [("TopologyAwareHintsDisabled", words)]


def test_hints_go_before_the_distribution_of_traffic_and_give_way_to_it() -> None:
    one = bench("a", "b")
    one.do(Patch("services", "default", "web", spec(trafficDistribution="PreferClose")))
    serve(one, "a-0", "a-0", "a-0", "b-1")
    one.settle()
    assert Counter(hints(one).values()) == {"a": 2, "b": 2}
    annotate(one, {MODE: None})
    one.settle()
    assert Counter(hints(one).values()) == {"a": 3, "b": 1}


def spec(**fields: str) -> Document:
    return document({"spec": fields})


def test_hints_follow_the_machines() -> None:
    one = bench("a", "b")
    serve(one, "a-0", "a-0", "b-1", "b-1")
    one.settle()
    assert set(hints(one).values()) == {"a", "b"}
    ready(one, "a-0", "False")
    one.settle()
    assert set(hints(one).values()) == {""}
    ready(one, "a-0")
    one.settle()
    assert set(hints(one).values()) == {"a", "b"}


def test_a_pod_more_writes_one_slice_and_leaves_the_hints_of_others() -> None:
    one = bench("a", "b", limit=4)
    serve(one, *(["a-0", "b-1"] * 4))
    one.settle()
    before = hints(one)
    one.writes()
    serve(one, "a-0", first=8)
    one.settle()
    after = hints(one)
    assert (after.pop("p8"), after) == ("a", before)
    assert len(one.writes()) == 1


RATIOS = st.dictionaries(st.sampled_from(ZONES), st.integers(1, 9), min_size=2).map(
    lambda parts: {zone: parts[zone] / sum(parts.values()) for zone in sorted(parts)}
)


@given(ratios=RATIOS, data=st.data())
def test_every_zone_gets_at_least_the_fewest_that_it_may_have(
    ratios: dict[str, float], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.sampled_from(sorted(ratios)), min_size=1, max_size=40))
    endpoints = tuple(
        document({"zone": zone, "conditions": {"ready": True}, "addresses": [str(number)]})
        for number, zone in enumerate(places)
    )
    shares = shares_of(ratios, len(places))
    event("no shares" if isinstance(shares, str) else "shares")
    if isinstance(shares, str):
        return
    found = hinted([endpoints], {}, shares)
    assert not isinstance(found, str)
    served = Counter(served_by(one) for one in found[0])
    assert sum(served.values()) == len(places)
    for zone, share in shares.items():
        # Whole endpoints are moved, and only where at least half of one is missing.
        assert served[zone] > share.desired - 1
    kept = hints_by_zone(found[0], {}, shares)
    assert kept is None or kept == served


def served_by(endpoint: Document) -> str:
    (hint,) = children(endpoint, "hints", "forZones")
    return text(hint, "name")


@given(
    shares=st.dictionaries(
        st.sampled_from(ZONES), st.floats(0, 20).map(lambda want: Share(0, 99, want)), min_size=1
    ),
    allotted=st.dictionaries(st.sampled_from(ZONES), st.integers(0, 20)),
)
def test_transfers_bring_no_zone_further_from_its_share(
    shares: dict[str, Share], allotted: dict[str, int]
) -> None:
    gives, gets = transfers(shares, allotted)
    assert sum(gives.values()) == sum(gets.values())
    assert not gives.keys() & gets.keys()
    for zone, one in shares.items():
        now = allotted.get(zone, 0)
        after = now - gives.get(zone, 0) + gets.get(zone, 0)
        assert after >= 0
        assert abs(after - one.desired) <= abs(now - one.desired) + 1e-9
