"""Ephemeral containers: guests of a pod that is there already.

They are started when they are asked for, once, and never again; nobody waits for them to be ready,
and a pod is over without them. For what happens to a single container they are seen as the
containers of a pod of their own (`as_pod`), whose hosts are the guests.

Source: kubernetes v1.36, pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions,
EphemeralContainersToStart), pkg/kubelet/kubelet_pods.go (ephemeralContainerStatuses).
"""

from __future__ import annotations

import msgspec

from kelm.core.node.pods.local import NEW, LocalPod
from kelm.core.node.pods.recipe import PodRecipe

FIELD = "ephemeralContainers"

replace = msgspec.structs.replace


def as_pod(pod: LocalPod) -> LocalPod:
    """The guests as if they were a pod's own containers; done twice, the pod again."""
    recipe = pod.recipe
    if recipe.field == FIELD:
        host = replace(
            recipe,
            containers=recipe.guests,
            guests=recipe.containers,
            init_count=recipe.hidden_init_count,
            hidden_init_count=0,
            field="",
        )
    else:
        host = replace(
            recipe,
            containers=recipe.guests,
            guests=recipe.containers,
            init_count=0,
            hidden_init_count=recipe.init_count,
            field=FIELD,
        )
    return replace(pod, recipe=host, runs=pod.guests, guests=pod.runs)


def arrived(pod: LocalPod, recipe: PodRecipe) -> LocalPod:
    """The pod with those of its guests that it did not have yet, before they are started."""
    added = len(recipe.guests) - len(pod.guests)
    return replace(pod, guests=pod.guests + (NEW,) * added) if added > 0 else pod


def find_container(pod: LocalPod, name: str) -> tuple[LocalPod, int] | None:
    """The pod, or its guests as one, and the place of the container with this name in it."""
    for seen in (pod, as_pod(pod)) if pod.guests else (pod,):
        for index, recipe in enumerate(seen.recipe.containers):
            if recipe.name == name:
                return seen, index
    return None
