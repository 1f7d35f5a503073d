"""A pod's quality of service: what the node gives up last.

Source: kubernetes v1.36, pkg/apis/core/v1/helper/qos/qos.go, ComputePodQOS.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.effects.document import Document, child, children

QosClass: TypeAlias = Literal["Guaranteed", "Burstable", "BestEffort"]
COUNTED: Final = ("cpu", "memory")

_Amounts = dict[str, Quantity]


def qos_class(spec: Document) -> QosClass:
    """The class of a pod with this specification.

    The pod's own resources decide where it has any, else those of all its containers, the init
    containers too.

    >>> amounts = Document(cpu="1", memory="1Gi")
    >>> both = Document(requests=amounts, limits=amounts)
    >>> qos_class(Document(containers=(Document(resources=both),)))
    'Guaranteed'
    >>> qos_class(Document(containers=(Document(resources=Document(limits=amounts)),)))
    'Burstable'
    >>> qos_class(Document(containers=(Document(name="c"),)))
    'BestEffort'
    """
    parts = _parts(spec)
    requests = _sums(tuple(child(part, "requests") for part in parts))
    limits = _sums(tuple(child(part, "limits") for part in parts))
    if not requests and not limits:
        return "BestEffort"
    limited = all(len(_amounts(child(part, "limits"))) == len(COUNTED) for part in parts)
    if limited and len(requests) == len(limits) and _equal(requests, limits):
        return "Guaranteed"
    return "Burstable"


def _parts(spec: Document) -> tuple[Document, ...]:
    """The resources that decide: the pod's, or each container's."""
    own = child(spec, "resources")
    if own:
        return (own,)
    containers = (*children(spec, "containers"), *children(spec, "initContainers"))
    return tuple(child(container, "resources") for container in containers)


def _amounts(listed: Document) -> _Amounts:
    """What counts of a resource list; nothing of something is nothing."""
    found: _Amounts = {}
    for name in COUNTED:
        amount = listed.get(name)
        if isinstance(amount, str | int | float):
            quantity = parse_quantity(amount)
            if quantity.unscaled > 0:
                found[name] = quantity
    return found


def _sums(lists: tuple[Document, ...]) -> _Amounts:
    sums: _Amounts = {}
    for listed in lists:
        for name, quantity in _amounts(listed).items():
            sums[name] = sums[name] + quantity if name in sums else quantity
    return sums


def _equal(requests: _Amounts, limits: _Amounts) -> bool:
    return all(
        name in limits and quantity.compare(limits[name]) == 0
        for name, quantity in requests.items()
    )
