"""The API server: one request, as a function of all that is stored.

    handle(server, command, now_ms) -> (server, outcome)

What was asked is a `Command`; what became of it a document or a refusal. After a refusal, a read
or a dry run the server is the very one that was given. Watches are reads of the log: see
`watch.py`.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api import refuse
from kelm.core.api.allocation.bands import Ranges
from kelm.core.api.custom.definition import DEFINITIONS, info_of
from kelm.core.api.custom.settling import settled
from kelm.core.api.custom.writing import delete_definition, swept
from kelm.core.api.events import reads as event_reads
from kelm.core.api.events.recording import Events, record_event
from kelm.core.api.kinds.component_statuses import RESOURCE as COMPONENTS
from kelm.core.api.kinds.component_statuses import component_status, component_statuses
from kelm.core.api.kinds.namespaces import delete_namespace
from kelm.core.api.kinds.service_addresses import SERVICES, with_addresses
from kelm.core.api.policies.registered import policies_are_bound
from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.rest.access import User
from kelm.core.api.subresources.binding import bind, create_binding
from kelm.core.api.subresources.eviction import create_eviction, evict
from kelm.core.api.subresources.scale import read_scale, update_scale
from kelm.core.api.verbs import watch
from kelm.core.api.verbs.collection import delete_collection
from kelm.core.api.verbs.compaction import Compaction
from kelm.core.api.verbs.create import create
from kelm.core.api.verbs.delete import Options, delete
from kelm.core.api.verbs.listing import list_objects
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.patch import patch
from kelm.core.api.verbs.request import Answer, Call, Written
from kelm.core.api.verbs.update import update
from kelm.core.api.verbs.watch import WatchEvent
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.others import binding_of, deleted, eviction_of, part_made
from kelm.core.store.store import Store
from kelm.effects.address import Resource, key_of
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Get,
    List,
    Patch,
    RecordEvent,
    Update,
)
from kelm.effects.document import EMPTY, Document, child
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Refusal


class ApiServer(msgspec.Struct, frozen=True):
    """All that an API server holds. `ranges` are the addresses and ports that Services get."""

    store: Store = Store()
    events: Events = Events()
    ranges: Ranges = Ranges()
    compaction: Compaction = Compaction()


def handle(server: ApiServer, command: Command, now_ms: int) -> tuple[ApiServer, Outcome]:
    """Do what one command asks for, or say why not.

    >>> from kelm.effects.document import document
    >>> namespace = document({"metadata": {"name": "shop"}})
    >>> server, outcome = handle(ApiServer(), Create("namespaces", "", namespace), now_ms=0)
    >>> outcome.unwrap()["status"], server.store.revision
    ({'phase': 'Active'}, 1)
    >>> handle(server, Get("namespaces", "", "void"), now_ms=0)[1].failure().message
    'namespaces "void" not found'
    """
    if isinstance(command, RecordEvent):
        store, events = record_event(server.store, server.events, command, now_ms)
        return ApiServer(store, events, server.ranges, server.compaction), RECORDED
    if isinstance(command, (Get, List)):
        return server, _outcome(_read(server, command))
    hearing = None
    if policies_are_bound(server.store):
        hearing = Hearing(ADMIN, dry_run=getattr(command, "dry_run", False))
    after, outcome = carry_out(server, command, Call(now_ms, server.ranges, hearing=hearing))
    if after is server or now_ms < after.compaction.next_ms:
        return after, outcome
    compaction = after.compaction.at(now_ms, after.store.revision)
    return msgspec.structs.replace(after, compaction=compaction), outcome


def carry_out(server: ApiServer, command: Command, call: Call) -> tuple[ApiServer, Outcome]:
    """Do what a command asks for that is no read and no recorded event."""
    named = getattr(command, "field_manager", "")
    if named:
        call = msgspec.structs.replace(call, manager=named)
    if isinstance(command, WITH_DRY_RUN) and command.resource == "events":
        return _handle_events(server, command, call)
    store, answer = _write(server.store, command, call)
    if store is not server.store and DEFINITIONS in store.number_of:
        store = settled(_swept(store, command, call.now_ms), server.store, call.now_ms)
    if getattr(command, "resource", "") == SERVICES:
        store = with_addresses(server.store, store, call)
    return _done(server, command, store, server.events, answer)


def _swept(store: Store, command: Command, now_ms: int) -> Store:
    """The store after a write, without a definition that waited for the last of its objects."""
    if isinstance(command, WITH_DRY_RUN) and command.resource not in RESOURCES:
        return swept(store, command.resource, now_ms)
    return store


ADMIN: Final = User("kubernetes-admin", ("system:masters", "system:authenticated"))
"""Who asks where nobody says who does."""
READ_AS_A_WHOLE: Final = ("", "status", "scale", "approval", "ephemeralcontainers", "resize")
"""Subresources that are read; but for `scale`, the answer is the object."""
RECORDED: Final[Outcome] = Success(EMPTY)
WITH_DRY_RUN: Final = (Create, Update, Patch, Delete, DeleteCollection)


def _done(
    server: ApiServer, command: Command, store: Store, events: Events, answer: Answer
) -> tuple[ApiServer, Outcome]:
    """What a verb's answer makes of the server."""
    if isinstance(answer, Refusal):
        kept = isinstance(command, DeleteCollection) and not _is_dry(command)
        if not kept or store is server.store:
            return server, Failure(answer)
        return ApiServer(store, events, server.ranges, server.compaction), Failure(answer)
    if _is_dry(command):
        return server, Success(_dry(server.store, command, answer))
    if store is server.store:
        return server, Success(answer)
    return ApiServer(store, events, server.ranges, server.compaction), Success(answer)


