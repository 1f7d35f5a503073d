"""Watch: what happened to a resource's objects after a revision, as its log has it.

A watch with selectors sees the world through them: an object that comes to match is added, one
that no longer matches is deleted, and shows its last state in both cases.

Source: kubernetes v1.36, apiserver/pkg/storage/etcd3/watcher.go (transform) and
storage/cacher/cache_watcher.go.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api import refuse
from kelm.core.api.custom.definition import info_of
from kelm.core.api.fields import Selectors, read_selectors
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.listing import chosen
from kelm.core.api.verbs.metadata import versioned
from kelm.core.store.store import Store
from kelm.effects.address import Resource
from kelm.effects.document import Document
from kelm.effects.messages import Change
from kelm.effects.refusals import Reason, Refusal


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Document


def changes_since(
    store: Store,
    resource: Resource,
    revision: int,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
) -> Result[tuple[WatchEvent, ...], Refusal]:
    """What happened to the chosen objects after a revision, oldest first.

    A revision that is still to come brings nothing yet; one that the log no longer reaches is
    refused as Expired, and the watcher has to list anew.
    """
    info = info_of(store, resource)
    if info is None:
        return Failure(refuse.no_such_resource())
    selectors = read_selectors(info, label_selector, field_selector)
    if isinstance(selectors, Refusal):
        return Failure(selectors)
    table = store.table(resource)
    changes = table.changes_since(revision)
    if changes is None:
        return Failure(expired(revision, table.forgotten))
    prefix = f"{namespace}/" if namespace and info.namespaced else ""
    seen = (
        watch_event(info, selectors, change)
        for change in changes
        if not prefix or change.key.startswith(prefix)
    )
    return Success(tuple(event for event in seen if event is not None))


def expired(revision: int, oldest: int) -> Refusal:
    """The refusal of a watch from a revision that is no longer known."""
    return Refusal(Reason.EXPIRED, f"too old resource version: {revision} ({oldest})")


def watch_event(info: ResourceInfo, selectors: Selectors, change: Change) -> WatchEvent | None:
    """What a watch with these selectors sees of a change, None for nothing."""
    old, new = change.old, change.new
    was = old is not None and chosen(info, selectors, old)
    if new is None:
        return WatchEvent("DELETED", old) if was and old is not None else None
    if chosen(info, selectors, new):
        return WatchEvent("MODIFIED" if was else "ADDED", new)
    return WatchEvent("DELETED", versioned(old, change.revision)) if was and old else None
