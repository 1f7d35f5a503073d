"""All that one look at a DaemonSet sees: its nodes, and its pods by the node that they are for.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (getNodesToDaemonPods).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.controllers.shared.pods import is_available
from kelm.core.controllers.workloads.daemonset.fit import Fit
from kelm.core.controllers.workloads.daemonset.template import has_present_template, target_node
from kelm.core.objects.daemon_set import DaemonSet
from kelm.core.objects.pod import ENDED, Pod

Pods = tuple[Pod, ...]


class Scene(msgspec.Struct, frozen=True):
    """See each field.

    hashed: the hash of the present template. fits: by node, oldest first. by_node: pods by node,
        nodes that there are not among them; a pod that has ended and is about to be gone is left
        out, nobody has anything to do with it.
    """

    one: DaemonSet
    hashed: str
    fits: Mapping[str, Fit]
    by_node: Mapping[str, Pods]
    now_ms: int

    def pods_on(self, node: str) -> Pods:
        return self.by_node.get(node, ())

    def is_new(self, pod: Pod) -> bool:
        """Whether a pod has the present template."""
        return has_present_template(self.one, pod, self.hashed)

    def available(self, pod: Pod) -> bool:
        return is_available(pod, self.one.min_ready_seconds, self.now_ms)

    @property
    def desired(self) -> int:
        """On how many nodes a pod should run."""
        return sum(fit.run for fit in self.fits.values())


def by_target(pods: Iterable[Pod]) -> dict[str, Pods]:
    """Pods by the node that they are on, or for."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.status.phase in ENDED and pod.metadata.deletion_timestamp is not None:
            continue
        node = target_node(pod.spec.doc)
        if node:
            found.setdefault(node, []).append(pod)
    return {node: tuple(here) for node, here in found.items()}


def eldest_first(pods: Iterable[Pod]) -> list[Pod]:
    """Bound pods before others, then by age, then by name.

    Source: podByCreationTimestampAndPhase.
    """
    return sorted(
        pods,
        key=lambda pod: (not pod.spec.node_name, pod.metadata.created_ms, pod.metadata.name),
    )