def _is_dry(command: Command) -> bool:
    """Whether all is to be done but stored; an eviction says so in its own object."""
    if isinstance(command, Create) and command.subresource == "eviction":
        return command.dry_run or bool(child(command.object, "deleteOptions").get("dryRun"))
    return getattr(command, "dry_run", False)


def _outcome(answer: Answer) -> Outcome:
    return Failure(answer) if isinstance(answer, Refusal) else Success(answer)


def _dry(before: Store, command: Command, answer: Document) -> Document:
    """The answer to a dry run: an object that was not stored has no version, or its old one."""
    meta = metadata_of(answer)
    if "resourceVersion" not in meta or not isinstance(command, Create | Update | Patch):
        return answer
    fields = {key: value for key, value in meta.items() if key != "resourceVersion"}
    name = command.name or str(meta.get("name"))
    stored = before.get(command.resource, key_of(command.namespace, name))
    if stored is not None and not isinstance(command, Create):
        fields["resourceVersion"] = metadata_of(stored)["resourceVersion"]
    return Document({**answer, "metadata": Document(fields)})


# -- reads -------------------------------------------------------------------------------------


def _read(server: ApiServer, command: Get | List) -> Answer:
    info = info_of(server.store, command.resource)
    if info is None:
        return refuse.no_such_resource()
    if isinstance(command, Get):
        return _get(server, info, command)
    if info.resource == COMPONENTS:
        return list_objects(server.store, info, command, component_statuses())
    if info.resource == "events":
        recorded = event_reads.recorded_entries(server.store, server.events, command.namespace)
        return list_objects(server.store, info, command, recorded)
    return list_objects(server.store, info, command, horizon=server.compaction.horizon)


def _get(server: ApiServer, info: ResourceInfo, command: Get) -> Answer:
    if command.subresource not in READ_AS_A_WHOLE or (
        command.subresource and command.subresource not in info.subresources
    ):
        return refuse.method_not_allowed()
    if info.resource == COMPONENTS:
        return component_status(command.name)
    doc = server.store.get(info.resource, key_of(command.namespace, command.name))
    if doc is None and info.resource == "events":
        doc = event_reads.recorded(server.store, server.events, command.namespace, command.name)
    if doc is None:
        return refuse.not_found(info, command.name)
    return read_scale(server.store, info, doc) if command.subresource == "scale" else doc


def watch_events(
    server: ApiServer,
    resource: Resource,
    revision: int,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
) -> Result[tuple[WatchEvent, ...], Refusal]:
    """What happened to a resource after a revision, as a watch with these selectors sees it."""
    selectors = (namespace, label_selector, field_selector)
    if resource == "events":
        return event_reads.events_since(server.store, server.events, revision, *selectors)
    return watch.changes_since(server.store, resource, revision, *selectors)


# -- writes ------------------------------------------------------------------------------------


def _write(store: Store, command: Command, call: Call) -> Written:
    if isinstance(command, Bind):
        return _bind(store, command, call)
    if isinstance(command, Evict):
        return _evict(store, command, call)
    if not isinstance(command, WITH_DRY_RUN):
        return store, refuse.bad_request(f"an API server knows no {type(command).__name__}")
    info = info_of(store, command.resource)
    if info is None:
        return store, refuse.no_such_resource()
    if isinstance(command, Update):
        return _update(store, info, command, call)
    if isinstance(command, Create):
        return _create(store, info, command, call)
    if isinstance(command, Patch):
        return _patch(store, info, command, call)
    if isinstance(command, Delete):
        return _delete(store, info, command, call)
    return _delete_collection(store, info, command, call)


