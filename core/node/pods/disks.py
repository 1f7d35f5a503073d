"""The volumes behind a pod's claims: found, attached to the machine, and only then mounted.

A pod starts nothing before its volumes are here. Its claims have to be bound to volumes; a volume
whose driver attaches disks has to be among the node's `status.volumesAttached`, where the
attach/detach controller says so, and among its `status.volumesInUse`, where the kubelet does: so
the controller knows that it must not be taken away again before the kubelet says otherwise.

The kubelet is told at once when its node's status says something new. That it has itself reported a
volume as in use is looked at after 500 ms, and then again and again after twice as long.

Source: kubernetes v1.36, pkg/kubelet/volumemanager (volume_manager.go,
populator/desired_state_of_world_populator.go), pkg/kubelet/kubelet.go (SyncPod),
pkg/volume/util/operationexecutor/operation_generator.go
(GenerateVerifyControllerAttachedVolumeFunc), pkg/util/goroutinemap/exponentialbackoff.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.sources import DISK_SOURCES, Sources
from kelm.core.node.turn import Turn
from kelm.core.objects.meta import metadata
from kelm.core.objects.storage import (
    CLAIMS,
    DRIVERS,
    VOLUMES,
    claim,
    driver_of,
    needs_attaching,
    unique_name,
    volume,
)
from kelm.effects.document import EMPTY, Document, child, children, text

FIRST_BACKOFF_MS: Final = 500
LONGEST_BACKOFF_MS: Final = 122_000
SYNC_RETRY_MS: Final = 10_000
"""How long a pod that could not be started is left alone."""
_PROTECTION: Final = "kubernetes.io/pvc-protection"

replace = msgspec.structs.replace


def mounted(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """Look after the volumes of a pod that has claims: what is missing, or that all are here."""
    now = pod.mounting
    if now.done or (now.due_ms != NEVER_MS and at_ms < now.due_ms):
        return pod
    if any(one not in turn.sources for one in DISK_SOURCES):
        return pod
    disks: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, claimed in pod.recipe.claims:
        found = _volume_of(turn.sources, pod, name, claimed)
        if isinstance(found, str):
            wrong[name] = found
        elif needs_attaching(found, turn.sources[DRIVERS].get(driver_of(found))):
            disks[name] = unique_name(found)
    now = replace(now, disks=tuple(sorted(set(disks.values()))), known=True)
    there = attached_to(turn.node)
    missing = sorted(name for name, disk in disks.items() if disk not in there)
    if wrong:
        turn.tell(pod, "Warning", "FailedMount", _complaint(missing, wrong))
        return replace(pod, mounting=replace(now, due_ms=at_ms + SYNC_RETRY_MS))
    if missing:
        return replace(pod, mounting=replace(now, due_ms=NEVER_MS))
    if not set(now.disks) <= set(listed_at(turn.node, "volumesInUse")):
        wait_ms = now.backoff_ms or FIRST_BACKOFF_MS
        longer_ms = min(2 * wait_ms, LONGEST_BACKOFF_MS)
        return replace(pod, mounting=replace(now, due_ms=at_ms + wait_ms, backoff_ms=longer_ms))
    return replace(pod, mounting=replace(now, done=True, due_ms=NEVER_MS))


def attached_to(node: Document | None) -> set[str]:
    """The volumes that a node's status says are attached to it."""
    return {text(one, "name") for one in children(node or EMPTY, "status", "volumesAttached")}


def listed_at(node: Document | None, field: str) -> tuple[str, ...]:
    """A list of strings in a node's status."""
    found = child(node or EMPTY, "status").get(field)
    return tuple(str(one) for one in found) if isinstance(found, tuple) else ()


def in_use(pods: Iterable[LocalPod]) -> tuple[str, ...] | None:
    """The volumes that pods of a machine have or want, in order; None while that is not known.

    What has ended uses nothing any more.
    """
    found: set[str] = set()
    for pod in pods:
        if pod.recipe.claims and pod.life in ("live", "stopping"):
            if not pod.mounting.known and pod.life == "live":
                return None
            found.update(pod.mounting.disks)
    return tuple(sorted(found))


def _volume_of(sources: Sources, pod: LocalPod, name: str, claimed: str) -> Document | str:
    """The volume of a pod's claim, or why there is none.

    claimed: the claim's name; "" for one that the pod brings along.
    """
    named = claimed or f"{pod.name}-{name}"
    head = f"error processing PVC {pod.namespace}/{named}: "
    doc = sources[CLAIMS].get(f"{pod.namespace}/{named}")
    if doc is None:
        missing = f'persistentvolumeclaims "{named}" not found'
        return f"{head}failed to fetch PVC from API server: {missing}"
    one = claim(doc)
    meta = one.metadata
    if meta.deletion_timestamp is not None and _PROTECTION not in meta.finalizers:
        return f"{head}PVC is being deleted"
    if one.phase != "Bound":
        return f"{head}PVC is not bound"
    if not claimed and (meta.controller is None or meta.controller.uid != pod.uid):
        place = f"{pod.namespace}/{pod.name} (pod is not owner)"
        return f"PVC {pod.namespace}/{named} was not created for pod {place}"
    found = sources[VOLUMES].get(one.volume_name)
    if found is None:
        missing = f'persistentvolumes "{one.volume_name}" not found'
        return f"{head}failed to fetch PV {one.volume_name} from API server: {missing}"
    uid = text(volume(found).claim_ref, "uid")
    if uid != meta.uid:
        said = f"found PV object {metadata(found).name} but its pv.Spec.ClaimRef.UID {uid}"
        return f"{head}{said} does not point to claim.UID {meta.uid}"
    return found


def _complaint(missing: list[str], wrong: dict[str, str]) -> str:
    """What a pod is told whose volumes cannot be found."""
    unmounted = " ".join(sorted({*missing, *wrong}))
    return (
        f"Unable to attach or mount volumes: unmounted volumes=[{unmounted}], "
        f"unattached volumes=[{' '.join(missing)}], "
        f"failed to process volumes=[{' '.join(sorted(wrong))}]: {'; '.join(wrong.values())}"
    )
