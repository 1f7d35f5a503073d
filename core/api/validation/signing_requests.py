"""Rules of CertificateSigningRequests: what may be asked for, and who decides what of it.

Source: kubernetes v1.36, pkg/apis/certificates/validation/validation.go,
pkg/apis/core/validation/names.go (ValidateSignerName).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.validation.fields import Rules, items, whole_number
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kelm.core.objects.signing_requests import (
    LEGACY_UNKNOWN,
    SIGNING_REQUESTS,
    parse,
    pem_of,
)
from kelm.effects.document import Document, child, children, elements, text

USAGES: Final = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign",
    "data encipherment", "decipher only", "digital signature", "email protection",
    "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
    "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth",
    "signing", "timestamping",
)  # fmt: skip
SHORTEST_S: Final = 600
DECIDED: Final = ("Approved", "Denied")
LASTING: Final = ("Approved", "Denied", "Failed")
"""Conditions that may only be true, and that nothing takes back."""
STATUSES: Final = ("False", "True", "Unknown")
_SIGNER_FORM: Final = (
    "must be a fully qualified domain and path of the form 'example.com/signer-name'"
)
_DOMAIN_BYTES: Final = 253
_SIGNER_BYTES: Final = 253 + 1 + (253 + 63 + 1)


class Tolerated(msgspec.Struct, frozen=True):
    """What an update may keep though nobody could ask for it anew."""

    both: bool = False
    legacy: bool = False
    repeated: bool = False
    typeless: bool = False
    certificate: bool = False
    unknown_usages: bool = False
    repeated_usages: bool = False


NOTHING: Final = Tolerated()


def signing_request_create(doc: Document) -> Violations:
    return (*metadata(doc, SIGNING_REQUESTS), *_signing_request(doc, NOTHING))


def signing_request_update(old: Document, new: Document) -> Violations:
    """An update of the object itself may change neither verdict nor certificate."""
    return (*_changed(old, new), *_verdict_kept(old, new), *_certificate_kept(old, new))


def signing_request_status_update(old: Document, new: Document) -> Violations:
    """An update by a signer: a certificate, once, and conditions that are not the approver's."""
    return (*_changed(old, new), *_verdict_kept(old, new), *_certificate_kept(old, new, once=True))


def signing_request_approval_update(old: Document, new: Document) -> Violations:
    """An update by an approver: the conditions."""
    return (*_changed(old, new), *_certificate_kept(old, new))


def _changed(old: Document, new: Document) -> Rules:
    before = children(old, "status", "conditions")
    types = [text(one, "type") for one in before]
    usages = elements(old, "spec", "usages")
    kept = Tolerated(
        both="Approved" in types and "Denied" in types,
        legacy=text(old, "spec", "signerName") == LEGACY_UNKNOWN,
        repeated=len(set(types)) < len(types),
        typeless="" in types,
        certificate=bool(_certificate(old)) and _certificate(old) == _certificate(new),
        unknown_usages=any(one not in USAGES for one in usages),
        repeated_usages=len(set(usages)) < len(usages),
    )
    yield from _signing_request(new, kept)
    for kind in LASTING:
        if _count(new, kind) < _count(old, kind):
            why = f'updates may not remove a condition of type "{kind}"'
            yield forbidden("status.conditions", why)
    yield from metadata_update(old, new)


def _count(doc: Document, kind: str) -> int:
    return sum(text(one, "type") == kind for one in children(doc, "status", "conditions"))


def _of_type(doc: Document, kind: str) -> tuple[Document, ...]:
    found = children(doc, "status", "conditions")
    return tuple(one for one in found if text(one, "type") == kind)


def _verdict_kept(old: Document, new: Document) -> Rules:
    for kind in DECIDED:
        before, after = _of_type(old, kind), _of_type(new, kind)
        if len(after) > len(before):
            why = f'updates may not add a condition of type "{kind}"'
            yield forbidden("status.conditions", why)
        elif len(after) == len(before) and before != after:
            why = f'updates may not modify a condition of type "{kind}"'
            yield forbidden("status.conditions", why)


def _certificate(doc: Document) -> str:
    return text(doc, "status", "certificate")


def _certificate_kept(old: Document, new: Document, *, once: bool = False) -> Rules:
    if _certificate(old) == _certificate(new):
        return
    if not once:
        yield forbidden("status.certificate", "updates may not set certificate content")
    elif _certificate(old):
        why = "updates may not modify existing certificate content"
        yield forbidden("status.certificate", why)