def _create(store: Store, info: ResourceInfo, command: Create, call: Call) -> Written:
    if info.resource == "bindings" or command.subresource == "binding":
        return _created_part(
            store, command.namespace, command.name, "binding", command.object, call
        )
    if command.subresource == "eviction":
        return _created_part(
            store, command.namespace, command.name, "eviction", command.object, call
        )
    if command.subresource or "create" not in info.verbs:
        return store, refuse.method_not_allowed()
    return create(store, info, command.namespace, command.object, call)


def _bind(store: Store, command: Bind, call: Call) -> Written:
    if call.hearing is None:
        return bind(store, command, call.now_ms)
    namespace, name = command.namespace, command.name
    binding = binding_of(namespace, name, command.uid, command.node)
    return _created_part(store, namespace, name, "binding", binding, call)


def _evict(store: Store, command: Evict, call: Call) -> Written:
    if call.hearing is None:
        return evict(store, command, call.now_ms)
    namespace, name = command.namespace, command.name
    eviction = eviction_of(namespace, name, command.uid, command.grace_period_seconds)
    return _created_part(store, namespace, name, "eviction", eviction, call)


def _created_part(
    store: Store, namespace: str, name: str, part: str, doc: Document, call: Call
) -> Written:
    """What comes of a Binding or an Eviction."""
    create_part = create_binding if part == "binding" else create_eviction

    def make(given: Document) -> Written:
        return create_part(store, namespace, name, given, call.now_ms)

    pods = RESOURCES["pods"]
    return part_made(store, pods, (namespace, name), part, doc, call.hearing, make)


def _update(store: Store, info: ResourceInfo, command: Update, call: Call) -> Written:
    namespace, name, sub = command.namespace, command.name, command.subresource
    if (sub and sub not in info.subresources) or "update" not in info.verbs:
        return store, refuse.method_not_allowed()
    if sub == "scale":
        return update_scale(store, info, namespace, name, command.object, call)
    return update(store, info, namespace, name, command.object, call, sub)


def _patch(store: Store, info: ResourceInfo, command: Patch, call: Call) -> Written:
    if command.subresource and command.subresource not in info.subresources:
        return store, refuse.method_not_allowed()
    return patch(store, info, command, call)


def _delete(store: Store, info: ResourceInfo, command: Delete, call: Call) -> Written:
    options = Options(
        command.uid,
        command.resource_version,
        command.grace_period_seconds,
        command.propagation_policy,
    )
    namespace, name, now_ms = command.namespace, command.name, call.now_ms
    if info.resource == DEFINITIONS:
        written = delete_definition(store, info, name, options, now_ms)
    elif info.resource == "namespaces":
        written = delete_namespace(store, info, name, options, now_ms)
    else:
        written = delete(store, info, namespace, name, options, now_ms)
    return deleted(store, written, info, namespace, name, call.hearing)


def _delete_collection(
    store: Store, info: ResourceInfo, command: DeleteCollection, call: Call
) -> Written:
    if "deletecollection" not in info.verbs:
        return store, refuse.method_not_allowed()
    return delete_collection(store, info, command, call)


# -- events ------------------------------------------------------------------------------------


def _handle_events(server: ApiServer, command: Command, call: Call) -> tuple[ApiServer, Outcome]:
    """The same for events, most of which are not in the store but in the log of recorded ones."""
    store, events = server.store, server.events
    if isinstance(command, Delete):
        forgotten = event_reads.forget(store, events, command.namespace, command.name)
        if forgotten is not None:
            store, events, answer = forgotten
            return _done(server, command, store, events, answer)
    if isinstance(command, Update | Patch):
        store, events = event_reads.promoted(store, events, command.namespace, command.name)
    found: tuple[Document, ...] = ()
    if isinstance(command, DeleteCollection):
        chosen = event_reads.forget_all(store, events, command)
        if isinstance(chosen, Refusal):
            return server, Failure(chosen)
        store, events, found = chosen
    after, written = _write(store, command, call)
    if found and isinstance(written, Document):
        items = written.get("items")
        assert isinstance(items, tuple)
        written = Document({**written, "items": (*found, *items)})
    return _done(server, command, after, events, written)
