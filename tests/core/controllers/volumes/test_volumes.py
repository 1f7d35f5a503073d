"""Claims, volumes and disks by example."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.adapters.simulator.inputs import NodeBooted, NodeCrashed, WatchStalled
from kelm.core.objects.storage import CLAIMS, CLASSES, VOLUMES
from kelm.core.operations.verbs import Remove, Scale
from kelm.effects.address import ObjectRef
from kelm.effects.commands import List, Patch
from kelm.effects.document import document
from tests.properties.test_statefulsets import DB
from tests.properties.test_statefulsets import manifest as stateful_set
from tests.properties.test_volumes import manifest_of_claim, manifest_of_volume

ONCE = ("ReadWriteOnce",)


def standard(name: str = "data", **spec: Any) -> dict[str, Any]:
    found = manifest_of_claim(name, 1, "", ONCE)
    del found["spec"]["storageClassName"]
    found["spec"].update(spec)
    return found


def user_of(claim: str, name: str = "app") -> dict[str, Any]:
    mount = {"name": "d", "mountPath": "/data"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "c", "image": "nginx:1", "volumeMounts": [mount]}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def started(*manifests: dict[str, Any]) -> Cluster:
    cluster = Cluster(nodes=2, zones=("a", "b"), seed=0)
    cluster.apply(*manifests)
    cluster.run(10_000)
    return cluster


def told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [
        (one["reason"], one["message"]) for one in events if one["involvedObject"]["name"] == name
    ]


def phase(cluster: Cluster, resource: str, name: str) -> str:
    doc: Any = cluster.get(resource, name, "" if resource == VOLUMES else "default")
    return "" if doc is None else str(doc["status"]["phase"])


def remove(cluster: Cluster, resource: str, name: str) -> None:
    cluster.do(Remove(ObjectRef(resource, "" if resource == VOLUMES else "default", name)))
    cluster.run(60_000)


def test_a_claim_of_the_default_class_gets_a_disk_which_goes_with_it() -> None:
    cluster = started(standard())
    claim: Any = cluster.get(CLAIMS, "data")
    name = claim["spec"]["volumeName"]
    assert claim["status"] == {
        "phase": "Bound",
        "accessModes": ONCE,
        "capacity": {"storage": "1Gi"},
    }
    volume: Any = cluster.get(VOLUMES, name, "")
    assert name == f"pvc-{claim['metadata']['uid']}"
    assert volume["status"]["phase"] == "Bound"
    assert (
        volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == "disk.csi.kelm.dev"
    )
    reasons = [reason for reason, _ in told(cluster, "data")]
    assert {"ExternalProvisioning", "Provisioning", "ProvisioningSucceeded"} <= set(reasons)
    remove(cluster, CLAIMS, "data")
    assert cluster.list(VOLUMES) == ()


def test_without_a_class_a_claim_says_what_it_lacks() -> None:
    cluster = started(manifest_of_claim("data", 2, "", ONCE))
    words = "no persistent volumes available for this claim and no storage class is set"
    assert told(cluster, "data") == [("FailedBinding", words)]
    cluster.apply(manifest_of_volume("disk", 2, "", ONCE))
    cluster.run(5_000)
    assert phase(cluster, CLAIMS, "data") == "Bound"


def test_a_claim_takes_the_smallest_volume_that_will_do_and_leaves_it_released() -> None:
    sizes = (("small", 1), ("large", 9), ("right", 3))
    cluster = started(*(manifest_of_volume(name, size, "", ONCE) for name, size in sizes))
    cluster.apply(manifest_of_claim("data", 2, "", ONCE))
    cluster.run(5_000)
    claim: Any = cluster.get(CLAIMS, "data")
    assert claim["spec"]["volumeName"] == "right"
    annotations = claim["metadata"]["annotations"]
    assert annotations["pv.kubernetes.io/bind-completed"] == "yes"
    remove(cluster, CLAIMS, "data")
    assert phase(cluster, VOLUMES, "right") == "Released"
    cluster.apply(manifest_of_claim("data", 2, "", ONCE))
    cluster.run(5_000)
    assert cluster.get(CLAIMS, "data")["spec"]["volumeName"] == "large"  # type: ignore[index,call-overload]


def recycled(**source: Any) -> tuple[str, list[tuple[str, str, int]]]:
    """What becomes of a volume of this kind when its claim goes; what is told, how often."""
    volume = manifest_of_volume("disk", 1, "", ONCE)
    del volume["spec"]["hostPath"]
    volume["spec"].update(source, persistentVolumeReclaimPolicy="Recycle")
    cluster = started(volume, manifest_of_claim("data", 1, "", ONCE))
    assert phase(cluster, VOLUMES, "disk") == "Bound"
    remove(cluster, CLAIMS, "data")
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    ours = [one for one in events if one["involvedObject"]["name"] == "disk"]
    said = [(one["reason"], one["message"], one["count"]) for one in ours]
    return phase(cluster, VOLUMES, "disk"), said


def test_a_volume_that_can_be_emptied_is_and_is_free_again() -> None:
    emptied = ("Available", [("VolumeRecycled", "Volume recycled", 1)])
    assert recycled(nfs={"server": "files.example.com", "path": "/"}) == emptied
    assert recycled(hostPath={"path": "/data"}) == emptied


def test_a_volume_that_nothing_can_empty_fails_and_says_so_once() -> None:
    words = "No recycler plugin found for the volume!"
    source = {"driver": "disk.example.com", "volumeHandle": "d-1"}
    assert recycled(csi=source) == ("Failed", [("VolumeFailedRecycle", words, 1)])


def test_a_claim_in_use_is_deleted_when_its_pod_is_gone() -> None:
    cluster = started(standard(), user_of("data"))
    remove(cluster, CLAIMS, "data")
    claim: Any = cluster.get(CLAIMS, "data")
    assert claim["metadata"]["finalizers"] == ("kubernetes.io/pvc-protection",)
    remove(cluster, "pods", "app")
    assert cluster.get(CLAIMS, "data") is None


def test_a_volume_in_use_is_deleted_when_its_claim_is_gone() -> None:
    cluster = started(
        manifest_of_volume("disk", 1, "", ONCE), manifest_of_claim("data", 1, "", ONCE)
    )
    remove(cluster, VOLUMES, "disk")
    assert phase(cluster, VOLUMES, "disk") == "Bound"
    remove(cluster, CLAIMS, "data")
    assert phase(cluster, VOLUMES, "disk") == ""


def test_a_claim_whose_volume_vanishes_is_lost() -> None:
    cluster = started(
        manifest_of_volume("disk", 1, "", ONCE), manifest_of_claim("data", 1, "", ONCE)
    )
    free = document({"metadata": {"finalizers": None}})
    cluster.ask(Patch(VOLUMES, "", "disk", free)).unwrap()
    cluster.do(Remove(ObjectRef(VOLUMES, "", "disk")))
    cluster.ask(Patch(VOLUMES, "", "disk", free))
    cluster.run(5_000)
    assert phase(cluster, CLAIMS, "data") == "Lost"
    assert told(cluster, "data")[-1][0] == "ClaimLost"


def test_a_waiting_class_gets_a_disk_in_the_zone_of_the_node_that_was_chosen() -> None:
    waiting = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "zonal"},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    cluster = started(waiting, standard(storageClassName="zonal"))
    words = "waiting for first consumer to be created before binding"
    assert told(cluster, "data") == [("WaitForFirstConsumer", words)]
    assert phase(cluster, CLAIMS, "data") == "Pending"
    chosen = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "node-2"}}}
    cluster.ask(Patch(CLAIMS, "default", "data", document(chosen))).unwrap()
    cluster.run(5_000)
    assert phase(cluster, CLAIMS, "data") == "Bound"
    volume: Any = cluster.list(VOLUMES)[0]
    terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ("b",)


def test_a_class_that_does_not_exist_is_named() -> None:
    cluster = started(standard(storageClassName="gold"))
    assert told(cluster, "data") == [
        ("ProvisioningFailed", 'storageclass.storage.k8s.io "gold" not found')
    ]
    assert len(cluster.list(CLASSES)) == 1


def test_a_pod_comes_back_to_the_zone_of_its_disk_and_waits_while_that_is_gone() -> None:
    zonal = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "zonal"},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    template = standard(storageClassName="zonal")
    cluster = Cluster(nodes=2, zones=("a", "b"), seed=0, replace_machines=False)
    cluster.apply(zonal, stateful_set(1, volumeClaimTemplates=[template]))
    cluster.run_until_converged()
    first: Any = cluster.list("pods")[0]["spec"]
    cluster.inject(NodeCrashed(first["nodeName"]))
    cluster.run(600_000)
    cluster.do(Remove(ObjectRef("nodes", "", first["nodeName"])))
    cluster.run(60_000)
    stuck = [str(one) for one in cluster.unsettled() if one.resource == "pods"]
    assert "didn't match PersistentVolume's node affinity" in stuck[0]
    cluster.inject(NodeBooted(first["nodeName"]))
    cluster.run_until_converged()
    again: Any = cluster.list("pods")[0]["spec"]
    assert again["nodeName"] == first["nodeName"]


def test_claims_of_pods_that_are_scaled_away_go_with_their_disks_and_come_back_empty() -> None:
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    cluster = Cluster(nodes=2, seed=0)
    cluster.apply(
        stateful_set(
            3,
            parallel=True,
            volumeClaimTemplates=[standard()],
            persistentVolumeClaimRetentionPolicy=policy,
        )
    )
    cluster.run_until_converged()
    uids = {doc["metadata"]["name"]: doc["metadata"]["uid"] for doc in cluster.list(CLAIMS)}  # type: ignore[index,call-overload]
    cluster.do(Scale(DB, 1))
    cluster.run(10_000)
    assert len(cluster.list(CLAIMS)) == len(cluster.list(VOLUMES)) == 1
    cluster.do(Scale(DB, 3))
    cluster.run_until_converged()
    found = {doc["metadata"]["name"]: doc["metadata"]["uid"] for doc in cluster.list(CLAIMS)}  # type: ignore[index,call-overload]
    assert found.keys() == uids.keys()
    assert [name for name in found if found[name] == uids[name]] == ["data-db-0"]
    cluster.do(Scale(DB, 0))
    cluster.run_until_converged()
    cluster.run(5_000)
    assert cluster.list(CLAIMS) == cluster.list(VOLUMES) == ()


def test_a_claim_that_was_seen_before_its_class_gets_its_disk_once_the_class_is_seen() -> None:
    slow = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "slow"},
        "provisioner": "slow.example.com",
    }
    cluster = Cluster(nodes=2, zones=("a", "b"), seed=0)
    cluster.inject(WatchStalled("disk-provisioner", 20_000, CLASSES))
    cluster.apply(slow, manifest_of_claim("data", 1, "slow", ONCE))
    cluster.run(10_000)
    assert phase(cluster, CLAIMS, "data") == "Pending"
    cluster.run(20_000)
    assert phase(cluster, CLAIMS, "data") == "Bound"
