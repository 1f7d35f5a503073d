"""The options of a deletion: from the body where there is one, from the address where not.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/delete.go,
apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateDeleteOptions).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.rest.options import dry_run_faults
from kelm.core.api.rest.query import Query, flag_of, integer_of, text_of
from kelm.core.api.schema.decode import decode
from kelm.core.api.schema.definitions import kubernetes
from kelm.core.api.validation.violation import invalid, invalid_value, not_supported
from kelm.effects.document import Document, child, flag, number, strings, text
from kelm.effects.refusals import Refusal

POLICIES: Final = ("Foreground", "Background", "Orphan", "nil")
DEFINITION: Final = "meta.v1.DeleteOptions"


class DeleteOptions(msgspec.Struct, frozen=True):
    """How to delete; `propagation_policy` has taken in the older `orphanDependents`."""

    uid: str = ""
    resource_version: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    dry_run: bool = False


def read_delete_options(query: Query, body: Document | None) -> DeleteOptions | Refusal:
    """What a deletion asks for.

    >>> read_delete_options({"gracePeriodSeconds": ("0",)}, None).grace_period_seconds
    0
    >>> both = Document(propagationPolicy="Orphan", orphanDependents=True)
    >>> read_delete_options({}, both).code
    422
    """
    given = _from_query(query) if body is None else _decoded(body)
    if isinstance(given, Refusal):
        return given
    policy, orphan = text(given, "propagationPolicy"), given.get("orphanDependents")
    dry = tuple(str(one) for one in _values(given.get("dryRun")))
    violations = dry_run_faults(dry)
    if policy and orphan is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        violations.insert(0, invalid_value("propagationPolicy", policy, why))
    elif policy and policy not in POLICIES[:3]:
        violations.insert(0, not_supported("propagationPolicy", policy, POLICIES))
    if violations:
        return invalid("DeleteOptions", "meta.k8s.io", "", violations)
    if orphan is not None:
        policy = "Orphan" if flag(given, "orphanDependents") else "Background"
    preconditions = strings(given, "preconditions")
    grace = number(given, "gracePeriodSeconds") if "gracePeriodSeconds" in given else None
    return DeleteOptions(
        uid=preconditions.get("uid", ""),
        resource_version=preconditions.get("resourceVersion", ""),
        grace_period_seconds=grace,
        propagation_policy=policy,
        dry_run=bool(dry),
    )


def _values(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _decoded(body: Document) -> Document | Refusal:
    kind = body.get("kind")
    if kind not in (None, "", "DeleteOptions"):
        return refuse.bad_request(
            f"the object provided is unrecognized (must be of type DeleteOptions): {kind}"
        )
    found = decode(body, kubernetes()[DEFINITION])
    if found.mismatch is not None:
        why = f"DeleteOptions cannot be handled as a DeleteOptions: {found.mismatch.decoder}"
        return refuse.bad_request(why)
    return Document({**found.document, "preconditions": child(found.document, "preconditions")})


def _from_query(query: Query) -> Document | Refusal:
    given: dict[str, object] = {}
    grace = integer_of(query, "gracePeriodSeconds")
    if isinstance(grace, Refusal):
        return grace
    if grace is not None:
        given["gracePeriodSeconds"] = grace
    if text_of(query, "propagationPolicy"):
        given["propagationPolicy"] = text_of(query, "propagationPolicy")
    if "orphanDependents" in query:
        given["orphanDependents"] = flag_of(query, "orphanDependents")
    if "dryRun" in query:
        given["dryRun"] = query["dryRun"]
    return Document(given)  # type: ignore[arg-type]  # JSON, all of it
