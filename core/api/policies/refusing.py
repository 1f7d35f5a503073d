"""How a policy's no is worded.

Source: kubernetes v1.36, apiserver/pkg/admission/errors.go (NewForbidden),
plugin/policy/validating/dispatcher.go, policy_decision.go (codes), generic/policy_dispatcher.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.webhooks.answers import Denied
from kelm.core.api.webhooks.attributes import Attributes
from kelm.effects.document import Document, text
from kelm.effects.refusals import Cause, Reason, Refusal

_CODED: Final = {
    "Unauthorized": Reason.UNAUTHORIZED,
    "Forbidden": Reason.FORBIDDEN,
    "RequestEntityTooLarge": Reason.REQUEST_ENTITY_TOO_LARGE,
}


def validation_refusal(asked: Attributes, message: str, reason: str) -> Refusal:
    """The no of a validating policy; its reason decides the code."""
    refused = refuse.forbidden(asked.info, _name(asked), message, (Cause("", message),))
    return msgspec.structs.replace(refused, reason=_CODED.get(reason, Reason.INVALID))


def mutation_refusal(asked: Attributes, messages: tuple[str, ...], reason: str) -> Refusal:
    """The no of mutating policies: all say why, the first one's reason is the refusal's.

    The code stays that of a forbidden request, whatever the reason.
    """
    causes = tuple(Cause("", message) for message in messages)
    refused = refuse.forbidden(asked.info, _name(asked), "", causes)
    given = {**refused.status(), "message": messages[0]}
    if reason:
        given["reason"] = reason
    known = Reason(reason) if reason else Reason.FORBIDDEN
    return Denied(known, messages[0], given=Document(given))


def _name(asked: Attributes) -> str:
    """The name of what is refused, as far as it has one."""
    if asked.name or asked.object is None:
        return asked.name or "Unknown!"
    meta = asked.object
    named = text(meta, "metadata", "name") or text(meta, "metadata", "generateName")
    return named or "Unknown!"
