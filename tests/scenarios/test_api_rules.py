"""Rules that hold for every resource, as test/integration/apiserver and dryrun have them."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.effects.commands import Create, Delete, DeleteCollection, Get, List, Patch, Update
from kelm.effects.document import document
from tests.scenarios.stage import DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, Stage, workload

META: dict[str, Any] = {"name": "one"}
RULES = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
BODIES: dict[str, dict[str, Any]] = {
    "configmaps": {"data": {"a": "b"}},
    "secrets": {"data": {"a": "Yg=="}},
    "serviceaccounts": {},
    "services": {"spec": {"ports": [{"port": 80}]}},
    "pods": {"spec": {"containers": [{"name": "c", "image": "nginx"}]}},
    "resourcequotas": {"spec": {"hard": {"pods": "10"}}},
    "limitranges": {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
    "persistentvolumeclaims": {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }
    },
    DEPLOYMENTS: workload("one", 0),
    REPLICA_SETS: workload("one", 0),
    STATEFUL_SETS: workload("one", 0),
    "jobs.batch": {
        "spec": {
            "suspend": True,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "c", "image": "nginx"}],
                }
            },
        }
    },
    "poddisruptionbudgets.policy": {"spec": {"minAvailable": 1, "selector": {}}},
    "networkpolicies.networking.k8s.io": {"spec": {"podSelector": {}}},
    "leases.coordination.k8s.io": {"spec": {"holderIdentity": "x"}},
    "roles.rbac.authorization.k8s.io": RULES,
    "endpointslices.discovery.k8s.io": {"addressType": "IPv4", "endpoints": []},
}
EVERY = pytest.mark.parametrize("resource", sorted(BODIES))


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def body_of(resource: str) -> dict[str, Any]:
    return {**BODIES[resource], "metadata": META}


@EVERY
def test_a_dry_run_of_any_verb_stores_nothing(stage: Stage, resource: str) -> None:
    """TestDryRun: create, patch, update, delete and delete of many, of every resource."""
    body = document(body_of(resource))
    before = stage.cluster.store.table(resource).revision
    stage.ask(Create(resource, "default", body, dry_run=True))
    assert not stage.has(resource, "one")
    made = stage.ask(Create(resource, "default", body))
    stage.cluster.run(0)
    stored = stage.cluster.get(resource, "one")
    label = document({"metadata": {"labels": {"a": "b"}}})
    answer = stage.ask(Patch(resource, "default", "one", label, dry_run=True))
    assert answer["metadata"]["labels"]["a"] == "b"
    made["metadata"]["labels"] = {"a": "c"}
    answer = stage.ask(Update(resource, "default", "one", document(made), dry_run=True))
    assert answer["metadata"]["labels"]["a"] == "c"
    stage.ask(Delete(resource, "default", "one", dry_run=True))
    stage.ask(DeleteCollection(resource, "default", dry_run=True))
    assert stage.cluster.get(resource, "one") is stored
    assert stage.cluster.store.table(resource).revision > before
    stage.ask(Delete(resource, "default", "one", grace_period_seconds=0))


@pytest.mark.parametrize("resource", [DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS])
def test_whatever_can_be_scaled_has_a_scale(stage: Stage, resource: str) -> None:
    """TestScaleSubresources: read, write, and a change of an old version is refused."""
    stage.create(resource, workload("scaled", 0))
    scale = stage.ask(Get(resource, "default", "scaled", subresource="scale"))
    assert (scale["apiVersion"], scale["kind"]) == ("autoscaling/v1", "Scale")
    scale["spec"]["replicas"] = 2
    stage.update(resource, scale, "scale")
    stale = document(scale)
    said = stage.refused(Update(resource, "default", "scaled", stale, subresource="scale"))
    assert said.reason.value == "Conflict"
    assert stage.get(resource, "scaled")["spec"]["replicas"] == 2
    stage.delete(resource, "scaled", propagation_policy="Background")


@EVERY
def test_pages_show_one_moment(resource: str) -> None:
    """TestAPIListChunking."""
    stage = Stage()
    there = {one["metadata"]["name"] for one in stage.all(resource)}
    wanted = [f"n{number}" for number in range(5)]
    for name in wanted:
        stage.create(resource, {**body_of(resource), "metadata": {"name": name}})
    seen: list[str] = []
    page = stage.ask(List(resource, "default", limit=2))
    version = page["metadata"]["resourceVersion"]
    stage.create(resource, {**body_of(resource), "metadata": {"name": "late"}})
    while True:
        seen += [one["metadata"]["name"] for one in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        page = stage.ask(List(resource, "default", limit=2, continue_token=token))
        assert page["metadata"]["resourceVersion"] == version
    assert set(seen) - there == set(wanted)
