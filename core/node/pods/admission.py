"""The node's own word on a pod that was bound to it: whether it can be run here at all.

Source: kubernetes v1.36, pkg/kubelet/lifecycle/predicate.go (predicateAdmitHandler),
scheduler/framework/plugins/noderesources, nodename, nodeaffinity, tainttoleration.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.pods.recipe import PodRecipe


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What pods take of a node."""

    pods: int = 0
    cpu_milli: int = 0
    memory_bytes: int = 0

    def plus(self, pod: PodRecipe) -> Usage:
        return Usage(
            self.pods + 1, self.cpu_milli + pod.cpu_milli, self.memory_bytes + pod.memory_bytes
        )

    def minus(self, pod: PodRecipe) -> Usage:
        return Usage(
            self.pods - 1, self.cpu_milli - pod.cpu_milli, self.memory_bytes - pod.memory_bytes
        )


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why a pod fails at once: the reason and message of its status."""

    reason: str
    message: str


def reject(pod: PodRecipe, used: Usage, offered: Usage) -> Rejection | None:
    """Why the node will not run a pod, None if it will.

    used: by the pods that the node runs already.

    >>> from kelm.core.node.pods.recipe import pod_recipe
    >>> from kelm.effects.document import document
    >>> big = {"name": "a", "resources": {"requests": {"cpu": "3"}}}
    >>> pod = pod_recipe(document({"containers": [big]}))
    >>> reject(pod, Usage(1, 2_000, 0), Usage(110, 4_000, 0)).reason
    'OutOfcpu'
    """
    if used.pods + 1 > offered.pods:
        return _out_of("pods", 1, used.pods, offered.pods)
    if pod.cpu_milli and pod.cpu_milli + used.cpu_milli > offered.cpu_milli:
        return _out_of("cpu", pod.cpu_milli, used.cpu_milli, offered.cpu_milli)
    if pod.memory_bytes and pod.memory_bytes + used.memory_bytes > offered.memory_bytes:
        return _out_of("memory", pod.memory_bytes, used.memory_bytes, offered.memory_bytes)
    return None


def _out_of(resource: str, requested: int, used: int, capacity: int) -> Rejection:
    return Rejection(
        f"OutOf{resource}",
        f"Pod was rejected: Node didn't have enough resource: {resource}, "
        f"requested: {requested}, used: {used}, capacity: {capacity}",
    )
