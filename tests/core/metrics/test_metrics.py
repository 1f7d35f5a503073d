"""What is measured of a simulated cluster: metrics-server's rules, and loads that are shared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import LoadOffered, NodeCrashed, NodePartitioned
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.metrics.loads import KEPT_MS, Load, Loads, average, value_at
from kelm.core.node.containers.images import becomes_ready, image, reports, uses
from kelm.core.objects.quantity import parse_quantity
from kelm.core.operations.verbs import Scale
from kelm.effects.address import ObjectRef
from kelm.effects.commands import ReadMetrics
from kelm.effects.document import Document, document

WEB = ObjectRef("deployments.apps", "default", "web")
PODS = ReadMetrics("resource", "pods", "default")
PLANE = (
    ControlPlane()
    .with_image("busy", image(uses(cpu_milli=200, memory_bytes=1 << 20, from_ms=20_000)))
    .with_image("slow", image(becomes_ready(after_ms=40_000)))
    .with_image("shop", image(reports("orders", 3), reports("orders", 7, from_ms=60_000)))
)


def manifest(replicas: int = 2, image: str = "nginx", limit: str = "2") -> dict[str, Any]:
    labels = {"app": "web"}
    resources = {"requests": {"cpu": "10m"}, "limits": {"cpu": limit}}
    app: dict[str, Any] = {"name": "app", "image": image, "resources": resources}
    if image == "slow":
        app["readinessProbe"] = {"httpGet": {"port": 80}, "periodSeconds": 1}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [app]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def cluster_of(**of: Any) -> Cluster:
    cluster = Cluster(nodes=2, control_plane=PLANE, keep_history=False)
    cluster.apply(manifest(**of))
    cluster.run_until_converged()
    return cluster


def offer(cluster: Cluster, resource: str = WEB.resource, name: str = "web", **of: str) -> None:
    cluster.inject(LoadOffered(resource, "default", name, document(of)))


def read(cluster: Cluster, command: ReadMetrics) -> tuple[Document, ...]:
    return cluster.ask(command).unwrap()["items"]  # type: ignore[return-value]


def cpu_nanos(items: tuple[Document, ...]) -> list[int]:
    return [
        sum(parse_quantity(one["usage"]["cpu"]).at_scale(-9) for one in item["containers"])  # type: ignore[index,call-overload,union-attr,arg-type]
        for item in items
    ]


def test_a_load_is_shared_by_the_pods_that_serve() -> None:
    cluster = cluster_of(replicas=2)
    offer(cluster, cpu="900m", memory="64Mi")
    cluster.run(60_000)
    items = read(cluster, PODS)
    assert cpu_nanos(items) == [450_000_000, 450_000_000]
    assert [one["containers"][0]["usage"]["memory"] for one in items] == ["48Mi", "48Mi"]  # type: ignore[index,call-overload]
    assert {(one["window"], one["timestamp"]) for one in items} == {("15s", "2026-01-01T00:01:00Z")}


def test_nobody_uses_more_than_its_limit() -> None:
    cluster = cluster_of(replicas=1, limit="250m")
    offer(cluster, cpu="900m")
    cluster.run(60_000)
    assert cpu_nanos(read(cluster, PODS)) == [250_000_000]


def test_a_load_reaches_pods_through_their_service() -> None:
    cluster = cluster_of(replicas=2)
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service}
    )
    offer(cluster, "services", cpu="300m", hits="10")
    cluster.run(60_000)
    assert cpu_nanos(read(cluster, PODS)) == [150_000_000, 150_000_000]
    hits = ReadMetrics("custom", "services", "default", "web", "hits")
    assert [one["value"] for one in read(cluster, hits)] == ["10"]
    of_pods = ReadMetrics("custom", "pods", "default", "", "hits", "app=web")
    assert [one["value"] for one in read(cluster, of_pods)] == ["5", "5"]


def test_a_young_container_is_measured_from_its_start_after_ten_seconds() -> None:
    """Started half a second before the quarter minute: too young then, whole a quarter later."""
    cluster = cluster_of(replicas=1)
    seen = []
    for _ in range(50):
        seen.append([str(one["window"]) for one in read(cluster, PODS)])
        cluster.run(1_000)
    windows = [one for number, one in enumerate(seen) if number == 0 or one != seen[number - 1]]
    assert windows[0] == [] and windows[-1] == ["15s"]
    between = windows[1:-1]
    assert len(between) <= 1 and all(10 <= float(one[0][:-1]) < 15 for one in between)


def test_processor_time_is_the_mean_of_the_window_and_memory_its_end() -> None:
    cluster = cluster_of(replicas=1, image="busy")
    cluster.run(60_000)
    assert cpu_nanos(read(cluster, PODS)) == [200_000_000]
    assert average(((0, 100), (5_000, 400)), 0, 15_000) == 300_000_000
    assert value_at(((0, 100), (5_000, 400)), 15_000) == 400


def test_a_pod_that_is_not_ready_has_no_share() -> None:
    cluster = cluster_of(replicas=1, image="slow")
    cluster.do(Scale(WEB, 2))
    offer(cluster, cpu="1")
    cluster.run(30_000)
    assert sorted(cpu_nanos(read(cluster, PODS))) == [0, 1_000_000_000]
    cluster.run(45_000)
    assert sorted(cpu_nanos(read(cluster, PODS))) == [500_000_000, 500_000_000]


@pytest.mark.parametrize("fault", [NodeCrashed, NodePartitioned])
def test_of_a_machine_that_does_not_answer_nothing_is_known(fault: Any) -> None:
    cluster = cluster_of(replicas=4)
    cluster.run(30_000)
    assert len(read(cluster, PODS)) == 4
    cluster.inject(fault("node-1"))
    cluster.run(1_000)
    nodes = read(cluster, ReadMetrics("resource", "nodes"))
    assert [child["metadata"]["name"] for child in nodes] == ["node-2"]  # type: ignore[index,call-overload]
    assert len(read(cluster, PODS)) == 2


def test_a_node_uses_what_its_pods_and_its_system_use() -> None:
    cluster = cluster_of(replicas=2)
    offer(cluster, cpu="1")
    cluster.run(60_000)
    found = [one["usage"]["cpu"] for one in read(cluster, ReadMetrics("resource", "nodes"))]  # type: ignore[index,call-overload]
    assert found == ["550m", "550m"]


def test_an_image_reports_a_metric_of_its_own() -> None:
    cluster = cluster_of(replicas=1, image="shop")
    orders = ReadMetrics("custom", "pods", "default", metric="orders")
    cluster.run(20_000)
    assert [one["value"] for one in read(cluster, orders)] == ["3"]
    cluster.run(60_000)
    assert [one["value"] for one in read(cluster, orders)] == ["7"]


def test_what_nobody_measures_is_refused_in_the_adapters_words() -> None:
    cluster = cluster_of()
    custom = cluster.ask(ReadMetrics("custom", "services", "default", "web", "hits"))
    assert custom.failure().message == "the server could not find the metric hits for services web"
    gone = cluster.ask(ReadMetrics("resource", "pods", "default", "gone"))
    assert gone.failure().message == 'pods "gone" not found'


def test_external_series_are_told_apart_by_their_labels() -> None:
    cluster = cluster_of()
    for team, depth in (("a", "5"), ("b", "7")):
        marks = Document(team=team)
        amounts = Document(queue=depth)
        cluster.inject(LoadOffered("external", "default", "queue", amounts, labels=marks))
    cluster.run(30_000)
    both = ReadMetrics("external", namespace="default", metric="queue")
    assert [one["value"] for one in read(cluster, both)] == ["5", "7"]
    one = ReadMetrics("external", namespace="default", metric="queue", metric_selector="team=b")
    assert [series["value"] for series in read(cluster, one)] == ["7"]


def test_reading_changes_nothing() -> None:
    cluster = cluster_of()
    offer(cluster, cpu="1")
    cluster.run(40_000)
    store, events = cluster.store, cluster.simulator.events
    first = cluster.ask(PODS)
    assert (cluster.store is store, cluster.simulator.events) == (True, events)
    assert cluster.ask(PODS) == first


def test_a_fork_has_loads_of_its_own() -> None:
    cluster = cluster_of(replicas=1)
    twin = cluster.fork()
    offer(twin, cpu="1")
    twin.run(60_000)
    cluster.run(60_000)
    assert (cpu_nanos(read(cluster, PODS)), cpu_nanos(read(twin, PODS))) == ([0], [10**9])


@settings(max_examples=max(5, settings.default.max_examples // 8))
@given(
    replicas=st.integers(1, 5),
    changes=st.lists(
        st.tuples(st.sampled_from(["scale", "load", "wait"]), st.integers(1, 6)), max_size=4
    ),
)
def test_the_whole_of_a_load_is_borne_whenever_anybody_serves(replicas, changes):
    cluster = cluster_of(replicas=replicas, limit="20")
    load = 1_000
    offer(cluster, cpu=f"{load}m")
    for what, amount in changes:
        if what == "scale":
            cluster.do(Scale(WEB, amount))
        elif what == "load":
            load = amount * 137
            offer(cluster, cpu=f"{load}m")
        cluster.run(amount * 7_000)
    cluster.run(60_000)
    borne = cpu_nanos(read(cluster, PODS))
    assert load * 1_000_000 - len(borne) < sum(borne) <= load * 1_000_000
    assert max(borne) - min(borne) <= 1


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 9)), min_size=1, max_size=12))
def test_a_load_forgets_only_what_no_measurement_looks_back_on(gaps):
    loads, now_ms, whole = Loads(), 0, []
    for gap_ms, value in gaps:
        now_ms += gap_ms + 1
        whole.append((now_ms, value))
        loads = loads.offered("services", "n", "web", Load("cpu", ((now_ms, value),)))
    kept = loads.at("services", "n/web")[0].steps
    for ago_ms in (0, KEPT_MS // 2, KEPT_MS):
        until_ms = max(1, now_ms - ago_ms + 15_000)
        from_ms = until_ms - 15_000
        assert average(kept, from_ms, until_ms) == average(tuple(whole), from_ms, until_ms)
    assert len(kept) <= 2 + sum(at_ms > now_ms - KEPT_MS for at_ms, _ in whole)
