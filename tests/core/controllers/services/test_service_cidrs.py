"""Ranges of Services' addresses stay while addresses of theirs are in use."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.processes import CONTROLLERS, ControlPlane
from kelm.core.api.validation.service_addresses import ADDRESSES, RANGES
from kelm.core.controllers.services.address_repair import COMPONENT as REPAIR
from kelm.core.controllers.services.service_cidrs import (
    ALLOCATOR,
    FINALIZER,
    IN_USE,
    MANAGED_BY,
    READY,
)
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import children, document, elements, text

UNREPAIRED = ControlPlane(controllers=tuple(one for one in CONTROLLERS if one.name != REPAIR))
"""Nobody takes away addresses of Services that are not there."""


def made(cluster: Cluster, name: str, *cidrs: str) -> None:
    doc = {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}
    cluster.ask(Create(RANGES, "", document(doc))).unwrap()


def used(cluster: Cluster, address: str, label: str = ALLOCATOR) -> None:
    parent = {"resource": "services", "namespace": "default", "name": "web"}
    labels = {MANAGED_BY: label}
    doc = {"metadata": {"name": address, "labels": labels}, "spec": {"parentRef": parent}}
    cluster.ask(Create(ADDRESSES, "", document(doc))).unwrap()


def dropped(cluster: Cluster, name: str) -> None:
    cluster.ask(Delete(RANGES, "", name)).unwrap()


def ready(cluster: Cluster, name: str) -> tuple[str, str, str] | None:
    """What a range says of itself, None where it is gone."""
    found: Any = cluster.get(RANGES, name, "")
    if found is None:
        return None
    (one,) = children(found, "status", "conditions")
    return text(one, "status"), text(one, "reason"), text(one, "message")


WAITS = ("False", "Terminating", IN_USE)


def ranges() -> Cluster:
    cluster = Cluster(nodes=0, control_plane=UNREPAIRED)
    made(cluster, "extra", "192.168.0.0/24", "2001:db8::/64")
    cluster.run(1_000)
    return cluster


def test_a_range_is_held_and_says_that_it_is_ready() -> None:
    cluster = ranges()
    for name in ("extra", "kubernetes"):
        found: Any = cluster.get(RANGES, name, "")
        assert elements(found, "metadata", "finalizers") == (FINALIZER,)
        assert ready(cluster, name) == ("True", "", READY)


def test_a_range_that_nobody_uses_goes_after_ten_seconds() -> None:
    cluster = ranges()
    dropped(cluster, "extra")
    cluster.run(8_000)
    assert ready(cluster, "extra") == ("True", "", READY)
    cluster.run(3_000)
    assert ready(cluster, "extra") is None


def test_a_range_waits_for_the_last_of_its_addresses() -> None:
    cluster = ranges()
    for address in ("192.168.0.7", "2001:db8::9"):
        used(cluster, address)
    dropped(cluster, "extra")
    cluster.run(30_000)
    assert ready(cluster, "extra") == WAITS
    cluster.ask(Delete(ADDRESSES, "", "192.168.0.7")).unwrap()
    cluster.run(30_000)
    assert ready(cluster, "extra") == WAITS
    cluster.ask(Delete(ADDRESSES, "", "2001:db8::9")).unwrap()
    cluster.run(1_000)
    assert ready(cluster, "extra") is None


def test_the_range_of_services_waits_for_them() -> None:
    cluster = ranges()
    dropped(cluster, "kubernetes")
    cluster.run(30_000)
    assert ready(cluster, "kubernetes") == WAITS


def test_a_service_that_gives_its_address_back_keeps_no_range() -> None:
    cluster = ranges()
    spec = {"clusterIP": "10.96.0.40", "ports": [{"port": 80}]}
    cluster.apply({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "w"}, "spec": spec})
    made(cluster, "first", "10.96.0.0/27")
    dropped(cluster, "kubernetes")
    cluster.run(30_000)
    assert ready(cluster, "kubernetes") == WAITS
    other = document({"spec": {"type": "ExternalName", "externalName": "w.example.com"}})
    cluster.ask(Patch("services", "default", "w", other)).unwrap()
    cluster.run(1_000)
    assert ready(cluster, "kubernetes") is None


def test_a_range_goes_once_another_one_has_its_addresses() -> None:
    cluster = ranges()
    used(cluster, "192.168.0.7")
    dropped(cluster, "extra")
    cluster.run(30_000)
    assert ready(cluster, "extra") == WAITS
    made(cluster, "narrow", "192.168.0.0/28")
    cluster.run(1_000)
    assert ready(cluster, "extra") is None
    dropped(cluster, "narrow")
    cluster.run(30_000)
    assert ready(cluster, "narrow") == WAITS


def test_addresses_that_a_range_never_gives_out_do_not_keep_it() -> None:
    cluster = ranges()
    for address in ("192.168.0.0", "192.168.0.255", "192.168.1.1"):
        used(cluster, address)
    used(cluster, "192.168.0.7", "somebody-else")
    dropped(cluster, "extra")
    cluster.run(12_000)
    assert ready(cluster, "extra") is None


def test_equal_ranges_that_are_dropped_together_count_on_each_other() -> None:
    cluster = ranges()
    made(cluster, "twin", "192.168.0.0/24", "2001:db8::/64")
    used(cluster, "192.168.0.7")
    cluster.run(1_000)
    for name in ("extra", "twin"):
        dropped(cluster, name)
    cluster.run(12_000)
    assert ready(cluster, "extra") is None
    assert ready(cluster, "twin") is None


CIDRS = st.lists(
    st.sampled_from(["10.0.0.0/28", "10.0.0.0/29", "10.0.0.8/29", "10.0.0.4/30"]),
    min_size=2,
    max_size=4,
)
PLACES = st.lists(st.integers(0, 17), min_size=1, max_size=6, unique=True)


@settings(max_examples=15, deadline=None)
@given(CIDRS, PLACES, st.data())
def test_no_address_that_had_a_range_is_left_without_one(
    cidrs: list[str], places: list[int], data: st.DataObject
) -> None:
    """Whatever ranges are dropped, one after another, in whatever order."""
    cluster = Cluster(nodes=0, control_plane=UNREPAIRED)
    for number, cidr in enumerate(cidrs):
        made(cluster, f"range-{number}", cidr)
    for place in places:
        used(cluster, f"10.0.0.{place}")
    cluster.run(1_000)

    def given_out(names: set[int]) -> set[int]:
        hosts = [list(IPv4Network(cidrs[name]))[1:-1] for name in names]
        return {int(host) & 255 for some in hosts for host in some} & set(places)

    everything = set(range(len(cidrs)))
    for name in data.draw(st.permutations(sorted(everything))):
        dropped(cluster, f"range-{name}")
        cluster.run(11_000)
    cluster.run(30_000)
    left = {name for name in everything if ready(cluster, f"range-{name}") is not None}
    assert given_out(left) == given_out(everything)
    assert bool(left) == bool(given_out(everything))
