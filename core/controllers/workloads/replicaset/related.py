"""Pods that serve the same purpose as a ReplicaSet's own: those of its Deployment's other sets.

A node with many of them is where a pod is missed least, so they count when pods are chosen for
deletion. Only labels matter: whose the pods are does not.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set.go (getIndirectlyRelatedPods,
getReplicaSetsWithSameController).
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.controllers.workloads.replicaset.kinds import Kind
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.workloads import ReplicaSet, replica_set
from kelm.core.runtime.controller import Caches
from kelm.effects.messages import Cache


def same_controller(sets: Cache, one: ReplicaSet) -> tuple[ReplicaSet, ...]:
    """All ReplicaSets with the controller of this one, itself included; none without one."""
    controller = one.metadata.controller
    if controller is None:
        return ()
    return tuple(replica_set(doc) for doc in sets.select("owner", controller.uid))


def related_pods(caches: Caches, kind: Kind, one: ReplicaSet) -> tuple[Pod, ...]:
    """Every pod that a ReplicaSet of the same controller selects, once."""
    found: dict[str, Pod] = {}
    for relative in same_controller(caches[kind.resource], one):
        for each in selected_pods(caches["pods"], relative.metadata.namespace, relative.selector):
            found[each.metadata.uid] = each
    return tuple(found.values())


def selected_pods(pods: Cache, namespace: str, selector: Selector) -> Iterator[Pod]:
    """The pods of a namespace that a selector means, by the label that should be rarest."""
    if selector.equal:
        # A hash comes last in Kubernetes' own selectors, after what a user called the thing.
        key, value = selector.equal[-1]
        found = pods.select("label", f"{namespace}/{key}={value}")
    else:
        found = pods.select("namespace", namespace)
    matches = selector.matches
    return (each for each in map(pod, found) if matches(each.metadata.labels or {}))
