"""Whose a token is: its account must still be there, and so must what it is bound to.

What is being deleted still counts for a minute, as clocks differ.

Source: kubernetes v1.36, pkg/serviceaccount/claims.go (Validate), pkg/serviceaccount/legacy.go,
pkg/serviceaccount/jwt.go (AuthenticateToken); apiserver/pkg/authentication/serviceaccount/util.go
(UserInfo).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final, Literal, TypeAlias

import msgspec

from kelm.core.api.rest.access import User
from kelm.core.api.tokens.legacy import INVALID_SINCE, used
from kelm.core.api.tokens.requests import ACCOUNTS, AUDIENCES, ISSUER
from kelm.core.api.validation.violation import quoted
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import parse_time
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Patch
from kelm.effects.document import Document, Json, child, children, elements, number, text

LEEWAY_MS: Final = 60_000
LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
_LEGACY: Final = "kubernetes.io/serviceaccount/"
_EXTRA: Final = "authentication.kubernetes.io/"
replace = msgspec.structs.replace
ENDED: Final = "service account token has been invalidated"


Use: TypeAlias = Literal["", "valid", "stale", "manual", "auto", "invalid"]
"""How a token was used that is watched: a pod's usual one before or after it should have been
renewed, or one out of a Secret that was made by hand, automatically, or is marked as invalid."""


class Bearer(msgspec.Struct, frozen=True):
    """Who shows a token, and for which of the audiences asked about it is.

    note: what is to be written because it was used.
    """

    user: User
    audiences: tuple[str, ...] = AUDIENCES
    use: Use = ""
    note: Patch | None = None


class Unproven(msgspec.Struct, frozen=True):
    """A token that proves nothing. `why` is "" where it is not even a token of this cluster."""

    why: str = ""
    use: Use = ""
    note: Patch | None = None


def bearer(
    store: Store,
    token: str,
    claims: Document,
    now_ms: int,
    audiences: tuple[str, ...] = AUDIENCES,
) -> Bearer | Unproven:
    """Whose a token with these claims is, whose signature was found to be the cluster's.

    audiences: for whom it has to be; in a TokenReview that is whoever asks.
    """
    issuer = text(claims, "iss")
    if issuer not in (ISSUER, LEGACY_ISSUER):
        return Unproven()
    said = tuple(map(str, elements(claims, "aud"))) or AUDIENCES
    common = tuple(one for one in said if one in audiences)
    if not common:
        wanted = f"is invalid for the target audiences {_list(audiences)}"
        return Unproven(f"token audiences {_list(said)} {wanted}")
    if issuer == LEGACY_ISSUER:
        found = _of_secret(store, token, claims, now_ms)
        return found if isinstance(found, Unproven) else replace(found, audiences=common)
    user = _user(store, claims, now_ms)
    return user if isinstance(user, Unproven) else Bearer(user, common, _use(claims, now_ms))


def _list(texts: tuple[str, ...]) -> str:
    return f"[{' '.join(map(quoted, texts))}]"


def _user(store: Store, claims: Document, now_ms: int) -> User | Unproven:
    if number(claims, "exp") * 1_000 + LEEWAY_MS < now_ms:
        return Unproven("service account token has expired")
    if number(claims, "nbf") * 1_000 - LEEWAY_MS > now_ms:
        return Unproven("service account token is not valid yet")
    private = child(claims, "kubernetes.io")
    namespace, account = text(private, "namespace"), child(private, "serviceaccount")
    name, uid = text(account, "name"), text(account, "uid")
    gone = _account_gone(store, namespace, name, uid, now_ms)
    if gone:
        return Unproven(gone)
    for kind, resource in (("secret", "secrets"), ("pod", "pods"), ("node", "nodes")):
        if kind in private and (kind != "node" or "pod" not in private):
            place = namespace if kind != "node" else ""
            gone = _bound_gone(store, kind, resource, place, child(private, kind), now_ms)
            if gone:
                return Unproven(gone)
    return User(text(claims, "sub"), account_groups(namespace), uid, _extra(claims, private))


def _extra(claims: Document, private: Document) -> Document:
    """What is known of a bearer beside its name: which token, from which pod, on which node."""
    found: dict[str, Json] = {}
    if text(claims, "jti"):
        found[f"{_EXTRA}credential-id"] = (f"JTI={text(claims, 'jti')}",)
    for kind in ("node", "pod"):
        for field in ("name", "uid"):
            if text(private, kind, field):
                found[f"{_EXTRA}{kind}-{field}"] = (text(private, kind, field),)
    return Document(found)


def _account_gone(store: Store, namespace: str, name: str, uid: str, now_ms: int) -> str:
    stored = store.get(ACCOUNTS, key_of(namespace, name))
    if stored is None:
        return f'serviceaccounts "{name}" not found'
    if metadata(stored).uid != uid:
        return f"service account UID ({metadata(stored).uid}) does not match claim ({uid})"
    if _deleted(stored, now_ms):
        return f"service account {namespace}/{name} has been deleted"
    return ""


def _bound_gone(
    store: Store, kind: str, resource: str, namespace: str, claim: Document, now_ms: int
) -> str:
    found = store.get(resource, key_of(namespace, text(claim, "name")))
    if found is None or _deleted(found, now_ms):
        return ENDED
    uid, said = metadata(found).uid, text(claim, "uid")
    if uid != said:
        return f"{kind} UID ({uid}) does not match service account {kind} ref claim ({said})"
    return ""


def _deleted(doc: Document, now_ms: int) -> bool:
    """Whether something was to be gone more than a minute ago."""
    gone = metadata(doc).deletion_timestamp
    return bool(gone) and parse_time(gone) < now_ms - LEEWAY_MS


def _use(claims: Document, now_ms: int) -> Use:
    """Whether a token that is to be renewed should have been."""
    renew_s = number(claims, "kubernetes.io", "warnafter")
    return "" if not renew_s else "stale" if now_ms > renew_s * 1_000 else "valid"


def _of_secret(store: Store, token: str, claims: Document, now_ms: int) -> Bearer | Unproven:
    """Whose a token out of a Secret is: it holds as long as that Secret has it."""
    namespace, name = text(claims, f"{_LEGACY}namespace"), text(claims, f"{_LEGACY}secret.name")
    owner, uid = (text(claims, f"{_LEGACY}service-account.{part}") for part in ("name", "uid"))
    secret = store.get("secrets", key_of(namespace, name))
    if secret is None or metadata(secret).deletion_timestamp:
        return Unproven("Token has been invalidated")
    if text(secret, "data", "token") != b64encode(token.encode()).decode():
        return Unproven("Token does not match server's copy")
    account = store.get(ACCOUNTS, key_of(namespace, owner))
    if account is None:
        return Unproven(f'serviceaccounts "{owner}" not found')
    if metadata(account).deletion_timestamp:
        return Unproven(f"ServiceAccount {namespace}/{owner} has been deleted")
    if metadata(account).uid != uid:
        known = f"ServiceAccount UID ({metadata(account).uid})"
        return Unproven(f"{known} does not match claim ({uid})")
    note = used(secret, now_ms)
    if text(secret, "metadata", "labels", INVALID_SINCE):
        why = (
            f"the token in secret {namespace}/{name} for service account {namespace}/{owner} has "
            "been marked invalid. Use tokens from the TokenRequest API or manually created "
            f"secret-based tokens, or remove the '{INVALID_SINCE}' label from the secret to "
            "temporarily allow use of this token"
        )
        return Unproven(why, "invalid", note)
    listed = any(text(one, "name") == name for one in children(account, "secrets"))
    user = User(text(claims, "sub"), account_groups(namespace), uid)
    return Bearer(user, use="auto" if listed else "manual", note=note)


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of every service account of a namespace."""
    return (
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    )
