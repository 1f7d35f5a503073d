"""Server-side apply: merge what a manager wants, and ask the other owners.

Whoever applies owns what it applied and gives up what it applied last time and no longer does;
what nobody owns then goes. A field that someone else owns and that would change is a conflict,
unless forced. `kubectl` may take over silently what it once set itself on the client's side.

Kelm keeps managedFields only on objects that were applied: until then nobody owns anything, and
at the first apply all that is there belongs to "before-first-apply", as upstream has it when it
does not track from creation on.

Source: kubernetes v1.36, apimachinery/pkg/util/managedfields/internal; sigs.k8s.io/
structured-merge-diff (merge/update.go).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.patches.apply.field_set import FieldSet, Path, fields_of, path_text
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
from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import Place, root
from kelm.core.api.schema.decode import Decoded
from kelm.core.api.schema.definitions import Definition
from kelm.core.objects.time import format_time
from kelm.effects.document import EMPTY, Document, document, text
from kelm.effects.refusals import Cause, Reason, Refusal

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
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
) -> Result[Document, tuple[Conflict, ...]]:
    """The object after a manager applied a configuration, or the conflicts.

    The live object itself where nothing changes. The result is neither defaulted nor validated.

    Raises:
        Refused: an item of a list lacks the key by which it is known.
    """
    place = root(definition)
    owners = _owners(live, manager, place)
    outcome = _applied(live or EMPTY, applied, manager, owners, place, now_ms, force)
    if live is None or manager.name != "kubectl" or isinstance(outcome, Success):
        return outcome
    allowed = _set_by_client_side_apply(live, place)
    if allowed is None:
        return outcome
    left = tuple(one for one in outcome.failure() if one.path not in allowed)
    return Failure(left) if left else _applied(live, applied, manager, owners, place, now_ms, True)


def _owners(live: Document | None, manager: Manager, place: Place) -> Managers:
    known = managers_of(live) if live is not None else {}
    if known or live is None:
        return known
    before = Manager(BEFORE_FIRST_APPLY, "Update", manager.api_version)
    everything = compared(EMPTY, without_managers(live), place).added - _NOBODYS
    return {before: Owned(everything)}


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
    others = {one: owned for one, owned in owners.items() if one != manager}
    last = owners[manager] if manager in owners else Owned(_NONE)
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
    if not changed and last.fields == wanted and (manager in owners or not wanted):
        return Success(live)
    mine = Owned(wanted, format_time(now_ms) if changed else last.time)
    return Success(with_managers(new, {**kept, manager: mine}))


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


def track_update(
    old: Document, new: Document, manager: Manager, definition: Definition | None, now_ms: int
) -> Document:
    """`new` with managedFields after an update by `manager`.

    An object that was never applied has no managedFields and gets none.
    """
    owners = managers_of(old)
    if not owners:
        return new
    bare = without_managers(new)
    difference = compared(without_managers(old), bare, root(definition))
    taken = (difference.added | difference.modified) - _NOBODYS
    kept = {
        one: Owned(
            owned.fields - difference.removed - (_NONE if one == manager else taken), owned.time
        )
        for one, owned in owners.items()
    }
    if not taken:
        return with_managers(bare, kept)
    mine = kept.get(manager, Owned(_NONE)).fields | taken
    return with_managers(bare, {**kept, manager: Owned(mine, format_time(now_ms))})


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
