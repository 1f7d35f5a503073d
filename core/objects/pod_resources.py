"""What a pod asks for and is limited to, all its containers together, as exact quantities.

Containers run side by side, so they add up; init containers run one after the other, so the
largest counts; sidecars (init containers that are always restarted) run beside everything that
starts after them. The pod's own resources, where it has any, go before the containers'.

Source: kubernetes v1.36, component-helpers/resource/helpers.go (PodRequests, PodLimits).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.effects.document import Document, child, children

Amounts: TypeAlias = dict[str, Quantity]

POD_LEVEL: Final = ("cpu", "memory")


def amounts(listed: Document) -> Amounts:
    """A resource list as quantities.

    >>> {name: str(amount) for name, amount in amounts(Document(cpu="0.5")).items()}
    {'cpu': '500m'}
    """
    return {
        name: parse_quantity(amount)
        for name, amount in listed.items()
        if isinstance(amount, str | int | float)
    }


def pod_requests(spec: Document) -> Amounts:
    """What a pod asks a node for, its overhead included.

    >>> one = Document(resources=Document(requests=Document(cpu="1")))
    >>> spec = Document(containers=(one, one), initContainers=(one,))
    >>> {name: str(amount) for name, amount in pod_requests(spec).items()}
    {'cpu': '2'}
    """
    found = _together(spec, "requests")
    return _added(found, amounts(child(spec, "overhead")))


def pod_limits(spec: Document) -> Amounts:
    """What a pod may use at most; overhead counts only where there is a limit."""
    found = _together(spec, "limits")
    overhead = amounts(child(spec, "overhead"))
    return _added(found, {name: overhead[name] for name in overhead if name in found})


def _together(spec: Document, key: str) -> Amounts:
    total: Amounts = {}
    for container in children(spec, "containers"):
        total = _added(total, amounts(child(container, "resources", key)))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in children(spec, "initContainers"):
        own = amounts(child(container, "resources", key))
        if container.get("restartPolicy") == "Always":
            total, sidecars = _added(total, own), _added(sidecars, own)
            peak = _largest(peak, sidecars)
        else:
            peak = _largest(peak, _added(own, sidecars))
    total = _largest(total, peak)
    pod_level = amounts(child(spec, "resources", key))
    return {**total, **{name: q for name, q in pod_level.items() if _counts(name)}}


def _counts(name: str) -> bool:
    return name in POD_LEVEL or name.startswith("hugepages-")


def _added(left: Amounts, right: Amounts) -> Amounts:
    new = dict(left)
    for name, amount in right.items():
        new[name] = new[name] + amount if name in new else amount
    return new


def _largest(left: Amounts, right: Amounts) -> Amounts:
    new = dict(left)
    for name, amount in right.items():
        if name not in new or amount.compare(new[name]) > 0:
            new[name] = amount
    return new
