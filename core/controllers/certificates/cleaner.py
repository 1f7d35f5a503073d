"""Old requests for certificates are deleted: an hour after the verdict, a day without one.

Upstream looks at all of them once an hour; here each goes when its time has come.

Source: kubernetes v1.36, pkg/controller/certificates/cleaner/cleaner.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.objects.signing_requests import SIGNING_REQUESTS, pem_of
from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Delete
from kelm.effects.document import Document, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

DECIDED_MS: Final = 3_600_000
OPEN_MS: Final = 24 * 3_600_000
_SECOND_MS: Final = 1_000
"""Times are stored in whole seconds: what is older than a span is at least one more."""


class CertificateCleaner(msgspec.Struct, frozen=True):
    """The controller; its keys are requests."""

    name: str = "csrcleaner"
    watches: tuple[Watch, ...] = (Watch(SIGNING_REQUESTS),)
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.new is not None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[SIGNING_REQUESTS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[SIGNING_REQUESTS].get(sync.key)
        at_ms = None if doc is None else min(_ends(doc), default=None)
        if doc is None or at_ms is None:
            return Plan()
        if sync.now_ms < at_ms:
            return Plan(again_at_ms=at_ms)
        meta = metadata(doc)
        delete = Delete(SIGNING_REQUESTS, "", meta.name, meta.uid)
        return Plan(((delete,),), tolerated=frozenset({Reason.NOT_FOUND, Reason.CONFLICT}))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _ends(doc: Document) -> Iterator[int]:
    """When a request is too old, by each rule that is about it."""
    conditions = children(doc, "status", "conditions")
    certificate = text(doc, "status", "certificate")
    if not conditions:
        yield metadata(doc).created_ms + OPEN_MS + _SECOND_MS
    for one in conditions:
        kind, told = text(one, "type"), text(one, "lastUpdateTime")
        if kind == "Approved" and certificate:
            yield expires_ms(pem_of(certificate))
        if kind in ("Approved", "Denied", "Failed") and told:
            waits = kind == "Approved" and not certificate
            yield parse_time(told) + (OPEN_MS if waits else DECIDED_MS) + _SECOND_MS


def expires_ms(pem: str) -> int:
    """When a certificate ends; what cannot be read never does."""
    from cryptography import x509

    try:
        ends = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        return 2**62
    return int(ends.timestamp()) * 1_000 + _SECOND_MS
