"""Which volumes pods may share, how many a node takes, and whether there is room to make one."""

from __future__ import annotations

from typing import Any

from kelm.effects.document import document
from tests.core.scheduler.test_volumes import claim, storage_class, with_claim
from tests.core.scheduler.world import World

IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already "
    "in-use by another pod"
)
ONE_POD = {"accessModes": ["ReadWriteOncePod"]}
HOST = "kubernetes.io/hostname"


def disk(kind: str, **source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "d", kind: source}]}


def on(node: str) -> dict[str, Any]:
    return {"nodeSelector": {HOST: node}}


def csi_volume(world: World, name: str, driver: str = "disk.example.com") -> None:
    """A volume of a driver, with a claim of the same name that is bound to it."""
    kind = {"apiVersion": "v1", "kind": "PersistentVolume"}
    spec = {"csi": {"driver": driver, "volumeHandle": name}}
    meta = {"name": name, "uid": name}
    world.put("persistentvolumes", name, document({**kind, "metadata": meta, "spec": spec}))
    claim(world, name, name)


def csi_node(world: World, name: str, count: int | None, driver: str = "disk.example.com") -> None:
    allocatable = {} if count is None else {"allocatable": {"count": count}}
    drivers = [{"name": driver, "nodeID": name, **allocatable}]
    doc = {"metadata": {"name": name}, "spec": {"drivers": drivers}}
    world.put("csinodes.storage.k8s.io", name, document(doc))


# -- VolumeRestrictions ----------------------------------------------------------------------------


def test_a_disk_is_had_once_on_a_node_unless_all_only_read() -> None:
    world = World()
    world.node("n0")
    world.pod("a", **disk("gcePersistentDisk", pdName="x", readOnly=True))
    world.pod("b", **disk("gcePersistentDisk", pdName="x", readOnly=True))
    world.pod("c", **disk("gcePersistentDisk", pdName="x"))
    world.pod("d", **disk("gcePersistentDisk", pdName="y"))
    assert world.places() == {"a": "n0", "b": "n0", "c": "", "d": "n0"}
    assert "0/1 nodes are available: 1 node(s) had no available disk." in world.told("c")[0]
    world.delete("a")
    assert world.where("c") == ""
    world.delete("b")
    assert world.where("c") == "n0"


def test_an_elastic_block_store_is_never_had_twice() -> None:
    world = World()
    world.node("n0")
    world.node("n1")
    for name in "abc":
        world.pod(name, **disk("awsElasticBlockStore", volumeID="v", readOnly=True))
    assert sorted(world.places().values()) == ["", "n0", "n1"]


def test_a_block_device_is_known_by_any_of_its_monitors() -> None:
    world = World()
    world.node("n0")
    world.pod("a", **disk("rbd", monitors=["m1", "m2"], image="i"))
    world.pod("b", **disk("rbd", monitors=["m2", "m3"], image="i"))
    world.pod("c", **disk("rbd", monitors=["m3"], image="i"))
    assert world.places() == {"a": "n0", "b": "", "c": "n0"}


def test_a_claim_for_one_pod_keeps_others_away_wherever_they_would_go() -> None:
    world = World()
    world.node("n0")
    world.node("n1")
    claim(world, "d", "v", **ONE_POD)
    csi_volume(world, "v")
    world.pod("first", **with_claim("d"))
    world.pod("second", **with_claim("d"))
    assert world.where("first") and not world.where("second")
    assert world.told("second")[0].startswith(f"0/2 nodes are available: 2 {IN_USE}.")
    world.delete("first")
    assert world.where("second")


def test_two_pods_of_one_burst_do_not_both_get_a_claim_for_one() -> None:
    world = World()
    world.node("n0")
    csi_volume(world, "v")
    claim(world, "d", "v", **ONE_POD)
    world.deaf = True
    for name in ("first", "second"):
        world.pod(name, **with_claim("d"))
    world.deaf = False
    world.hear()
    assert sorted(world.places().values()) == ["", "n0"]


def test_whoever_has_a_claim_for_one_pod_leaves_for_somebody_more_important() -> None:
    world = World()
    world.node("n0")
    world.node("n1")
    csi_volume(world, "v")
    claim(world, "d", "v", **ONE_POD)
    world.pod("small", **with_claim("d"), **on("n1"))
    world.pod("great", priorityClassName=world.priority(100), **with_claim("d"))
    assert world.seen("great").status.nominated_node_name == "n1"
    assert ("small", "Preempted") in {(name, reason) for name, reason, _ in world.events}


# -- NodeVolumeLimits ------------------------------------------------------------------------------


def test_a_node_takes_no_more_volumes_of_a_driver_than_it_says() -> None:
    world = World()
    world.node("n0")
    csi_node(world, "n0", 2)
    for name in "abc":
        csi_volume(world, name)
        world.pod(name, **with_claim(name))
    assert world.places() == {"a": "n0", "b": "n0", "c": ""}
    said = "0/1 nodes are available: 1 node(s) exceed max volume count."
    assert world.told("c")[0].startswith(said)
    world.pod("again", **with_claim("a"))
    assert world.where("again") == "n0", "the volume is there already"
    csi_node(world, "n0", 3)
    assert world.where("c") == "n0"


