"""Every address of a Service has its IPAddress, every IPAddress of the allocator its Service."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import AnswersLost, FaultsEnded, ProcessRestarted, WatchStalled
from kelm.core.api.kinds.service_addresses import ALLOCATOR, FAMILY, MANAGED_BY
from kelm.core.api.validation.service_addresses import ADDRESSES
from kelm.core.controllers.services.address_repair import COMPONENT
from kelm.effects.commands import Create, Delete, List, Patch
from kelm.effects.document import Document, child, children, document, elements, text
from kelm.effects.messages import Outcome

LABELS = {FAMILY: "IPv4", MANAGED_BY: ALLOCATOR}


def empty() -> Cluster:
    cluster = Cluster(nodes=0)
    cluster.run(1_000)
    return cluster


def service(name: str = "web", **spec: Any) -> Create:
    whole = {"ports": [{"port": 80}], **spec}
    return Create("services", "default", document({"metadata": {"name": name}, "spec": whole}))


def address(name: str, parent: str, **labels: str) -> Create:
    ref = {"resource": "services", "namespace": "default", "name": parent}
    meta = {"name": name, "labels": {**LABELS, **labels}}
    return Create(ADDRESSES, "", document({"metadata": meta, "spec": {"parentRef": ref}}))


def kept(cluster: Cluster) -> dict[str, str]:
    """Whose each IPAddress is, but for the API server's own."""
    return {
        text(doc, "metadata", "name"): text(doc, "spec", "parentRef", "name")
        for doc in cluster.list(ADDRESSES)
        if text(doc, "spec", "parentRef", "name") != "kubernetes"
    }


def had(cluster: Cluster) -> dict[str, str]:
    return {
        str(one): text(doc, "metadata", "name")
        for doc in cluster.list("services")
        for one in elements(doc, "spec", "clusterIPs")
        if one != "None" and text(doc, "metadata", "name") != "kubernetes"
    }


def told(cluster: Cluster) -> set[tuple[str, str]]:
    docs = cluster.ask(List("events", "default")).unwrap()
    mine = [doc for doc in children(docs, "items") if text(doc, "source", "component") == COMPONENT]
    return {(text(doc, "reason"), text(doc, "message")) for doc in mine}


def changed(cluster: Cluster, **spec: Any) -> Outcome:
    return cluster.ask(Patch("services", "default", "web", document({"spec": spec})))


def test_an_address_comes_and_goes_with_its_service() -> None:
    cluster = empty()
    own: Any = cluster.get(ADDRESSES, "10.96.0.1", "")
    assert text(own, "spec", "parentRef", "name") == "kubernetes"
    made = cluster.ask(service()).unwrap()
    name = text(made, "spec", "clusterIP")
    found: Any = cluster.get(ADDRESSES, name, "")
    assert found["metadata"]["labels"] == LABELS
    parent = {"resource": "services", "namespace": "default", "name": "web"}
    assert found["spec"] == {"parentRef": parent}
    changed(cluster, type="NodePort").unwrap()
    assert kept(cluster) == {name: "web"}
    cluster.ask(Delete("services", "default", "web")).unwrap()
    assert kept(cluster) == {}


def test_an_address_goes_when_its_service_needs_none_and_comes_when_it_does() -> None:
    cluster = empty()
    cluster.ask(service()).unwrap()
    changed(cluster, type="ExternalName", externalName="a.example.com").unwrap()
    assert kept(cluster) == {}
    changed(cluster, type="ClusterIP", externalName=None).unwrap()
    assert kept(cluster) == had(cluster) != {}
    cluster.ask(service("headless", clusterIP="None")).unwrap()
    assert len(kept(cluster)) == 1


def test_a_service_that_is_held_keeps_its_address_until_it_is_gone() -> None:
    cluster = empty()
    cluster.ask(service()).unwrap()
    hold = document({"metadata": {"finalizers": ["example.com/hold"]}})
    cluster.ask(Patch("services", "default", "web", hold)).unwrap()
    cluster.ask(Delete("services", "default", "web")).unwrap()
    assert len(kept(cluster)) == 1
    free = document({"metadata": {"finalizers": None}})
    cluster.ask(Patch("services", "default", "web", free)).unwrap()
    assert kept(cluster) == {}


def test_nothing_is_kept_for_a_service_that_is_refused_or_only_tried() -> None:
    cluster = empty()
    cluster.ask(service(clusterIP="10.96.7.7")).unwrap()
    refused = cluster.ask(service("second", clusterIP="10.96.7.7")).failure()
    assert "provided IP is already allocated" in refused.message
    tried = Create("services", "default", service("third").object, dry_run=True)
    cluster.ask(tried).unwrap()
    assert kept(cluster) == {"10.96.7.7": "web"}


def test_an_address_that_somebody_took_by_hand_is_taken() -> None:
    cluster = empty()
    cluster.ask(address("10.96.8.8", "other", **{MANAGED_BY: "me"})).unwrap()
    refused = cluster.ask(service(clusterIP="10.96.8.8")).failure()
    assert "provided IP is already allocated" in refused.message
    cluster.ask(Delete(ADDRESSES, "", "10.96.8.8")).unwrap()
    cluster.ask(service(clusterIP="10.96.8.8")).unwrap()


