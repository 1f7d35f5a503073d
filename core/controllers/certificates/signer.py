"""Who signs what was approved: a controller for each of Kubernetes' own signers.

A request that the signer's rules do not allow gets the condition Failed. For the others the
platform is asked for a certificate, which is then written into the status. It holds from five
minutes ago, for as long as was asked for, at most a year.

Source: kubernetes v1.36, pkg/controller/certificates/signer/signer.go, authority/policies.go.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.controllers.certificates.kubelets import fault_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.signing_requests import (
    API_CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    LEGACY_UNKNOWN,
    SIGNING_REQUESTS,
    is_approved,
    is_true,
    parse,
    pem_of,
)
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, SignCertificate, Update
from kelm.effects.document import Document, child, children, elements, number, text, with_value
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

LONGEST_MS: Final = 365 * 24 * 3_600_000
SHORTEST_MS: Final = 10 * 60_000
BACKDATED_MS: Final = 5 * 60_000
SHORT_MS: Final = 8 * 3_600_000
"""Of a certificate that holds for less, the end is not put forward with the beginning."""


class CertificateSigner(msgspec.Struct, frozen=True):
    """The controller of one signer; its keys are requests, its memory a certificate in PEM."""

    signer: str
    name: str
    watches: tuple[Watch, ...] = (Watch(SIGNING_REQUESTS),)
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.new is not None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[SIGNING_REQUESTS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[SIGNING_REQUESTS].get(sync.key)
        if doc is None or text(doc, "status", "certificate"):
            return Plan()
        if not is_approved(doc) or is_true(doc, "Failed"):
            return Plan()
        spec = child(doc, "spec")
        wanted = parse(text(spec, "request"))
        if text(spec, "signerName") != self.signer or isinstance(wanted, Failure):
            return Plan()
        usages = tuple(map(str, elements(spec, "usages")))
        fault = fault_of(self.signer, wanted.unwrap(), usages)
        if fault:
            return _status(doc, "conditions", _failed(doc, fault, sync.now_ms))
        if isinstance(sync.memory, str):
            return _status(doc, "certificate", b64encode(sync.memory.encode()).decode())
        from_ms, until_ms = validity(spec, sync.now_ms)
        request = pem_of(text(spec, "request"))
        sign = SignCertificate(request, usages, from_ms, until_ms)
        return Plan(((sign,),), again_at_ms=sync.now_ms)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        is_signed = isinstance(command, SignCertificate)
        return text(answer, "certificate") if is_signed else sync.memory

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


SIGNERS: Final = (
    CertificateSigner(KUBELET_SERVING, "csrsigning-kubelet-serving"),
    CertificateSigner(KUBELET_CLIENT, "csrsigning-kubelet-client"),
    CertificateSigner(API_CLIENT, "csrsigning-kube-apiserver-client"),
    CertificateSigner(LEGACY_UNKNOWN, "csrsigning-legacy-unknown"),
)


def validity(spec: Document, now_ms: int) -> tuple[int, int]:
    """From when and until when a certificate holds.

    >>> validity(Document(expirationSeconds=3_600), 1_000_000)
    (700000, 4600000)
    >>> validity(Document(expirationSeconds=36_000), 1_000_000)
    (700000, 36700000)
    """
    seconds = number(spec, "expirationSeconds")
    lasts_ms = LONGEST_MS
    if "expirationSeconds" in spec:
        lasts_ms = min(max(seconds * 1_000, SHORTEST_MS), LONGEST_MS)
    from_ms = now_ms - BACKDATED_MS
    return from_ms, (now_ms if lasts_ms < SHORT_MS else from_ms) + lasts_ms


def _failed(doc: Document, why: str, now_ms: int) -> tuple[Document, ...]:
    condition = Document(
        type="Failed",
        status="True",
        reason="SignerValidationFailure",
        message=why,
        lastUpdateTime=format_time(now_ms),
    )
    return (*children(doc, "status", "conditions"), condition)


def _status(doc: Document, field: str, value: str | tuple[Document, ...]) -> Plan:
    new = with_value(doc, ("status", field), value)
    update = Update(SIGNING_REQUESTS, "", metadata(doc).name, new, subresource="status")
    return Plan(((update,),))
