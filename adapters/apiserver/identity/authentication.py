"""Who a request comes from: the bearer of a token that is known or was issued here, or nobody.

Tokens of service accounts are signed (ES256) with a key of the cluster's own; whether one still
holds is decided by the core, against the store.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kelm.adapters.apiserver.identity.certificates import signing_key
from kelm.core.api.rest.access import ANONYMOUS, UNAUTHORIZED, Impersonation, User
from kelm.effects.document import Document, document, thaw
from kelm.effects.refusals import Refusal

ADMIN: Final = User("kubernetes-admin", ("system:masters", "system:authenticated"))
ALGORITHM: Final = "ES256"
Headers = dict[bytes, list[bytes]]


class Tokens:
    """Tokens and whose they are. `bearer` says whose a signed one with its claims is."""

    def __init__(self, admin: str, key: Path | None = None) -> None:
        self._known: dict[str, User] = {admin: ADMIN}
        self._key_file = key
        self._key: Any = None
        self.bearer: Callable[[str, Document], User | None] = lambda _token, _claims: None

    def add(self, token: str, user: User) -> None:
        """Accept a token."""
        self._known[token] = user

    def user(self, authorization: str) -> User | Refusal:
        """Whose request this is, by its Authorization header.

        >>> Tokens("secret").user("Bearer secret").name, Tokens("secret").user("").name
        ('kubernetes-admin', 'system:anonymous')
        >>> Tokens("secret").user("Bearer guess").code
        401
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return UNAUTHORIZED
        return self.identify(token.strip()) or UNAUTHORIZED

    def identify(self, token: str) -> User | None:
        """Whose a token is."""
        for known, user in self._known.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return user
        claims = self._claims(token) if token.count(".") == 2 else None
        return None if claims is None else self.bearer(token, claims)

    def _claims(self, token: str) -> Document | None:
        """What a token says, None where it was not signed here."""
        import jwt

        try:
            options: Any = {"verify_exp": False, "verify_aud": False, "verify_nbf": False}
            options["verify_iat"] = False
            key = self._signing_key().public_key()
            return document(jwt.decode(token, key, [ALGORITHM], options))
        except jwt.PyJWTError:
            return None

    def sign(self, claims: Document) -> str:
        """A token with these claims."""
        import jwt

        payload: Any = thaw(claims)
        token: str = jwt.encode(payload, self._signing_key(), ALGORITHM)
        return token

    def _signing_key(self) -> Any:
        if self._key is None:
            self._key = signing_key(self._key_file)
        return self._key


def impersonation(headers: Headers) -> Impersonation | None:
    """Whom a request wants to be taken for, None for nobody else.

    >>> impersonation({b"impersonate-user": [b"ann"], b"impersonate-group": [b"a", b"b"]})
    Impersonation(user='ann', groups=('a', 'b'), uid='')
    """
    user = _texts(headers, b"impersonate-user")
    if not user:
        return None
    uid = _texts(headers, b"impersonate-uid")
    groups = _texts(headers, b"impersonate-group")
    return Impersonation(user[0], groups, uid[0] if uid else "")


def _texts(headers: Headers, name: bytes) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for value in headers.get(name, ()))
