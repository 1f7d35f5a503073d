"""Keys that sign tokens: whoever has the public one can check, and nobody else can sign."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.simulator.token_key import BadKey, TokenKey, token_key
from kelm.effects.document import Document, document, thaw


def pem(key: Any) -> bytes:
    written: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written


KEYS = {
    "RS256": pem(rsa.generate_private_key(65_537, 2_048)),
    "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
    "ES384": pem(ec.generate_private_key(ec.SECP384R1())),
    "ES512": pem(ec.generate_private_key(ec.SECP521R1())),
}
CLAIMS = Document(sub="robot", aud=("bank",), exp=2**33)


def checked(key: TokenKey, token: str) -> Any:
    """What a stock library finds in a token with nothing but the published key."""
    known: Any = jwt.PyJWKSet.from_dict({"keys": [thaw(key.public_jwk)]})
    header = jwt.get_unverified_header(token)
    return jwt.decode(token, known[header["kid"]].key, [header["alg"]], audience="bank")


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_stock_library_checks_a_token_by_the_published_key(algorithm: str) -> None:
    key = token_key(KEYS[algorithm])
    token = key.sign(CLAIMS)
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": key.id}
    assert checked(key, token) == thaw(CLAIMS)
    jwk = key.public_jwk
    assert (jwk["alg"], jwk["use"], jwk["kid"]) == (algorithm, "sig", key.id)
    assert not {"d", "p", "q", "key_ops"} & set(jwk)


@given(
    algorithm=st.sampled_from(sorted(KEYS)),
    claims=st.dictionaries(st.text(max_size=8), st.text() | st.integers(-(2**53), 2**53)),
)
def test_signing_is_a_function_of_the_key_and_the_claims(
    algorithm: str, claims: dict[str, Any]
) -> None:
    said = document({key: value for key, value in claims.items() if key not in RESERVED})
    key = token_key(KEYS[algorithm])
    token = key.sign(said)
    assert token == key.sign(said)
    assert key.claims(token) == said
    others = (token_key(KEYS[one]) for one in KEYS if one != algorithm)
    assert all(other.claims(token) is None for other in others)


RESERVED = frozenset({"sub", "aud", "iss", "jti", "exp", "nbf", "iat"})


def test_keys_that_cannot_sign_tokens_say_so() -> None:
    with pytest.raises(BadKey, match="no private key in PEM"):
        token_key(b"hello")
    with pytest.raises(BadKey, match="Ed25519PrivateKey: it must be RSA or EC"):
        token_key(pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(BadKey, match="curve secp256k1: it must be one of secp256r1, "):
        token_key(pem(ec.generate_private_key(ec.SECP256K1())))
