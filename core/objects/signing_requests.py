"""A CertificateSigningRequest and the PKCS#10 request in it, as decisions read them.

Source: kubernetes v1.36, staging/src/k8s.io/api/certificates/v1/types.go,
pkg/apis/certificates/helpers.go (ParseCSR), RFC 2986.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.effects.document import Document, children, text

SIGNING_REQUESTS: Final = "certificatesigningrequests.certificates.k8s.io"
KUBELET_CLIENT: Final = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING: Final = "kubernetes.io/kubelet-serving"
API_CLIENT: Final = "kubernetes.io/kube-apiserver-client"
LEGACY_UNKNOWN: Final = "kubernetes.io/legacy-unknown"
_BEGIN: Final = "-----BEGIN CERTIFICATE REQUEST-----"
NO_REQUEST: Final = "PEM block type must be CERTIFICATE REQUEST"


class Wanted(msgspec.Struct, frozen=True):
    """Who a PKCS#10 request is for, and the names that its certificate is to have."""

    common_name: str = ""
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    is_signed: bool = True
    """Whether it was signed with the key that it has."""


def pem_of(encoded: str) -> str:
    """The text of a field of bytes; "" where it is none.

    >>> pem_of("aGVsbG8="), pem_of("?")
    ('hello', '')
    """
    try:
        return b64decode(encoded, validate=True).decode()
    except ValueError:
        return ""


def parse(encoded: str) -> Result[Wanted, str]:
    """Read the request in `spec.request`, or say what is wrong with it.

    >>> parse("aGVsbG8=").failure()
    'PEM block type must be CERTIFICATE REQUEST'
    """
    pem = pem_of(encoded)
    first = next((line for line in pem.splitlines() if line.startswith("-----BEGIN ")), "")
    if first.rstrip() != _BEGIN:
        return Failure(NO_REQUEST)
    from cryptography import x509

    try:
        request = x509.load_pem_x509_csr(pem.encode())
        return Success(_wanted(request, x509))
    except (ValueError, TypeError) as problem:
        return Failure(f"asn1: structure error: {problem}")


def _wanted(request: Any, x509: Any) -> Wanted:
    oids = x509.oid.NameOID
    names = [str(one.value) for one in request.subject.get_attributes_for_oid(oids.COMMON_NAME)]
    groups = request.subject.get_attributes_for_oid(oids.ORGANIZATION_NAME)
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = x509.SubjectAlternativeName([])

    def named(kind: Any) -> tuple[str, ...]:
        return tuple(str(one) for one in found.get_values_for_type(kind))

    return Wanted(
        names[-1] if names else "",
        tuple(str(one.value) for one in groups),
        named(x509.DNSName),
        named(x509.IPAddress),
        named(x509.RFC822Name),
        named(x509.UniformResourceIdentifier),
        request.is_signature_valid,
    )


def is_true(doc: Document, condition: str) -> bool:
    """Whether a request has a condition of a type."""
    return any(
        text(one, "type") == condition and text(one, "status") in ("True", "")
        for one in children(doc, "status", "conditions")
    )


def is_approved(doc: Document) -> bool:
    """Whether a request was approved, and not denied as well."""
    return is_true(doc, "Approved") and not is_true(doc, "Denied")
