"""Claims that ask for more, and claims that pods bring along."""

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
from kelm.core.controllers.volumes.ephemeral import EphemeralVolumes
from kelm.core.infrastructure.resizing import Resizing
from kelm.core.objects.storage import CLAIMS, VOLUMES
from kelm.core.runtime.controller import Sync
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import children, document, text, value_at
from kelm.effects.refusals import Reason
from tests.core.controllers.volumes.test_volumes import phase, standard, started, told, user_of


def wants(size: str) -> dict[str, Any]:
    return {"spec": {"resources": {"requests": {"storage": size}}}}


def grow(cluster: Cluster, size: str, name: str = "data") -> Any:
    return cluster.ask(Patch(CLAIMS, "default", name, document(wants(size))))


def claim(cluster: Cluster, name: str = "data") -> Any:
    return cluster.get(CLAIMS, name, "default")


def sizes(cluster: Cluster) -> tuple[Any, Any]:
    """What the claim says that it has, and what its volume has."""
    one = claim(cluster)
    disk = cluster.get(VOLUMES, one["spec"]["volumeName"], "")
    return value_at(one, "status", "capacity", "storage"), value_at(
        disk, "spec", "capacity", "storage"
    )


def conditions(cluster: Cluster) -> list[str]:
    return [text(one, "type") for one in children(claim(cluster), "status", "conditions")]


def test_a_disk_grows_at_once_and_its_file_system_when_a_pod_uses_it() -> None:
    cluster = started(standard())
    grow(cluster, "5Gi").unwrap()
    cluster.run(5_000)
    assert sizes(cluster) == ("1Gi", "5Gi")
    assert conditions(cluster) == ["FileSystemResizePending"]
    status = claim(cluster)["status"]
    assert status["allocatedResources"] == {"storage": "5Gi"}
    assert status["allocatedResourceStatuses"] == {"storage": "NodeResizePending"}
    cluster.apply(user_of("data"))
    cluster.run(10_000)
    assert sizes(cluster) == ("5Gi", "5Gi")
    assert conditions(cluster) == []
    assert "allocatedResourceStatuses" not in claim(cluster)["status"]
    reasons = [reason for reason, _ in told(cluster, "data")]
    assert reasons[-3:] == ["Resizing", "FileSystemResizeRequired", "FileSystemResizeSuccessful"]


def test_a_disk_in_use_grows_without_a_stop_and_one_without_a_file_system_needs_nobody() -> None:
    cluster = started(standard(), user_of("data"))
    grow(cluster, "5Gi").unwrap()
    cluster.run(5_000)
    assert sizes(cluster) == ("5Gi", "5Gi")
    raw = started(standard(volumeMode="Block"))
    grow(raw, "5Gi").unwrap()
    raw.run(5_000)
    assert sizes(raw) == ("5Gi", "5Gi")
    assert "VolumeResizeSuccessful" in [reason for reason, _ in told(raw, "data")]


def test_who_may_ask_for_more_is_said_by_the_class_and_only_once_bound() -> None:
    fixed = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fixed"},
        "provisioner": "disk.csi.kelm.dev",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
    cluster = started(fixed, standard("stiff", storageClassName="fixed"))
    assert phase(cluster, CLAIMS, "stiff") == "Bound"
    refused = grow(cluster, "5Gi", "stiff").failure()
    assert refused.message == (
        'persistentvolumeclaims "stiff" is forbidden: only dynamically provisioned pvc can be '
        "resized and the storageclass that provisions the pvc must support resize"
    )
    cluster.apply(standard("lonely", storageClassName="nothing"))
    assert "spec is immutable after creation" in grow(cluster, "5Gi", "lonely").failure().message


def test_a_claim_does_not_shrink_below_what_it_has() -> None:
    cluster = started(standard())
    grow(cluster, "5Gi").unwrap()
    cluster.run(5_000)
    grow(cluster, "3Gi").unwrap()
    assert "field can not be less than status.capacity" in grow(cluster, "1Gi").failure().message


