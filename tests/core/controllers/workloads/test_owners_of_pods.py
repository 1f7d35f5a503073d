"""Which changes of a pod concern the ReplicaSet or StatefulSet that owns it."""

from __future__ import annotations

import pytest

from kelm.core.controllers.workloads.replicaset.controller import REPLICA_SETS
from kelm.core.controllers.workloads.statefulset.controller import STATEFUL_SET_CONTROLLER
from kelm.core.runtime.controller import Controller
from kelm.core.store.table import Table
from kelm.effects.document import Document, document
from kelm.effects.messages import Change

RESOURCE = {"ReplicaSet": "replicasets.apps", "StatefulSet": "statefulsets.apps"}
OWNERS: dict[str, Controller] = {
    "ReplicaSet": REPLICA_SETS,
    "StatefulSet": STATEFUL_SET_CONTROLLER,
}


def pod(
    kind: str,
    *,
    ready: str = "True",
    since: str = "2026-01-01T00:00:00Z",
    phase: str = "Running",
    ip: str = "10.0.0.1",
    node: str = "node-1",
    **metadata: object,
) -> Document:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": "u", "controller": True}
    meta = {"name": "web-0", "namespace": "n", "labels": {"a": "b"}, "ownerReferences": [owner]}
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    return document(
        {
            "metadata": {**meta, **metadata},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "podIP": ip, "conditions": [condition]},
        }
    )


LEAVING = {"deletionTimestamp": "2026-01-01T00:01:00Z"}
CONCERN: dict[str, dict[str, object]] = {
    "no longer ready": {"ready": "False"},
    "ready since later": {"since": "2026-01-01T00:05:00Z"},
    "asked to go": LEAVING,
    "ended": {"phase": "Failed"},
    "relabelled": {"labels": {"a": "c"}},
    "released": {"ownerReferences": []},
}
NO_CONCERN: dict[str, dict[str, object]] = {
    "nothing new": {},
    "another version": {"resourceVersion": "9"},
    "another address": {"ip": "10.0.0.2"},
    "another node": {"node": "node-2"},
}


def asked_for(kind: str, old: Document, new: Document) -> list[str]:
    caches = {RESOURCE[kind]: Table(RESOURCE[kind]), "pods": Table("pods")}
    return list(OWNERS[kind].dirty(caches, "pods", Change(1, "n/web-0", old, new)))


@pytest.mark.parametrize("kind", OWNERS)
@pytest.mark.parametrize("change", CONCERN)
def test_what_an_owner_counts_or_chooses_by_concerns_it(kind: str, change: str) -> None:
    old, new = pod(kind), pod(kind, **CONCERN[change])  # type: ignore[arg-type]
    assert asked_for(kind, old, new) == ["n/web"]
    assert asked_for(kind, new, old) == ["n/web"]


@pytest.mark.parametrize("kind", OWNERS)
@pytest.mark.parametrize("change", NO_CONCERN)
def test_what_changes_no_decision_does_not(kind: str, change: str) -> None:
    old, new = pod(kind), pod(kind, **NO_CONCERN[change])  # type: ignore[arg-type]
    assert asked_for(kind, old, new) == asked_for(kind, new, old) == []


@pytest.mark.parametrize("kind", OWNERS)
def test_since_when_a_pod_is_unready_concerns_nobody(kind: str) -> None:
    old = pod(kind, ready="False")
    new = pod(kind, ready="False", since="2026-01-01T00:05:00Z")
    assert asked_for(kind, old, new) == []
