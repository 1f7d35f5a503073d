"""What may be refused, in Kubernetes' own words.

A refusal is a value, never an exception. It has the shape of the API's `Status` object, so a
frontend can send it as it is and a program can decide by `reason`.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/types.go (StatusReason) and
apimachinery/pkg/api/errors/errors.go (codes).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from kelm.effects.document import Document, Json


class Reason(StrEnum):
    """Kubernetes' StatusReason: why a request was refused."""

    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    ALREADY_EXISTS = "AlreadyExists"
    CONFLICT = "Conflict"
    GONE = "Gone"
    INVALID = "Invalid"
    SERVER_TIMEOUT = "ServerTimeout"
    TIMEOUT = "Timeout"
    TOO_MANY_REQUESTS = "TooManyRequests"
    BAD_REQUEST = "BadRequest"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    NOT_ACCEPTABLE = "NotAcceptable"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    REQUEST_ENTITY_TOO_LARGE = "RequestEntityTooLarge"
    INTERNAL_ERROR = "InternalError"
    EXPIRED = "Expired"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    UNKNOWN = ""


CODES: dict[Reason, int] = {
    Reason.UNAUTHORIZED: 401,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.ALREADY_EXISTS: 409,
    Reason.CONFLICT: 409,
    Reason.GONE: 410,
    Reason.INVALID: 422,
    Reason.SERVER_TIMEOUT: 500,
    Reason.TIMEOUT: 504,
    Reason.TOO_MANY_REQUESTS: 429,
    Reason.BAD_REQUEST: 400,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.NOT_ACCEPTABLE: 406,
    Reason.UNSUPPORTED_MEDIA_TYPE: 415,
    Reason.REQUEST_ENTITY_TOO_LARGE: 413,
    Reason.INTERNAL_ERROR: 500,
    Reason.EXPIRED: 410,
    Reason.SERVICE_UNAVAILABLE: 503,
    Reason.UNKNOWN: 500,
}


class Cause(msgspec.Struct, frozen=True, gc=False):
    """One field that is wrong: its path, what kind of wrong, and a sentence for a person.

    `reason` is Kubernetes' CauseType: FieldValueRequired, FieldValueInvalid, ...
    """

    reason: str
    message: str
    field: str = ""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a request was not done.

    `resource` is the plural name for most reasons and the kind for Invalid, as upstream's
    `details.kind` has it. `unknown_outcome` marks the one refusal after which the work may have
    been done all the same: the answer was lost. `continue_token` is where a list may go on that
    cannot go on where it was. `detailed` is for those that upstream makes of a code
    alone: their details are there though they say nothing.
    """

    reason: Reason
    message: str
    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0
    unknown_outcome: bool = False
    continue_token: str = ""
    detailed: bool = False

    @property
    def code(self) -> int:
        return CODES[self.reason]

    def status(self) -> Document:
        """The `Status` object that the Kubernetes API answers with."""
        named = (("name", self.name), ("group", self.group), ("kind", self.kind), ("uid", self.uid))
        details: dict[str, Json] = {key: value for key, value in named if value}
        if self.causes:
            details["causes"] = tuple(_cause(cause) for cause in self.causes)
        if self.retry_after_seconds:
            details["retryAfterSeconds"] = self.retry_after_seconds
        body: dict[str, Json] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": Document({"continue": token} if (token := self.continue_token) else {}),
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason.value
        if details or self.detailed or self.reason is Reason.INVALID:
            body["details"] = Document(details)
        return Document({**body, "code": self.code})


def _cause(cause: Cause) -> Document:
    fields = (("reason", cause.reason), ("message", cause.message), ("field", cause.field))
    return Document({key: value for key, value in fields if value})
