"""Who a request comes from: the bearer of a token that is known or was issued here, or nobody.

Tokens of service accounts are signed with a key of the cluster's own; whether one still holds is
decided by the core, against the store.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote

from kelm.adapters.simulator.issuing import simulated_authority
from kelm.adapters.simulator.token_key import TokenKey, token_key
from kelm.core.api.rest.access import ANONYMOUS, UNAUTHORIZED, Impersonation, User
from kelm.core.api.tokens.bearers import Bearer, Unproven
from kelm.core.api.tokens.requests import AUDIENCES
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

ADMIN: Final = User("kubernetes-admin", ("system:masters", "system:authenticated"))
EXTRA: Final = b"impersonate-extra-"
Headers = dict[bytes, list[bytes]]
Judge: TypeAlias = Callable[[str, Document, "tuple[str, ...]"], Bearer | Unproven]
"""Whose a token with these claims is, if it is for one of these audiences."""


class Tokens:
    """Tokens and whose they are. `bearer` says whose a signed one with its claims is.

    key: what they are signed with, in PEM; None for the key of all simulated clusters.
    """

    def __init__(self, admin: str, key: bytes | None = None) -> None:
        self._known: dict[str, User] = {admin: ADMIN}
        self._pem = key
        self.bearer: Judge = lambda _token, _claims, _audiences: Unproven()

    def add(self, token: str, user: User) -> None:
        """Accept a token."""
        self._known[token] = user

    def user(self, authorization: str) -> User | Refusal:
        """Whose request this is, by its Authorization header.

        >>> Tokens("secret").user("Bearer secret").name, Tokens("secret").user("").name
        ('kubernetes-admin', 'system:anonymous')
        >>> Tokens("secret").user("Bearer guess").code, Tokens("secret").user("Basic eDp5").name
        (401, 'system:anonymous')
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return ANONYMOUS
        found = self.identify(token.strip())
        return found.user if isinstance(found, Bearer) else UNAUTHORIZED

    def identify(self, token: str, audiences: tuple[str, ...] = AUDIENCES) -> Bearer | Unproven:
        """Whose a token is that must be for one of these audiences."""
        for known, user in self._known.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                common = tuple(one for one in AUDIENCES if one in audiences)
                return Bearer(user, common) if common else Unproven()
        claims = self.key.claims(token) if token.count(".") == 2 else None
        return Unproven() if claims is None else self.bearer(token, claims, audiences)

    @property
    def key(self) -> TokenKey:
        """What signs them."""
        return token_key(self._pem or simulated_authority().token_key)


def impersonation(headers: Headers) -> Impersonation | None:
    """Whom a request wants to be taken for, None for nobody else.

    >>> impersonation({b"impersonate-user": [b"ann"], b"impersonate-group": [b"a", b"b"]})
    Impersonation(user='ann', groups=('a', 'b'), uid='', extra={})
    """
    user = _texts(headers, b"impersonate-user")
    if not user:
        return None
    uid = _texts(headers, b"impersonate-uid")
    groups = _texts(headers, b"impersonate-group")
    return Impersonation(user[0], groups, uid[0] if uid else "", _extra(headers))


def _extra(headers: Headers) -> Document:
    """What else is to be known of somebody: the header's name has the key, in percent-encoding.

    >>> _extra({b"impersonate-extra-acme.com%2fproject": [b"some"]})
    {'acme.com/project': ('some',)}
    """
    names = sorted(name for name in headers if name.startswith(EXTRA))
    return Document(
        {unquote(name[len(EXTRA) :].decode("latin-1")): _texts(headers, name) for name in names}
    )


def _texts(headers: Headers, name: bytes) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for value in headers.get(name, ()))
