"""The Node object that a kubelet registers, and the status that it reports.

Source: kubernetes v1.36, pkg/kubelet/kubelet_node_status.go (initialNode, setNodeStatus),
pkg/kubelet/nodestatus/setters.go.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from kelm.core.node.host.machine import Machine, pod_cidr
from kelm.core.objects.time import format_time
from kelm.effects.document import Document, Json, child, children, elements, text, without

KUBELET_VERSION = "v1.36.2"
IN_USE = "volumesInUse"

HEALTHY: tuple[tuple[str, str, str, str], ...] = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
"""Type, status, reason and message of what a healthy node reports."""


def new_node(machine: Machine, now_ms: int) -> Document:
    """The Node as it is registered."""
    name = machine.node
    labels: dict[str, Json] = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }
    if machine.zone:
        labels["topology.kubernetes.io/zone"] = machine.zone
        region = machine.zone[:-1] if machine.zone[-1:].isalpha() else ""
        if region[-1:].isdigit():
            labels["topology.kubernetes.io/region"] = region
    metadata: dict[str, Json] = {"name": name, "labels": Document({**labels, **machine.labels})}
    if machine.annotations:
        metadata["annotations"] = machine.annotations
    spec: dict[str, Json] = {
        "podCIDR": pod_cidr(machine.index),
        "podCIDRs": (pod_cidr(machine.index),),
    }
    if machine.taints:
        spec["taints"] = machine.taints
    return Document(
        apiVersion="v1",
        kind="Node",
        metadata=Document(metadata),
        spec=Document(spec),
        status=reported_status(machine, Document(), now_ms),
    )


def reported_status(
    machine: Machine, old: Document, now_ms: int, in_use: tuple[str, ...] | None = None
) -> Document:
    """The status that a kubelet writes; what others keep in it stays.

    in_use: the volumes that its pods use; None: what was said of them stays, too.
    """
    now = format_time(now_ms)
    kept = old if in_use is None else without(old, (IN_USE,))
    return Document(
        {
            **kept,
            **({IN_USE: in_use} if in_use else {}),
            "addresses": (
                Document(type="InternalIP", address=machine.host_ip),
                Document(type="Hostname", address=machine.node),
            ),
            "capacity": _with_others(machine, machine.capacity, child(old, "capacity")),
            "allocatable": _with_others(machine, machine.offered, child(old, "capacity")),
            "conditions": _conditions(children(old, "conditions"), now),
            "daemonEndpoints": _ENDPOINTS,
            "nodeInfo": node_info(machine.node, machine.seed, machine.boots),
        }
    )


def _with_others(machine: Machine, own: Document, capacity: Document) -> Document:
    """What a machine offers, and what others say in its capacity that it has beside.

    Source: pkg/kubelet/nodestatus/setters.go (MachineInfo).
    """
    if len(capacity) <= len(machine.capacity):
        return own
    others = {name: capacity[name] for name in capacity if name not in machine.capacity}
    return Document({**others, **own})


_ENDPOINTS = Document(kubeletEndpoint=Document(Port=10250))


def _conditions(old: tuple[Document, ...], now: str) -> tuple[Document, ...]:
    found = {one["type"]: one for one in old}
    own = []
    for kind, status, reason, message in HEALTHY:
        before = found.pop(kind, None)
        same = before is not None and before.get("status") == status
        own.append(
            Document(
                type=kind,
                status=status,
                lastHeartbeatTime=now,
                lastTransitionTime=before["lastTransitionTime"] if before and same else now,
                reason=reason,
                message=message,
            )
        )
    return (*found.values(), *own)


@lru_cache(maxsize=8192)
def node_info(node: str, seed: int, boots: int) -> Document:
    """What a machine says of itself."""
    return Document(
        architecture="amd64",
        bootID=_uuid(f"{seed}/{node}/boot/{boots}"),
        containerRuntimeVersion="containerd://2.2.0",
        kernelVersion="6.12.0",
        kubeProxyVersion="",
        kubeletVersion=KUBELET_VERSION,
        machineID=_uuid(f"{seed}/{node}/machine").replace("-", ""),
        operatingSystem="linux",
        osImage="kelm",
        systemUUID=_uuid(f"{seed}/{node}/system"),
    )


def _uuid(name: str) -> str:
    digits = sha256(name.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def this_boot(machine: Machine) -> str:
    """The id of the machine's present boot: another after every loss of power."""
    return text(node_info(machine.node, machine.seed, machine.boots), "bootID")


def reported_boot(node: Document) -> str:
    """The boot that the API knows of, "" for none."""
    return text(child(node, "status", "nodeInfo"), "bootID")


def is_as_reported(machine: Machine, node: Document, in_use: tuple[str, ...] | None = None) -> bool:
    """Whether the API shows what the kubelet would write, heartbeat times apart."""
    if in_use is not None and elements(node, "status", IN_USE) != in_use:
        return False
    if reported_boot(node) != this_boot(machine):
        return False
    capacity = child(node, "status", "capacity")
    if child(node, "status", "allocatable") != _with_others(machine, machine.offered, capacity):
        return False
    found = {one.get("type"): one for one in children(node, "status", "conditions")}
    for kind, status, reason, _ in HEALTHY:
        one = found.get(kind)
        if one is None or one.get("status") != status or one.get("reason") != reason:
            return False
    return True