def test_a_missing_address_is_made_anew() -> None:
    cluster = empty()
    cluster.ask(service(clusterIP="10.96.7.7")).unwrap()
    cluster.ask(Delete(ADDRESSES, "", "10.96.7.7")).unwrap()
    cluster.run(1_000)
    assert kept(cluster) == {"10.96.7.7": "web"}
    words = "Cluster IP [IPv4]: 10.96.7.7 is not allocated; repairing"
    assert told(cluster) == {("ClusterIPNotAllocated", words)}


@pytest.mark.parametrize("labels", [{FAMILY: "IPv6"}, {MANAGED_BY: "me"}])
def test_an_address_with_other_labels_is_made_anew(labels: dict[str, str]) -> None:
    cluster = empty()
    cluster.ask(service(clusterIP="10.96.7.7")).unwrap()
    patch = document({"metadata": {"labels": labels}})
    cluster.ask(Patch(ADDRESSES, "", "10.96.7.7", patch)).unwrap()
    cluster.run(1_000)
    found: Any = cluster.get(ADDRESSES, "10.96.7.7", "")
    assert child(found, "metadata")["labels"] == LABELS


def test_an_address_of_nobody_goes_after_a_minute_and_one_of_somebody_else_at_once() -> None:
    cluster = empty()
    cluster.ask(address("10.96.9.9", "nobody")).unwrap()
    cluster.run(59_000)
    assert kept(cluster) == {"10.96.9.9": "nobody"}
    cluster.run(2_000)
    assert kept(cluster) == {}
    cluster.ask(service()).unwrap()
    cluster.run(2_000)
    cluster.ask(address("10.96.9.9", "web")).unwrap()
    cluster.run(4_000)
    assert "10.96.9.9" in kept(cluster)
    cluster.run(2_000)
    assert kept(cluster) == had(cluster)
    cluster.ask(address("10.96.9.9", "nobody", **{MANAGED_BY: "me"})).unwrap()
    cluster.run(100_000)
    assert "10.96.9.9" in kept(cluster)


def test_an_address_out_of_every_range_is_told_once() -> None:
    cluster = empty()
    cluster.ask(service(clusterIP="10.96.7.7")).unwrap()
    narrow = document({"metadata": {"name": "narrow"}, "spec": {"cidrs": ["10.97.0.0/16"]}})
    cluster.ask(Create("servicecidrs.networking.k8s.io", "", narrow)).unwrap()
    free = document({"metadata": {"finalizers": None}})
    cluster.ask(Patch("servicecidrs.networking.k8s.io", "", "kubernetes", free)).unwrap()
    cluster.ask(Delete("servicecidrs.networking.k8s.io", "", "kubernetes")).unwrap()
    cluster.inject(ProcessRestarted(COMPONENT))
    cluster.run(1_000)
    where = "is not within any configured Service CIDR; please recreate service"
    words = f"Cluster IP [IPv4]: 10.96.7.7 {where}"
    assert ("ClusterIPOutOfRange", words) in told(cluster)


NAMES = st.sampled_from(["a", "b", "c"])
PLACES = st.sampled_from(["10.96.7.1", "10.96.7.2"])
DEEDS = st.lists(
    st.one_of(
        st.builds(service, NAMES),
        st.builds(lambda name, place: service(name, clusterIP=place), NAMES, PLACES),
        st.builds(lambda name: Delete("services", "default", name), NAMES),
        st.builds(
            lambda name, spec: Patch("services", "default", name, document({"spec": spec})),
            NAMES,
            st.sampled_from(
                [
                    {"type": "ExternalName", "externalName": "a.example.com"},
                    {"type": "ClusterIP", "externalName": None},
                    {"type": "NodePort", "externalName": None},
                ]
            ),
        ),
        st.builds(lambda place: Delete(ADDRESSES, "", place), PLACES),
        st.builds(address, PLACES, NAMES),
    ),
    max_size=10,
)
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, st.just(COMPONENT)),
        st.builds(AnswersLost, st.just(COMPONENT), st.integers(1, 3)),
        st.builds(WatchStalled, st.just(COMPONENT), st.integers(1, 5_000)),
    ),
    max_size=3,
)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(deeds=DEEDS, faults=FAULTS, pause_ms=st.sampled_from([0, 10, 1_000]))
def test_whatever_is_done_in_the_end_services_and_addresses_are_in_step(
    deeds: list[Any], faults: list[Any], pause_ms: int
) -> None:
    cluster = empty()
    for number, deed in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        cluster.ask(deed)
        cluster.run(pause_ms)
        assert len(had(cluster)) == len([one for one in places(cluster) if one != "None"])
    cluster.inject(FaultsEnded())
    cluster.run(400_000)
    assert kept(cluster) == had(cluster)
    event(f"{len(had(cluster))} addresses")
    before = cluster.store.revision
    cluster.run(100_000)
    leases = cluster.store.table("leases.coordination.k8s.io")
    assert cluster.store.revision == before or leases.revision > before


def places(cluster: Cluster) -> list[object]:
    """All addresses that Services have, but for the API server's own; twice what is there twice."""
    docs: list[Document] = list(cluster.list("services"))
    return [
        one
        for doc in docs
        if text(doc, "metadata", "name") != "kubernetes"
        for one in elements(doc, "spec", "clusterIPs")
    ]