def _signing_request(doc: Document, kept: Tolerated) -> Rules:
    spec = child(doc, "spec")
    found = parse(text(spec, "request"))
    if isinstance(found, Failure):
        yield invalid_value("spec.request", text(spec, "request"), found.failure())
    elif not found.unwrap().is_signed:
        why = "x509: invalid signature of the certificate request"
        yield invalid_value("spec.request", text(spec, "request"), why)
    yield from _usages(tuple(map(str, elements(spec, "usages"))), kept)
    signer = text(spec, "signerName")
    if signer == LEGACY_UNKNOWN and not kept.legacy:
        why = "the legacy signerName is not allowed via this API version"
        yield invalid_value("spec.signerName", signer, why)
    else:
        yield from signer_name("spec.signerName", signer)
    seconds = whole_number(spec, "expirationSeconds")
    if seconds is not None and seconds < SHORTEST_S:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        yield invalid_value("spec.expirationSeconds", seconds, why)
    yield from _conditions(child(doc, "status"), kept)
    if not kept.certificate:
        yield from _certificate_rules(_certificate(doc))


def _usages(usages: tuple[str, ...], kept: Tolerated) -> Rules:
    if not usages:
        yield required("spec.usages")
    for index, usage in enumerate(usages):
        if usage not in USAGES and not kept.unknown_usages:
            yield not_supported(f"spec.usages[{index}]", usage, USAGES)
    for index, usage in enumerate(usages):
        if usage in usages[:index] and not kept.repeated_usages:
            yield duplicate(f"spec.usages[{index}]", usage)


def signer_name(path: str, name: str) -> Rules:
    """The name of a signer: a domain and a name, `example.com/signer-name`."""
    if not name:
        yield required(path)
        return
    domain, *rest = name.split("/")
    if len(rest) != 1:
        yield invalid_value(path, name, _SIGNER_FORM)
        return
    if len(domain) > _DOMAIN_BYTES:
        yield too_long(path, _DOMAIN_BYTES)
    labels = domain.split(".")
    for label in labels:
        wrong = dns1123_label(label)
        yield from (
            invalid_value(path, domain, f'validating label "{label}": {one}') for one in wrong
        )
        if wrong:
            break
    if len(labels) < 2:
        why = "should be a domain with at least two segments separated by dots"
        yield invalid_value(path, domain, why)
    for label in rest[0].split("."):
        wrong = dns1123_subdomain(label)
        yield from (
            invalid_value(path, rest[0], f'validating label "{label}": {one}') for one in wrong
        )
        if wrong:
            break
    if len(name) > _SIGNER_BYTES:
        yield too_long(path, _SIGNER_BYTES)


def _conditions(status: Document, kept: Tolerated) -> Rules:
    seen: list[str] = []
    for path, one in items(status, "status", "conditions"):
        kind, state = text(one, "type"), text(one, "status")
        if not kind and not kept.typeless:
            yield required(f"{path}.type")
        allowed = ("True",) if kind in LASTING else STATUSES
        if not state:
            yield required(f"{path}.status")
        elif state not in allowed:
            yield not_supported(f"{path}.status", state, allowed)
        other = {"Approved": "Denied", "Denied": "Approved"}.get(kind)
        if other in seen and not kept.both:
            why = "Approved and Denied conditions are mutually exclusive"
            yield invalid_value("status.conditions", kind, why)
        if kind in seen and not kept.repeated:
            yield duplicate(f"{path}.type", kind)
        seen.append(kind)


def _certificate_rules(encoded: str) -> Rules:
    if not encoded:
        return
    why = _certificate_fault(pem_of(encoded))
    if why:
        yield invalid_value("status.certificate", "<certificate data>", why)


def _certificate_fault(pem: str) -> str:
    """What is wrong with a chain of certificates, "" for nothing."""
    blocks = [line for line in pem.splitlines() if line.startswith("-----BEGIN ")]
    if not blocks:
        return "must contain at least one CERTIFICATE PEM block"
    for line in blocks:
        kind = line.removeprefix("-----BEGIN ").rstrip().removesuffix("-----")
        if kind != "CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{kind}"'
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as problem:
        return f"x509: malformed certificate: {problem}"
    return ""
