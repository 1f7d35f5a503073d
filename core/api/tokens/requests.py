"""Tokens of service accounts: what is asked for, and what is in one.

A token may be bound to an object and then ends with it. One that a pod has in the usual volume is
asked for an hour and holds for a year: it says in `warnafter` when it should have been renewed, so
that programs which read it only once go on working.

Source: kubernetes v1.36, pkg/registry/core/serviceaccount/storage/token.go,
pkg/serviceaccount/claims.go, pkg/apis/authentication/validation/validation.go.
"""

from __future__ import annotations

from typing import Final, TypeGuard

import msgspec

from kelm.core.api import refuse
from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.validation.violation import invalid, invalid_value
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Create, Get
from kelm.effects.document import Document, Json, child, elements, number, text
from kelm.effects.refusals import Reason, Refusal

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
AUDIENCES: Final = (ISSUER,)
"""For whom a token is that says nothing of that: this API."""
SHORTEST_S: Final = 600
LONGEST_S: Final = 2**32
DEFAULT_S: Final = 3_600
EXTENDED_S: Final = 3_607
"""Who asks for just so long, as admission does for every pod, gets a token for a year."""
YEAR_S: Final = 365 * 24 * 3_600
ACCOUNTS: Final = "serviceaccounts"
CONFIGURATION: Final = "/.well-known/openid-configuration"
KEYS: Final = "/openid/v1/jwks"
PAGES: Final = frozenset({CONFIGURATION, KEYS})
"""Where others find the keys with which they can check a token."""
API_VERSION: Final = "authentication.k8s.io/v1"
KIND: Final = "TokenRequest"
GROUP: Final = "authentication.k8s.io"
BINDABLE: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class TokenRequest(msgspec.Struct, frozen=True):
    """A token that is to be issued: its claims, and the request as it is answered."""

    claims: Document
    answer: Document


def needs_key(command: object) -> TypeGuard[Create | Get]:
    """Whether only who has the key can answer: a request for a token, or a page with the keys.

    >>> needs_key(Create(ACCOUNTS, "shop", Document(), "token", "robot")), needs_key(None)
    (True, False)
    """
    if isinstance(command, Create):
        return command.subresource == "token"
    return isinstance(command, Get) and command.resource in PAGES


