"""Ranges of Services' addresses (ServiceCIDRs): kept while addresses of theirs are in use.

A range has a finalizer and says that it is ready. One that is to go waits until no address is left
that lies in no other range, and then ten seconds more, so that whoever gives out addresses has
heard of it. An address is in use where an IPAddress of the API server's says so, or a Service has
it; Services are watched only while a range is to go.

Source: kubernetes v1.36, pkg/controller/servicecidrs/servicecidrs_controller.go,
pkg/api/servicecidr/servicecidr.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from kelm.core.api.allocation.bands import is_allocatable
from kelm.core.api.validation.service_addresses import ADDRESSES, RANGES
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch, Update
from kelm.effects.document import Document, children, elements, text, with_value
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
MANAGED_BY: Final = "ipaddress.kubernetes.io/managed-by"
ALLOCATOR: Final = "ipallocator.k8s.io"
GRACE_MS: Final = 10_000
READY: Final = "Kubernetes Service CIDR is ready"
IN_USE: Final = (
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new "
    "ServiceCIDR"
)
_FEW: Final = (Watch(RANGES), Watch(ADDRESSES))
_ALL: Final = (*_FEW, Watch("services"))
_GONE: Final = frozenset({Reason.NOT_FOUND})


class ServiceCIDRs(msgspec.Struct, frozen=True):
    """The controller; its keys are ranges."""

    name: str = "service-cidr-controller"
    watches: tuple[Watch, ...] = _ALL
    workers: int = 5

    def watches_now(self, caches: Caches) -> tuple[Watch, ...]:
        """Services, too, from when on a range is to go."""
        if "services" in caches or _leaving(caches):
            return _ALL
        return _FEW

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        """A range itself, and those that are to go: ranges and addresses keep or free them."""
        own = [change.key] if resource == RANGES and change.new is not None else []
        return dict.fromkeys([*own, *_leaving(caches)])

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[RANGES].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[RANGES].get(sync.key)
        if doc is None:
            return Plan()
        meta = metadata(doc)
        if meta.deletion_timestamp is not None:
            return _ended(doc, sync)
        held = FINALIZER in meta.finalizers
        hold = () if held else ((_with_finalizers(doc, (*meta.finalizers, FINALIZER)),),)
        return Plan((*hold, *_said(doc, "True", "", READY, sync.now_ms)), tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _leaving(caches: Caches) -> list[Key]:
    """The ranges that are to go."""
    metas = map(metadata, caches[RANGES].objects() if RANGES in caches else ())
    return [meta.key for meta in metas if meta.deletion_timestamp is not None]


def _ended(doc: Document, sync: Sync) -> Plan:
    """Let a range go, or say why it has to wait."""
    meta, caches = metadata(doc), sync.caches
    if FINALIZER not in meta.finalizers or "services" not in caches or ADDRESSES not in caches:
        return Plan()
    if not is_free(doc, caches):
        return Plan(_said(doc, "False", "Terminating", IN_USE, sync.now_ms), tolerated=_GONE)
    may_ms = (meta.deletion_ms or 0) + GRACE_MS
    if sync.now_ms < may_ms:
        return Plan(again_at_ms=may_ms)
    left = tuple(one for one in meta.finalizers if one != FINALIZER)
    return Plan(((_with_finalizers(doc, left),),), tolerated=_GONE)


def is_free(doc: Document, caches: Caches) -> bool:
    """Whether a range may go: no address in use would be left in no range.

    Others count even when they are to go themselves, as upstream has it: of two equal ranges that
    are dropped in one moment neither keeps the other's addresses.
    """
    others = [each for each in caches[RANGES].objects() if metadata(each).uid != metadata(doc).uid]
    kept = [cidr for each in others for cidr in _cidrs(each)]
    own = _cidrs(doc)
    return not any(
        any(is_allocatable(cidr, used) for cidr in own)
        and not any(is_allocatable(cidr, used) for cidr in kept)
        for used in _in_use(caches)
    )


def _cidrs(doc: Document) -> tuple[str, ...]:
    return tuple(map(str, elements(doc, "spec", "cidrs")))


def _in_use(caches: Caches) -> Iterator[str]:
    """The addresses that the API server gave out."""
    for doc in caches[ADDRESSES].objects():
        if labels_of(doc).get(MANAGED_BY) == ALLOCATOR:
            yield metadata(doc).name
    for doc in caches["services"].objects():
        yield from map(str, elements(doc, "spec", "clusterIPs"))


def _with_finalizers(doc: Document, finalizers: tuple[str, ...]) -> Update:
    new = with_value(doc, ("metadata", "finalizers"), finalizers)
    return Update(RANGES, "", metadata(doc).name, new)


def _said(
    doc: Document, status: str, reason: str, words: str, now_ms: int
) -> tuple[tuple[Command, ...], ...]:
    """The condition Ready, if it does not say so yet."""
    ready = Document(
        type="Ready",
        status=status,
        lastTransitionTime=format_time(now_ms),
        reason=reason,
        message=words,
    )
    found = children(doc, "status", "conditions")
    same = ("type", "status", "reason", "message")
    if any(all(text(one, key) == text(ready, key) for key in same) for one in found):
        return ()
    others = tuple(one for one in found if text(one, "type") != "Ready")
    change = Document(status=Document(conditions=(*others, ready)))
    return ((Patch(RANGES, "", metadata(doc).name, change, subresource="status"),),)
