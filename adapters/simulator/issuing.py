"""Certificates as an authority issues them, and the authority of a simulated cluster.

Source: kubernetes v1.36, pkg/controller/certificates/authority/authority.go, policies.go.
"""

from __future__ import annotations

import datetime
import hashlib
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kelm.adapters.simulator.authority import Authority
from kelm.effects.commands import SignCertificate

YEARS: Final = 10
FROM: Final = datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC)
"""When the authority of a simulated cluster begins: the day before its first."""
KEY_USAGES: Final = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
EXTENDED_USAGES: Final = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}
PARTS: Final = tuple(dict.fromkeys(KEY_USAGES.values()))


class CannotSign(Exception):
    """A request that nothing can be signed for; `str()` says why."""


def signed_certificate(key: bytes, authority: bytes, wanted: SignCertificate) -> str:
    """The certificate for a request, in PEM.

    It has the subject, the names and the key of the request, the usages that were asked for, and
    no other extension of it.

    Raises:
        CannotSign: the request cannot be read or was not signed by its own key, a usage is not
            known, or the authority has ended.
    """
    signer, own = _key(key), x509.load_pem_x509_certificate(authority)
    try:
        request = x509.load_pem_x509_csr(wanted.request.encode())
        valid = request.is_signature_valid
    except (ValueError, TypeError) as problem:
        raise CannotSign(f"unable to parse certificate request: {problem}") from problem
    if not valid:
        raise CannotSign("unable to verify certificate request signature")
    begins, ends = _time(wanted.from_ms), min(_time(wanted.until_ms), own.not_valid_after_utc)
    if begins >= own.not_valid_after_utc:
        raise CannotSign(f"the signer has expired: NotAfter={own.not_valid_after_utc}")
    public: Any = request.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(own.subject)
        .public_key(public)
        .serial_number(_serial(wanted))
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for extension, critical in _extensions(wanted, own, request):
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _extensions(
    wanted: SignCertificate, own: x509.Certificate, request: x509.CertificateSigningRequest
) -> list[tuple[Any, bool]]:
    """What a certificate says beside its subject, key and time."""
    found: list[tuple[Any, bool]] = []
    unknown = [one for one in wanted.usages if one not in KEY_USAGES | EXTENDED_USAGES]
    if unknown:
        raise CannotSign(f"unrecognized usage values: {unknown}")
    parts = {KEY_USAGES[one] for one in wanted.usages if one in KEY_USAGES}
    if parts:
        agreement = "key_agreement" in parts
        said = {part: part in parts for part in PARTS}
        said |= {part: agreement and said[part] for part in ("encipher_only", "decipher_only")}
        found.append((x509.KeyUsage(**said), True))
    extended = dict.fromkeys(EXTENDED_USAGES[o] for o in wanted.usages if o in EXTENDED_USAGES)
    if extended:
        found.append((x509.ExtendedKeyUsage(list(extended)), False))
    found.append((x509.BasicConstraints(ca=False, path_length=None), True))
    authority: Any = own.public_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority)
    found.append((identifier, False))
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found.append((names.value, False))
    except x509.ExtensionNotFound:
        pass
    return found


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    found = serialization.load_pem_private_key(pem, None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def _time(at_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms // 1_000, datetime.UTC)


def _serial(wanted: SignCertificate) -> int:
    """A number that tells a certificate from others: of 127 bits, by all that was asked for."""
    told = f"{wanted.request}\n{','.join(wanted.usages)}\n{wanted.from_ms}\n{wanted.until_ms}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:16], "big") >> 1 or 1


@lru_cache(maxsize=1)
def simulated_authority() -> Authority:
    """The authority of every cluster that nobody serves. Its keys are known, so they guard nothing.

    `kelm.core.controllers.access.service_account.CERTIFICATE` is its certificate.
    """
    tokens, signer = _derived("kelm tokens"), _derived("kelm certificates")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    said = dict.fromkeys(PARTS, False) | {"digital_signature": True, "key_cert_sign": True}
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(1)
        .not_valid_before(FROM)
        .not_valid_after(FROM + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**said), critical=True)
        .sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return Authority(
        _pem(tokens), _pem(signer), certificate.public_bytes(serialization.Encoding.PEM)
    )


def _derived(words: str) -> ec.EllipticCurvePrivateKey:
    """A key that is a function of some words."""
    number = int.from_bytes(hashlib.sha256(words.encode()).digest(), "big") >> 1
    return ec.derive_private_key(number + 1, ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
