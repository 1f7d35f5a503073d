"""The same object in another served version.

What is stored has the preferred version; a request for another one is answered in that, and what
it sends is read from it. Two kinds have several: events, which are one store under two groups, and
HorizontalPodAutoscalers.

Source: kubernetes v1.36, pkg/apis/core/v1/conversion.go, pkg/apis/events/v1/conversion.go,
pkg/apis/autoscaling/v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.resources import ResourceInfo
from kelm.effects.document import EMPTY, Document, Json, child, children, number, text

EVENTS_V1: Final = "events.k8s.io/v1"
EVENT_FIELDS: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
"""The fields of a core event and what they are called in events.k8s.io."""
_BACK: Final = {new: old for old, new in EVENT_FIELDS.items()}


def served(info: ResourceInfo, doc: Document, api_version: str) -> Document:
    """A stored object as a version shows it.

    >>> from kelm.core.api.resources import RESOURCES
    >>> event = Document(apiVersion="v1", kind="Event", message="up")
    >>> served(RESOURCES["events.events.k8s.io"], event, EVENTS_V1)["note"]
    'up'
    """
    if doc.get("apiVersion") == api_version or doc.get("kind") not in (info.kind, None):
        return doc
    if info.versions:
        return Document({**doc, "apiVersion": api_version})
    convert = _SERVED.get((str(doc.get("apiVersion")), api_version))
    return doc if convert is None else convert(doc)


def stored(info: ResourceInfo, doc: Document, api_version: str) -> Document:
    """An object sent in some version, as it is stored.

    >>> from kelm.core.api.resources import RESOURCES
    >>> event = Document(apiVersion=EVENTS_V1, kind="Event", note="up")
    >>> stored(RESOURCES["events.events.k8s.io"], event, EVENTS_V1)["message"]
    'up'
    """
    given = str(doc.get("apiVersion") or api_version)
    convert = _STORED.get(given)
    return doc if convert is None else convert(doc)


def _event_out(doc: Document) -> Document:
    fields = {EVENT_FIELDS.get(key, key): value for key, value in doc.items()}
    return Document({**fields, "apiVersion": EVENTS_V1})


def _event_in(doc: Document) -> Document:
    fields = {_BACK.get(key, key): value for key, value in doc.items()}
    return Document({**fields, "apiVersion": "v1", "kind": doc.get("kind") or "Event"})


AUTOSCALING_V1: Final = "autoscaling/v1"
AUTOSCALING_V2: Final = "autoscaling/v2"


def _scaler_out(doc: Document) -> Document:
    """Version 1 knows one metric: how much of its processor time a pod uses."""
    spec, status = child(doc, "spec"), child(doc, "status")
    target = _utilization(children(spec, "metrics"), "target")
    current = _utilization(children(status, "currentMetrics"), "current")
    old_spec = {key: value for key, value in spec.items() if key not in ("metrics", "behavior")}
    if target is not None:
        old_spec["targetCPUUtilizationPercentage"] = target
    names = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
    old_status: dict[str, Json] = {"currentReplicas": 0, "desiredReplicas": 0}
    old_status.update({key: status[key] for key in names if key in status})
    if current is not None:
        old_status["currentCPUUtilizationPercentage"] = current
    changed = {"spec": Document(old_spec), "status": Document(old_status)}
    return Document({**doc, "apiVersion": AUTOSCALING_V1, **changed})


def _utilization(metrics: tuple[Document, ...], part: str) -> int | None:
    for metric in metrics:
        resource = child(metric, "resource")
        if text(resource, "name") == "cpu" and "averageUtilization" in child(resource, part):
            return number(resource, part, "averageUtilization")
    return None


def _scaler_in(doc: Document) -> Document:
    spec = dict(child(doc, "spec"))
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        goal = Document(type="Utilization", averageUtilization=target)
        spec["metrics"] = (Document(type="Resource", resource=Document(name="cpu", target=goal)),)
    changed = Document({**doc, "apiVersion": AUTOSCALING_V2, "spec": Document(spec) or EMPTY})
    return changed


Convert = Callable[[Document], Document]
_SERVED: Final[dict[tuple[str, str], Convert]] = {
    ("v1", EVENTS_V1): _event_out,
    (AUTOSCALING_V2, AUTOSCALING_V1): _scaler_out,
}
_STORED: Final[dict[str, Convert]] = {EVENTS_V1: _event_in, AUTOSCALING_V1: _scaler_in}
