"""The key that signs a cluster's tokens: RSA or an elliptic curve. Signing decides nothing.

Signatures are deterministic (RFC 6979; PKCS#1 v1.5 has no randomness): the same claims make the
same token.

Source: kubernetes v1.36, pkg/serviceaccount/jwt.go (signerFromECDSAPrivateKey,
signerFromRSAPrivateKey, keyIDFromPublicKey); RFC 7515, RFC 7518.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kelm.effects.document import Document, document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CURVES: Final = {"secp256r1": ("ES256", 32), "secp384r1": ("ES384", 48), "secp521r1": ("ES512", 66)}
"""The algorithm of each curve, and how long a number of its signatures is."""


class BadKey(Exception):
    """A key that tokens cannot be signed with; `str()` says why."""


class TokenKey:
    """A private key and what follows from it.

    algorithm: RS256, ES256, ES384 or ES512. id: what tells it from other keys.
    """

    def __init__(self, key: RSAPrivateKey | EllipticCurvePrivateKey) -> None:
        self._key: Any = key
        curve = getattr(key, "curve", None)
        self.algorithm, self._size = CURVES[curve.name] if curve else ("RS256", 0)

    @property
    def public(self) -> Any:
        """What checks its signatures."""
        return self._key.public_key()

    @cached_property
    def id(self) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _text(hashlib.sha256(der).digest())

    @cached_property
    def public_jwk(self) -> Document:
        """The public key as a JSON Web Key."""
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        kind: Any = ECAlgorithm if self._size else RSAAlgorithm
        found = msgspec.json.decode(kind.to_jwk(self.public))
        wanted = {key: value for key, value in found.items() if key != "key_ops"}
        return document({"use": "sig", "kid": self.id, "alg": self.algorithm, **wanted})

    def sign(self, claims: Document) -> str:
        """Claims as a signed JSON web token."""
        header = msgspec.json.encode({"alg": self.algorithm, "kid": self.id})
        told = f"{_text(header)}.{_text(msgspec.json.encode(claims))}"
        return f"{told}.{_text(self._signature(told.encode()))}"

    def _signature(self, told: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        hashing = getattr(hashes, f"SHA{self.algorithm[2:]}")()
        if not self._size:
            signed: bytes = self._key.sign(told, padding.PKCS1v15(), hashing)
            return signed
        made = self._key.sign(told, ec.ECDSA(hashing, deterministic_signing=True))
        return b"".join(one.to_bytes(self._size, "big") for one in decode_dss_signature(made))

    def claims(self, token: str) -> Document | None:
        """What a token says, None where this key has not signed it."""
        import jwt

        options: Any = {f"verify_{name}": False for name in ("exp", "aud", "nbf", "iat")}
        try:
            return document(jwt.decode(token, self.public, [self.algorithm], options))
        except jwt.PyJWTError:
            return None


@lru_cache(maxsize=8)
def token_key(pem: bytes) -> TokenKey:
    """The key of a PEM file.

    Raises:
        BadKey: it is no private key, or of a kind that tokens are not signed with.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as problem:
        raise BadKey(f"no private key in PEM: {problem}") from problem
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in CURVES:
        raise BadKey(f"a key of the curve {key.curve.name}: it must be one of {', '.join(CURVES)}")
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise BadKey(f"a key of the kind {type(key).__name__}: it must be RSA or EC")
    return TokenKey(key)


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
