"""The node's own word on a pod that was bound to it: whether it can be run here at all.

Source: kubernetes v1.36, pkg/kubelet/lifecycle/predicate.go (predicateAdmitHandler),
scheduler/framework/plugins/noderesources, nodename, nodeaffinity, tainttoleration;
pkg/kubelet/sysctl (safe_sysctls.go, allowlist.go).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.node.pods.recipe import PodRecipe
from kelm.effects.document import children, text

SAFE_SYSCTLS: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)
"""Kernel parameters that are each pod's own and can harm no other."""


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


def reject(
    pod: PodRecipe, used: Usage, offered: Usage, others: Iterable[PodRecipe] = ()
) -> Rejection | None:
    """Why the node will not run a pod, None if it will.

    used: by the pods that the node runs already; others: these pods.

    >>> from kelm.core.node.pods.recipe import pod_recipe
    >>> from kelm.effects.document import document
    >>> big = {"name": "a", "resources": {"requests": {"cpu": "3"}}}
    >>> pod = pod_recipe(document({"containers": [big]}))
    >>> reject(pod, Usage(1, 2_000, 0), Usage(110, 4_000, 0)).reason
    'OutOfcpu'
    """
    if "securityContext" in pod.spec:
        for sysctl in children(pod.spec, "securityContext", "sysctls"):
            why = _forbidden_sysctl(text(sysctl, "name").replace("/", "."), pod)
            if why:
                message = f"Pod was rejected: forbidden sysctl: {why}"
                return Rejection("SysctlForbidden", message)
    if used.pods + 1 > offered.pods:
        return _out_of("pods", 1, used.pods, offered.pods)
    if pod.cpu_milli and pod.cpu_milli + used.cpu_milli > offered.cpu_milli:
        return _out_of("cpu", pod.cpu_milli, used.cpu_milli, offered.cpu_milli)
    if pod.memory_bytes and pod.memory_bytes + used.memory_bytes > offered.memory_bytes:
        return _out_of("memory", pod.memory_bytes, used.memory_bytes, offered.memory_bytes)
    ports = pod.host_ports
    if ports and any(
        mine.conflicts(theirs) for other in others for theirs in other.host_ports for mine in ports
    ):
        why = "node(s) didn't have free ports for the requested pod ports"
        return Rejection("NodePorts", f"Pod was rejected: Predicate NodePorts failed: {why}")
    return None


def _forbidden_sysctl(name: str, pod: PodRecipe) -> str:
    """Why a pod may not set a kernel parameter, "" if it may: it must be the pod's own alone."""
    if name not in SAFE_SYSCTLS:
        return f'"{name}" not allowlisted'
    shares_ipc = pod.spec.get("hostIPC") is True
    if name.startswith("kernel.") and shares_ipc:
        return f'"{name}" not allowed with host IPC enabled'
    if name.startswith("net.") and pod.host_network:
        return f'"{name}" not allowed with host Net enabled'
    return ""


def _out_of(resource: str, requested: int, used: int, capacity: int) -> Rejection:
    return Rejection(
        f"OutOf{resource}",
        f"Pod was rejected: Node didn't have enough resource: {resource}, "
        f"requested: {requested}, used: {used}, capacity: {capacity}",
    )
