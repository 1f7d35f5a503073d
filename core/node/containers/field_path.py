"""Field paths of the downward API: what a pod may learn of itself.

Source: kubernetes v1.36, pkg/fieldpath/fieldpath.go; pkg/kubelet/kubelet_pods.go
(podFieldSelectorRuntimeValue).
"""

from __future__ import annotations

from collections.abc import Mapping

from returns.result import Failure, Result, Success

from kelm.core.api.validation.names import qualified_name
from kelm.core.api.validation.violation import quoted
from kelm.effects.document import Document, child, children, strings, text


def split_subscript(path: str) -> tuple[str, str] | None:
    """Path and key of `metadata.labels['key']`, None for a path without a subscript.

    >>> split_subscript("metadata.labels['a']"), split_subscript("metadata.labels")
    (('metadata.labels', 'a'), None)
    """
    if not path.endswith("']"):
        return None
    head, bracket, key = path[:-2].partition("['")
    return (head, key) if bracket and head else None


def format_map(entries: Mapping[str, str]) -> str:
    """A map of labels or annotations as text, a line each, sorted.

    >>> print(format_map({"b": "2", "a": "say \\"hi\\""}))
    a="say \\"hi\\""
    b="2"
    """
    return "\n".join(f"{key}={quoted(entries[key])}" for key in sorted(entries))


def field_value(doc: Document, path: str) -> Result[str, str]:
    """The value of a field of an object's metadata.

    >>> field_value(Document(metadata=Document(name="web")), "metadata.name").unwrap()
    'web'
    """
    subscript = split_subscript(path)
    if subscript is not None:
        return _subscripted(doc, path, *subscript)
    if path in ("metadata.labels", "metadata.annotations"):
        return Success(format_map(strings(doc, *path.split("."))))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return Success(text(doc, *path.split(".")))
    return Failure(f"unsupported fieldPath: {path}")


def _subscripted(doc: Document, path: str, head: str, key: str) -> Result[str, str]:
    if head not in ("metadata.labels", "metadata.annotations"):
        return Failure(f'fieldPath "{path}" does not support subscript')
    complaints = qualified_name(key.lower() if head == "metadata.annotations" else key)
    if complaints:
        return Failure(f"invalid key subscript in {path}: {'; '.join(complaints)}")
    return Success(text(child(doc, *head.split(".")), key))


def pod_field(pod: Document, path: str) -> Result[str, str]:
    """The value of a field that a pod's environment or a downward volume may name."""
    status = child(pod, "status")
    if path in ("spec.nodeName", "spec.serviceAccountName"):
        return Success(text(pod, *path.split(".")))
    if path in ("status.podIP", "status.hostIP"):
        addresses = _addresses(status, f"{path[7:]}s")
        return Success(addresses[0] if addresses else text(status, path[7:]))
    if path in ("status.podIPs", "status.hostIPs"):
        return Success(",".join(_addresses(status, path[7:])))
    return field_value(pod, path)


def _addresses(status: Document, field: str) -> list[str]:
    return [text(one, "ip") for one in children(status, field)]
