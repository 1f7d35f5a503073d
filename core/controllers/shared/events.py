"""Events that controllers record about the objects they look after.

Source: kubernetes v1.36, client-go/tools/record/event.go.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from kelm.core.objects.meta import metadata
from kelm.effects.address import ObjectRef, Resource
from kelm.effects.commands import RecordEvent
from kelm.effects.document import Document, text

Severity: TypeAlias = Literal["Normal", "Warning"]

NORMAL: Severity = "Normal"
WARNING: Severity = "Warning"


def event(
    about: Document,
    resource: Resource,
    component: str,
    severity: Severity,
    reason: str,
    message: str,
) -> RecordEvent:
    """An event about an object, as its controller `component` records it."""
    meta = metadata(about)
    return RecordEvent(
        regarding=ObjectRef(resource, meta.namespace, meta.name, meta.uid),
        regarding_kind=text(about, "kind"),
        regarding_api_version=text(about, "apiVersion"),
        type=severity,
        reason=reason,
        message=message,
        component=component,
    )
