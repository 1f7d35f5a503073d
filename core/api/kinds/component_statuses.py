"""ComponentStatuses: objects that nobody stores, made whenever they are asked for.

The components of a simulated cluster are part of it, so that all of them are well.

Source: kubernetes v1.36, pkg/registry/core/componentstatus/rest.go.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.address import Key
from kelm.effects.document import Document
from kelm.effects.refusals import Reason, Refusal

COMPONENTS: Final = ("controller-manager", "etcd-0", "scheduler")
RESOURCE: Final = "componentstatuses"
_WELL: Final = Document(type="Healthy", status="True", message="ok")


def component_status(name: str) -> Document | Refusal:
    """What a component says of itself.

    >>> component_status("scheduler")["conditions"][0]["message"]
    'ok'
    >>> component_status("kubelet").message
    'componentstatus "kubelet" not found'
    """
    if name not in COMPONENTS:
        said = f'componentstatus "{name}" not found'
        return Refusal(Reason.NOT_FOUND, said, name=name, kind="componentstatus")
    metadata = Document(name=name, creationTimestamp=None)
    kind = {"apiVersion": "v1", "kind": "ComponentStatus"}
    return Document({**kind, "metadata": metadata, "conditions": (_WELL,)})


def component_statuses() -> tuple[tuple[Key, Document], ...]:
    """All of them, by name."""
    found = ((name, component_status(name)) for name in COMPONENTS)
    return tuple((name, one) for name, one in found if isinstance(one, Document))
