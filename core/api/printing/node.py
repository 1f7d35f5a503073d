"""A node's row. Source: kubernetes v1.36, pkg/printers/internalversion/printers.go, printNode."""

from __future__ import annotations

from kelm.core.objects.duration import age
from kelm.effects.document import Document, Json, child, children, flag, strings, text

COLUMNS = ("NAME", "STATUS", "ROLES", "AGE", "VERSION")
WIDE = ("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME")
ROLE_PREFIX = "node-role.kubernetes.io/"


def row(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a node, the wide ones last."""
    info = child(doc, "status", "nodeInfo")
    return (
        text(doc, "metadata", "name"),
        _status(doc),
        ",".join(_roles(doc)) or "<none>",
        age(text(doc, "metadata", "creationTimestamp") or None, now_ms),
        text(info, "kubeletVersion"),
        _address(doc, "InternalIP"),
        _address(doc, "ExternalIP"),
        text(info, "osImage") or "<unknown>",
        text(info, "kernelVersion") or "<unknown>",
        text(info, "containerRuntimeVersion") or "<unknown>",
    )


def _status(doc: Document) -> str:
    ready = {
        text(condition, "status")
        for condition in children(doc, "status", "conditions")
        if text(condition, "type") == "Ready"
    }
    word = "Unknown" if not ready else "Ready" if "True" in ready else "NotReady"
    return f"{word},SchedulingDisabled" if flag(doc, "spec", "unschedulable") else word


def _roles(doc: Document) -> list[str]:
    labels = strings(doc, "metadata", "labels")
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles.add(labels.get("kubernetes.io/role", ""))
    return sorted(role for role in roles if role)


def _address(doc: Document, kind: str) -> str:
    for address in children(doc, "status", "addresses"):
        if text(address, "type") == kind:
            return text(address, "address")
    return "<none>"
