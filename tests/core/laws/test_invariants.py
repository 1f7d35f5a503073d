"""Each law, seen broken: a history of a few states for every sentence."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.core.laws.ever import EVER
from kelm.core.laws.invariant import Invariant, breaches
from kelm.core.laws.lives import broken_laws
from kelm.core.laws.machines import POOL_SIZE, oversized
from kelm.core.laws.rest import AT_REST
from kelm.core.laws.restarts import CRASH_LOOP
from kelm.core.laws.rollout import AT_ONCE, KEPT, KEPT_AVAILABLE, MADE, RECREATED, WANTED, missing
from kelm.core.laws.versions import HISTORY
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.core.store.table import Change, Table, put
from kelm.effects.commands import Command, Patch, Request, Update
from kelm.effects.document import document
from kelm.effects.laws import Step
from kelm.effects.messages import Observed

LAWS: tuple[Invariant, ...] = (
    *EVER, *AT_REST, *HISTORY, WANTED, MADE, KEPT, KEPT_AVAILABLE, AT_ONCE, RECREATED,
    CRASH_LOOP,
)  # fmt: skip
RESOURCES = {
    "Pod": "pods",
    "ReplicaSet": "replicasets.apps",
    "Deployment": "deployments.apps",
    "Service": "services",
    "Node": "nodes",
    "Namespace": "namespaces",
}


class Past:
    """A history that is written down state by state."""

    def __init__(self) -> None:
        self.store = Store()
        self.states: list[tuple[int, Store]] = []

    def at(self, at_ms: int, *docs: dict[str, Any]) -> Past:
        for doc in docs:
            meta = {"uid": doc["metadata"]["name"], **doc["metadata"]}
            meta.setdefault("resourceVersion", str(self.store.next_revision))
            key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
            whole = document({**doc, "metadata": meta})
            self.store = self.store.put(RESOURCES[doc["kind"]], key, whole)
        self.states.append((at_ms, self.store))
        return self

    def breaks(self) -> set[str]:
        return {breach.name for breach in breaches(LAWS, self.states)}


def owner(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": True}


def pod(name: str, *, phase: str = "Running", ready: bool = True, **more: Any) -> dict[str, Any]:
    spec = {"nodeName": more.pop("node", "node-1")}
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    condition["lastTransitionTime"] = format_time(more.pop("since_ms", 0))
    running = [{"name": "c", "state": {"running": {}}}]
    status = {"phase": phase, "conditions": [condition], "podIP": more.pop("ip", f"ip-{name}")}
    status["containerStatuses"] = more.pop("containers", running)
    labels = more.pop("labels", {"app": "web"})
    owners = [owner("ReplicaSet", one) for one in more.pop("owners", ())]
    meta = {"name": name, "namespace": "d", "labels": labels, "ownerReferences": owners, **more}
    return {"kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def replica_set(
    name: str, replicas: int, *, pods: int | None = None, image: str = "a", **more: Any
) -> dict[str, Any]:
    count = replicas if pods is None else pods
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    said = {"replicas": count, "readyReplicas": count, "availableReplicas": count}
    status = {**said, "observedGeneration": more.pop("seen", 1)}
    owners = [owner("Deployment", "web")] if more.pop("owned", True) else []
    meta = {"name": name, "namespace": "d", "generation": 1, "ownerReferences": owners, **more}
    return {"kind": "ReplicaSet", "metadata": meta, "spec": spec, "status": status}


def deployment(
    replicas: int, *, surge: int = 1, gone: int = 0, ready: int | None = None, **more: Any
) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "a"}]},
    }
    rolling = {"maxSurge": surge, "maxUnavailable": gone}
    spec = {
        "replicas": replicas,
        "minReadySeconds": more.pop("min_ready_seconds", 0),
        "selector": {"matchLabels": {"app": "web"}},
        "template": template,
        "strategy": {"type": more.pop("type", "RollingUpdate"), "rollingUpdate": rolling},
    }
    count = replicas if ready is None else ready
    status = {"replicas": count, "readyReplicas": count, "observedGeneration": 1}
    meta = {"name": "web", "namespace": "d", "generation": 1, **more}
    return {"kind": "Deployment", "metadata": meta, "spec": spec, "status": status}


def service(name: str, ip: str = "10.0.0.1") -> dict[str, Any]:
    meta, spec = {"name": name, "namespace": "d"}, {"selector": {"app": "web"}}
    return {"kind": "Service", "metadata": meta, "spec": {**spec, "clusterIPs": [ip]}}


PLACE = (
    {"kind": "Namespace", "metadata": {"name": "d"}},
    {"kind": "Node", "metadata": {"name": "node-1"}},
)
BOUND = "a pod is bound to one node, once"
IDENTITY = "what an object is never changes, and its deletion is never taken back"
CONTROLLER = "an object has at most one controller"
ADDRESSES = "no two Services share an address or a node port"
POD_ADDRESSES = "no two running pods share an address"
OBSERVED = "nobody has observed a generation that is still to come"
SELECTOR = "a ReplicaSet selects the same pods all its life"
DEPLOYMENT = "a Deployment at rest has the pods it wants, of its template"
REPLICAS = "a ReplicaSet at rest has the pods it wants"
STRAYS = "a pod that a ReplicaSet selects belongs to somebody"
ENDPOINTS = "a Service's endpoints are its ready pods, each once"
OWNERS = "nothing outlives its owner"
PLACES = "nothing outlives its node or its namespace"
HALF = "nothing stays half deleted"
RUNS = "a ready pod runs"
CARRIED = "an object carries the version of its last write"

WHOLE = (*PLACE, deployment(2), replica_set("rs", 2))
TWO = tuple(pod(name, owners=["rs"]) for name in ("a", "b"))
OTHER = {"matchLabels": {"app": "other"}}


def test_a_cluster_at_rest_breaks_nothing():
    assert Past().at(0, *WHOLE, *TWO).breaks() == set()


@pytest.mark.parametrize(
    ("name", "past"),
    [
        (BOUND, Past().at(0, pod("a")).at(1, pod("a", node="node-2"))),
        (IDENTITY, Past().at(0, pod("a")).at(1, pod("a", uid="b"))),
        (IDENTITY, Past().at(0, pod("a", deletionTimestamp="t")).at(1, pod("a"))),
        (IDENTITY, Past().at(0, pod("a", generation=2)).at(1, pod("a", generation=1))),
        (CONTROLLER, Past().at(0, pod("a", owners=["x", "y"]))),
        (ADDRESSES, Past().at(0, service("x"), service("y"))),
        (POD_ADDRESSES, Past().at(0, pod("a", ip="1"), pod("b", ip="1"))),
        (OBSERVED, Past().at(0, replica_set("rs", 1, seen=2))),
        (
            SELECTOR,
            Past().at(0, replica_set("rs", 0)).at(
                1, {**(rs := replica_set("rs", 0)), "spec": {**rs["spec"], "selector": OTHER}}
            ),
        ),
        (DEPLOYMENT, Past().at(0, *PLACE, deployment(3), replica_set("rs", 2), *TWO)),
        (DEPLOYMENT, Past().at(0, *PLACE, deployment(2, ready=1), replica_set("rs", 2), *TWO)),
        (
            DEPLOYMENT,
            Past().at(0, *PLACE, deployment(2), replica_set("rs", 2, image="b"), *TWO),
        ),
        (REPLICAS, Past().at(0, *WHOLE, TWO[0])),
        (REPLICAS, Past().at(0, *PLACE, deployment(2), replica_set("rs", 2, pods=1), *TWO)),
        (REPLICAS, Past().at(0, *WHOLE, TWO[0], pod("b", owners=["rs"], labels={"app": "x"}))),
        (STRAYS, Past().at(0, *WHOLE, *TWO, pod("c"))),
        (ENDPOINTS, Past().at(0, *WHOLE, *TWO, service("web"))),
        (OWNERS, Past().at(0, pod("a", owners=["rs"]))),
        (PLACES, Past().at(0, PLACE[0], pod("a"))),
        (PLACES, Past().at(0, PLACE[1], pod("a"))),
        (HALF, Past().at(0, pod("a", deletionTimestamp="2026-01-01T00:00:00Z"))),
        (RUNS, Past().at(0, pod("a", containers=[{"name": "c", "state": {"waiting": {}}}]))),
        (CARRIED, Past().at(0, pod("a", resourceVersion="7"))),
        (
            WANTED.name,
            Past().at(0, deployment(2), replica_set("rs", 2)).at(1, replica_set("new", 2)),
        ),
        (MADE.name, Past().at(0, replica_set("rs", 1)).at(1, *TWO)),
        (
            KEPT.name,
            Past().at(0, *WHOLE, *TWO).at(1, pod("a", owners=["rs"], ready=False)),
        ),
        (
            KEPT_AVAILABLE.name,
            Past()
            .at(20_000, deployment(2, min_ready_seconds=10), replica_set("rs", 2), *TWO)
            .at(20_001, pod("a", owners=["rs"], since_ms=20_000)),
        ),
        (
            RECREATED.name,
            Past()
            .at(0, deployment(1, type="Recreate"), replica_set("old", 0), replica_set("new", 1))
            .at(1, pod("a", owners=["old"], deletionTimestamp="t"), pod("b", owners=["new"])),
        ),
        (AT_ONCE.name, Past().at(0, *WHOLE).at(1, *TWO, *(
            pod(name, owners=["rs"]) for name in ("c", "d")))),
    ],
)  # fmt: skip
def test_each_law_is_seen_broken(name: str, past: Past):
    assert name in past.breaks()


def restarted(count: int, ended_ms: int) -> dict[str, Any]:
    ended = {"terminated": {"finishedAt": format_time(ended_ms)}}
    status = {"name": "c", "restartCount": count, "state": {"running": {}}, "lastState": ended}
    return pod("a", containers=[status])


def test_a_second_restart_waits_for_ten_seconds():
    first = Past().at(5_000, restarted(1, 5_000))
    assert CRASH_LOOP.name not in first.breaks()
    assert CRASH_LOOP.name in first.at(8_000, restarted(2, 6_000)).breaks()
    patient = Past().at(5_000, restarted(1, 5_000)).at(16_000, restarted(2, 6_000))
    assert CRASH_LOOP.name not in patient.breaks()
    long_ago = patient.at(700_000, restarted(3, 699_000))
    assert CRASH_LOOP.name not in long_ago.breaks()


def test_a_write_that_the_log_does_not_have_is_missed_by_a_watch():
    first = Past().at(0, pod("a"))
    table = first.store.table("pods")
    now = put(table, "d/a", document({"metadata": {"name": "a", "resourceVersion": "2"}}), 2)
    silent = Table(
        now.resource, now.revision, now.slots, now.slot_of, now.posting_of, now.postings,
        table.older, table.recent,
    )  # fmt: skip
    first.store = Store(2, 0, 0, first.store.number_of, first.store.tables.set(0, silent))
    assert HISTORY[2].name in first.at(1).breaks()


def test_one_version_for_two_writes_is_seen():
    past = Past().at(0, pod("a"))
    again = past.store.put("nodes", "n", document({"metadata": {"name": "n"}}))
    past.store = Store(1, 0, 0, past.store.number_of, past.store.tables)
    twice = past.store.put("nodes", "n", document({"metadata": {"name": "n"}}))
    assert again.revision == twice.revision == 2
    both = Store(2, 0, 0, twice.number_of, twice.tables.append(Table("x")))
    both = both.put("services", "s", document({"metadata": {"name": "s"}}))
    wrong = put(Table("services"), "s", document({"metadata": {"name": "s"}}), 2)
    place = both.number_of["services"]
    assert isinstance(place, int)
    past.store = Store(2, 0, 0, both.number_of, both.tables.set(place, wrong))
    assert HISTORY[0].name in past.at(1).breaks()


def test_a_replica_set_that_misses_pods_is_told_for_how_long():
    past = Past().at(0, replica_set("rs", 2), *TWO)
    past.at(10, pod("a", owners=["rs"], deletionTimestamp="2026-01-01T00:00:00Z"))
    past.at(50, pod("c", owners=["rs"]))
    assert list(missing(past.states)) == [(10, 40, "d/rs")]


def test_a_pool_holds_one_machine_more_only_while_it_moves_one():
    def machine(number: int, state: str = "running") -> Change:
        name = f"node-{number}"
        doc = {"metadata": {"name": name}, "spec": {"pool": "p"}, "status": {"state": state}}
        return Change(number, name, None, document(doc))

    three = [machine(number) for number in (1, 2, 3)]
    assert list(oversized(three, "p", 2)) == []
    assert list(oversized([*three, machine(4)], "p", 2)) == [
        f"{POOL_SIZE}: at 4 ['node-1', 'node-2', 'node-3', 'node-4']"
    ]
    assert list(oversized([*three, machine(1, "terminated"), machine(5)], "p", 2)) == []


LIE = document({"metadata": {"uid": "a"}, "status": {"phase": "Running"}})
WORDS = document({"phase": "Running"})


@pytest.mark.parametrize(
    "command",
    [
        Update("pods", "d", "a", LIE, "status"),
        Patch("pods", "d", "a", LIE, "strategic", "status"),
        Patch(
            "pods",
            "d",
            "a",
            (
                document({"op": "test", "path": "/metadata/uid", "value": "a"}),
                document({"op": "add", "path": "/status", "value": WORDS}),
            ),
            "json",
            "status",
        ),
    ],
)
def test_a_kubelet_that_denies_an_end_it_has_heard_of_is_found(command: Command):
    heard = document({"metadata": {"name": "a", "uid": "a"}, "status": {"phase": "Failed"}})
    step = Step(Observed(0, "pods", Table("pods"), (Change(1, "d/a", None, heard),)))
    lie = Step(None, (Request(1, command),))
    assert broken_laws((lie, step)) == ()
    assert broken_laws((step, lie)) == (
        "who has heard that a pod has ended does not say that it runs: "
        "pod a was Failed and is called Running",
    )
