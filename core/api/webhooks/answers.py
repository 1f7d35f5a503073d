"""What a webhook's reply means: a verdict, or a failure to call it; and how refusals say so.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/request/admissionreview.go
(VerifyAdmissionResponse), errors/statuserror.go, apiserver/pkg/util/webhook/error.go,
client-go/rest/request.go and apimachinery/pkg/api/errors/errors.go (NewGenericServerResponse).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

import msgspec

from kelm.core.api.validation.violation import quoted
from kelm.core.api.webhooks.client_config import address_of
from kelm.core.api.webhooks.hearing import Heard, NotReached, Question, Replied
from kelm.effects.document import (
    EMPTY,
    Document,
    Json,
    child,
    elements,
    flag,
    freeze,
    strings,
    text,
)
from kelm.effects.refusals import Cause, Reason, Refusal

LONGEST_BODY: Final = 2_048
OF_CODES: Final = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be "
    "processing the request",
}


class Verdict(msgspec.Struct, frozen=True):
    """What a webhook decided. `patch` None: nothing is to be changed."""

    allowed: bool
    patch: tuple[Json, ...] | None = None
    result: Document = EMPTY
    warnings: tuple[str, ...] = ()
    annotations: Document = EMPTY


class Failed(msgspec.Struct, frozen=True):
    """The webhook could not be asked, or made no sense."""

    reason: str


class Denied(Refusal, frozen=True, gc=False):
    """A webhook's no, with the Status that it answered with."""

    given: Document = EMPTY

    @property
    def code(self) -> int:
        found = self.given.get("code")
        return found if isinstance(found, int) else 400

    def status(self) -> Document:
        return self.given


def verdict(heard: Heard) -> Verdict | Failed:
    """What a reply says."""
    body = replied_document(heard.question, heard.reply)
    if isinstance(body, str):
        return Failed(f"failed to call webhook: {body}")
    return _verified(body, heard)


