"""A cluster's own certificate authority and its server's certificate.

Source: kubeadm's certificates (cmd/kubeadm/app/phases/certs): names, use and lifetimes.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kelm.adapters.simulator.token_key import BadKey, token_key

YEARS: Final = 10
FRONT_PROXY: Final = "front-proxy-client"
NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
ADDRESSES: Final = ("127.0.0.1", "::1", "10.96.0.1")


class Certificates(msgspec.Struct, frozen=True):
    """Where the files are, all in PEM."""

    authority: Path
    certificate: Path
    key: Path
    authority_key: Path


def certificates(folder: Path) -> Certificates:
    """A folder's certificates, made if they are not there.

    Raises:
        OSError: the folder cannot be written.
    """
    names = ("ca.crt", "apiserver.crt", "apiserver.key", "ca.key")
    found = Certificates(*(folder / name for name in names))
    if not all((folder / name).exists() for name in names):
        _make(found)
    return found


class FrontProxy(msgspec.Struct, frozen=True):
    """By which others know that it is the API server who passes a request on: files in PEM."""

    authority: Path
    certificate: Path
    key: Path


def front_proxy(folder: Path) -> FrontProxy:
    """A folder's certificates of the front proxy, made if they are not there.

    Raises:
        OSError: the folder cannot be written.
    """
    names = ("front-proxy-ca.crt", "front-proxy-client.crt", "front-proxy-client.key")
    wanted = FrontProxy(*(folder / name for name in names))
    if all((folder / name).exists() for name in names):
        return wanted
    authority_name, authority_key, authority = _authority("front-proxy-ca")
    key = ec.generate_private_key(ec.SECP256R1())
    client_use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(_named(FRONT_PROXY), authority_name, key)
        .add_extension(client_use, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    wanted.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    wanted.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_private(wanted.key, _private(key))
    return wanted


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority(name: str) -> tuple[x509.Name, ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A new authority: its name, its key, its certificate."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _named(name)
    usage = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    return authority_name, authority_key, authority


def _make(wanted: Certificates) -> None:
    authority_name, authority_key, authority = _authority("kubernetes")
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("kube-apiserver")
    subjects: list[x509.GeneralName] = [x509.DNSName(one) for one in NAMES]
    subjects += [x509.IPAddress(ipaddress.ip_address(one)) for one in ADDRESSES]
    server_use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        _builder(name, authority_name, key)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(server_use, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    wanted.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    wanted.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_private(wanted.authority_key, _private(authority_key))
    write_private(wanted.key, _private(key))


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)


def signing_key(path: Path) -> bytes:
    """The key that signs tokens, in PEM: the one of a file, made if it is not there.

    Raises:
        BadKey: tokens cannot be signed with what is in the file.
    """
    if not path.exists():
        write_private(path, _private(ec.generate_private_key(ec.SECP256R1())))
    pem = path.read_bytes()
    try:
        token_key(pem)
    except BadKey as problem:
        raise BadKey(f"{path}: {problem}") from problem
    return pem


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
