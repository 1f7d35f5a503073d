"""What a watch begins with, and how it shows what happens.

A watch from a version shows all that happened since; one from no version (or "0") shows what is
there, as if it had just been added, and goes on from there. Whoever asks for initial events with
bookmarks is told when they are complete.

Source: kubernetes v1.36, apiserver/pkg/storage/cacher/cacher.go (Watch),
apiserver/pkg/endpoints/handlers/watch.go.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.custom.choosing import choice_of, widened
from kelm.core.api.custom.definition import find_custom
from kelm.core.api.fields import read_selectors
from kelm.core.api.rest.answer import converted
from kelm.core.api.rest.request import Watch
from kelm.core.api.rest.tables import partial, table_of
from kelm.core.api.server import ApiServer, handle, watch_events
from kelm.core.api.stored import stored_resource
from kelm.core.api.verbs.watch import WatchEvent, expired
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.commands import List
from kelm.effects.document import Document, children
from kelm.effects.messages import Change, unwrap_or_failure
from kelm.effects.refusals import Reason, Refusal

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class Opening(msgspec.Struct, frozen=True):
    """The first events of a watch, and the revision after which it goes on.

    changes: what happened, where that can only be told once it is converted; no events then.
    bookmark: the initial events are complete, and the watcher wants to know.
    failure: the one event that ends the watch at once.
    """

    events: tuple[WatchEvent, ...] = ()
    changes: tuple[Change, ...] = ()
    revision: int = 0
    bookmark: bool = False
    failure: Refusal | None = None


def open_watch(server: ApiServer, watch: Watch) -> Opening | Refusal:
    """How a watch begins; a Refusal where it cannot be one.

    A version that is too old is no refusal: the watch is opened, and fails with its first event.
    """
    options = watch.options
    version = options.resource_version
    if version and not (version.isascii() and version.isdigit()):
        why = f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        return Refusal(Reason.UNKNOWN, f"resourceVersion: {why}")
    resource = stored_resource(watch.target.info)
    selectors = read_selectors(watch.target.info, options.label_selector, options.field_selector)
    if isinstance(selectors, Refusal):
        return selectors
    revision = int(version or 0)
    initial = options.send_initial_events
    if initial or (initial is None and revision == 0):
        return _from_now(server, watch, bookmark=bool(initial) and options.allow_bookmarks)
    if revision == 0:
        return Opening(revision=server.store.revision)
    if chooses_converted(server.store, watch):
        return _changes(server.store.table(resource), watch, revision)
    chosen = watch.target.namespace, options.label_selector, options.field_selector
    found = watch_events(server, resource, revision, *chosen)
    if isinstance(found, Failure):
        return Opening(revision=revision, failure=found.failure())
    return Opening(found.unwrap(), revision=max(revision, server.store.revision))


def chooses_converted(store: Store, watch: Watch) -> bool:
    """Whether a watch selects by fields of objects that a webhook has to convert first."""
    fields = watch.options.field_selector
    if not fields or not watch.target.info.versions or not choice_of(fields).own.terms:
        return False
    custom = find_custom(store, watch.target.info.resource)
    return custom is not None and custom.calls_out


def _changes(table: Table, watch: Watch, revision: int) -> Opening:
    changes = table.changes_since(revision)
    if changes is None:
        return Opening(revision=revision, failure=expired(revision, table.forgotten))
    place = f"{watch.target.namespace}/" if watch.target.namespace else ""
    seen = tuple(one for one in changes if one.key.startswith(place))
    return Opening(changes=seen, revision=max(revision, table.revision))


def _from_now(server: ApiServer, watch: Watch, *, bookmark: bool) -> Opening | Refusal:
    options = watch.options
    listed = List(
        stored_resource(watch.target.info),
        watch.target.namespace,
        options.label_selector,
        options.field_selector,
    )
    if chooses_converted(server.store, watch):
        listed = widened(listed)
    found = unwrap_or_failure(handle(server, listed, 0)[1])
    if isinstance(found, Refusal):
        return found
    docs = children(found, "items")
    events = tuple(WatchEvent("ADDED", doc) for doc in docs)
    return Opening(events, revision=server.store.revision, bookmark=bookmark)


def shown(watch: Watch, doc: Document, now_ms: int, *, head: bool) -> Document:
    """An event's object in the version and form of its watch.

    head: whether this is the watch's first event, the one that describes a table's columns.
    """
    wanted = converted(watch.target, doc)
    form = watch.media.form
    if form == "Table":
        resource = watch.target.info.resource
        custom, include = watch.target.custom, watch.include_object
        return table_of(resource, wanted, now_ms, include, head=head, custom=custom)
    return partial(wanted) if form else wanted


def bookmark(watch: Watch, revision: int, *, initial: bool = False) -> Document:
    """The object of a bookmark: a kind and a version.

    >>> from kelm.core.api.rest.address import read_address, resolve
    >>> from kelm.core.api.rest.media import Media
    >>> from kelm.core.api.rest.options import ListOptions
    >>> pods = resolve(read_address("/api/v1/pods"))
    >>> bookmark(Watch(pods, ListOptions(), Media()), 7)
    {'kind': 'Pod', 'apiVersion': 'v1', 'metadata': {'resourceVersion': '7'}}
    """
    fields: dict[str, object] = {"resourceVersion": str(revision)}
    if initial:
        fields["annotations"] = Document({INITIAL_EVENTS_END: "true"})
    kind, api_version = watch.target.info.kind, watch.target.api_version
    return Document(
        kind=kind,
        apiVersion=api_version,
        metadata=Document(fields),  # type: ignore[arg-type]  # JSON, all of it
    )
