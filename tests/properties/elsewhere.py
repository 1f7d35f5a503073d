"""One story told by a process of its own: `python -m tests.properties.elsewhere`.

It prints digests of the trace and of the store, which no hash seed may change. Five owners, with
all that they own, are in it, and a storm goes over them.
"""

from __future__ import annotations

import hashlib
import os

from kelm.adapters.simulator.inputs import (
    AnswersLost,
    NodeCrashed,
    NodePartitioned,
    ProcessRestarted,
    WatchStalled,
)
from kelm.adapters.simulator.trace import digest
from kelm.core.operations.verbs import Restart, Scale, SetImage
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete
from tests.properties.deeds import Drain, HitPod
from tests.properties.specs import Spec, World
from tests.properties.story import Story
from tests.tools.mutants import apply_named

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")


def ref(name: str) -> ObjectRef:
    return ObjectRef("deployments.apps", "default", name)


STORM = [
    (Scale(ref("alpha"), 5), 500),
    (SetImage(ref("beta"), (("c", "nginx:2"),)), 1),
    (Restart(ref("gamma")), 1),
    (NodeCrashed("node-2"), 5_000),
    (AnswersLost("", 5), 1),
    (WatchStalled("replicaset-controller", 3_000), 1),
    (HitPod("stray", 3), 500),
    (HitPod("delete", 7), 10),
    (Delete("deployments.apps", "default", "delta", propagation_policy="Orphan"), 10),
    (Delete("deployments.apps", "default", "epsilon", propagation_policy="Foreground"), 50_000),
    (NodePartitioned("node-3"), 400_000),
    (ProcessRestarted("garbage-collector"), 10),
    (Drain("node-1"), 50_000),
]


def main() -> None:
    apply_named(os.environ.get("KELM_MUTANT", ""))
    specs = tuple(Spec(name, replicas=2 + place % 3) for place, name in enumerate(NAMES))
    for order in ("fifo", "random"):
        story = Story(World(specs, seed=3, order=order, nodes=4))
        story.storm(STORM)
        story.calm()
        story.settle()
        trace = hashlib.sha256("".join(story.trace).encode()).hexdigest()
        print(order, trace, digest(story.cluster.store))


if __name__ == "__main__":
    main()
