"""Pods that are resized in place: what may be asked, and what their machine makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from returns.result import Failure

from kelm import Cluster
from kelm.effects.commands import Delete, Patch
from kelm.effects.document import document, thaw
from kelm.effects.messages import Outcome


def amounts(cpu: str, memory: str = "64Mi", *, limits: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"requests": {"cpu": cpu, "memory": memory}}
    if limits:
        found["limits"] = {"cpu": cpu, "memory": memory}
    return found


def pod(name: str, resources: dict[str, Any], **container: Any) -> dict[str, Any]:
    one = {"name": "main", "image": "nginx", "resources": resources, **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [one]},
    }


def cluster_with(*pods: dict[str, Any]) -> Cluster:
    cluster = Cluster(nodes=1)
    for one in pods:
        cluster.apply(one)
    cluster.run_until_converged()
    return cluster


def resize(cluster: Cluster, name: str, resources: dict[str, Any], **more: Any) -> Outcome:
    spec = {"containers": [{"name": "main", "resources": resources, **more}]}
    patch = document({"spec": spec})
    return cluster.ask(Patch("pods", "default", name, patch, "strategic", "resize"))


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    doc = cluster.get("pods", name)
    assert doc is not None
    found: Any = thaw(doc)
    return dict(found["status"])


def resize_condition(cluster: Cluster, name: str) -> dict[str, Any] | None:
    found = [c for c in status(cluster, name)["conditions"] if c["type"].startswith("PodResize")]
    return found[0] if found else None


def test_a_resize_that_fits_is_granted_carried_out_and_told() -> None:
    cluster = cluster_with(pod("one", amounts("100m")))
    resize(cluster, "one", amounts("200m", "128Mi")).unwrap()
    cluster.run(300)
    underway = resize_condition(cluster, "one")
    assert underway is not None and underway["type"] == "PodResizeInProgress"
    running = status(cluster, "one")["containerStatuses"][0]
    assert running["allocatedResources"] == {"cpu": "200m", "memory": "128Mi"}
    assert running["resources"] == amounts("100m")
    cluster.run(5_000)
    assert resize_condition(cluster, "one") is None
    running = status(cluster, "one")["containerStatuses"][0]
    assert running["resources"] == amounts("200m", "128Mi")
    assert running["restartCount"] == 0 and running["ready"] is True


def test_a_container_that_asks_for_it_is_restarted_with_its_resize() -> None:
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    cluster = cluster_with(pod("one", amounts("100m"), resizePolicy=policy))
    resize(cluster, "one", amounts("100m", "96Mi")).unwrap()
    cluster.run(60_000)
    assert status(cluster, "one")["containerStatuses"][0]["restartCount"] == 0
    resize(cluster, "one", amounts("150m", "96Mi")).unwrap()
    cluster.run(60_000)
    after = status(cluster, "one")["containerStatuses"][0]
    assert after["restartCount"] == 1 and after["ready"] is True


def test_what_a_machine_can_never_give_is_infeasible() -> None:
    cluster = cluster_with(pod("one", amounts("100m")))
    resize(cluster, "one", amounts("100")).unwrap()
    cluster.run(2_000)
    found = resize_condition(cluster, "one")
    assert found is not None
    assert (found["type"], found["reason"]) == ("PodResizePending", "Infeasible")
    assert found["message"] == (
        "Node didn't have enough capacity: cpu, requested: 100000, capacity: 4000"
    )
    assert status(cluster, "one")["containerStatuses"][0]["resources"] == amounts("100m")


def test_what_does_not_fit_beside_others_waits_until_they_go() -> None:
    cluster = cluster_with(pod("one", amounts("1")), pod("other", amounts("2")))
    resize(cluster, "one", amounts("3")).unwrap()
    cluster.run(2_000)
    found = resize_condition(cluster, "one")
    assert found is not None and found["reason"] == "Deferred"
    cluster.ask(Delete("pods", "default", "other", grace_period_seconds=0)).unwrap()
    cluster.run(10_000)
    assert resize_condition(cluster, "one") is None
    assert status(cluster, "one")["containerStatuses"][0]["resources"] == amounts("3")


@pytest.mark.parametrize(
    ("resources", "more", "said"),
    [
        (
            {"limits": {"cpu": "100m", "memory": "64Mi"}},
            {},
            "Pod QOS Class may not change as a result of resizing",
        ),
        (
            {"requests": {"ephemeral-storage": "1Gi"}},
            {},
            "only cpu and memory resources are mutable",
        ),
        ({"$patch": "replace"}, {}, "resource requests cannot be removed"),
    ],
)
def test_what_a_resize_may_not_do_is_refused(
    resources: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    cluster = cluster_with(pod("one", amounts("100m")))
    outcome = resize(cluster, "one", resources, **more)
    assert isinstance(outcome, Failure)
    assert said in outcome.failure().message


def test_containers_are_neither_added_nor_renamed_by_a_resize() -> None:
    cluster = cluster_with(pod("one", amounts("100m")))
    patch = document({"spec": {"containers": [{"name": "new", "image": "x"}]}})
    outcome = cluster.ask(Patch("pods", "default", "one", patch, "strategic", "resize"))
    assert isinstance(outcome, Failure)
    assert "containers may not be added or removed on resize" in outcome.failure().message


def test_a_resize_leaves_everything_else_as_it_was() -> None:
    cluster = cluster_with(pod("one", amounts("100m")))
    container = {"name": "main", "image": "other", "resources": amounts("200m")}
    metadata = {"labels": {"new": "label"}}
    patch = document({"metadata": metadata, "spec": {"containers": [container]}})
    found = cluster.ask(Patch("pods", "default", "one", patch, "strategic", "resize")).unwrap()
    assert found["spec"]["containers"][0]["image"] == "nginx"  # type: ignore[index,call-overload]
    assert "new" not in found["metadata"].get("labels", {})  # type: ignore[index,call-overload,union-attr,operator]
    assert found["metadata"]["generation"] == 2  # type: ignore[index,call-overload]


def test_a_container_that_was_created_says_what_it_was_granted_and_runs_with() -> None:
    cluster = cluster_with(pod("one", amounts("100m", limits=True)), pod("none", {}))
    one = status(cluster, "one")["containerStatuses"][0]
    assert one["resources"] == amounts("100m", limits=True)
    assert one["allocatedResources"] == {"cpu": "100m", "memory": "64Mi"}
    bare = status(cluster, "none")["containerStatuses"][0]
    assert "resources" not in bare and "allocatedResources" not in bare


def test_one_that_was_never_created_says_nothing_of_its_resources() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(pod("one", amounts("100m"), image="registry.invalid/nothing:1"))
    cluster.run(5_000)
    found = status(cluster, "one")["containerStatuses"][0]
    assert "waiting" in found["state"]
    assert "resources" not in found and "allocatedResources" not in found


def test_a_resize_that_takes_a_limit_for_the_first_time_is_told_in_the_status() -> None:
    cluster = cluster_with(pod("one", {"requests": {"cpu": "100m"}}))
    resize(cluster, "one", {"limits": {"cpu": "200m"}})
    cluster.run_until_converged()
    found = status(cluster, "one")["containerStatuses"][0]
    assert found["resources"] == {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
    assert found["allocatedResources"] == {"cpu": "100m"}
