"""StatefulSets by example: what a user sees of them, and what is easily got wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kelm import Cluster, Refused
from kelm.adapters.apiserver.encoding import Encoding
from kelm.adapters.simulator.inputs import ImagePullFailed, RequestsRefused
from kelm.core.controllers.templates.revisions import data_text
from kelm.core.controllers.workloads.statefulset.status import Revisions
from kelm.core.controllers.workloads.statefulset.step import max_unavailable_of, next_step, walk
from kelm.core.objects.pod import pod
from kelm.core.objects.stateful_set import stateful_set
from kelm.core.operations.verbs import Remove, Scale, SetImage, Undo
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete, List, Patch
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.properties.test_statefulsets import DB, manifest

CLAIMS = "persistentvolumeclaims"
TEMPLATES = [
    {
        "metadata": {"name": "data", "labels": {"disk": "fast"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
]


def started(**spec: Any) -> Cluster:
    cluster = Cluster(nodes=2, seed=0)
    cluster.apply(manifest(spec.pop("replicas", 3), **spec))
    return cluster


def names(cluster: Cluster, resource: str = "pods") -> list[str]:
    found: list[Any] = [doc["metadata"] for doc in cluster.list(resource)]
    return sorted(meta["name"] for meta in found)


def told(cluster: Cluster, reason: str) -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [one["message"] for one in events if one["reason"] == reason]


def owners(cluster: Cluster, claim: str) -> list[str]:
    meta: Any = cluster.get(CLAIMS, claim)["metadata"]  # type: ignore[index]
    return [f"{one['kind']}/{one['name']}" for one in meta.get("ownerReferences", ())]


def test_a_pod_is_made_when_the_one_before_it_serves_and_says_who_it_is() -> None:
    cluster = started(minReadySeconds=10, ordinals={"start": 7})
    cluster.run(5_000)
    assert names(cluster) == ["db-7"]
    cluster.run_until_converged()
    assert names(cluster) == ["db-7", "db-8", "db-9"]
    one: Any = cluster.get("pods", "db-8")
    assert (one["spec"]["hostname"], one["spec"]["subdomain"]) == ("db-8", "db")
    assert one["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "8"
    assert "Create Pod db-8 in StatefulSet db successful" in told(cluster, "SuccessfulCreate")


def test_taking_a_bad_image_back_does_not_free_the_stuck_pod_but_deleting_it_does() -> None:
    cluster = started()
    cluster.run_until_converged()
    cluster.inject(ImagePullFailed("nginx:bad", 10_000_000))
    cluster.do(SetImage(DB, (("c", "nginx:bad"),)))
    cluster.run(60_000)
    cluster.do(SetImage(DB, (("c", "nginx:1"),)))
    cluster.run(600_000)
    assert not cluster.settled()
    assert "it will not be replaced while it is unready: delete it" in str(cluster.unsettled()[0])
    cluster.do(Remove(ObjectRef("pods", "default", "db-2")))
    cluster.run_until_converged()
    status: Any = cluster.get(DB.resource, "db")["status"]  # type: ignore[index]
    assert (status["updatedReplicas"], status["availableReplicas"]) == (3, 3)
    revisions: list[Any] = list(cluster.list("controllerrevisions.apps"))
    assert sorted(one["revision"] for one in revisions) == [2, 3]
    for one in revisions:
        sent = json.loads(Encoding().object(one))["data"]
        assert json.dumps(sent, separators=(",", ":")) == data_text(one["data"])


def test_an_orphaned_pod_is_adopted_by_its_name_and_a_stranger_is_not() -> None:
    cluster = started()
    cluster.run_until_converged()
    uids = {one["metadata"]["uid"] for one in cluster.list("pods")}  # type: ignore[index,call-overload]
    cluster.ask(Delete(DB.resource, "default", "db", propagation_policy="Orphan")).unwrap()
    cluster.run(10_000)
    assert cluster.get(DB.resource, "db") is None
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "other-0", "labels": {"app": "db"}},
        "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
    }
    cluster.apply(stranger, manifest(3))
    cluster.run_until_converged()
    found: list[Any] = [one["metadata"] for one in cluster.list("pods")]
    assert {meta["uid"] for meta in found if meta.get("ownerReferences")} == uids
    assert len(cluster.list("controllerrevisions.apps")) == 1


def test_a_revision_whose_name_is_taken_gets_another_one() -> None:
    probe = started()
    probe.run_until_converged()
    taken = names(probe, "controllerrevisions.apps")[0]
    cluster = Cluster(nodes=2, seed=0)
    other = {"spec": {"template": {"other": True}}}
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": taken},
        "data": other,
        "revision": 1,
    }
    cluster.apply(revision, manifest(1))
    cluster.run_until_converged()
    status: Any = cluster.get(DB.resource, "db")["status"]  # type: ignore[index]
    assert status["collisionCount"] == 1
    assert status["updateRevision"] in set(names(cluster, "controllerrevisions.apps")) - {taken}


def test_a_refused_pod_is_told_and_made_later() -> None:
    cluster = started()
    cluster.run_until_converged()
    cluster.inject(RequestsRefused("statefulset-controller", Reason.FORBIDDEN, 1))
    cluster.do(Remove(ObjectRef("pods", "default", "db-1"), grace_period_seconds=0))
    cluster.run_until_converged()
    assert names(cluster) == ["db-0", "db-1", "db-2"]
    start = "Create Pod db-1 in StatefulSet db failed error: "
    assert [words[: len(start)] for words in told(cluster, "FailedCreate")] == [start]


def test_claims_outlive_their_pods_and_find_them_again() -> None:
    cluster = started(parallel=True, replicas=2, volumeClaimTemplates=TEMPLATES)
    cluster.run(5_000)
    assert names(cluster, CLAIMS) == ["data-db-0", "data-db-1"]
    claim: Any = cluster.get(CLAIMS, "data-db-1")
    assert claim["metadata"]["labels"] == {"disk": "fast", "app": "db"}
    one: Any = cluster.get("pods", "db-1")
    assert one["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data-db-1"}
    said = told(cluster, "SuccessfulCreate")
    assert "Create Claim data-db-1 Pod db-1 in StatefulSet db success" in said
    cluster.do(Scale(DB, 1))
    cluster.run(60_000)
    assert names(cluster, CLAIMS) == ["data-db-0", "data-db-1"]
    assert owners(cluster, "data-db-1") == []


def test_claims_go_with_the_set_or_with_a_pod_that_is_scaled_away_where_that_is_the_policy() -> (
    None
):
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    cluster = started(
        parallel=True,
        replicas=2,
        volumeClaimTemplates=TEMPLATES,
        persistentVolumeClaimRetentionPolicy=policy,
    )
    cluster.run(30_000)
    assert owners(cluster, "data-db-1") == ["StatefulSet/db"]
    assert told(cluster, "SuccessfulUpdate") == []
    cluster.do(Scale(DB, 1))
    cluster.run(10)
    assert owners(cluster, "data-db-1") == ["Pod/db-1"]


def test_several_pods_are_replaced_at_once_only_with_the_feature_gate() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    one = stateful_set(document(manifest(4, parallel=True, updateStrategy=strategy)))
    revisions = Revisions("db-old", "db-new")
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pods = [
        pod(
            document(
                {
                    "metadata": {
                        "name": f"db-{n}",
                        "labels": {"controller-revision-hash": "db-old"},
                    },
                    "status": ready,
                }
            )
        )
        for n in range(4)
    ]
    seen = walk(one, pods, revisions, 0, lambda _: False)
    assert max_unavailable_of(one) == 2
    assert next_step(seen).replaced == 1
    assert next_step(seen, max_unavailable=True).replaced == 2


def test_a_parallel_update_waits_for_what_it_has_replaced() -> None:
    cluster = started(parallel=True)
    cluster.run_until_converged()
    cluster.inject(ImagePullFailed("nginx:bad", 10_000_000))
    cluster.do(SetImage(DB, (("c", "nginx:bad"),)))
    cluster.run(600_000)
    images: list[Any] = [one["spec"] for one in cluster.list("pods")]
    assert [spec["containers"][0]["image"] for spec in images].count("nginx:bad") == 1


def test_a_label_that_says_who_a_pod_is_comes_back() -> None:
    cluster = started(replicas=1)
    cluster.run_until_converged()
    label = "statefulset.kubernetes.io/pod-name"
    patch = document({"metadata": {"labels": {label: None}}})
    cluster.ask(Patch("pods", "default", "db-0", patch)).unwrap()
    cluster.run_until_converged()
    meta: Any = cluster.get("pods", "db-0")["metadata"]  # type: ignore[index]
    assert meta["labels"][label] == "db-0"
    assert told(cluster, "SuccessfulUpdate") == ["Update Pod db-0 in StatefulSet db successful"]


def test_undo_takes_the_template_back_and_gives_its_revision_a_new_number() -> None:
    cluster = started(replicas=2)
    cluster.run_until_converged()
    cluster.do(SetImage(DB, (("c", "nginx:2"),)))
    cluster.run_until_converged()
    cluster.do(Undo(DB))
    cluster.run_until_converged()
    specs: list[Any] = [one["spec"] for one in cluster.list("pods")]
    assert {spec["containers"][0]["image"] for spec in specs} == {"nginx:1"}
    revisions: list[Any] = list(cluster.list("controllerrevisions.apps"))
    assert sorted(one["revision"] for one in revisions) == [2, 3]
    with pytest.raises(Refused, match='no revision 9 found for statefulset "db"'):
        cluster.do(Undo(DB, 9))
