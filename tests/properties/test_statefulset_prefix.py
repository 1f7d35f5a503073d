"""Looking at the end of a set alone decides what looking at all of it decides."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.controllers.workloads.statefulset.controller import StatefulSetController
from kelm.core.controllers.workloads.statefulset.memory import Memory
from kelm.core.operations.verbs import Scale, SetImage
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.refusals import Reason
from tests.properties.test_statefulsets import CHANGES, CONTROLLER, DB, manifest
from tests.properties.worlds import FAULTS, PAUSES_MS, PODS, rage

STORM = st.lists(st.tuples(FAULTS | CHANGES | PODS, PAUSES_MS), min_size=1, max_size=8)
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


class Doubting(StatefulSetController, frozen=True):
    """Looks twice where it remembers a prefix: from the end, and at everything."""

    seen: Any = None

    def reconcile(self, sync: Sync) -> Plan:
        plan = super().reconcile(sync)
        memory = sync.memory
        if isinstance(memory, Memory) and memory.prefix is not None:
            forgetful = msgspec.structs.replace(memory, prefix=None)
            whole = super().reconcile(msgspec.structs.replace(sync, memory=forgetful))
            assert plan.batches == whole.batches
            assert (plan.again_at_ms, plan.tolerated) == (whole.again_at_ms, whole.tolerated)
            self.seen.append(memory.prefix.length)
        return plan


@settings(max_examples=max(8, settings.default.max_examples // 3))
@given(storm=STORM, seed=st.integers(0, 2**32), claims=st.booleans())
@example(storm=[(Scale(DB, 5), 1)], seed=0, claims=True)
@example(storm=[(SetImage(DB, (("c", "nginx:2"),)), 1)], seed=0, claims=False)
@example(
    storm=[(RequestsRefused(CONTROLLER, Reason.INTERNAL_ERROR, 2), 1), (Scale(DB, 5), 1)],
    seed=0,
    claims=False,
)
def test_both_looks_decide_alike_whatever_happens(storm, seed, claims):
    seen = looked_from_the_end(storm, seed, claims)
    event(f"looked from the end: {min(len(seen), 5)} times")


def test_the_end_of_a_set_that_grows_is_looked_at_alone():
    assert looked_from_the_end([(Scale(DB, 5), 1)], seed=0, claims=True)


def looked_from_the_end(storm: list[Any], seed: int, claims: bool) -> list[int]:
    """Let it happen; how long the prefix was each time that one was remembered."""
    seen: list[int] = []
    plane = ControlPlane().with_controller(Doubting(seen=seen))
    cluster = Cluster(nodes=3, seed=seed, order="random", control_plane=plane)
    cluster.apply(manifest(3, **({"volumeClaimTemplates": [CLAIM]} if claims else {})))
    rage(cluster, storm)
    cluster.run_until_converged(3_600_000)
    return seen
