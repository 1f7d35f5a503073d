"""How something is to be done: the options of lists, watches, writes and deletions.

They come with the address, those of a deletion with the body too. Whatever is wrong with them is
said before the object is looked at.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/validation/validation.go and
apimachinery/pkg/apis/meta/internalversion/validation/validation.go.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from kelm.core.api.rest.query import Query, flag_of, integer_of, text_of
from kelm.core.api.validation.violation import (
    Violation,
    forbidden,
    invalid,
    invalid_value,
    not_supported,
    too_long,
)
from kelm.effects.refusals import Refusal

FieldValidation: TypeAlias = Literal["Ignore", "Warn", "Strict"]
VALIDATIONS: Final = ("", "Ignore", "Strict", "Warn")
LONGEST_MANAGER: Final = 128
DRY_RUN: Final = ("All",)


class WriteOptions(msgspec.Struct, frozen=True):
    """Options of a create, an update or a patch. `force` is only for applies."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = "Warn"
    force: bool = False


class ListOptions(msgspec.Struct, frozen=True):
    """Options of a list or a watch. `send_initial_events` None: nothing was said."""

    label_selector: str = ""
    field_selector: str = ""
    watch: bool = False
    allow_bookmarks: bool = False
    resource_version: str = ""
    resource_version_match: str = ""
    timeout_seconds: int | None = None
    limit: int = 0
    continue_token: str = ""
    send_initial_events: bool | None = None


def read_write_options(query: Query, kind: str) -> WriteOptions | Refusal:
    """The options of a write; `kind` is what refusals call them (`CreateOptions`).

    >>> read_write_options({"fieldValidation": ("Strict",)}, "CreateOptions").field_validation
    'Strict'
    >>> read_write_options({"dryRun": ("Some",)}, "UpdateOptions").message
    'UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported \
values: "All"'
    """
    manager = text_of(query, "fieldManager")
    validation = text_of(query, "fieldValidation")
    violations = [*_manager_faults(manager), *dry_run_faults(query.get("dryRun", ()))]
    if validation not in VALIDATIONS:
        violations.append(not_supported("fieldValidation", validation, VALIDATIONS))
    if violations:
        return invalid(kind, "meta.k8s.io", "", violations)
    return WriteOptions(
        dry_run=bool(query.get("dryRun")),
        field_manager=manager,
        field_validation=validation or "Warn",  # type: ignore[arg-type]  # one of VALIDATIONS
        force=flag_of(query, "force"),
    )


def _manager_faults(manager: str) -> list[Violation]:
    if len(manager.encode()) > LONGEST_MANAGER:
        return [too_long("fieldManager", LONGEST_MANAGER)]
    if not manager.isprintable():
        return [invalid_value("fieldManager", manager, "should only contain printable characters")]
    return []


def dry_run_faults(values: tuple[str, ...]) -> list[Violation]:
    """What is wrong with the values of `dryRun`, of which there is only "All"."""
    if set(values) <= set(DRY_RUN):
        return []
    return [not_supported("dryRun", values, DRY_RUN)]


def read_list_options(query: Query) -> ListOptions | Refusal:
    """The options of a list or a watch.

    >>> read_list_options({"watch": ("1",), "timeoutSeconds": ("5",)}).timeout_seconds
    5
    """
    limit, timeout = integer_of(query, "limit"), integer_of(query, "timeoutSeconds")
    if isinstance(limit, Refusal):
        return limit
    if isinstance(timeout, Refusal):
        return timeout
    initial = flag_of(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    options = ListOptions(
        label_selector=text_of(query, "labelSelector"),
        field_selector=text_of(query, "fieldSelector"),
        watch=flag_of(query, "watch"),
        allow_bookmarks=flag_of(query, "allowWatchBookmarks"),
        resource_version=text_of(query, "resourceVersion"),
        resource_version_match=text_of(query, "resourceVersionMatch"),
        timeout_seconds=timeout,
        limit=limit or 0,
        continue_token=text_of(query, "continue"),
        send_initial_events=initial,
    )
    violations = _watch_faults(options) if options.watch else _list_faults(options)
    return invalid("ListOptions", "meta.k8s.io", "", violations) if violations else options


MATCH: Final = "resourceVersionMatch"


def _list_faults(options: ListOptions) -> list[Violation]:
    found = []
    if options.send_initial_events is not None:
        why = "sendInitialEvents is forbidden for list"
        found.append(forbidden("sendInitialEvents", why))
    match = options.resource_version_match
    if not match:
        return found
    if not options.resource_version:
        found.append(forbidden(MATCH, f"{MATCH} is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        found.append(forbidden(MATCH, f"{MATCH} is forbidden when continue is provided"))
    if match not in ("Exact", "NotOlderThan"):
        found.append(not_supported(MATCH, match, ("Exact", "NotOlderThan", "")))
    elif match == "Exact" and options.resource_version == "0":
        why = f'{MATCH} "exact" is forbidden for resourceVersion "0"'
        found.append(forbidden(MATCH, why))
    return found


def _watch_faults(options: ListOptions) -> list[Violation]:
    found = []
    match = options.resource_version_match
    if options.send_initial_events is not None and match != "NotOlderThan":
        why = f"sendInitialEvents requires setting {MATCH} to NotOlderThan"
        found.append(forbidden(MATCH, why))
    if match:
        if options.send_initial_events is None:
            why = f"{MATCH} is forbidden for watch unless sendInitialEvents is provided"
            found.append(forbidden(MATCH, why))
        elif match != "NotOlderThan":
            found.append(not_supported(MATCH, match, ("NotOlderThan",)))
        if options.continue_token:
            found.append(forbidden(MATCH, f"{MATCH} is forbidden when continue is provided"))
    return found
