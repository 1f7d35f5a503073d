"""From any reachable state, after any storm, the cluster becomes what was asked for and stays so.

A kubelet's status write that took a pod's labels along was found this way: the cluster never
settled, because every pod became a stranger to its ReplicaSet as soon as it was bound.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.core.operations.verbs import Scale
from kelm.effects.refusals import Reason
from tests.properties.worlds import (
    NODES,
    SERVICE,
    STORM,
    WEB,
    deployment,
    moved,
    orphans,
    pods,
    rage,
)

HOUR_MS = 3_600_000
BINDING_NOT_FOUND = [
    (RequestsRefused("default-scheduler", Reason.NOT_FOUND, 2), 1),
    (("delete", 0), 50_000),
]
"""A scheduler that believed this answer left the pod without a node for ever."""


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(storm=STORM, seed=st.integers(0, 2**32), order=st.sampled_from(["fifo", "random"]))
@example(storm=[(Scale(WEB, 0), 1)], seed=0, order="fifo")
@example(storm=BINDING_NOT_FOUND, seed=0, order="fifo")
def test_after_any_storm_the_cluster_converges_and_stays_put(storm, seed, order):
    cluster = Cluster(nodes=NODES, seed=seed, order=order)
    cluster.apply(deployment(), SERVICE)
    rage(cluster, storm)
    cluster.run_until_converged(HOUR_MS)
    wanted = cluster.get("deployments.apps", "web")["spec"]["replicas"]
    assert len(pods(cluster)) == wanted
    assert list(orphans(cluster)) == []
    settled = cluster.store
    cluster.run(600_000)
    assert moved(settled, cluster.store) == []
    assert cluster.unsettled() == ()
