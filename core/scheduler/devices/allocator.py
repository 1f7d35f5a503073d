"""Who gets which devices on one node: the first choice, in a fixed order, that suits all claims.

Requests are filled one after the other; of the pools, slices and devices the first that will do are
tried first, and where a later request finds nothing an earlier choice is taken back. Of the
alternatives of a request the best that leads to an end is taken.

Source: kubernetes v1.36, dynamic-resource-allocation/structured/internal/incubating
(allocator_incubating.go, constraint.go). Devices with binding conditions are not given away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from returns.result import Failure

from kelm.core.objects.meta import metadata
from kelm.core.objects.quantity import Quantity
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.devices.capacity import NOTHING, consumed, is_left
from kelm.core.scheduler.devices.pools import Device, DeviceId, Pool, reaches
from kelm.core.scheduler.devices.selecting import Selects
from kelm.core.scheduler.devices.wanted import MOST_DEVICES, Request, Taken, Wanted
from kelm.effects.document import Document, Json, child, children, elements, flag, text

INVALID = "invalid resource pools were encountered"


class Stopped(Exception):
    """What cannot be decided ends the whole search. It never leaves this file."""


class Given(msgspec.Struct, frozen=True):
    """A device for a request. `amounts` is what it takes of a shared one; `counted` whether its
    counters are charged for it."""

    wanted: Wanted
    device: Device
    amounts: Mapping[str, Quantity]
    counted: bool


class Search:
    """One search on one node. It lives as long as that: nothing keeps it."""

    def __init__(
        self,
        claims: Sequence[Document],
        requests: Sequence[Sequence[Request]],
        pools: Sequence[Pool],
        taken: Taken,
        selects: Selects,
        node: NodeUse,
    ) -> None:
        self.claims, self.requests, self.pools = claims, requests, pools
        self.taken, self.selects, self.node = taken, selects, node
        self.given: list[list[Given]] = [[] for _ in claims]
        self._devices = [one for pool in pools if pool.usable for one in pool.devices]
        self._pool_of = {(pool.driver, pool.name): pool for pool in pools}
        self._fitting: dict[tuple[DeviceId, int], bool] = {}
        self._available: dict[tuple[str, str], dict[str, dict[str, Quantity]]] = {}

    def run(self) -> list[list[Given]] | str:
        """The devices of each claim; or why it has to be refused on this node."""
        try:
            self._check_sizes()
            if self._claim(0):
                return self.given
        except Stopped as stopped:
            return str(stopped)
        invalid = any(pool.invalid for pool in self.pools)
        return INVALID if invalid else "cannot allocate all claims"

    # -- the walk ------------------------------------------------------------------------------

    def _claim(self, index: int) -> bool:
        return index == len(self.claims) or self._request(index, 0)

    def _request(self, claim: int, index: int) -> bool:
        requests = self.requests[claim]
        if index == len(requests):
            return self._claim(claim + 1)
        for wanted in requests[index]:
            every = self._every(claim, wanted) if wanted.all else None
            if every == []:
                continue
            if self._fill(claim, index, wanted, 0, 0, every):
                return True
        return False

    def _fill(
        self,
        claim: int,
        index: int,
        wanted: Wanted,
        number: int,
        start: int,
        every: list[Device] | None,
    ) -> bool:
        """Give one more device to a request, and go on from there."""
        count = wanted.count if every is None else len(every)
        if number == count:
            return self._request(claim, index + 1)
        if len(self.given[claim]) + count - number > MOST_DEVICES:
            return False
        candidates = self._devices if every is None else every
        last = len(candidates) if every is None else number + 1
        for place in range(start, last):
            device = candidates[place]
            if every is None and not self._suits(claim, wanted, device):
                continue
            given = self._given(claim, wanted, device, must=every is not None)
            if given is None:
                continue
            self.given[claim].append(given)
            if self._fill(claim, index, wanted, number + 1, place + 1, every):
                return True
            self.given[claim].pop()
        return False

    def _check_sizes(self) -> None:
        for index, (claim, requests) in enumerate(zip(self.claims, self.requests, strict=True)):
            least = 0
            for request in requests:
                numbers = [
                    len(self._every(index, one)) if one.all else one.count for one in request
                ]
                least += min(numbers, default=0)
            if least > MOST_DEVICES:
                said = f"number of requested devices {least} exceeds the claim limit of"
                raise Stopped(f"claim {metadata(claim).key}: {said} {MOST_DEVICES}")

    def _every(self, claim: int, wanted: Wanted) -> list[Device]:
        """All devices that a request for all of them means."""
        said = f"claim {metadata(self.claims[claim]).key}, request {wanted.name}: "
        for pool in self.pools:
            if not pool.usable:
                state = "being updated" if pool.incomplete else "invalid"
                asks = f"asks for all devices, but resource pool {pool.driver}/{pool.name}"
                raise Stopped(f"{said}{asks} is currently {state}")
        return [one for one in self._devices if self._suits(claim, wanted, one, mind_use=False)]

    # -- one device ----------------------------------------------------------------------------

    def _suits(self, claim: int, wanted: Wanted, device: Device, *, mind_use: bool = True) -> bool:
        """Whether a device is one that a request means, and is to be had."""
        if mind_use and self._in_use(claim, wanted, device):
            return False
        key = (device.id, id(wanted))
        fits = self._fitting.get(key)
        if fits is None:
            fits = self._fitting[key] = self._meets(claim, wanted, device)
        return fits and self._amounts(wanted, device) is not None

    def _in_use(self, claim: int, wanted: Wanted, device: Device) -> bool:
        if wanted.admin:
            return self._has(claim, device)
        return device.id in self.taken.devices or any(
            self._has(index, device) for index in range(len(self.claims))
        )

    def _has(self, claim: int, device: Device) -> bool:
        """Whether a claim has just been given a device for itself."""
        return not device.is_shared and any(one.device.id == device.id for one in self.given[claim])

    def _meets(self, claim: int, wanted: Wanted, device: Device) -> bool:
        if elements(device.doc, "bindingConditions"):
            return False
        if flag(device.spec, "perDeviceNodeSelection") and not reaches(self.node, device.doc):
            return False
        of_class = len(children(wanted.kind, "spec", "selectors"))
        for number, expression in enumerate(wanted.selectors):
            meets = self.selects(expression, device)
            if isinstance(meets, Failure):
                whose = f"claim {metadata(self.claims[claim]).key}"
                if number < of_class:
                    whose = f"class {metadata(wanted.kind).name}"
                place = number if number < of_class else number - of_class
                raise Stopped(f"{whose}: selector #{place}: {meets.failure()}")
            if not meets.unwrap():
                return False
        return True

    def _amounts(self, wanted: Wanted, device: Device) -> Mapping[str, Quantity] | None:
        """What a request takes of a device; None where that is not left."""
        amounts = consumed(wanted.doc, device)
        if amounts is None:
            return None
        used = self.taken.shares.get(device.id, NOTHING)
        more: dict[str, Quantity] = {}
        for one in self._given_of(device) if device.is_shared else ():
            for name, amount in one.amounts.items():
                more[name] = more[name] + amount if name in more else amount
        return amounts if is_left(amounts, device, used, more) else None

    def _given_of(self, device: Device) -> list[Given]:
        return [one for given in self.given for one in given if one.device.id == device.id]

    def _given(self, claim: int, wanted: Wanted, device: Device, *, must: bool) -> Given | None:
        """A device for a request, if nothing is against it."""
        if self._in_use(claim, wanted, device):
            return None
        shared = device.is_shared
        in_use = device.id in self.taken.shares or bool(self._given_of(device))
        counted = not (shared and in_use) and bool(device.counters)
        if counted and not self._counters_left(device):
            return None
        if any(_hinders(taint, wanted) for taint in children(device.doc, "taints")):
            return None
        if not self._allowed(claim, wanted, device):
            if must:
                said = f"claim {metadata(self.claims[claim]).key}, request {wanted.name}: "
                why = "because a claim constraint would not be satisfied"
                raise Stopped(f"{said}cannot add device {'/'.join(device.id)} {why}")
            return None
        amounts = self._amounts(wanted, device)
        return (
            None if amounts is None else Given(wanted, device, amounts if shared else {}, counted)
        )

    def _allowed(self, claim: int, wanted: Wanted, device: Device) -> bool:
        """Whether a device agrees with those that its claim has, where they must (or must not)."""
        for constraint in children(self.claims[claim], "spec", "devices", "constraints"):
            if not _concerns(constraint, wanted):
                continue
            match = text(constraint, "matchAttribute")
            name = match or text(constraint, "distinctAttribute")
            mine = attribute(device, name)
            if mine is None:
                return False
            others = [
                attribute(one.device, name)
                for one in self.given[claim]
                if _concerns(constraint, one.wanted)
            ]
            if any(other != mine for other in others) if match else mine in others:
                return False
        return True

    def _counters_left(self, device: Device) -> bool:
        """Whether a pool has what a device takes of its counters beside all that is given away."""
        key = device.id[:2]
        pool = self._pool_of[key]
        left = self._available.get(key)
        if left is None:
            left = self._available[key] = {n: dict(one) for n, one in pool.counters.items()}
            for other in (*pool.devices, *pool.others):
                if self.taken.has(other.id):
                    _charge(left, other)
        rest = {name: dict(amounts) for name, amounts in left.items()}
        for one in (given for claim in self.given for given in claim if given.counted):
            if one.device.id[:2] == key:
                _charge(rest, one.device)
        _charge(rest, device)
        zero = Quantity(0)
        return all(amount.compare(zero) >= 0 for one in rest.values() for amount in one.values())


def _charge(left: dict[str, dict[str, Quantity]], device: Device) -> None:
    for key, amounts in device.counters:
        for name, amount in amounts.items():
            if name in left.get(key, {}):
                left[key][name] = left[key][name] - amount


def _hinders(taint: Document, wanted: Wanted) -> bool:
    return text(taint, "effect") in ("NoSchedule", "NoExecute") and not wanted.bears(taint)


def _concerns(constraint: Document, wanted: Wanted) -> bool:
    names = elements(constraint, "requests")
    return not names or (wanted.parent or wanted.name) in names or wanted.full_name in names


def attribute(device: Device, name: str) -> Json:
    """The value of a device's attribute, with its kind; None where it has none.

    An attribute of the driver's own domain may be named without it.
    """
    known = child(device.doc, "attributes")
    found = known.get(name)
    domain, _, rest = name.partition("/")
    if found is None and domain == device.id[0]:
        found = known.get(rest)
    return found
