"""A pod that waits is never left waiting when it would fit: the promise behind all queueing hints.

Whatever happens to a cluster (its pods, nodes, claims, volumes, drivers), a pod that is parked as
unschedulable is one that no node would take now.
"""

from __future__ import annotations

from typing import Any

from hypothesis import event, example, given
from hypothesis import strategies as st

from kelm.core.scheduler.explain import explain
from kelm.effects.document import document
from tests.core.scheduler.test_resizing import resized
from tests.core.scheduler.test_volume_rules import capacity, csi_node, disk
from tests.core.scheduler.test_volumes import claim, storage_class, volume, with_claim
from tests.properties.test_scheduler import FEWER, OTHER_STEPS, POD, NewPod, Node, Step, Story

DRIVER = "disk.example.com"
CLAIMED: tuple[dict[str, Any], ...] = (
    with_claim("c0"),
    with_claim("c1"),
    with_claim("c2"),
    disk("gcePersistentDisk", pdName="d"),
    {"ports": [{"containerPort": 80, "hostPort": 80}]},
    {"hostNetwork": True, "hostUsers": False},
)
WORDS = st.sampled_from(
    (
        *("pod", "pod", "pod", "claim", "bound claim", "one-pod claim", "volume"),
        *("labelled volume", "class", "limit", "no limit", "attached", "detached", "driver"),
        *("capacity", "features", "resize", "delete", "bring node", "lose node"),
        *("relabel node", "end"),
    )
)
NODE_WORDS = st.sampled_from(["taint", "tier", "relabel node", "resize"])
ATTACHMENTS = "volumeattachments.storage.k8s.io"


class Stores(Story):
    """A story in which volumes, drivers and nodes' features come and change as well."""

    def step(self, step: Step) -> None:
        world = self.world
        word, number = step if not isinstance(step, NewPod) else ("", 0)
        name, node = f"c{number % 3}", f"n{number % len(self.nodes)}"
        if word == "pod":
            self.pod(NewPod(number % 3, "x", 0, 0), **CLAIMED[number])
        elif word == "claim":
            claim(world, name, storageClassName=("fast", "local")[number % 2])
        elif word == "bound claim":
            claim(world, name, f"v{number}", storageClassName="fast")
        elif word == "one-pod claim":
            claim(world, name, f"v{number}", accessModes=["ReadWriteOncePod"])
        elif word == "volume":
            if number < 3:
                self.csi_volume(f"v{number}")
            else:
                volume(world, f"v{number}", node)
        elif word == "labelled volume":
            zone = {"topology.kubernetes.io/zone": f"z{number % 3}"}
            self.csi_volume(f"v{number}", **zone)
        elif word == "class":
            made = DRIVER if number % 2 else "kubernetes.io/no-provisioner"
            storage_class(world, ("local", "fast")[number % 2], made)
        elif word == "limit":
            csi_node(world, node, number % 3)
        elif word == "no limit":
            csi_node(world, node, None)
        elif word == "attached":
            source = {"persistentVolumeName": f"v{number}"}
            spec = {"attacher": DRIVER, "nodeName": node, "source": source}
            world.put(ATTACHMENTS, name, document({"metadata": {"name": name}, "spec": spec}))
        elif word == "detached":
            if world.api.store.get(ATTACHMENTS, name) is not None:
                world.remove(ATTACHMENTS, name)
        elif word == "driver":
            spec = {"storageCapacity": number % 2 == 0}
            doc = document({"metadata": {"name": DRIVER}, "spec": spec})
            world.put("csidrivers.storage.k8s.io", DRIVER, doc)
        elif word == "capacity":
            where = {"topology.kubernetes.io/zone": f"z{number % 3}"}
            capacity(world, "room", ("512Mi", "2Gi")[number % 2], **where)
        elif word == "features":
            features = ["UserNamespacesHostNetworkSupport"] if number % 2 else []
            self.patch_node(node, {"status": {"declaredFeatures": features}}, "status")
        elif word == "taint":
            taints = [{"key": "k", "effect": "NoSchedule"}] if number % 2 else []
            self.patch_node(node, {"spec": {"taints": taints}})
        elif word == "tier":
            self.patch_node(node, {"metadata": {"labels": {"tier": ("b", "a")[number % 2]}}})
        elif word == "resize":
            self.resize(f"p{number}", str(1 + number % 3))
        else:
            super().step(step)

    def csi_volume(self, name: str, **labels: str) -> None:
        spec = {"csi": {"driver": DRIVER, "volumeHandle": name}}
        meta = {"name": name, "uid": name, "labels": labels}
        self.world.put("persistentvolumes", name, document({"metadata": meta, "spec": spec}))

    def patch_node(self, node: str, patch: dict[str, Any], subresource: str = "") -> None:
        if self.world.api.store.get("nodes", node) is not None:
            self.world.patch("nodes", node, patch, subresource)

    def resize(self, name: str, cpu: str) -> None:
        doc = self.world.api.store.get("pods", f"default/{name}")
        if doc is None or not self.world.where(name):
            return
        resources: Any = self.world.seen(name).spec.containers[0].resources
        if resources.requests:
            resized(self.world, name, cpu, cpu, cpu)

    def nobody_waits_in_vain(self) -> int:
        """How many pods are parked; no node that is kept for nobody would take one of them.

        Not while bindings are under way: that they are seen will have pods tried again.
        """
        world = self.world
        if world.state.asked:
            return 0
        kept = {one.node for one in world.state.nominees.values()}
        parked = [(key, one) for key, one in world.state.queue.parked.items() if not one.gated]
        for key, waiting in parked:
            doc = world.api.store.get("pods", key)
            if doc is None:
                continue
            why = explain(world.program.profile, world.state, doc)
            free = sorted(why.scores.keys() - kept)
            assert not free, f"{key} waits for {sorted(waiting.plugins)}, and {free} would take it"
        return len(parked)


