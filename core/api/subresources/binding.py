"""Binding: a pod gets its node, once, and with it the node's place as labels.

Source: kubernetes v1.36, pkg/registry/core/pod/storage/storage.go (BindingREST),
plugin/pkg/admission/podtopologylabels/admission.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.conditions import pod_condition, pod_scheduled, with_condition
from kelm.core.api.known import known
from kelm.core.api.resources import RESOURCES
from kelm.core.api.validation.violation import not_supported, required
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Written
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Bind
from kelm.effects.document import EMPTY, Document, child, strings, text, without
from kelm.effects.refusals import Reason, Refusal

PODS: Final = RESOURCES["pods"]
TOPOLOGY_LABELS: Final = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
SUCCESS: Final = Document(
    kind="Status", apiVersion="v1", metadata=EMPTY, status="Success", code=201
)


class _Placed(msgspec.Struct, frozen=True):
    """The labels of a document together with the places that were added to them so far."""

    by_place: tuple[tuple[tuple[str, ...], Document], ...]


def create_binding(
    store: Store, namespace: str, name: str, binding: Document, now_ms: int
) -> Written:
    """Bind a pod as a Binding object says."""
    meta, target = metadata_of(binding), child(binding, "target")
    if name and meta.get("name") != name:
        return store, refuse.bad_request("name in URL does not match name in Binding object")
    kind, node = text(target, "kind"), text(target, "name")
    violations = []
    if kind not in ("", "Node"):
        violations.append(not_supported("target.kind", kind, ("Node", "<empty>")))
    if not node:
        violations.append(required("target.name"))
    if violations:
        said = [violation.text for violation in violations]
        return store, refuse.failed(said[0] if len(said) == 1 else f"[{', '.join(said)}]")
    command = Bind(namespace, text(meta, "name"), text(meta, "uid"), node)
    return bind(store, command, now_ms, strings(meta, "annotations"))


def bind(
    store: Store, command: Bind, now_ms: int, annotations: dict[str, str] | None = None
) -> Written:
    """Give a pod to a node."""
    name, node = command.name, command.node
    key = key_of(command.namespace, name)
    pod = store.get("pods", key)
    if pod is None:
        return store, refuse.not_found(PODS, name)
    meta, spec = metadata_of(pod), pod.get("spec")
    spec = spec if isinstance(spec, Document) else EMPTY
    if command.uid and command.uid != meta["uid"]:
        refusal = refuse.wrong_uid(PODS, key, name, command.uid, str(meta["uid"]))
        return store, refusal
    why = _unbindable(name, meta, spec)
    if why:
        return store, _conflict(name, why)
    fields = {**meta, "resourceVersion": str(store.revision + 1)}
    labels = _labels_on(store, node, fields.get("labels"))
    if labels is not None:
        fields["labels"] = labels
    if annotations:
        fields["annotations"] = Document({**child(pod, "metadata", "annotations"), **annotations})
    bound = Document(
        {
            **pod,
            "metadata": Document(fields),
            "spec": _spec_on(node, spec),
            "status": _scheduled(pod.get("status"), now_ms),
        }
    )
    return store.put("pods", key, bound), SUCCESS


def _unbindable(name: str, meta: Document, spec: Document) -> str:
    """Why a pod cannot get a node, "" if it can."""
    if meta.get("deletionTimestamp") is not None:
        return f"pod {name} is being deleted, cannot be assigned to a host"
    node = spec.get("nodeName")
    if node:
        return f'pod {name} is already assigned to node "{node}"'
    if spec.get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return ""


def _conflict(name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on pods/binding "{name}": {why}'
    return Refusal(Reason.CONFLICT, message, name=name, kind="pods/binding")


def _spec_on(node: str, spec: Document) -> Document:
    """The specification with its node: what is known of the old one holds for the new one."""
    new = Document({**spec, "nodeName": node})
    seen = known(spec)
    if seen.pod is True:
        new.derived = seen
    return new


def _scheduled(status: object, now_ms: int) -> Document:
    """The status of a pod that has just been bound; many pods share it.

    No node is kept for it any more.
    """
    old = status if isinstance(status, Document) else EMPTY
    if "nominatedNodeName" in old:
        old = without(old, ("nominatedNodeName",))
    if old.get("conditions"):
        return with_condition(old, pod_condition("PodScheduled", now_ms))
    return Document({**old, "conditions": pod_scheduled(now_ms - now_ms % 1000)})


def _labels_on(store: Store, node: str, labels: object) -> Document | None:
    """A pod's labels with its node's region and zone; None where the node has neither.

    Pods of one set share their labels, so the labels of all its pods in one zone are shared.
    """
    doc = store.get("nodes", node)
    found = doc["metadata"].get("labels") if doc is not None else None  # type: ignore[union-attr]
    if not isinstance(found, Document):
        return None
    place = tuple(str(found.get(label) or "") for label in TOPOLOGY_LABELS)
    if not any(place):
        return None
    old = labels if isinstance(labels, Document) else EMPTY
    if old is EMPTY:
        return _placed(old, place)
    try:
        seen = old.derived
    except AttributeError:
        seen = None
    by_place = seen.by_place if type(seen) is _Placed else ()
    for known_place, placed in by_place:
        if known_place == place:
            return placed
    new = _placed(old, place)
    if len(by_place) < 16:
        old.derived = _Placed(((place, new), *by_place))
    return new


def _placed(labels: Document, place: tuple[str, ...]) -> Document:
    added = {
        label: value
        for label, value in zip(TOPOLOGY_LABELS, place, strict=True)
        if value and label not in labels
    }
    return Document({**labels, **added})
