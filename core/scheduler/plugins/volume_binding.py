"""VolumeBinding: a pod goes only where its volumes are, or can be had.

Source: kubernetes v1.36, plugins/volumebinding/volume_binding.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.scheduler.cache.claims import ClaimRef
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.volumes import (
    CLAIMS,
    IMMEDIATE,
    NO_VOLUME,
    NONE_TO_BIND,
    NOT_AFFINE,
    VOLUMES,
    Storage,
    choices,
    is_bound,
    reaches,
    waits_for_pod,
)
from kelm.core.scheduler.happenings import Happening, NodeChanged, StorageChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status
from kelm.effects.document import Document, text


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
            if any(volume is None for volume in volumes):
                return Status(self.name, (NO_VOLUME,), hopeless=True)
            reasons = []
            if not all(volume is None or reaches(node, volume) for volume in volumes):
                reasons.append(NOT_AFFINE)
            if waiting and choices(storage, waiting, node) is None:
                reasons.append(NONE_TO_BIND)
            return Status(self.name, tuple(reasons), hopeless=True) if reasons else None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came, or was relabelled; a claim of the pod, a volume or a class changed."""
        if isinstance(happening, NodeChanged):
            return happening.old is None or happening.old.labels != happening.new.labels
        if not isinstance(happening, StorageChanged):
            return False
        return (
            not happening.key
            or happening.resource != CLAIMS
            or any(
                f"{ask.namespace}/{ask.claim_name(one)}" == happening.key
                for one in ask.needs.claims
            )
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
        wrong = _wrong(one, name, claim)
        if claim is None or wrong:
            return wrong
        found[key] = claim
    return found


def _wrong(one: ClaimRef, name: str, claim: Document | None) -> str:
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
    return ""
