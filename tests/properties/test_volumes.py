"""Claims and volumes find each other one to one, whatever comes in between, and then rest."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.controllers.volumes.controller import VOLUME_BINDING as LOOP
from kelm.core.controllers.volumes.matching import best_match
from kelm.core.objects.storage import CLAIMS, VOLUMES, claim, volume
from kelm.core.operations.verbs import Remove
from kelm.core.runtime.controller import Sync
from kelm.effects.address import ObjectRef
from kelm.effects.refusals import Reason

BINDER = "persistentvolume-controller"
CLASS = st.sampled_from(["", "", "", "fast"])
ONCE, BOTH = ("ReadWriteOnce",), ("ReadWriteOnce", "ReadOnlyMany")
MODES = st.sampled_from([ONCE, ONCE, ONCE, BOTH])


def manifest_of_claim(name: str, size: int, storage_class: str, modes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": list(modes),
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": f"{size}Gi"}},
        },
    }


def manifest_of_volume(name: str, size: int, storage_class: str, modes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "accessModes": list(modes),
            "storageClassName": storage_class,
            "capacity": {"storage": f"{size}Gi"},
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": f"/disks/{name}"},
        },
    }


KINDS = st.sampled_from(["claim", "claim", "volume", "volume", "volume", "delete"])
DEEDS = st.lists(
    st.tuples(KINDS, st.integers(1, 4), CLASS, MODES, st.sampled_from([0, 1, 50])),
    min_size=6,
    max_size=14,
)
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, st.just(BINDER)),
        st.builds(RequestsRefused, st.just(BINDER), st.sampled_from(list(Reason)), st.just(2)),
        st.builds(AnswersLost, st.just(BINDER), st.integers(1, 3)),
        st.builds(WatchStalled, st.just(BINDER), st.integers(1, 5_000)),
    ),
    max_size=3,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, size, storage_class, modes, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        if what == "claim":
            cluster.apply(manifest_of_claim(f"c{number}", size, storage_class, modes))
        elif what == "volume":
            cluster.apply(manifest_of_volume(f"v{number}", size, storage_class, modes))
        elif len(cluster.store.table(CLAIMS)):
            first = claim(cluster.list(CLAIMS)[0]).metadata.name
            cluster.do(Remove(ObjectRef(CLAIMS, "default", first)))
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(60_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_every_binding_is_mutual_and_fits_and_nothing_that_fits_is_left_over(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    play(cluster, deeds, faults)
    claims = [claim(doc) for doc in cluster.list(CLAIMS)]
    volumes = {each.metadata.name: each for each in map(volume, cluster.list(VOLUMES))}
    bound = [one for one in claims if one.phase == "Bound"]
    assert len({one.volume_name for one in bound}) == len(bound)
    for one in bound:
        each = volumes[one.volume_name]
        assert each.phase == "Bound"
        assert each.claim_ref["uid"] == one.metadata.uid
        assert each.storage >= one.storage
        assert each.storage_class == one.storage_class
        assert set(one.access_modes) <= set(each.access_modes)
    for one in claims:
        if one.phase != "Bound":
            assert best_match(one, volumes.values(), waits=False) is None
    taken = {one.volume_name for one in bound}
    assert {name for name, each in volumes.items() if each.phase == "Bound"} == taken
    event(f"{len(bound)} bound")
    caches = {watch.resource: cluster.store.table(watch.resource) for watch in LOOP.watches}
    for key in LOOP.every_key(pmap(caches)):
        plan = LOOP.reconcile(Sync(key, cluster.now_ms, pmap(caches)))
        assert all(not hasattr(one, "resource") for batch in plan.batches for one in batch)
