"""A pod goes only where its volumes are, or can be had."""

from __future__ import annotations

from typing import Any

from kelm.effects.document import document, thaw
from tests.core.scheduler.test_neighbours import HOST, ZONE
from tests.core.scheduler.world import World

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"
CLASSES = "storageclasses.storage.k8s.io"
SELECTED_NODE = "volume.kubernetes.io/selected-node"


def claim(world: World, name: str, volume: str = "", pod: str = "", **more: Any) -> None:
    """A claim; with `volume` it is bound to it, with `pod` it was made for that pod."""
    bound: dict[str, Any] = (
        {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}} if volume else {}
    )
    if pod:
        owner = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": pod, "controller": True}
        bound["ownerReferences"] = [owner]
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeMode": "Filesystem",
        **({"volumeName": volume} if volume else {}),
        **more,
    }
    meta = {"name": name, "namespace": "default", "uid": name, **bound}
    doc = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}
    world.put(CLAIMS, f"default/{name}", document(doc))


def volume(world: World, name: str, node: str = "", size: str = "1Gi", **labels: str) -> None:
    spec: dict[str, Any] = {
        "hostPath": {"path": "/data", "type": ""},
        "volumeMode": "Filesystem",
        "persistentVolumeReclaimPolicy": "Retain",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "storageClassName": "local",
    }
    if node:
        match = [{"key": HOST, "operator": "In", "values": [node]}]
        terms = {"nodeSelectorTerms": [{"matchExpressions": match}]}
        spec["nodeAffinity"] = {"required": terms}
    meta = {"name": name, "uid": name, "labels": labels}
    status = {"phase": "Available"}
    kind = {"apiVersion": "v1", "kind": "PersistentVolume"}
    world.put(VOLUMES, name, document({**kind, "metadata": meta, "spec": spec, "status": status}))


def storage_class(world: World, name: str, provisioner: str, **more: Any) -> None:
    doc = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
        **more,
    }
    world.put(CLASSES, name, document(doc))


def with_claim(name: str) -> dict[str, Any]:
    return {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": name}}]}


def stored(world: World, resource: str, key: str) -> Any:
    doc = world.api.store.get(resource, key)
    assert doc is not None
    return thaw(doc)


def three() -> World:
    world = World()
    for number in range(3):
        world.node(f"n{number}", labels={ZONE: f"z{number}"})
    return world


def test_a_missing_claim_and_one_without_a_volume_are_waited_for() -> None:
    world = three()
    world.pod("a", **with_claim("data"))
    claim(world, "data")
    assert world.told("a") == [
        '0/3 nodes are available: persistentvolumeclaim "data" not found. not found',
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
    ]
    volume(world, "v", "n1")
    claim(world, "data", "v")
    assert world.where("a") == "n1"


def test_a_volume_is_where_it_says_it_is() -> None:
    world = three()
    volume(world, "v", **{ZONE: "z2"})
    claim(world, "data", "v")
    world.pod("a", **with_claim("data"))
    assert world.where("a") == "n2"
    volume(world, "w", "nowhere")
    claim(world, "other", "w")
    world.pod("b", **with_claim("other"))
    assert world.told("b")[0].startswith(
        "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity."
    )


def test_the_smallest_volume_is_promised_and_the_pod_waits_for_it() -> None:
    world = three()
    storage_class(world, "local", "kubernetes.io/no-provisioner")
    volume(world, "big", "n0", "9Gi")
    volume(world, "small", "n0", "2Gi")
    claim(world, "data", storageClassName="local")
    world.pod("a", **with_claim("data"))
    assert world.where("a") == "" and world.seen("a").status.nominated_node_name == "n0"
    owner = stored(world, VOLUMES, "small")["spec"]["claimRef"]
    assert (owner["namespace"], owner["name"]) == ("default", "data")
    assert "claimRef" not in stored(world, VOLUMES, "big")["spec"]
    claim(world, "data", "small", storageClassName="local")
    assert world.where("a") == "n0" and world.seen("a").status.nominated_node_name == ""


def test_two_claims_of_one_burst_get_two_volumes() -> None:
    world = three()
    storage_class(world, "local", "kubernetes.io/no-provisioner")
    for number in range(2):
        volume(world, f"v{number}", f"n{number}")
        claim(world, f"data{number}", storageClassName="local")
    claim(world, "data2", storageClassName="local")
    world.deaf = True
    for number in range(3):
        world.pod(f"p{number}", **with_claim(f"data{number}"))
    world.deaf = False
    world.hear()
    owners = [stored(world, VOLUMES, f"v{n}")["spec"]["claimRef"]["name"] for n in range(2)]
    assert sorted(owners) == ["data0", "data1"]
    assert world.told("p2")[0].startswith(
        "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind."
    )


def test_a_volume_that_is_to_be_made_is_told_the_node() -> None:
    world = three()
    allowed = {"matchLabelExpressions": [{"key": ZONE, "values": ["z1"]}]}
    storage_class(world, "fast", "disk.example.com", allowedTopologies=[allowed])
    claim(world, "data", storageClassName="fast")
    world.pod("a", **with_claim("data"))
    annotations = stored(world, CLAIMS, "default/data")["metadata"]["annotations"]
    assert annotations == {SELECTED_NODE: "n1"}
    assert world.where("a") == ""
    claim(world, "data", "made", storageClassName="fast")
    volume(world, "made", "n1")
    assert world.where("a") == "n1"


def test_a_claim_that_is_never_bound_gives_the_node_back() -> None:
    world = three()
    storage_class(world, "fast", "disk.example.com")
    claim(world, "data", storageClassName="fast")
    world.pod("a", {"cpu": "4"}, nodeSelector={HOST: "n0"}, **with_claim("data"))
    world.pod("b", {"cpu": "4"}, nodeSelector={HOST: "n0"})
    assert world.where("b") == ""
    world.wait(601_000)
    assert world.where("b") == "n0" and world.seen("a").status.nominated_node_name == ""


def test_a_claim_that_cannot_be_told_has_its_pod_tried_again() -> None:
    world = three()
    storage_class(world, "fast", "disk.example.com")
    claim(world, "data", storageClassName="fast", volumeMode=None)
    world.pod("a", **with_claim("data"))
    key = "default/data"
    assert "annotations" not in stored(world, CLAIMS, key)["metadata"], "the API refused it"
    claim(world, "data", storageClassName="fast")
    world.wait(2_000)
    assert SELECTED_NODE in stored(world, CLAIMS, key)["metadata"]["annotations"]


def test_a_claim_of_the_pods_own_is_waited_for_by_name() -> None:
    world = three()
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    template = {"volumeClaimTemplate": {"spec": spec}}
    world.pod("a", volumes=[{"name": "scratch", "ephemeral": template}])
    assert world.told("a") == [
        "0/3 nodes are available: waiting for ephemeral volume controller to create the "
        'persistentvolumeclaim "a-scratch". not found'
    ]
    volume(world, "v", "n2")
    claim(world, "a-scratch", "v")
    assert world.told("a")[-1].endswith(
        "PVC default/a-scratch was not created for pod default/a (pod is not owner). not found"
    )
    claim(world, "a-scratch", "v", pod="a")
    assert world.where("a") == "n2"
