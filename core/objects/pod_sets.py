"""What the views of everything that keeps pods have in common: how spec and status are written.

Source: kubernetes v1.36, api/apps/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from kelm.core.objects.int_or_string import IntOrString
from kelm.core.objects.pod import Condition
from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.objects.views import convert
from kelm.effects.document import Document, Json

ROLLING_UPDATE = "RollingUpdate"


class Counted(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A status: counts as the API last heard them."""

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)


def chosen(spec: Document) -> Selector:
    """The pods that a set selects; none where it says nothing."""
    given = spec.get("selector")
    return selector_of(given if isinstance(given, Document) else None)


def allowance(rolling: Document, name: str) -> IntOrString | None:
    """One bound of a rolling update, None where it is not given.

    >>> allowance(Document(maxSurge="25%"), "maxSurge"), allowance(Document(), "maxSurge")
    ('25%', None)
    """
    value = rolling.get(name)
    return value if isinstance(value, int | str) else None


def stored(
    always: Mapping[str, Json],
    counted: Mapping[str, Json],
    known: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """A status as the API stores it: not every 0 is written.

    always: fields that are there whatever they are. counted: fields that are left out when they
    are 0 or empty. known: fields that may be 0, and are left out when nobody knows them.

    >>> stored({"replicas": 0}, {"readyReplicas": 0}, {"collisionCount": None})
    {'replicas': 0}
    """
    status = dict(always)
    status.update((name, value) for name, value in counted.items() if value)
    status.update((name, value) for name, value in (known or {}).items() if value is not None)
    return status


def condition_documents(conditions: Iterable[Condition]) -> tuple[Document, ...]:
    """Conditions as the API stores them.

    >>> condition_documents((Condition(type="Available", status="True"),))
    ({'type': 'Available', 'status': 'True'},)
    """
    return tuple(_condition(one) for one in conditions)


def _condition(condition: Condition) -> Document:
    fields = (
        ("type", condition.type),
        ("status", condition.status),
        ("observedGeneration", condition.observed_generation),
        ("lastUpdateTime", condition.last_update_time),
        ("lastTransitionTime", condition.last_transition_time),
        ("reason", condition.reason),
        ("message", condition.message),
    )
    return Document((name, value) for name, value in fields if value)
