"""Which cluster IPs and node ports Services get."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from returns.pipeline import is_successful

from kelm.core.api.allocation.bands import PortRange, Ranges, draw
from kelm.core.api.allocation.prepare import prepare_create, prepare_update
from kelm.core.api.allocation.services import allocate
from kelm.core.api.defaulting.default import default
from kelm.core.store.store import Store
from kelm.effects.document import Document, document, value_at
from kelm.effects.refusals import Reason

SMALL = Ranges(service_cidrs=("10.0.0.0/28",), node_ports=PortRange(30_000, 8))


def service(name: str, **spec: object) -> Document:
    manifest = document(
        {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}, **spec},
        }
    )
    return prepare_create(default("services", manifest))


def stored(*services: Document) -> Store:
    store = Store()
    for doc in services:
        store = store.put("services", f"default/{value_at(doc, 'metadata', 'name')}", doc)
    return store


def given_to(doc: Document, store: Store, chance: str = "", ranges: Ranges = SMALL) -> Document:
    return allocate(doc, store.table("services"), ranges=ranges, chance=chance).unwrap()


def refused(doc: Document, store: Store, ranges: Ranges = SMALL) -> str:
    return allocate(doc, store.table("services"), ranges=ranges).failure().message


def test_a_new_service_gets_an_address_and_its_family() -> None:
    spec = given_to(service("a"), Store())["spec"]
    assert spec["clusterIPs"] == (spec["clusterIP"],)
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (("IPv4",), "SingleStack")


def test_the_same_chance_gives_the_same_address() -> None:
    assert given_to(service("a"), Store(), "x") == given_to(service("a"), Store(), "x")


def test_a_headless_service_gets_no_address() -> None:
    spec = given_to(service("a", clusterIP="None"), Store())["spec"]
    assert spec["clusterIPs"] == ("None",)


def test_a_headless_service_without_selector_has_both_families() -> None:
    spec = given_to(service("a", clusterIP="None", selector={}), Store())["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (("IPv4", "IPv6"), "RequireDualStack")


def test_an_external_name_needs_nothing() -> None:
    doc = service("a", type="ExternalName", externalName="x.y")
    assert given_to(doc, Store()) is doc


def test_a_cluster_of_two_families_gives_one_address_of_each_to_who_prefers_it() -> None:
    ranges = Ranges(service_cidrs=("10.0.0.0/24", "fd00::/112"))
    spec = given_to(service("a", ipFamilyPolicy="PreferDualStack"), Store(), "", ranges)["spec"]
    assert spec["ipFamilies"] == ("IPv4", "IPv6")
    assert ":" in spec["clusterIPs"][1] and spec["clusterIP"] == spec["clusterIPs"][0]


def test_what_is_taken_is_refused_in_the_words_of_the_api() -> None:
    store = stored(given_to(service("a", clusterIP="10.0.0.7"), Store()))
    assert refused(service("b", clusterIP="10.0.0.7"), store) == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.7"]: failed to allocate '
        "IP 10.0.0.7: provided IP is already allocated"
    )
    assert "the provided network does not match" in refused(
        service("b", clusterIP="9.9.9.9"), store
    )
    assert "is not in the valid range" in refused(service("b", clusterIP="10.0.0.0"), store)


def test_a_node_port_may_be_asked_for_once() -> None:
    asked = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30_001}]}
    store = stored(given_to(service("a", **asked), Store()))
    assert refused(service("b", **asked), store) == (
        'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is '
        "already allocated"
    )
    outside = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}
    assert "The range of valid ports is 30000-30007" in refused(service("b", **outside), store)


def test_one_port_over_two_protocols_gets_one_node_port() -> None:
    ports = [{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53}]
    done = given_to(service("dns", type="NodePort", ports=ports), Store())["spec"]["ports"]
    assert done[0]["nodePort"] == done[1]["nodePort"]


def test_a_service_keeps_what_it_has() -> None:
    first = given_to(service("a", type="NodePort"), Store())
    store = stored(first)
    assert given_to(first, store) is first
    again = prepare_update(first, service("a", type="NodePort"))
    assert given_to(again, store) == first


def test_a_service_that_becomes_internal_loses_its_node_ports() -> None:
    first = given_to(service("a", type="NodePort"), Store())
    spec = {**first["spec"], "type": "ClusterIP"}
    done = prepare_update(first, Document({**first, "spec": Document(spec)}))["spec"]
    assert "nodePort" not in done["ports"][0] and "externalTrafficPolicy" not in done
    assert done["clusterIP"] == first["spec"]["clusterIP"]


def test_a_service_that_becomes_a_name_loses_its_address() -> None:
    first = given_to(service("a"), Store())
    spec = {**first["spec"], "type": "ExternalName", "externalName": "x.y"}
    done = prepare_update(first, Document({**first, "spec": Document(spec)}))["spec"]
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & done.keys()


def test_a_local_load_balancer_gets_a_health_check_port() -> None:
    doc = service("a", type="LoadBalancer", externalTrafficPolicy="Local")
    spec = given_to(doc, Store())["spec"]
    assert spec["healthCheckNodePort"] != spec["ports"][0]["nodePort"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), max_size=30), st.text(max_size=4))
def test_nobody_shares_an_address_or_a_port_and_full_is_an_answer(
    steps: list[bool], chance: str
) -> None:
    """Create and delete; what a Service names is what is taken."""
    store, names = Store(), []
    for number, create in enumerate(steps):
        if create or not names:
            doc = service(f"s{number}", type="NodePort")
            found = allocate(doc, store.table("services"), ranges=SMALL, chance=chance)
            if is_successful(found):
                names.append(f"s{number}")
                store = store.put("services", f"default/s{number}", found.unwrap())
            else:
                assert len(names) == 8 and found.failure().reason is Reason.INTERNAL_ERROR
        else:
            key = f"default/{names.pop(0)}"
            last = store.get("services", key)
            assert last is not None
            store = store.remove("services", key, last)
        live = list(store.table("services").objects())
        assert len({value_at(doc, "spec", "clusterIP") for doc in live}) == len(names)
        assert len({doc["spec"]["ports"][0]["nodePort"] for doc in live}) == len(names)


@given(st.sets(st.integers(0, 63)), st.text(max_size=3))
def test_the_low_band_comes_last(free: set[int], chance: str) -> None:
    found = draw(64, 16, chance, free.__contains__)
    assert (found in free) if free else found is None
    if any(number >= 16 for number in free):
        assert found is not None and found >= 16
