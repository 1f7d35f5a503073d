"""How much of a device a request takes: what it asks for, rounded as the device's policy says.

Source: kubernetes v1.36, dynamic-resource-allocation/structured/internal/incubating
(consumable_capacity.go).
"""

from __future__ import annotations

from collections.abc import Mapping

from kelm.core.objects.quantity import Quantity, unit_quantity
from kelm.core.scheduler.devices.pools import Device, quantity
from kelm.effects.document import Document, child, elements

NOTHING: Mapping[str, Quantity] = {}


def consumed(request: Document, device: Device) -> dict[str, Quantity] | None:
    """What a request takes of each capacity of a device; None where that cannot be had at all."""
    asked, has = child(request, "capacity", "requests"), child(device.doc, "capacity")
    if any(name not in has for name in asked):
        return None
    found = {}
    for name in sorted(has):
        policy = child(has, name, "requestPolicy")
        amount = _amount(asked.get(name), child(has, name), policy)
        if _breaks(amount, policy):
            return None
        found[name] = amount
    return found


def is_left(
    amounts: Mapping[str, Quantity],
    device: Device,
    taken: Mapping[str, Quantity],
    more: Mapping[str, Quantity] = NOTHING,
) -> bool:
    """Whether so much is left of each capacity beside what others take."""
    for name, amount in amounts.items():
        total = amount
        for other in (taken.get(name), more.get(name)):
            total = total if other is None else total + other
        if total.compare(quantity(child(device.doc, "capacity", name).get("value"))) > 0:
            return False
    return True


def _amount(asked: object, capacity: Document, policy: Document) -> Quantity:
    """What counts: the default, or all of it, where nothing is asked; else the next valid one."""
    if asked is None:
        return quantity(policy.get("default", capacity.get("value")))
    wanted = quantity(asked)  # type: ignore[arg-type]
    span = child(policy, "validRange")
    if "min" in span:
        least = quantity(span.get("min"))
        if wanted.compare(least) < 0:
            return least
        if "step" not in span:
            return wanted
        step, start = quantity(span.get("step")).at_scale(0), least.at_scale(0)
        steps = -(-(wanted.at_scale(0) - start) // step)
        return unit_quantity(start + steps * step, "BinarySI")
    for option in elements(policy, "validValues"):
        if wanted.compare(quantity(option)) <= 0:
            return quantity(option)
    return wanted


def _breaks(amount: Quantity, policy: Document) -> bool:
    """Whether an amount is none that the policy allows."""
    if "default" in policy and amount.compare(quantity(policy.get("default"))) == 0:
        return False
    span, options = child(policy, "validRange"), elements(policy, "validValues")
    if span:
        if "max" in span and amount.compare(quantity(span.get("max"))) > 0:
            return True
        if "step" in span:
            start = quantity(span.get("min")).at_scale(0)
            return (amount.at_scale(0) - start) % quantity(span.get("step")).at_scale(0) != 0
        return False
    return bool(options) and all(amount.compare(quantity(one)) != 0 for one in options)
