"""What an update of a CertificateSigningRequest may change, by the way it comes.

The specification never changes. Approval and denial come by the subresource `approval`, the
certificate by `status`; each leaves to the other what is the other's.

Source: kubernetes v1.36, pkg/registry/certificates/certificates/strategy.go.
"""

from __future__ import annotations

from kelm.core.objects.time import format_time
from kelm.effects.document import EMPTY, Document, Json, child, children, elements, text

DECISIONS = ("Approved", "Denied")


def status_of(old: Document, given: Json, subresource: str, now_ms: int) -> Document:
    """The status that an update through a subresource asks for, with its times filled in."""
    sent = given if isinstance(given, Document) else EMPTY
    conditions = children(sent, "conditions")
    if subresource == "approval":
        held: dict[str, Json] = dict(child(old, "status"))
        held.pop("conditions", None)
        timed = tuple(_timed(one, old, now_ms) for one in conditions)
        return Document({**held, "conditions": timed} if timed else held)
    for kind in DECISIONS:
        conditions = _preserved(conditions, old, kind)
    fields: dict[str, Json] = dict(sent)
    if "conditions" in sent:
        fields["conditions"] = tuple(_timed(one, old, now_ms) for one in conditions)
    return Document(fields)


def _preserved(conditions: tuple[Document, ...], old: Document, kind: str) -> tuple[Document, ...]:
    """The conditions with those of one type as they were, unless some came or went."""
    before = [one for one in children(old, "status", "conditions") if text(one, "type") == kind]
    if len(before) != sum(text(one, "type") == kind for one in conditions):
        return conditions
    kept = iter(before)
    return tuple(next(kept) if text(one, "type") == kind else one for one in conditions)


def _timed(condition: Document, old: Document, now_ms: int) -> Document:
    """A condition with its times; the time of its change is that of an equal one before."""
    fields: dict[str, Json] = dict(condition)
    if not fields.get("lastUpdateTime"):
        fields["lastUpdateTime"] = format_time(now_ms)
    if not fields.get("lastTransitionTime"):
        same = (
            text(one, "lastTransitionTime")
            for one in children(old, "status", "conditions")
            if (one.get("type"), one.get("status")) == (condition.get("type"), fields.get("status"))
        )
        fields["lastTransitionTime"] = next(filter(None, same), format_time(now_ms))
    return Document(fields) if fields != condition else condition


def changes_verdict(old: Document, new: Document) -> bool:
    """Whether an update of the status changes the certificate or the conditions."""
    before, after = child(old, "status"), child(new, "status")
    same = elements(before, "conditions") == elements(after, "conditions")
    return not same or text(before, "certificate") != text(after, "certificate")
