"""Rules of resource names and amounts.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go
(ValidateContainerResourceRequirements) and pkg/apis/core/helper/helpers.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import NEGATIVE, Rules, at, complaints
from kelm.core.api.validation.names import qualified_name
from kelm.core.api.validation.violation import forbidden, invalid_value, required
from kelm.core.objects.quantity import WRONG_SHAPE, Quantity, parse_quantity
from kelm.effects.document import Document, child

CONTAINER_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
STANDARD_RESOURCES: Final = CONTAINER_RESOURCES | frozenset({
    "storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets",
    "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
    "requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage",
    "limits.cpu", "limits.memory", "limits.ephemeral-storage",
})  # fmt: skip
INTEGER_RESOURCES: Final = frozenset({
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
})  # fmt: skip


def is_huge_page(name: str) -> bool:
    return name.startswith("hugepages-")


def is_native(name: str) -> bool:
    """Whether Kubernetes itself knows what this resource is."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of a device plugin, counted in whole devices."""
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not qualified_name(f"requests.{name}")
    )


def may_overcommit(name: str) -> bool:
    return is_native(name) and not is_huge_page(name)


def resource_name(name: str, path: str) -> Rules:
    """A name that any object may use."""
    wrong = qualified_name(name)
    yield from complaints(path, name, wrong)
    if wrong:
        return
    standard = name in STANDARD_RESOURCES or is_huge_page(name) or name.startswith("requests.huge")
    if "/" not in name and not standard:
        yield invalid_value(path, name, "must be a standard resource type or fully qualified")


def container_resource_name(name: str, path: str) -> Rules:
    yield from resource_name(name, path)
    if "/" not in name:
        if name not in CONTAINER_RESOURCES and not is_huge_page(name):
            yield invalid_value(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid_value(path, name, "doesn't follow extended resource name standard")


def quantity_at(amounts: Document, name: str) -> Quantity | None:
    """The amount of a resource, None where there is none or it cannot be read."""
    value = amounts.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return parse_quantity(value)
    except ValueError:
        return None


def amount(name: str, amounts: Document, path: str) -> Rules:
    """An amount that is no less than nothing, and whole where the resource is counted."""
    quantity = quantity_at(amounts, name)
    if quantity is None:
        yield invalid_value(path, amounts.get(name), WRONG_SHAPE)
        return
    if quantity.unscaled < 0:
        yield invalid_value(path, str(quantity), NEGATIVE)
    counted = name in INTEGER_RESOURCES or is_extended(name)
    if counted and quantity.at_scale(-3) % 1000:
        yield invalid_value(path, str(quantity), "must be an integer")


def requirements(container: Document, path: str) -> Rules:
    """What a container asks for and is limited to."""
    yield from asked_and_limited(child(container, "resources"), at(path, "resources"))


def asked_and_limited(both: Document, here: str) -> Rules:
    """Requests and limits, wherever they stand."""
    limits, requests = child(both, "limits"), child(both, "requests")
    if not limits and not requests:
        return
    for key, amounts in (("limits", limits), ("requests", requests)):
        for name in sorted(amounts):
            place = f"{at(here, key)}[{name}]"
            yield from container_resource_name(name, place)
            yield from amount(name, amounts, place)
            yield from _whole_pages(name, amounts, place)
            if key == "requests":
                yield from _against_limit(name, requests, limits, here)
    names = {*limits, *requests}
    if any(map(is_huge_page, names)) and not names & {"cpu", "memory"}:
        yield forbidden(here, "HugePages require cpu or memory")


def _whole_pages(name: str, amounts: Document, path: str) -> Rules:
    """Huge pages are asked for whole: the size is in the resource's name."""
    quantity = quantity_at(amounts, name)
    if not is_huge_page(name) or quantity is None:
        return
    size = quantity_at(Document(size=name.removeprefix("hugepages-")), "size")
    if size is not None and size.unscaled > 0 and quantity.at_scale(0) % size.at_scale(0):
        why = f"{quantity} is not positive integer multiple of {name}"
        yield invalid_value(path, str(quantity), why)


def _against_limit(name: str, requests: Document, limits: Document, path: str) -> Rules:
    asked, limit = quantity_at(requests, name), quantity_at(limits, name)
    if asked is None:
        return
    if limit is None:
        if not may_overcommit(name) and name not in limits:
            why = "Limit must be set for non overcommitable resources"
            yield required(at(path, "limits"), why)
        return
    compared = asked.compare(limit)
    if compared and not may_overcommit(name):
        why = f"must be equal to {name} limit of {limit}"
        yield invalid_value(at(path, "requests"), str(asked), why)
    elif compared > 0:
        why = f"must be less than or equal to {name} limit of {limit}"
        yield invalid_value(at(path, "requests"), str(asked), why)


def resource_list(doc: Document, path: str, key: str) -> Rules:
    """A plain list of resources: a node's capacity, an overhead."""
    amounts = child(doc, key)
    for name in sorted(amounts):
        place = f"{at(path, key)}[{name}]"
        yield from resource_name(name, place)
        yield from amount(name, amounts, place)