def replied_document(question: Question, reply: Replied | NotReached) -> Document | str:
    """The object in a reply, or why there is none."""
    if isinstance(reply, NotReached):
        url = f"{address_of(question.client)}?timeout={question.timeout_seconds}s"
        return f"Post {quoted(url)}: {reply.why}"
    try:
        body = freeze(msgspec.json.decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        body = None
        fault = f"couldn't get version/kind; json parse error: {problem}"
    else:
        fault = "couldn't get version/kind; json parse error: it is no object"
    if not 200 <= reply.code <= 206:
        return _server_error(reply, body)
    if not isinstance(body, Document):
        return fault
    for field, key in (("Kind", "kind"), ("apiVersion", "apiVersion")):
        if not text(body, key):
            return f"Object '{field}' is missing in '{reply.body.decode(errors='replace')}'"
    return body


def _server_error(reply: Replied, body: Json) -> str:
    """An HTTP status that means failure, in the words of Kubernetes' client library."""
    if isinstance(body, Document) and body.get("kind") == "Status":
        return text(body, "message") or "unknown"
    is_text = reply.content_type.startswith("text/")
    said = reply.body[:LONGEST_BODY].decode(errors="replace").strip() if is_text else "unknown"
    if reply.code in (403, 406, 415):
        return said
    if reply.code in OF_CODES:
        return OF_CODES[reply.code]
    if reply.code >= 500:
        return f"an error on the server ({quoted(said)}) has prevented the request from succeeding"
    return (
        f"the server responded with the status code {reply.code} but did not return more "
        "information"
    )


def _verified(body: Document, heard: Heard) -> Verdict | Failed:
    """The verdict in an AdmissionReview, or what is wrong with it."""
    wanted, mutating = heard.question.review["apiVersion"], heard.question.phase == "mutating"
    response = body.get("response")
    if not isinstance(response, Document):
        return _unusable("webhook response was absent")
    is_new = wanted == "admission.k8s.io/v1"
    fault = _mismatch(body, response, heard.uid) if is_new else ""
    fault = fault or (_patch_fault(response, mutating=mutating) if is_new else "")
    if fault:
        return _unusable(fault)
    patch = _patch(response) if mutating else None
    if isinstance(patch, str):
        return Failed(f"received undecodable patch in webhook response: {patch}")
    return Verdict(
        flag(response, "allowed"),
        patch,
        child(response, "status"),
        tuple(map(str, elements(response, "warnings"))),
        Document(strings(response, "auditAnnotations")),
    )


def _unusable(why: str) -> Failed:
    return Failed(f"received invalid webhook response: {why}")


def _mismatch(body: Document, response: Document, uid: str) -> str:
    answered = text(response, "uid")
    if answered != uid:
        return f"expected response.uid={quoted(uid)}, got {quoted(answered)}"
    kind, api_version = text(body, "kind"), text(body, "apiVersion")
    if kind != "AdmissionReview" or api_version != "admission.k8s.io/v1":
        return (
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got "
            f"{api_version}, Kind={kind}"
        )
    return ""


def _patch_fault(response: Document, *, mutating: bool) -> str:
    patch, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        found = "patch" if patch else "patchType" if kind is not None else ""
        return f"validating webhook may not return response.{found}" if found else ""
    if patch and kind is None:
        return "webhook returned response.patch but not response.patchType"
    if not patch and kind is not None:
        return "webhook returned response.patchType but not response.patch"
    return 'webhook returned invalid response.patchType of ""' if kind == "" else ""


def _patch(response: Document) -> tuple[Json, ...] | str | None:
    """The operations of a patch; None where there is none."""
    given = response.get("patch")
    if not given:
        return None
    try:
        found = freeze(msgspec.json.decode(b64decode(str(given), validate=True)))
    except (msgspec.DecodeError, binascii.Error, ValueError) as problem:
        return str(problem)
    return found if isinstance(found, tuple) else "it is no list of operations"


# -- refusals ----------------------------------------------------------------------------------


def failure(webhook: str, failed: Failed) -> Refusal:
    """The refusal of a request whose webhook could not be asked.

    >>> failure("a.b.c", Failed("no further details")).message
    'Internal error occurred: failed calling webhook "a.b.c": no further details'
    """
    return internal(f"failed calling webhook {quoted(webhook)}: {failed.reason}")


def internal(why: str) -> Refusal:
    """Source: apimachinery/pkg/api/errors/errors.go, NewInternalError."""
    message = f"Internal error occurred: {why}"
    return Refusal(Reason.INTERNAL_ERROR, message, causes=(Cause("", why),))


def no_dry_run(webhook: str) -> Refusal:
    """A webhook that has side effects cannot be tried."""
    message = f"admission webhook {quoted(webhook)} does not support dry run"
    return Refusal(Reason.BAD_REQUEST, message)


def denial(webhook: str, result: Document) -> Refusal:
    """The refusal that a webhook asks for.

    >>> denial("a.b.c", Document(message="no root", code=403, reason="Forbidden")).message
    'admission webhook "a.b.c" denied the request: no root'
    >>> denial("a.b.c", Document()).status()["code"]
    400
    """
    by = f"admission webhook {quoted(webhook)} denied the request"
    said = text(result, "message") or text(result, "reason")
    message = f"{by}: {said}" if said else f"{by} without explanation"
    code, status = result.get("code"), text(result, "status")
    fields: dict[str, Json] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": child(result, "metadata"),
        "status": status if status not in ("", "Success") else "Failure",
        "message": message,
    }
    for key in ("reason", "details"):
        if result.get(key):
            fields[key] = result[key]
    fields["code"] = code if isinstance(code, int) and code >= 400 else 400
    reason = text(result, "reason")
    known = Reason(reason) if reason in set(Reason) else Reason.UNKNOWN
    return Denied(known, message, given=Document(fields))
