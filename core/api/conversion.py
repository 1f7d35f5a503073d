"""The same object in another served version.

What is stored has the preferred version; a request for another one is answered in that, and what
it sends is read from it. Two kinds have several: events, which are one store under two groups, and
HorizontalPodAutoscalers.

Source: kubernetes v1.36, pkg/apis/core/v1/conversion.go, pkg/apis/events/v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.kinds.autoscaler_versions import (
    VERSION_1,
    VERSION_2,
    to_version_1,
    to_version_2,
)
from kelm.core.api.resources import ResourceInfo
from kelm.effects.document import Document

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
    if info.versions and not doc.get("apiVersion"):
        return Document({**doc, "apiVersion": api_version})
    convert = _STORED.get(given)
    return doc if convert is None else convert(doc)


def _event_out(doc: Document) -> Document:
    fields = {EVENT_FIELDS.get(key, key): value for key, value in doc.items()}
    return Document({**fields, "apiVersion": EVENTS_V1})


def _event_in(doc: Document) -> Document:
    fields = {_BACK.get(key, key): value for key, value in doc.items()}
    return Document({**fields, "apiVersion": "v1", "kind": doc.get("kind") or "Event"})


Convert = Callable[[Document], Document]
_SERVED: Final[dict[tuple[str, str], Convert]] = {
    ("v1", EVENTS_V1): _event_out,
    (VERSION_2, VERSION_1): to_version_1,
}
_STORED: Final[dict[str, Convert]] = {EVENTS_V1: _event_in, VERSION_1: to_version_2}