def token_request(
    store: Store, namespace: str, name: str, body: Document, now_ms: int, jti: str
) -> TokenRequest | Refusal:
    """What a token for a service account says; `jti` tells it from every other.

    Errors:
        Conflict where the account or the bound object has another uid by now; Invalid for a span
        that is too short or too long; NotFound and BadRequest for what a token cannot be bound to.
    """
    meta, spec = child(body, "metadata"), child(body, "spec")
    misplaced = _misplaced(meta, namespace, name)
    if misplaced is not None:
        return misplaced
    account = store.get(ACCOUNTS, key_of(namespace, name))
    if account is None:
        return refuse.not_found(RESOURCES[ACCOUNTS], name)
    uid, asked = metadata(account).uid, text(meta, "uid")
    if asked and asked != uid:
        why = f"the UID in the token request ({asked}) does not match the UID of the service"
        return _conflict(f"{KIND}.{GROUP}", name, f"{why} account ({uid})", GROUP, KIND)
    seconds = number(spec, "expirationSeconds") if "expirationSeconds" in spec else DEFAULT_S
    span = _span_fault(seconds)
    if span is not None:
        return span
    reference = child(spec, "boundObjectRef")
    bound = _bound(store, namespace, name, reference) if "boundObjectRef" in spec else {}
    if isinstance(bound, Refusal):
        return bound
    audiences = tuple(map(str, elements(spec, "audiences"))) or AUDIENCES
    issued = now_ms // 1_000
    extended = "pod" in bound and seconds == EXTENDED_S and set(audiences) <= set(AUDIENCES)
    if extended:
        bound = {**bound, "warnafter": issued + seconds}
    own = Document(name=name, uid=uid)
    private = {"namespace": namespace, **bound, "serviceaccount": own}
    claims: dict[str, Json] = {
        "aud": audiences,
        "exp": issued + (YEAR_S if extended else seconds),
        "iat": issued,
        "iss": ISSUER,
        "jti": jti,
        "kubernetes.io": Document({key: private[key] for key in sorted(private)}),
        "nbf": issued,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    fields = {"name": name, "namespace": namespace, "uid": uid}
    kept = Document({**spec, "audiences": audiences, "expirationSeconds": seconds})
    answer = Document(
        kind=KIND,
        apiVersion=API_VERSION,
        metadata=Document({**fields, "creationTimestamp": format_time(now_ms), **_labels(meta)}),
        spec=Document({**kept, "boundObjectRef": spec.get("boundObjectRef")}),
        status=Document(expirationTimestamp=format_time((issued + seconds) * 1_000)),
    )
    return TokenRequest(Document(claims), answer)


def issued(request: TokenRequest, token: str) -> Document:
    """The answer to a request, with the token that was signed for it."""
    status = Document({"token": token, **child(request.answer, "status")})
    return Document({**request.answer, "status": status})


def _labels(meta: Document) -> dict[str, Json]:
    return {key: meta[key] for key in ("labels", "annotations") if key in meta}


def _misplaced(meta: Document, namespace: str, name: str) -> Refusal | None:
    """The body says that it is for another account than the address does."""
    if text(meta, "namespace") not in ("", namespace):
        said = "the namespace of the provided object does not match the namespace sent on the"
        return refuse.bad_request(f"{said} request")
    if text(meta, "name") in ("", name):
        return None
    why = "must match the service account name if specified"
    return invalid(KIND, GROUP, name, (invalid_value("metadata.name", text(meta, "name"), why),))


def _span_fault(seconds: int) -> Refusal | None:
    """What is wrong with how long a token is to hold.

    >>> _span_fault(600), _span_fault(2**32), _span_fault(599).message[-39:]
    (None, None, 'specify a duration less than 10 minutes')
    """
    if SHORTEST_S <= seconds <= LONGEST_S:
        return None
    why = "may not specify a duration less than 10 minutes"
    if seconds > LONGEST_S:
        why = "may not specify a duration larger than 2^32 seconds"
    return invalid(KIND, GROUP, "", (invalid_value("spec.expirationSeconds", seconds, why),))


def _bound(
    store: Store, namespace: str, account: str, reference: Document
) -> dict[str, Json] | Refusal:
    """The claims of the object with which a token ends, and of its node if it is a pod."""
    kind, name = text(reference, "kind"), text(reference, "name")
    version = text(reference, "apiVersion")
    group, _, version = version.rpartition("/")
    resource = "" if group else BINDABLE.get(kind, "")
    if not resource:
        where = f"{group}/{version}"
        return refuse.bad_request(f"cannot bind token to object of type {where}, Kind={kind}")
    info: ResourceInfo = RESOURCES[resource]
    found = store.get(resource, key_of(namespace if info.namespaced else "", name))
    if found is None:
        return refuse.not_found(info, name)
    if kind == "Pod" and text(found, "spec", "serviceAccountName") != account:
        said = f'cannot bind token for serviceaccount "{account}" to pod running with different'
        return refuse.bad_request(f"{said} serviceaccount name.")
    uid, asked = metadata(found).uid, text(reference, "uid")
    if asked and asked != uid:
        why = f"the UID in the bound object reference ({asked}) does not match the UID in record. "
        why += "The object might have been deleted and then recreated"
        return _conflict(kind, name, why, "", kind)
    claims: dict[str, Json] = {kind.lower(): Document(name=name, uid=uid)}
    node = text(found, "spec", "nodeName") if kind == "Pod" else ""
    if node:
        machine = store.get("nodes", node)
        known = Document(name=node)
        claims["node"] = (
            known if machine is None else Document(name=node, uid=metadata(machine).uid)
        )
    return claims


def _conflict(resource: str, name: str, why: str, group: str, kind: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return Refusal(Reason.CONFLICT, message, name=name, group=group, kind=kind)