def test_what_a_claim_grows_by_is_charged_to_quotas() -> None:
    hard = {"requests.storage": "6Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}}
    cluster = started({**quota, "spec": {"hard": hard}}, standard())
    assert (
        "exceeded quota: q, requested: requests.storage=6Gi"
        in grow(cluster, "7Gi").failure().message
    )
    grow(cluster, "6Gi").unwrap()
    cluster.run(5_000)
    used = cluster.get("resourcequotas", "q")["status"]["used"]  # type: ignore[index,call-overload]
    assert used == {"requests.storage": "6Gi"}
    grow(cluster, "2Gi").unwrap()
    cluster.run(5_000)
    assert cluster.get("resourcequotas", "q")["status"]["used"] == used, "the disk stays as it is"  # type: ignore[index,call-overload]


def carrier(name: str = "app", storage_class: str = "standard") -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"of": name}, "annotations": {"a": "b"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    pod = user_of("", name)
    pod["spec"]["containers"][0]["volumeMounts"][0]["name"] = "scratch"
    pod["spec"]["volumes"] = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
    return pod


def test_a_pod_gets_the_claim_that_it_brings_along_and_takes_it_with_it() -> None:
    cluster = started(carrier())
    cluster.run(10_000)
    one = claim(cluster, "app-scratch")
    (owner,) = one["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Pod", "app", True)
    assert one["metadata"]["labels"] == {"of": "app"}
    assert one["metadata"]["annotations"]["a"] == "b"
    assert one["status"]["phase"] == "Bound"
    assert phase(cluster, "pods", "app") == "Running"
    cluster.ask(Delete("pods", "default", "app")).unwrap()
    cluster.run(120_000)
    assert claim(cluster, "app-scratch") is None


def test_a_claim_that_pods_bring_along_is_kept_while_they_use_it() -> None:
    cluster = started(carrier())
    cluster.run(10_000)
    before = claim(cluster, "app-scratch")["metadata"]["uid"]
    cluster.ask(Delete(CLAIMS, "default", "app-scratch")).unwrap()
    cluster.run(10_000)
    assert claim(cluster, "app-scratch")["metadata"]["uid"] == before


def test_somebody_elses_claim_of_the_same_name_is_not_taken() -> None:
    cluster = started(standard("app-scratch"), carrier())
    cluster.run(10_000)
    assert phase(cluster, "pods", "app") == "Pending"
    said = (
        "ephemeral volume scratch: PVC default/app-scratch was not created for pod default/app "
        "(pod is not owner)"
    )
    assert ("FailedBinding", said) in told(cluster, "app")
    cluster.ask(Delete(CLAIMS, "default", "app-scratch")).unwrap()
    cluster.run(120_000)
    assert phase(cluster, "pods", "app") == "Running"


LOOPS = st.sampled_from(["disk-resizer", "ephemeral-volume-controller", "disk-provisioner"])
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
        st.sampled_from(["claim", "grow", "grow", "use", "carrier", "drop pod", "drop claim"]),
        st.sampled_from(["a", "b"]),
        st.integers(1, 6),
        st.sampled_from([0, 10, 2_000]),
    ),
    min_size=4,
    max_size=12,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, name, size, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        command: Any = {
            "claim": Create(CLAIMS, "default", document(standard(name))),
            "grow": Patch(CLAIMS, "default", name, document(wants(f"{size}Gi"))),
            "use": Create("pods", "default", document(user_of(name, f"p{name}"))),
            "carrier": Create("pods", "default", document(carrier(f"c{name}"))),
            "drop pod": Delete("pods", "default", f"{'pc'[size % 2]}{name}"),
            "drop claim": Delete(CLAIMS, "default", f"c{name}-scratch"),
        }[what]
        cluster.simulator.ask(command)
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(100_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_at_rest_every_claim_has_what_its_volume_has_or_waits_for_a_pod(deeds, faults, seed, order):
    cluster = Cluster(nodes=1, seed=seed, order=order)
    play(cluster, deeds, faults)
    pods: list[Any] = list(cluster.list("pods"))
    claims: list[Any] = [one for one in cluster.list(CLAIMS) if one["status"]["phase"] == "Bound"]  # type: ignore[index,call-overload]
    for one in claims:
        disk: Any = cluster.get(VOLUMES, one["spec"]["volumeName"], "")
        size = disk["spec"]["capacity"]["storage"]
        wanted = one["spec"]["resources"]["requests"]["storage"]
        assert int(size[:-2]) >= int(wanted[:-2])
        waits = "FileSystemResizePending" in [
            each["type"] for each in one["status"].get("conditions", ())
        ]
        assert waits == (one["status"]["capacity"]["storage"] != size)
        name = one["metadata"]["name"]
        users = [
            pod
            for pod in pods
            for each in pod["spec"].get("volumes", ())
            if each.get("persistentVolumeClaim", {}).get("claimName") == name
        ]
        assert not (waits and users)
        event("grew" if size != "1Gi" else "stayed")
    for pod in pods:
        if pod["metadata"]["name"].startswith("c"):
            brought = claim(cluster, f"{pod['metadata']['name']}-scratch")
            owner = brought["metadata"]["ownerReferences"][0]
            assert owner["uid"] == pod["metadata"]["uid"]
            event("brought along")
    for loop in (Resizing(), EphemeralVolumes()):
        caches = pmap({w.resource: cluster.store.table(w.resource) for w in loop.watches})
        for key in loop.every_key(caches):
            assert loop.reconcile(Sync(key, cluster.now_ms, caches)).batches == ()
