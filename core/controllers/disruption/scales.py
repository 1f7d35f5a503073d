"""Who wants the pods of a budget, and how many of them.

Source: kubernetes v1.36, pkg/controller/disruption/disruption.go (getPodReplicaSet,
getPodDeployment, getPodStatefulSet, getPodReplicationController).
Differs: a controller of another kind is not asked for its scale.
"""

from __future__ import annotations

from typing import Final

from kelm.core.controllers.disruption.budget import Scale
from kelm.core.objects.meta import OwnerReference, metadata
from kelm.core.objects.pod import Pod
from kelm.core.runtime.controller import Caches
from kelm.effects.address import Resource, key_of
from kelm.effects.document import Document, number

CONTROLLERS: Final[dict[tuple[str, str], Resource]] = {
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("apps", "StatefulSet"): "statefulsets.apps",
    ("apps", "Deployment"): "deployments.apps",
    ("", "ReplicationController"): "replicationcontrollers",
}


def scale_of(caches: Caches, pod: Pod) -> Scale | None:
    """The controller that decides how many pods like this there are; None where none is found."""
    owner = pod.metadata.controller
    doc = None if owner is None else _owner(caches, pod.metadata.namespace, owner)
    if doc is None:
        return None
    above = metadata(doc).controller
    if above is not None and above.kind == "Deployment":
        doc = _owner(caches, pod.metadata.namespace, above)
        if doc is None:
            return None
    return Scale(metadata(doc).uid, number(doc, "spec", "replicas"))


def _owner(caches: Caches, namespace: str, owner: OwnerReference) -> Document | None:
    group = owner.api_version.rpartition("/")[0]
    resource = CONTROLLERS.get((group, owner.kind))
    if resource is None:
        return None
    doc = caches[resource].get(key_of(namespace, owner.name))
    return doc if doc is not None and metadata(doc).uid == owner.uid else None
