"""An HTTP response as an outcome: the object, or the refusal in Kubernetes' words.

What comes from a proxy, a load balancer or a broken server has no `Status` body; its code alone
decides then.

Source: kubernetes v1.36, client-go/rest/request.go (transformResponse),
apimachinery/pkg/api/errors/errors.go (NewGenericServerResponse).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Success

from kelm.adapters.kubernetes.served import Served
from kelm.effects.document import Document, Json, child, children, document, number, text
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Cause, Reason, Refusal

BY_CODE: Final = {
    400: Reason.BAD_REQUEST,
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    405: Reason.METHOD_NOT_ALLOWED,
    406: Reason.NOT_ACCEPTABLE,
    409: Reason.CONFLICT,
    410: Reason.GONE,
    413: Reason.REQUEST_ENTITY_TOO_LARGE,
    415: Reason.UNSUPPORTED_MEDIA_TYPE,
    422: Reason.INVALID,
    429: Reason.TOO_MANY_REQUESTS,
    500: Reason.INTERNAL_ERROR,
    503: Reason.SERVICE_UNAVAILABLE,
    504: Reason.TIMEOUT,
}
_REASONS: Final = {reason.value: reason for reason in Reason if reason}


class Response(msgspec.Struct, frozen=True):
    """What came back: the code, how long the server asks to wait (0: it does not), the body."""

    code: int
    body: bytes = b""
    retry_after_seconds: int = 0


def outcome_of(response: Response, served: Served | None = None) -> Outcome:
    """The object that was answered, or why not.

    >>> body = b'{"kind":"Status","status":"Failure","reason":"NotFound","message":"no","code":404}'
    >>> outcome_of(Response(404, body)).failure().reason
    <Reason.NOT_FOUND: 'NotFound'>
    >>> outcome_of(Response(502, b"<html>bad gateway</html>")).failure().message
    'the server answered 502: <html>bad gateway</html>'
    """
    doc = read(response.body)
    if doc is None:
        return Failure(_without_status(response))
    if response.code < 400 and not _is_failure(doc):
        return Success(with_kinds(doc, served))
    if text(doc, "kind") != "Status":
        return Failure(_without_status(response))
    return Failure(refusal_of(doc, response))


def read(body: bytes) -> Document | None:
    """A body as a document, None where it is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return document(value) if isinstance(value, dict) else None


def _is_failure(doc: Document) -> bool:
    return text(doc, "kind") == "Status" and text(doc, "status") == "Failure"


def refusal_of(status: Document, response: Response | None = None) -> Refusal:
    """A `Status` as a refusal."""
    details = child(status, "details")
    code = number(status, "code", default=response.code if response else 500)
    said = text(status, "reason")
    by_code = Reason.UNKNOWN if code == 500 and not said else BY_CODE.get(code, Reason.UNKNOWN)
    reason = _REASONS.get(said, by_code)
    after = number(details, "retryAfterSeconds")
    return Refusal(
        reason,
        text(status, "message") or f"the server answered {code}",
        name=text(details, "name"),
        group=text(details, "group"),
        kind=text(details, "kind"),
        uid=text(details, "uid"),
        causes=tuple(_cause(cause) for cause in children(details, "causes")),
        retry_after_seconds=after or (response.retry_after_seconds if response else 0),
    )


def _cause(cause: Document) -> Cause:
    return Cause(text(cause, "reason"), text(cause, "message"), text(cause, "field"))


def _without_status(response: Response) -> Refusal:
    said = " ".join(response.body.decode(errors="replace").split())[:200]
    if response.code < 400:
        message = f"the server's answer is no JSON object: {said or 'it is empty'}"
        return Refusal(Reason.INTERNAL_ERROR, message, unknown_outcome=True)
    return Refusal(
        BY_CODE.get(response.code, Reason.INTERNAL_ERROR),
        f"the server answered {response.code}" + (f": {said}" if said else ""),
        retry_after_seconds=response.retry_after_seconds,
    )


def with_kinds(doc: Document, served: Served | None) -> Document:
    """A list with the kind on each of its items, which the API leaves out.

    >>> listed = document({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}]})
    >>> with_kinds(listed, None)["items"][0]["kind"]
    'Pod'
    """
    kind, items = text(doc, "kind"), doc.get("items")
    if not kind.endswith("List") or not isinstance(items, tuple):
        return doc
    head: dict[str, Json] = {
        "apiVersion": text(doc, "apiVersion"),
        "kind": served.kind if served is not None else kind.removesuffix("List"),
    }
    named = tuple(
        Document({**head, **item}) if isinstance(item, Document) and "kind" not in item else item
        for item in items
    )
    return Document({**doc, "items": named})
