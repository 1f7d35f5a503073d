"""Tokens of service accounts: what is asked for, and what is in one.

Source: kubernetes v1.36, pkg/registry/core/serviceaccount/storage/token.go,
pkg/serviceaccount/claims.go, pkg/apis/authentication/validation/validation.go.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.resources import RESOURCES
from kelm.core.api.rest.access import User
from kelm.core.api.validation.violation import invalid, invalid_value
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, Json, child, elements, number, text
from kelm.effects.refusals import Refusal

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
SHORTEST_S: Final = 600
LONGEST_S: Final = 2**32
DEFAULT_S: Final = 3_600
ACCOUNTS: Final = "serviceaccounts"


class TokenRequest(msgspec.Struct, frozen=True):
    """A token that is to be issued: its claims and when it ends."""

    claims: Document
    expires_ms: int
    spec: Document


def token_request(
    store: Store, namespace: str, name: str, body: Document, now_ms: int, number_of: str
) -> TokenRequest | Refusal:
    """What a token for a service account says; `number_of` tells it from every other."""
    account = store.get(ACCOUNTS, key_of(namespace, name))
    if account is None:
        return refuse.not_found(RESOURCES[ACCOUNTS], name)
    spec = child(body, "spec")
    seconds = number(spec, "expirationSeconds") if "expirationSeconds" in spec else DEFAULT_S
    if not SHORTEST_S <= seconds <= LONGEST_S:
        why = "may not specify a duration less than 10 minutes"
        if seconds > LONGEST_S:
            why = "may not specify a duration larger than 2^32 seconds"
        violation = invalid_value("spec.expirationSeconds", seconds, why)
        return invalid("TokenRequest", "authentication.k8s.io", "", (violation,))
    audiences = tuple(map(str, elements(spec, "audiences"))) or (ISSUER,)
    bound = _bound(store, namespace, child(spec, "boundObjectRef"))
    if isinstance(bound, Refusal):
        return bound
    issued = now_ms // 1_000
    own: dict[str, Json] = {"name": name, "uid": text(account, "metadata", "uid")}
    private = Document({"namespace": namespace, **bound, "serviceaccount": Document(own)})
    claims = Document(
        {
            "aud": audiences,
            "exp": issued + seconds,
            "iat": issued,
            "iss": ISSUER,
            "jti": number_of,
            "kubernetes.io": private,
            "nbf": issued,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
    )
    kept = Document({**spec, "audiences": audiences, "expirationSeconds": seconds})
    return TokenRequest(claims, (issued + seconds) * 1_000, kept)


def _bound(store: Store, namespace: str, reference: Document) -> dict[str, Json] | Refusal:
    """The object with which a token ends."""
    if not reference:
        return {}
    kind, name = text(reference, "kind"), text(reference, "name")
    resource = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}.get(kind)
    if resource is None:
        return refuse.bad_request(f"cannot bind token to object of type {kind}")
    info = RESOURCES[resource]
    found = store.get(resource, key_of(namespace if info.namespaced else "", name))
    if found is None:
        return refuse.not_found(info, name)
    uid, asked = text(found, "metadata", "uid"), text(reference, "uid")
    if asked and asked != uid:
        why = f"the UID in the bound object reference ({asked}) does not match the UID in record. "
        why += "The object might have been deleted and then recreated"
        return refuse.conflict(info, name, why)
    return {kind.lower(): Document(name=name, uid=uid)}


def issued(
    request: TokenRequest, body: Document, name: str, namespace: str, token: str
) -> Document:
    """The answer to a request for a token."""
    ends = format_time(request.expires_ms)
    meta = Document({"name": name, "namespace": namespace, **child(body, "metadata")})
    return Document(
        kind="TokenRequest",
        apiVersion="authentication.k8s.io/v1",
        metadata=meta,
        spec=request.spec,
        status=Document(token=token, expirationTimestamp=ends),
    )


LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
_LEGACY: Final = "kubernetes.io/serviceaccount/"
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"


def bearer(store: Store, token: str, claims: Document, now_ms: int) -> User | None:
    """Whose a token is, None where it has ended or its account is another one now."""
    if text(claims, "iss") == LEGACY_ISSUER:
        return _legacy_bearer(store, token, claims)
    private = child(claims, "kubernetes.io")
    namespace, account = text(private, "namespace"), child(private, "serviceaccount")
    name = text(account, "name")
    stored = store.get(ACCOUNTS, key_of(namespace, name))
    if stored is None or text(stored, "metadata", "uid") != text(account, "uid"):
        return None
    if number(claims, "exp") * 1_000 <= now_ms:
        return None
    pod = child(private, "pod")
    if pod:
        found = store.get("pods", key_of(namespace, text(pod, "name")))
        if found is None or text(found, "metadata", "uid") != text(pod, "uid"):
            return None
    return User(text(claims, "sub"), account_groups(namespace), text(account, "uid"))


def _legacy_bearer(store: Store, token: str, claims: Document) -> User | None:
    """Whose a token out of a Secret is: it holds as long as that Secret has it.

    Source: pkg/serviceaccount/legacy.go (Validate).
    """
    namespace, name = text(claims, f"{_LEGACY}namespace"), text(claims, f"{_LEGACY}secret.name")
    owner = text(claims, f"{_LEGACY}service-account.name")
    secret = store.get("secrets", key_of(namespace, name))
    if secret is None or text(secret, "metadata", "deletionTimestamp"):
        return None
    if text(secret, "data", "token") != b64encode(token.encode()).decode():
        return None
    account = store.get(ACCOUNTS, key_of(namespace, owner))
    uid = text(claims, f"{_LEGACY}service-account.uid")
    if account is None or text(account, "metadata", "uid") != uid:
        return None
    gone = text(account, "metadata", "deletionTimestamp")
    if gone or text(secret, "metadata", "labels", INVALID_SINCE):
        return None
    return User(text(claims, "sub"), account_groups(namespace), uid)


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of every service account of a namespace."""
    return (
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    )
