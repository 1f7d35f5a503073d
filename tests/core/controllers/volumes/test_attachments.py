"""Disks are attached where pods use them, to one node at a time, and leave when nobody does."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    NodeCrashed,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.controllers.volumes.attachments import ATTACHMENTS, Place
from kelm.core.node.pods.disks import in_use
from kelm.core.node.pods.local import LocalPod, Mounting
from kelm.core.node.pods.recipe import pod_recipe
from kelm.core.node.pods.writing import revision_of
from kelm.core.objects.storage import CLAIMS
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import children, document, elements, text
from kelm.effects.refusals import Reason
from tests.core.controllers.volumes.test_volumes import standard, told, user_of

DRIVER = "disk.example.com"
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "attached"},
    "provisioner": DRIVER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}


def data(name: str = "data", **spec: Any) -> dict[str, Any]:
    return standard(name, storageClassName="attached", **spec)


def on(node: str, claim: str = "data", name: str = "app") -> dict[str, Any]:
    pod = user_of(claim, name)
    pod["spec"]["nodeName"] = node
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    return pod


def started(*manifests: dict[str, Any], nodes: int = 2) -> Cluster:
    cluster = Cluster(nodes=nodes, replace_machines=False)
    cluster.apply(CLASS, data())
    cluster.run(5_000)
    cluster.apply(*manifests)
    cluster.run(15_000)
    return cluster


def places(cluster: Cluster) -> list[str]:
    return sorted(Place.of(doc).node for doc in cluster.store.table(ATTACHMENTS).objects())


def reported(cluster: Cluster, node: str) -> list[str]:
    found: Any = cluster.get("nodes", node, "")
    return [text(one, "name") for one in children(found, "status", "volumesAttached")]


def volume_name(cluster: Cluster) -> str:
    found: Any = cluster.get(CLAIMS, "data", "default")
    return text(found, "spec", "volumeName")


def test_a_disk_is_attached_for_its_pod_and_detached_after_it() -> None:
    cluster = started(on("node-1"))
    (attachment,) = cluster.list(ATTACHMENTS)
    name = volume_name(cluster)
    assert attachment["spec"] == {
        "attacher": DRIVER,
        "nodeName": "node-1",
        "source": {"persistentVolumeName": name},
    }
    assert text(attachment, "metadata", "name").startswith("csi-")
    assert attachment["status"] == {"attached": True}
    assert reported(cluster, "node-1") == [f"kubernetes.io/csi/{DRIVER}^{name}"]
    said = f'AttachVolume.Attach succeeded for volume "{name}"'
    assert told(cluster, "app").count(("SuccessfulAttachVolume", said)) == 1
    cluster.ask(Delete("pods", "default", "app")).unwrap()
    cluster.run(60_000)
    assert places(cluster) == []
    assert reported(cluster, "node-1") == []


def test_drivers_that_want_nothing_attached_get_nothing_attached() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(standard(), user_of("data"))
    cluster.run(20_000)
    assert places(cluster) == []
    other = started(on("node-1"))
    driver = {"metadata": {"name": "net.example.com"}, "spec": {"attachRequired": False}}
    other.ask(Create("csidrivers.storage.k8s.io", "", document(driver))).unwrap()
    net = {**CLASS, "metadata": {"name": "net"}, "provisioner": "net.example.com"}
    other.apply(net, standard("free", storageClassName="net"))
    other.run(3_000)
    other.apply(on("node-1", "free", "second"))
    other.run(5_000)
    assert len(places(other)) == 1


def test_a_disk_of_one_node_is_not_attached_to_a_second_one() -> None:
    cluster = started(on("node-1"))
    cluster.apply(on("node-2", name="second"))
    cluster.run(5_000)
    assert places(cluster) == ["node-1"]
    name = volume_name(cluster)
    said = f'Multi-Attach error for volume "{name}" Volume is already used by pod(s) app'
    assert ("FailedAttachVolume", said) in told(cluster, "second")
    cluster.ask(Delete("pods", "default", "app")).unwrap()
    cluster.run(60_000)
    assert places(cluster) == ["node-2"]


def test_a_disk_that_many_may_read_is_attached_wherever_it_is_used() -> None:
    cluster = started(data("shared", accessModes=["ReadOnlyMany"]))
    cluster.apply(on("node-1", "shared"), on("node-2", "shared", "second"))
    cluster.run(5_000)
    assert places(cluster) == ["node-1", "node-2"]


def lost() -> Cluster:
    """The first node loses power, its pod is gone, and a second pod wants the disk."""
    cluster = started(on("node-1"))
    cluster.inject(NodeCrashed("node-1"))
    cluster.run(120_000)
    cluster.ask(Delete("pods", "default", "app", grace_period_seconds=0)).unwrap()
    cluster.run(1_000)
    cluster.apply(on("node-2", name="second"))
    cluster.run(4_000)
    assert places(cluster) == ["node-1"]
    return cluster


def test_from_a_node_that_does_not_answer_a_disk_is_taken_after_six_minutes() -> None:
    cluster = lost()
    why = "Volume is already exclusively attached to one node and can't be attached to another"
    assert any(message.endswith(why) for _, message in told(cluster, "second"))
    cluster.run(350_000)
    assert places(cluster) == ["node-1"]
    cluster.run(10_000)
    assert places(cluster) == ["node-2"]


def test_from_a_node_that_is_out_of_service_a_disk_is_taken_at_once() -> None:
    cluster = lost()
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "x", "effect": "NoExecute"}
    cluster.ask(Patch("nodes", "", "node-1", document({"spec": {"taints": [taint]}}))).unwrap()
    cluster.run(5_000)
    assert places(cluster) == ["node-2"]


def used(cluster: Cluster, node: str) -> tuple[str, ...]:
    found: Any = cluster.get("nodes", node, "")
    return tuple(map(str, elements(found, "status", "volumesInUse")))


def phase(cluster: Cluster, name: str = "app") -> str:
    found: Any = cluster.get("pods", name)
    return text(found, "status", "phase")


def test_a_pod_starts_when_its_disk_is_attached_and_its_node_says_that_it_uses_it() -> None:
    cluster = started()
    cluster.apply(on("node-1"))
    cluster.run(5_000)
    disk = f"kubernetes.io/csi/{DRIVER}^{volume_name(cluster)}"
    assert reported(cluster, "node-1") == [disk]
    assert (phase(cluster), used(cluster, "node-1")) == ("Pending", ())
    waiting: Any = cluster.get("pods", "app")
    (container,) = children(waiting, "status", "containerStatuses")
    assert text(container, "state", "waiting", "reason") == "ContainerCreating"
    cluster.run(15_000)
    assert (phase(cluster), used(cluster, "node-1")) == ("Running", (disk,))


def test_a_pod_waits_as_long_as_its_disk_is_not_attached_and_is_told_why_it_is_not() -> None:
    cluster = started()
    cluster.inject(WatchStalled("disk-attacher", 600_000))
    cluster.apply(on("node-1"))
    cluster.run(300_000)
    assert (phase(cluster), reported(cluster, "node-1")) == ("Pending", [])
    assert len(used(cluster, "node-1")) == 1
    (attachment,) = cluster.list(ATTACHMENTS)
    name = text(attachment, "metadata", "name")
    for why in ("the disk is on fire", "the disk is on fire", "no free slot"):
        failure = document({"status": {"attached": False, "attachError": {"message": why}}})
        cluster.ask(Patch(ATTACHMENTS, "", name, failure, subresource="status")).unwrap()
        cluster.run(1_000)
    head = f'AttachVolume.Attach failed for volume "{volume_name(cluster)}" : '
    failures = [said for reason, said in told(cluster, "app") if reason == "FailedAttachVolume"]
    assert failures == [f"{head}the disk is on fire", f"{head}no free slot"]
    cluster.run(400_000)
    assert phase(cluster) == "Running"


def test_a_disk_is_not_taken_from_a_machine_that_says_it_uses_it() -> None:
    cluster = started(on("node-1"))
    kubelet = "kubelet/node-1"
    cluster.inject(RequestsRefused(kubelet, Reason.SERVICE_UNAVAILABLE, 1_000))
    cluster.ask(Delete("pods", "default", "app", grace_period_seconds=0)).unwrap()
    cluster.run(20_000)
    assert places(cluster) == ["node-1"]
    assert len(used(cluster, "node-1")) == 1
    cluster.inject(FaultsEnded())
    cluster.run(30_000)
    assert (places(cluster), used(cluster, "node-1")) == ([], ())


def test_a_kubelet_that_starts_anew_does_not_disown_the_disks_of_its_pods() -> None:
    cluster = started(on("node-1"))
    before = used(cluster, "node-1")
    first = cluster.store.revision
    cluster.inject(ProcessRestarted("kubelet/node-1"))
    cluster.run(60_000)
    changes = cluster.store.table("nodes").changes_since(first) or ()
    seen = {elements(one.new, "status", "volumesInUse") for one in changes if one.key == "node-1"}
    assert seen == {before} and len(before) == 1
    assert (phase(cluster), places(cluster)) == ("Running", ["node-1"])


def test_what_is_used_is_not_known_before_every_claim_was_looked_up() -> None:
    spec = document(on("node-1")["spec"])
    pod = LocalPod("default/app", ObjectRef("pods", "default", "app", "u"), pod_recipe(spec), ())
    assert in_use([pod]) is None
    known = replace(pod, mounting=Mounting(disks=("d",), known=True))
    assert in_use([known]) == ("d",)
    assert in_use([known, pod]) is None
    assert in_use([replace(known, life="over")]) == ()


def test_a_pod_is_told_of_a_claim_that_is_not_there_and_starts_once_it_is() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(CLASS, on("node-1"))
    cluster.run(25_000)
    words = (
        "Unable to attach or mount volumes: unmounted volumes=[d], unattached volumes=[], "
        "failed to process volumes=[d]: error processing PVC default/data: failed to fetch PVC "
        'from API server: persistentvolumeclaims "data" not found'
    )
    assert ("FailedMount", words) in told(cluster, "app")
    cluster.apply(data())
    cluster.run(60_000)
    assert phase(cluster) == "Running"


LOOPS = st.sampled_from(["attachdetach-controller", "disk-attacher"])
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, LOOPS),
        st.builds(RequestsRefused, LOOPS, st.sampled_from(list(Reason)), st.just(2)),
        st.builds(AnswersLost, LOOPS, st.integers(1, 3)),
        st.builds(WatchStalled, LOOPS, st.integers(1, 5_000)),
    ),
    max_size=3,
)
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["pod", "pod", "drop", "kill"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["node-1", "node-2"]),
        st.sampled_from([0, 10, 1_000]),
    ),
    min_size=3,
    max_size=12,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, claim, node, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        name = f"{claim}-{node}"
        command: Any = {
            "pod": Create("pods", "default", document(on(node, claim, name))),
            "drop": Delete("pods", "default", name),
            "kill": Delete("pods", "default", name, grace_period_seconds=0),
        }[what]
        cluster.simulator.ask(command)
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(100_000)


def nothing_is_taken_while_it_is_used(cluster: Cluster) -> None:
    """No machine loses a disk of which it says that it uses it; all of them are well here."""
    machines = cluster.store.table("nodes").changes_since(0) or ()
    for change in cluster.store.table(ATTACHMENTS).changes_since(0) or ():
        if change.new is not None and not text(change.new, "metadata", "deletionTimestamp"):
            continue
        if change.old is None or text(change.old, "metadata", "deletionTimestamp"):
            continue
        place = Place.of(change.old)
        said = [one.new for one in machines if one.key == place.node]
        before = [one for one in said if one is not None and revision_of(one) < change.revision]
        assert f"kubernetes.io/csi/{DRIVER}^{place.volume}" not in elements(
            before[-1], "status", "volumesInUse"
        )


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_never_are_two_nodes_given_one_disk_and_at_rest_it_is_where_its_pods_are(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=2, replace_machines=False, seed=seed, order=order)
    cluster.apply(CLASS, data("a"), data("b"))
    cluster.run(5_000)
    play(cluster, deeds, faults)
    held: dict[str, Place] = {}
    for change in cluster.store.table(ATTACHMENTS).changes_since(0) or ():
        held.pop(change.key, None)
        if change.new is not None:
            held[change.key] = Place.of(change.new)
        assert len({one.volume for one in held.values()}) == len(held)
    nothing_is_taken_while_it_is_used(cluster)
    claims = cluster.list(CLAIMS)
    disks = {text(doc, "metadata", "name"): text(doc, "spec", "volumeName") for doc in claims}
    wanted = {
        Place(text(pod, "spec", "nodeName"), disks[text(pod, "metadata", "name")[0]])
        for pod in cluster.list("pods")
    }
    there = {Place.of(doc) for doc in cluster.store.table(ATTACHMENTS).objects()}
    assert there <= wanted
    assert {one.volume for one in there} == {one.volume for one in wanted}
    for node in ("node-1", "node-2"):
        assert len(reported(cluster, node)) == sum(one.node == node for one in there)
    event(f"{len(there)} attached")
