"""A pod's priority, by the name of its class.

Source: kubernetes v1.36, plugin/pkg/admission/priority/admission.go; the two system classes are
in pkg/apis/scheduling/v1/helpers.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.admission.context import Context
from kelm.effects.document import Document, number, text

PREEMPT: Final = "PreemptLowerPriority"
RESOURCE: Final = "priorityclasses.scheduling.k8s.io"


def _system_class(name: str, value: int) -> Document:
    return Document(metadata=Document(name=name), value=value, preemptionPolicy=PREEMPT)


SYSTEM_CLASSES: Final = {
    "system-cluster-critical": _system_class("system-cluster-critical", 2_000_000_000),
    "system-node-critical": _system_class("system-node-critical", 2_000_001_000),
}
NO_CLASS: Final = Document(metadata=Document(name=""), value=0, preemptionPolicy=PREEMPT)
"""The priority of pods of no class where no class is every pod's default."""


def class_of(spec: Document, context: Context) -> Document | None:
    """The class a pod asks for or gets without asking; None where there is none of its name."""
    name = text(spec, "priorityClassName")
    table = context.tables.table(RESOURCE)
    if name:
        return table.get(name) or SYSTEM_CLASSES.get(name)
    if not len(table):
        return NO_CLASS
    defaults = [found for found in table.objects() if found.get("globalDefault") is True]
    return min(defaults, key=lambda found: number(found, "value"), default=NO_CLASS)


def with_priority(spec: Document, of: Document) -> Document | str:
    """A pod's specification with its class's priority, or why it may not name another."""
    value, policy = number(of, "value"), text(of, "preemptionPolicy") or PREEMPT
    asked, wish = spec.get("priority"), spec.get("preemptionPolicy")
    if asked is not None and asked != value:
        return (
            f"the integer value of priority ({asked}) must not be provided in pod spec; priority "
            f"admission controller computed {value} from the given PriorityClass name"
        )
    if wish is not None and wish != policy:
        return (
            f"the string value of PreemptionPolicy ({wish}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    name = text(of, "metadata", "name")
    named = {"priorityClassName": name} if name else {}
    return Document({**spec, **named, "priority": value, "preemptionPolicy": policy})