def test_volumes_of_another_driver_and_without_a_limit_do_not_count() -> None:
    world = World()
    world.node("n0")
    csi_node(world, "n0", 1)
    csi_volume(world, "a")
    csi_volume(world, "b", "other.example.com")
    csi_volume(world, "c")
    for name in "abc":
        world.pod(name, **with_claim(name))
    assert world.places() == {"a": "n0", "b": "n0", "c": ""}
    csi_node(world, "n0", None)
    assert world.where("c") == "n0"


def test_what_is_attached_for_nobody_counts_too() -> None:
    world = World()
    world.node("n0")
    csi_node(world, "n0", 1)
    csi_volume(world, "left")
    csi_volume(world, "a")
    source = {"persistentVolumeName": "left"}
    spec = {"attacher": "disk.example.com", "nodeName": "n0", "source": source}
    attachment = document({"metadata": {"name": "x"}, "spec": spec})
    resource = "volumeattachments.storage.k8s.io"
    world.put(resource, "x", attachment)
    world.pod("a", **with_claim("a"))
    assert world.where("a") == ""
    world.remove(resource, "x")
    assert world.where("a") == "n0"


def test_a_claim_that_waits_for_its_pod_counts_for_the_driver_of_its_class() -> None:
    world = World()
    world.node("n0")
    csi_node(world, "n0", 1)
    storage_class(world, "fast", "disk.example.com")
    for name in "ab":
        claim(world, name, storageClassName="fast")
    world.busy = True
    world.pod("a", **with_claim("a"))
    world.pod("b", **with_claim("b"))
    assert world.why("b").refused["n0"].reasons == ("node(s) exceed max volume count",)


# -- VolumeBinding ---------------------------------------------------------------------------------


def capacity(world: World, name: str, size: str, **labels: str) -> None:
    doc = {
        "metadata": {"name": name, "namespace": "default"},
        "storageClassName": "fast",
        "capacity": size,
        "nodeTopology": {"matchLabels": labels},
    }
    world.put("csistoragecapacities.storage.k8s.io", f"default/{name}", document(doc))


def test_a_volume_is_made_only_where_its_driver_has_room() -> None:
    world = World()
    world.node("n0", labels={"rack": "a"})
    world.node("n1", labels={"rack": "b"})
    driver = {"metadata": {"name": "disk.example.com"}, "spec": {"storageCapacity": True}}
    world.put("csidrivers.storage.k8s.io", "disk.example.com", document(driver))
    storage_class(world, "fast", "disk.example.com")
    claim(world, "d", storageClassName="fast")
    capacity(world, "a", "512Mi", rack="a")
    world.pod("p", **with_claim("d"))
    said = "0/2 nodes are available: 2 node(s) did not have enough free storage."
    assert world.told("p")[0].startswith(said)
    capacity(world, "b", "2Gi", rack="b")
    assert [held.node for held in world.state.held.values()] == ["n1"]


def test_a_volume_that_is_not_there_is_missed_before_nodes_are_looked_at() -> None:
    world = World()
    world.node("n0")
    claim(world, "d", "gone")
    world.pod("p", **with_claim("d"))
    said = '0/1 nodes are available: persistentvolume "gone" not found. not found'
    assert world.told("p") == [said]


# -- NodeDeclaredFeatures --------------------------------------------------------------------------


def test_a_pod_waits_for_a_node_that_can_do_what_it_needs() -> None:
    world = World()
    world.node("n0")
    world.pod("plain")
    world.pod("p", hostNetwork=True, hostUsers=False)
    said = "0/1 nodes are available: 1 node(s) didn't match Pod's required features."
    assert world.where("plain") and world.told("p")[0].startswith(said)
    features = {"status": {"declaredFeatures": ["UserNamespacesHostNetworkSupport"]}}
    world.patch("nodes", "n0", features, "status")
    assert world.where("p") == "n0"


def test_of_several_plugins_that_refuse_a_node_the_first_speaks() -> None:
    """Also where it looks at other pods, and a later one at the node alone."""
    world = World()
    world.node("n0")
    csi_volume(world, "v")
    claim(world, "d", "v", **ONE_POD)
    world.pod("first", **with_claim("d"))
    features = {"hostNetwork": True, "hostUsers": False}
    world.pod("second", **with_claim("d"), **features)
    assert world.why("second").refused["n0"].plugin == "VolumeRestrictions"
    term = {"labelSelector": {"matchLabels": {"app": "first"}}, "topologyKey": HOST}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.pod("third", affinity=apart, **features)
    assert world.why("third").refused["n0"].plugin == "InterPodAffinity"
