"""VolumeBinding: a pod goes only where its volumes are, or can be had.

Source: kubernetes v1.36, plugins/volumebinding/volume_binding.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.scheduler.cache.claims import ClaimRef
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.volumes import (
    CAPACITIES,
    CLAIMS,
    CLASSES,
    CSI_NODES,
    DRIVERS,
    IMMEDIATE,
    NO_VOLUME,
    NOT_AFFINE,
    VOLUMES,
    Storage,
    choices,
    is_bound,
    reaches,
    volume_limit,
    waits_for_pod,
)
from kelm.core.scheduler.happenings import Happening, NodeChanged, ObjectChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status
from kelm.effects.address import Resource
from kelm.effects.document import Document, flag, text

MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"


class VolumeBinding(msgspec.Struct, frozen=True):
    name: str = "VolumeBinding"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        if not ask.needs.claims:
            return None
        storage = cluster.storage
        claims = found_claims(ask, storage)
        if isinstance(claims, str):
            return Status(self.name, (claims,), hopeless=True)
        bound = {key: claim for key, claim in claims.items() if is_bound(claim)}
        waiting = {key: one for key, one in claims.items() if waits_for_pod(storage, one)}
        if len(bound) + len(waiting) < len(claims):
            return Status(self.name, (IMMEDIATE,), hopeless=True)
        volumes = [storage.get(VOLUMES, text(one, "spec", "volumeName")) for one in bound.values()]
        return self._by_node(storage, volumes, waiting)

    def _by_node(
        self,
        storage: Storage,
        volumes: list[Document | None],
        waiting: Mapping[str, Document],
    ) -> Filtering:
        def refuse(node: NodeUse) -> Status | None:
            reasons = []
            if not all(volume is None or reaches(node, volume) for volume in volumes):
                reasons.append(NOT_AFFINE)
            found = choices(storage, waiting, node) if waiting else ()
            if isinstance(found, str):
                reasons.append(found)
            if any(volume is None for volume in volumes):
                reasons.append(NO_VOLUME)
            return Status(self.name, tuple(reasons), hopeless=True) if reasons else None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came, or was relabelled; or something came or changed that volumes depend on."""
        if isinstance(happening, NodeChanged):
            return happening.old is None or happening.old.labels != happening.new.labels
        if not isinstance(happening, ObjectChanged):
            return False
        if happening.resource == CLAIMS:
            return happening.is_there(CLAIMS) and names_claim(ask, happening.key)
        if happening.came(CLASSES, CSI_NODES, CAPACITIES) or happening.is_there(VOLUMES):
            return True
        old, new = happening.old, happening.new
        return old is not None and new is not None and _opens(happening.resource, old, new)


def _opens(resource: Resource, old: Document, new: Document) -> bool:
    """Whether what changed of a class, a driver, a node's drivers or a capacity may help.

    Differs: where a driver stops minding how much room is left, upstream asks whether the pod has
    an inline volume of that driver, which this plugin has no say in; here every pod is tried again.
    """
    if resource == CLASSES:
        return old.get("allowedTopologies") != new.get("allowedTopologies")
    if resource == DRIVERS:
        minded, minds = (flag(one, "spec", "storageCapacity") for one in (old, new))
        return minded and not minds
    if resource == CSI_NODES:
        return annotations_of(old).get(MIGRATED) != annotations_of(new).get(MIGRATED)
    if resource == CAPACITIES:
        before, after = volume_limit(old), volume_limit(new)
        return after is not None and (before is None or after > before)
    return False


def names_claim(ask: Ask, key: str) -> bool:
    """Whether a claim is one of the pod's; "" stands for any."""
    return not key or any(
        f"{ask.namespace}/{ask.claim_name(one)}" == key for one in ask.needs.claims
    )


def found_claims(ask: Ask, storage: Storage) -> dict[str, Document] | str:
    """The claims of a pod by key, or what is wrong with the first that is wrong.

    Source: volume_binding.go, podHasPVCs.
    """
    found = {}
    for one in ask.needs.claims:
        name = ask.claim_name(one)
        key = f"{ask.namespace}/{name}"
        claim = storage.get(CLAIMS, key)
        wrong = _wrong(one, name, claim, ask)
        if claim is None or wrong:
            return wrong
        found[key] = claim
    return found


def _wrong(one: ClaimRef, name: str, claim: Document | None, ask: Ask) -> str:
    if claim is None:
        if one.generated:
            return (
                "waiting for ephemeral volume controller to create the persistentvolumeclaim "
                f'"{name}"'
            )
        return f'persistentvolumeclaim "{name}" not found'
    if text(claim, "status", "phase") == "Lost":
        volume = text(claim, "spec", "volumeName")
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
    if metadata(claim).deletion_timestamp is not None:
        return f'persistentvolumeclaim "{name}" is being deleted'
    if one.generated and not _is_made_for(claim, ask):
        key = f"{ask.namespace}/{name}"
        return f"PVC {key} was not created for pod {ask.namespace}/{ask.name} (pod is not owner)"
    return ""


def _is_made_for(claim: Document, ask: Ask) -> bool:
    """Whether a claim is the pod's own. Source: VolumeIsForPod."""
    owner = metadata(claim).controller
    return owner is not None and (owner.kind, owner.name) == ("Pod", ask.name)
