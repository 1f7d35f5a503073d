"""From any reachable state, after any storm, the cluster becomes what was asked for and stays so.

A kubelet's status write that took a pod's labels along was found this way: the cluster never
settled, because every pod became a stranger to its ReplicaSet as soon as it was bound.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from tests.properties.worlds import (
    NODES,
    SERVICE,
    STORM,
    deployment,
    orphans,
    pods,
    rage,
    substance,
)

HOUR_MS = 3_600_000


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(storm=STORM, seed=st.integers(0, 2**32), order=st.sampled_from(["fifo", "random"]))
def test_after_any_storm_the_cluster_converges_and_stays_put(storm, seed, order):
    cluster = Cluster(nodes=NODES, seed=seed, order=order)
    cluster.apply(deployment(), SERVICE)
    rage(cluster, storm)
    cluster.run_until_converged(HOUR_MS)
    wanted = cluster.get("deployments.apps", "web")["spec"]["replicas"]
    assert len(pods(cluster)) == wanted
    assert list(orphans(cluster)) == []
    settled = substance(cluster)
    cluster.run(600_000)
    moved = [
        (after.resource, after.changes_since(before.revision))
        for before, after in zip(settled, substance(cluster), strict=True)
        if before is not after
    ]
    assert moved == []
    assert cluster.unsettled() == ()
