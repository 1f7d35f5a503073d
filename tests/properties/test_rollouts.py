"""Without a fault a rollout keeps its bounds at every moment of its history.

The bound above is one on what is wanted: a Deployment scales the new ReplicaSet up when it has
scaled the old one down, not when that one's pods are gone. With every process as fast as the others
(fifo) the pods keep it too; with delays drawn at random (as upstream under load) an old pod may
still be there for a moment.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import SetImage
from tests.properties.worlds import WEB, deployment

AMOUNTS = st.integers(0, 4) | st.sampled_from(["0%", "10%", "25%", "50%", "100%"])


def pods_of(amount: Any, replicas: int, up: bool) -> int:
    if isinstance(amount, int):
        return amount
    exact = int(amount[:-1]) * replicas / 100
    return ceil(exact) if up else floor(exact)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    replicas=st.integers(1, 7),
    surge=AMOUNTS,
    gone=AMOUNTS,
    seed=st.integers(0, 1_000),
    order=st.sampled_from(["fifo", "random"]),
)
def test_a_rollout_keeps_its_bounds_at_every_moment(replicas, surge, gone, seed, order):
    if pods_of(surge, 100, True) == 0 and pods_of(gone, 100, True) == 0:
        return
    cluster = Cluster(nodes=3, seed=seed, order=order)
    cluster.apply(deployment(replicas, maxSurge=surge, maxUnavailable=gone))
    cluster.run_until_converged()
    start = len(cluster.history)
    cluster.do(SetImage(WEB, (("c", "nginx:2"),)))
    cluster.run_until_converged()
    more = pods_of(surge, replicas, True)
    fewer = pods_of(gone, replicas, False)
    if more == fewer == 0:
        fewer = 1
    for at_ms, store in cluster.history[start:]:
        views = [pod(doc) for doc in store.table("pods").objects()]
        active = [view for view in views if view.active]
        ready = [view for view in active if view.ready]
        wanted = sum(d["spec"]["replicas"] for d in store.table("replicasets.apps").objects())
        assert wanted <= replicas + more, f"{wanted} pods are wanted at {at_ms}"
        if order == "fifo":
            assert len(active) <= replicas + more, f"{len(active)} pods at {at_ms}"
        assert len(ready) >= replicas - fewer, f"{len(ready)} ready at {at_ms}"
    event(f"{len(cluster.history) - start} moments")
    images = {d["spec"]["containers"][0]["image"] for d in cluster.list("pods")}
    assert images == {"nginx:2"}