FEW_NODES = st.lists(
    st.builds(
        Node,
        cpu=st.integers(1, 4),
        zone=st.sampled_from(["z1", "z2"]),
        tier=st.sampled_from(["a", ""]),
        taint=st.sampled_from(["NoSchedule", "", ""]),
    ),
    min_size=1,
    max_size=2,
)
ONE_NODE = [Node(4, "z1", "", "")]
TAINTED = [Node(4, "z1", "a", "NoSchedule")]
PLAIN = NewPod(1, "y", 0, 0)


def told(story: Stores, history: list[Step]) -> None:
    """Tell a story, and see after every step that nobody waits in vain."""
    waited = 0
    for step in history:
        story.step(step)
        waited = max(waited, story.nobody_waits_in_vain())
    event(f"waiting at most: {min(waited, 3)}")


@FEWER
@given(nodes=FEW_NODES, history=st.lists(st.tuples(WORDS, st.integers(0, 5)), max_size=16))
@example(ONE_NODE, [("volume", 0), ("one-pod claim", 0), ("pod", 0), ("pod", 0), ("delete", 0)])
@example(
    ONE_NODE,
    [("volume", 1), ("bound claim", 1), ("limit", 0), ("pod", 1), ("no limit", 0)],
)
@example(ONE_NODE, [("claim", 0), ("pod", 0), ("class", 1)])
@example(ONE_NODE, [("class", 1), ("claim", 0), ("driver", 0), ("pod", 0), ("capacity", 1)])
@example(ONE_NODE, [("labelled volume", 0), ("bound claim", 0), ("pod", 0), ("relabel node", 0)])
@example(ONE_NODE, [("pod", 5), ("features", 1)])
@example(ONE_NODE, [("pod", 4), ("pod", 4), ("end", 0)])
@example(ONE_NODE, [("pod", 2), ("pod", 2), ("pod", 2), ("claim", 2), ("class", 0), ("resize", 0)])
def test_no_pod_waits_for_volumes_and_features_that_are_there(nodes, history):
    told(Stores(nodes), history)


@FEWER
@given(
    nodes=FEW_NODES,
    history=st.lists(
        st.one_of(POD, POD, OTHER_STEPS, st.tuples(NODE_WORDS, st.integers(0, 5))), max_size=14
    ),
)
@example(ONE_NODE, [("cordon", 0), PLAIN, ("cordon", 1)])
@example(TAINTED, [PLAIN, ("taint", 0)])
@example(ONE_NODE, [PLAIN._replace(shape=1), ("tier", 1)])
@example(ONE_NODE, [PLAIN._replace(app="x", shape=3)] * 2 + [("delete", 0)])
@example(ONE_NODE, [PLAIN._replace(shape=5), PLAIN._replace(app="x")])
@example(
    [Node(4, "z1", "", ""), Node(1, "z2", "a", "")],
    [PLAIN._replace(shape=1), *[PLAIN._replace(app="x", shape=8)] * 2, ("relabel node", 2)],
)
@example(ONE_NODE, [PLAIN._replace(cpu=3)] * 2 + [("end", 0)])
def test_no_pod_waits_for_neighbours_and_nodes_that_are_there(nodes, history):
    told(Stores(nodes), history)
