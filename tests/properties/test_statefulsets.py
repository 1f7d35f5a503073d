"""StatefulSets: converge after any storm, keep their order and partition, rest when all is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.simulator.inputs import ProcessRestarted, RequestsRefused
from kelm.core.controllers.workloads.statefulset.controller import STATEFUL_SET_CONTROLLER as LOOP
from kelm.core.controllers.workloads.statefulset.identity import ordinal_of, revision_of
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.stateful_set import StatefulSet, stateful_set
from kelm.core.operations.verbs import Remove, Scale, SetImage
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Patch
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.properties.worlds import FAULTS, NODES, PAUSES_MS, PODS, moved, pods, rage

DB = ObjectRef("statefulsets.apps", "default", "db")
CONTROLLER = "statefulset-controller"
WRITTEN = ("statefulsets.apps", "pods", "controllerrevisions.apps", "persistentvolumeclaims")
HOUR_MS = 3_600_000


def manifest(replicas: int, *, parallel: bool = False, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "podManagementPolicy": "Parallel" if parallel else "OrderedReady",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
            },
            **spec,
        },
    }


CHANGES = st.one_of(
    st.builds(Scale, st.just(DB), st.integers(0, 5)),
    st.builds(lambda n: SetImage(DB, (("c", f"nginx:{n}"),)), st.integers(1, 3)),
)
STORM = st.lists(st.tuples(FAULTS | CHANGES | PODS, PAUSES_MS), min_size=1, max_size=8)


def plan_now(cluster: Cluster) -> Plan:
    """What the controller would do, if it saw everything and remembered nothing."""
    caches = {watch.resource: cluster.store.table(watch.resource) for watch in LOOP.watches}
    return LOOP.reconcile(Sync("default/db", cluster.now_ms, pmap(caches)))


@settings(max_examples=max(8, settings.default.max_examples // 3))
@given(
    storm=STORM,
    seed=st.integers(0, 2**32),
    order=st.sampled_from(["fifo", "random"]),
    parallel=st.booleans(),
)
@example(
    storm=[(RequestsRefused(CONTROLLER, Reason.ALREADY_EXISTS, 3), 1), (Scale(DB, 4), 1)],
    seed=0,
    order="fifo",
    parallel=False,
)
def test_after_any_storm_the_set_converges_and_a_restart_writes_nothing(
    storm, seed, order, parallel
):
    cluster = Cluster(nodes=NODES, seed=seed, order=order)
    cluster.apply(manifest(3, parallel=parallel))
    rage(cluster, storm)
    cluster.run_until_converged(HOUR_MS)
    one = stateful_set(cluster.get(DB.resource, "db"))
    assert sorted(pods(cluster)) == [f"db-{n}" for n in range(one.replicas)]
    found = [pod(doc) for doc in cluster.list("pods")]
    assert {revision_of(each) for each in found} <= {one.status.update_revision}
    settled = cluster.store
    cluster.run(100_000)
    cluster.inject(ProcessRestarted(CONTROLLER))
    cluster.run(100_000)
    assert moved(settled, cluster.store, WRITTEN) == []
    assert plan_now(cluster).batches == ()


def deeds(cluster: Cluster) -> Iterator[tuple[str, Pod, dict[str, Pod], StatefulSet]]:
    """Every creation and deletion of a pod, with the pods and the set as they were before it."""
    changes = [
        (change.revision, resource, change)
        for resource in ("pods", "statefulsets.apps")
        for change in cluster.store.table(resource).changes_since(0) or ()
    ]
    present: dict[str, Pod] = {}
    one: Any = None
    for _, resource, change in sorted(changes, key=lambda each: each[0]):
        if resource != "pods":
            one = stateful_set(change.new) if change.new is not None else one
            continue
        old = pod(change.old) if change.old is not None else None
        new = pod(change.new) if change.new is not None else None
        name = change.key.rpartition("/")[2]
        others = {key: view for key, view in present.items() if key != name}
        if old is None and new is not None:
            yield "make", new, others, one
        elif old is not None and new is not None and old.active and not new.active:
            yield "take", new, others, one
        if new is None:
            present.pop(name, None)
        else:
            present[name] = new


WISHES = st.lists(
    st.tuples(st.sampled_from(["scale", "image", "partition"]), st.integers(0, 4)),
    min_size=1,
    max_size=5,
)


def wish(cluster: Cluster, what: str, how: int) -> None:
    if what == "scale":
        cluster.do(Scale(DB, how))
    elif what == "image":
        cluster.do(SetImage(DB, (("c", f"nginx:{how}"),)))
    else:
        strategy = {"rollingUpdate": {"partition": how}}
        patch = document({"spec": {"updateStrategy": strategy}})
        cluster.ask(Patch(DB.resource, "default", "db", patch)).unwrap()


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    wishes=WISHES,
    pause_ms=st.sampled_from([1, 700, 5_000, 60_000]),
    seed=st.integers(0, 1_000),
    order=st.sampled_from(["fifo", "random"]),
)
def test_order_and_partition_are_kept_at_every_moment(wishes, pause_ms, seed, order):
    cluster = Cluster(nodes=2, seed=seed, order=order)
    cluster.apply(manifest(3, ordinals={"start": 2}))
    for what, how in wishes:
        wish(cluster, what, how)
        cluster.run(pause_ms)
    cluster.run_until_converged(HOUR_MS)
    done = 0
    for verb, view, others, one in deeds(cluster):
        ordinal = ordinal_of(view)
        serving = {ordinal_of(each) for each in others.values() if each.ready and each.active}
        if verb == "make":
            assert serving >= set(range(2, ordinal)), f"{view.metadata.name} was made too early"
        else:
            rest = {ordinal_of(each) for each in others.values()}
            assert serving == rest, f"{view.metadata.name} was taken while another was away"
        assert one is not None
        if verb == "make" and ordinal < one.start + (one.partition or 0):
            assert revision_of(view) == (one.status.current_revision or revision_of(view))
        done += 1
    event(f"{min(done // 10, 5)}0 deeds or more")


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    partition=st.integers(0, 5),
    deleted=st.sets(st.integers(0, 3)),
    parallel=st.booleans(),
    on_delete=st.booleans(),
)
def test_pods_below_the_partition_keep_their_revision_whoever_deletes_them(
    partition, deleted, parallel, on_delete
):
    cluster = Cluster(nodes=2, seed=0)
    strategy: Any = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    if on_delete:
        strategy = {"type": "OnDelete"}
    cluster.apply(manifest(4, parallel=parallel, updateStrategy=strategy))
    cluster.run_until_converged()
    cluster.do(SetImage(DB, (("c", "nginx:2"),)))
    cluster.run_until_converged()
    for ordinal in sorted(deleted):
        cluster.do(Remove(ObjectRef("pods", "default", f"db-{ordinal}")))
    cluster.run_until_converged()
    updated = deleted if on_delete else set(range(partition, 4))
    images = [doc["spec"]["containers"][0]["image"] for doc in cluster.list("pods")]
    names = pods(cluster)
    assert dict(zip(names, images, strict=True)) == {
        f"db-{n}": "nginx:2" if n in updated else "nginx:1" for n in range(4)
    }


@settings(max_examples=max(10, settings.default.max_examples // 5))
@given(limit=st.integers(0, 3), images=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_only_as_many_old_revisions_are_kept_as_the_history_may_have(limit, images):
    cluster = Cluster(nodes=2, seed=0)
    cluster.apply(manifest(1, revisionHistoryLimit=limit))
    cluster.run_until_converged()
    for number in images:
        cluster.do(SetImage(DB, (("c", f"nginx:{number}"),)))
        cluster.run_until_converged()
    kept = [doc["revision"] for doc in cluster.list("controllerrevisions.apps")]
    assert len(kept) == min(limit + 1, len({1, *images}))
    one = stateful_set(cluster.get(DB.resource, "db"))
    newest = max(cluster.list("controllerrevisions.apps"), key=lambda doc: doc["revision"])
    assert newest["metadata"]["name"] == one.status.update_revision == one.status.current_revision
