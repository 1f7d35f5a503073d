"""Spread endpoints over slices with as few writes as possible, and never more than fit.

Endpoints with the same ports share slices. What is in a slice stays there while it is wanted.
New endpoints go first into slices that must be written anyway (the fullest first), then into the
one slice that they fill best, and only then into new slices. Slices are never rebalanced: a write
to one slice of a large Service costs every node of the cluster a delivery.

Only *doubtful* pods are looked at: those that changed, and all those of slices that are not as
they were left. Every other pod is known to be in exactly one slice, as it should be.

Source: kubernetes v1.36, endpointslice/reconciler.go (reconcileByAddressType,
reconcileByPortMapping, finalize) and utils.go (getSliceToFill).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from kelm.core.controllers.services.endpointslice.endpoint import Listed
from kelm.core.network.members import Member
from kelm.core.objects.service import EndpointSlice, PortKey
from kelm.effects.document import Document

MAX_ENDPOINTS_PER_SLICE = 100

Wanted: TypeAlias = "Mapping[str, Member[Listed | None]]"
Endpoints: TypeAlias = "tuple[Document, ...]"


class NewSlice(msgspec.Struct, frozen=True):
    """A slice to create."""

    ports: tuple[Document, ...]
    endpoints: Endpoints


class Packing(msgspec.Struct, frozen=True):
    """What to do about the slices of one family.

    update: slices with other endpoints, or with the same ones and outdated labels.
    """

    create: tuple[NewSlice, ...] = ()
    update: tuple[tuple[EndpointSlice, Endpoints], ...] = ()
    delete: tuple[EndpointSlice, ...] = ()


class _Group:
    """All slices and all homeless endpoints with the same ports, while they are packed."""

    def __init__(self) -> None:
        self.ports: tuple[Document, ...] = ()
        self.homeless: list[Document] = []
        self.changed: list[tuple[EndpointSlice, list[Document]]] = []
        self.unchanged: list[EndpointSlice] = []


def pack(
    slices: Iterable[EndpointSlice],
    wanted: Wanted,
    doubtful: Mapping[str, None],
    family: int,
    outdated: Callable[[EndpointSlice], bool],
    limit: int = MAX_ENDPOINTS_PER_SLICE,
) -> Packing:
    """Decide what becomes of the slices of one family.

    Args:
        slices: those that the Service owns, of this family.
        wanted: every pod of the Service.
        doubtful: names of the pods to look at, in the order in which new ones find a place.
        family: the family's place in `Listed.endpoints`.
        outdated: whether a slice must be written although its endpoints are right.
    """
    groups: dict[PortKey, _Group] = {}
    placed: set[str] = set()
    delete: list[EndpointSlice] = []
    for one in slices:
        kept = _kept(one, wanted, doubtful, family, placed)
        if kept == [] or (not one.endpoints and not _any(wanted, one.port_key)):
            delete.append(one)
            continue
        group = groups.setdefault(one.port_key, _Group())
        if kept is not None or outdated(one):
            group.changed.append((one, list(one.endpoints) if kept is None else kept))
        else:
            group.unchanged.append(one)
    _homeless(groups, wanted, doubtful, family, placed)
    create: list[NewSlice] = []
    for group in groups.values():
        _fill_changed(group, limit)
        create.extend(_fill_others(group, limit))
    update = tuple((one, tuple(kept)) for group in groups.values() for one, kept in group.changed)
    return Packing(tuple(create), update, tuple(delete))


def _kept(
    one: EndpointSlice,
    wanted: Wanted,
    doubtful: Mapping[str, None],
    family: int,
    placed: set[str],
) -> list[Document] | None:
    """The endpoints that stay in a slice; None where nothing changes."""
    if not one.irregular and doubtful.keys().isdisjoint(one.by_pod.keys()):
        return None
    kept: list[Document] = []
    same = True
    for name, endpoint in _named(one):
        if name in doubtful:
            found = None if name in placed else _matching(wanted.get(name), one, endpoint, family)
            if found is None:
                same = False
                continue
            placed.add(name)
            same = same and found is endpoint
            kept.append(found)
        elif name:
            kept.append(endpoint)
        else:
            same = False
    return None if same else kept


def _named(one: EndpointSlice) -> Iterator[tuple[str, Document]]:
    if not one.irregular:
        yield from one.by_pod.items()
        return
    for endpoint in one.endpoints:
        ref = endpoint.get("targetRef")
        name = ref.get("name") if isinstance(ref, Document) else ""
        yield (name if isinstance(name, str) and name in one.by_pod else ""), endpoint


def _matching(
    member: Member[Listed | None] | None, one: EndpointSlice, old: Document, family: int
) -> Document | None:
    """What this endpoint of a slice should be now; None if it should not be in this slice.

    Source: endpointslice/util/endpointset.go: an endpoint is its address, hostname and pod's name.
    """
    item = None if member is None else member.item
    new = None if item is None or item.port_key != one.port_key else item.endpoints[family]
    if new is None or new["addresses"] != old.get("addresses"):
        return None
    if new.get("hostname") != old.get("hostname"):
        return None
    return old if new == old else new


def _any(wanted: Wanted, key: PortKey) -> bool:
    return any(
        member.item is not None and member.item.port_key == key for member in wanted.values()
    )


def _homeless(
    groups: dict[PortKey, _Group],
    wanted: Wanted,
    doubtful: Mapping[str, None],
    family: int,
    placed: set[str],
) -> None:
    """File the endpoints that are wanted and in no slice yet."""
    for name in doubtful:
        member = wanted.get(name)
        item = None if member is None or name in placed else member.item
        endpoint = None if item is None else item.endpoints[family]
        if item is not None and endpoint is not None:
            group = groups.setdefault(item.port_key, _Group())
            group.ports = item.ports
            group.homeless.append(endpoint)


def _fill_changed(group: _Group, limit: int) -> None:
    """Fill the slices that must be written anyway, the fullest first."""
    for _, kept in sorted(group.changed, key=_size, reverse=True):
        room = max(0, limit - len(kept))
        kept.extend(group.homeless[:room])
        group.homeless = group.homeless[room:]


def _size(changed: tuple[EndpointSlice, list[Document]]) -> int:
    return len(changed[1])


def _fill_others(group: _Group, limit: int) -> Iterator[NewSlice]:
    """Put the rest into the one slice that it fills best, or into new ones."""
    while group.homeless:
        chosen = None
        if len(group.homeless) < limit:
            chosen = slice_to_fill(group.unchanged, len(group.homeless), limit)
        if chosen is not None:
            group.changed.append((chosen, [*chosen.endpoints, *group.homeless]))
            group.homeless = []
        else:
            yield NewSlice(group.ports, tuple(group.homeless[:limit]))
            group.homeless = group.homeless[limit:]


def slice_to_fill(slices: Iterable[EndpointSlice], count: int, limit: int) -> EndpointSlice | None:
    """The slice that is fullest after taking `count` endpoints, None where they fit nowhere.

    Source: utils.go, getSliceToFill.
    """
    fitting = [one for one in slices if len(one.endpoints) + count <= limit]
    return max(fitting, key=lambda one: len(one.endpoints), default=None)
