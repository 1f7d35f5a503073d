"""How others find the keys with which they can check a service account's token.

Source: kubernetes v1.36, pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go;
OpenID Connect Discovery 1.0, section 3.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.tokens.requests import ISSUER, KEYS
from kelm.effects.document import Document, text

KEYS_TYPE: Final = "application/jwk-set+json"
KEPT_S: Final = 3_600
"""For how long others may keep what they were told."""


def configuration(address: str, keys: tuple[Document, ...]) -> Document:
    """What the issuer says of itself; `address` is where the API answers, `keys` are JWKs.

    >>> configuration("127.0.0.1:6443", (Document(alg="ES256"),))["jwks_uri"]
    'https://127.0.0.1:6443/openid/v1/jwks'
    """
    return Document(
        issuer=ISSUER,
        jwks_uri=f"https://{address}{KEYS}",
        response_types_supported=("id_token",),
        subject_types_supported=("public",),
        id_token_signing_alg_values_supported=tuple(sorted({text(one, "alg") for one in keys})),
    )


def key_set(keys: tuple[Document, ...]) -> Document:
    """The public keys of the issuer, as a JSON Web Key Set."""
    return Document(keys=keys)
