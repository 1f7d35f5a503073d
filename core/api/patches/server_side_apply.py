"""Server-side apply: merge what a manager wants, and ask the other owners.

Whoever applies owns what it applied and gives up what it applied last time and no longer does;
what nobody owns then goes. A field that someone else owns and that would change is a conflict,
unless forced. `kubectl` may take over silently what it once set itself on the client's side.

Who owns what before the first apply is tracked too (apply/tracking.py), but for objects whose
makers did not say who they are: all that is there then belongs to "before-first-apply".

Source: kubernetes v1.36, apimachinery/pkg/util/managedfields/internal; sigs.k8s.io/
structured-merge-diff (merge/update.go).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.patches.apply.field_set import (
    FieldSet,
    Path,
    fields_of,
    from_fields_v1,
    path_text,
)
from kelm.core.api.patches.apply.managers import (
    BEFORE_FIRST_APPLY,
    Manager,
    Managers,
    Owned,
    managers_of,
    with_managers,
    without_managers,
)
from kelm.core.api.patches.apply.merge import compared, merged, without_fields
from kelm.core.api.patches.apply.tracking import first_fields
from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import Place, root
from kelm.core.api.schema.decode import Decoded
from kelm.core.api.schema.definitions import Definition
from kelm.core.objects.time import format_time
from kelm.effects.document import EMPTY, Document, document, text, thaw, with_value, without
from kelm.effects.refusals import Cause, Reason, Refusal

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LONGEST_ANNOTATIONS = 256 * 1024
_SYSTEM_METADATA = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields",
    "resourceVersion",
)  # fmt: skip
_NOBODYS: FieldSet = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {("f:metadata", f"f:{name}") for name in _SYSTEM_METADATA}
)
_NONE: FieldSet = frozenset()


class Conflict(msgspec.Struct, frozen=True, order=True):
    """A field that another manager owns and that would change."""

    manager: str
    path: Path

    @property
    def field(self) -> str:
        return path_text(self.path)


def apply(
    live: Document | None,
    applied: Document,
    manager: Manager,
    definition: Definition | None,
    now_ms: int,
    *,
    force: bool = False,
    place: Place | None = None,
) -> Result[Document, tuple[Conflict, ...]]:
    """The object after a manager applied a configuration, or the conflicts.

    place: where the object is in a schema, if its kind is not built in.

    The live object itself where nothing changes. The result is neither defaulted nor validated.

    Raises:
        Refused: an item of a list lacks the key by which it is known.
    """
    place = place or root(definition)
    owners = _owners(live, manager, place)
    outcome = _applied(live or EMPTY, applied, manager, owners, place, now_ms, force)
    if live is None or manager.name != "kubectl":
        return outcome
    if isinstance(outcome, Failure):
        allowed = _set_by_client_side_apply(live, place)
        if allowed is None:
            return outcome
        left = tuple(one for one in outcome.failure() if one.path not in allowed)
        if left:
            return Failure(left)
        outcome = _applied(live, applied, manager, owners, place, now_ms, True)
    return outcome.map(lambda new: _told(new, applied))


def _told(new: Document, applied: Document) -> Document:
    """The object whose annotation for applies on the client's side, if any, says the same.

    Source: managedfields/internal/lastappliedupdater.go.
    """
    last = text(new, "metadata", "annotations", LAST_APPLIED)
    if not last:
        return new
    bare = without(applied, ("metadata", "annotations", LAST_APPLIED))
    said = json.dumps(thaw(bare), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    if said == last:
        return new
    if len(said.encode()) > LONGEST_ANNOTATIONS:
        return without(new, ("metadata", "annotations", LAST_APPLIED))
    return with_value(new, ("metadata", "annotations", LAST_APPLIED), said)


def _owners(live: Document | None, manager: Manager, place: Place) -> Managers:
    known = managers_of(live) if live is not None else {}
    if known or live is None:
        return known
    before = Manager(BEFORE_FIRST_APPLY, "Update", manager.api_version)
    return {before: Owned(from_fields_v1(first_fields(live, place)))}


def _applied(
    live: Document,
    applied: Document,
    manager: Manager,
    owners: Managers,
    place: Place,
    now_ms: int,
    force: bool,
) -> Result[Document, tuple[Conflict, ...]]:
    bare = without_managers(live)
    wanted = fields_of(applied, place) - _NOBODYS
    others = {one: owned for one, owned in owners.items() if not one.is_same(manager)}
    mine = next((owned for one, owned in owners.items() if one.is_same(manager)), None)
    last = mine if mine is not None else Owned(_NONE)
    given_up = _unowned(last.fields - wanted, wanted, others)
    new = without_fields(merged(bare, applied, place), given_up, place)
    difference = compared(bare, new, place)
    touched = difference.added | difference.modified
    conflicts = tuple(
        sorted(Conflict(str(one), path) for one in others for path in others[one].fields & touched)
    )
    if conflicts and not force:
        return Failure(conflicts)
    lost = touched | difference.removed
    kept = {one: Owned(owned.fields - lost, owned.time) for one, owned in others.items()}
    changed = not same(bare, new)
    if not changed and last.fields == wanted and (mine is not None or not wanted):
        return Success(live)
    owned = Owned(wanted, format_time(now_ms) if changed else last.time)
    return Success(with_managers(new, {**kept, manager: owned}))


def _unowned(given_up: FieldSet, wanted: FieldSet, others: Managers) -> FieldSet:
    """Those of the fields given up of which nobody owns a part."""
    owned = wanted.union(*(one.fields for one in others.values()))
    prefixes = {path[:length] for path in owned for length in range(1, len(path) + 1)}
    return frozenset(path for path in given_up if path not in prefixes)


def _set_by_client_side_apply(live: Document, place: Place) -> FieldSet | None:
    """The fields that still are as `kubectl apply` once set them; None where it never did."""
    written = text(live, "metadata", "annotations", LAST_APPLIED)
    try:
        last = json.loads(written)
    except ValueError:
        return None
    if not isinstance(last, dict) or last.get("apiVersion") != live.get("apiVersion"):
        return None
    configuration = document(last)
    difference = compared(configuration, without_managers(live), place)
    changed = difference.added | difference.modified | difference.removed
    return fields_of(configuration, place) - changed


def typed_patch_fault(applied: Document, decoded: Decoded) -> str:
    """Why a configuration does not fit its type, "" where it does.

    To upstream that is a fault of the server (500), not of the request.
    """
    if decoded.mismatch is not None:
        fault = decoded.mismatch.typed
    elif decoded.unknown:
        fault = f".{decoded.unknown[0]}: field not declared in schema"
    else:
        return ""
    group, _, version = text(applied, "apiVersion").rpartition("/")
    name = f"{text(applied, 'metadata', 'namespace')}/{text(applied, 'metadata', 'name')}"
    kind = f"{group}/{version}, Kind={text(applied, 'kind')}"
    return f"failed to create typed patch object ({name}; {kind}): {fault}"


def conflict_refusal(conflicts: tuple[Conflict, ...]) -> Refusal:
    """The refusal of an apply that conflicts.

    Source: managedfields/internal/conflict.go.
    """
    causes = tuple(
        Cause("FieldManagerConflict", f"conflict with {one.manager}", one.field)
        for one in conflicts
    )
    if len(conflicts) == 1:
        said = f"1 conflict: conflict with {conflicts[0].manager}: {conflicts[0].field}"
    else:
        said = f"{len(conflicts)} conflicts: " + "\n".join(_by_manager(conflicts))
    return Refusal(Reason.CONFLICT, f"Apply failed with {said}", causes=causes)


def _by_manager(conflicts: tuple[Conflict, ...]) -> Iterable[str]:
    for manager in sorted({one.manager for one in conflicts}):
        yield f"conflicts with {manager}:"
        yield from (f"- {one.field}" for one in conflicts if one.manager == manager)
