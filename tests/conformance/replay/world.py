"""The cluster of a replay: kelm's API server, every version of its tables, and who is who.

All of it is a value, so that a replay can go back to an earlier one and try something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from pyrsistent import pmap, pvector
from pyrsistent.typing import PMap, PVector

from kelm.core.api.resources import RESOURCES
from kelm.core.api.server import ApiServer, handle
from kelm.core.api.validation.service_addresses import ADDRESSES
from kelm.core.objects.time import format_time
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Command
from kelm.effects.document import Document, text
from kelm.effects.messages import Change, Outcome
from tests.conformance.replay.likeness import difference, reduced
from tests.conformance.replay.recording import TIME, ZERO_MS, Entry

POD_IP = re.compile(r"<podip:([^\"]*)>")
UID = re.compile(r"<uid:([^\"]*)>")
RESOURCE_OF = {info.kind: info.resource for info in RESOURCES.values()}


class Version(NamedTuple):
    """A table as it was from some moment on (seconds since the start of the recording)."""

    at: float
    table: Table


class Happened(NamedTuple):
    """One object that a command changed."""

    resource: str
    change: Change


Place = tuple[str, str, str]
"""Kind, namespace and recorded name of an object."""


class World(msgspec.Struct, frozen=True):
    """See each field.

    versions: every version of every table, oldest first.
    names: ours -> the recorded placeholder, of generated names.
    uids: ours -> the recorded placeholder.
    offset: see `recording.start_offset`.
    """

    api: ApiServer
    versions: PMap[str, PVector[Version]] = pmap()
    names: PMap[str, str] = pmap()
    uids: PMap[str, str] = pmap()
    offset: float = 0.0

    def now_ms(self, at: float) -> int:
        return ZERO_MS + round((at - self.offset) * 1_000)

    def rename(self, ours: str) -> str:
        """A text of ours with recorded names, uids and addresses."""
        if ours in self.uids:
            return self.uids[ours]
        # A pod's name has its Job's in it: the longest first.
        found = [(name, recorded) for name, recorded in self.names.items() if name in ours]
        for name, recorded in sorted(found, key=lambda pair: -len(pair[0])):
            ours = ours.replace(name, recorded)
        return ours

    def real(self, recorded: Any) -> Any:
        """A recorded value with values of ours for its placeholders."""
        if isinstance(recorded, dict):
            return {key: self.real(value) for key, value in recorded.items()}
        if isinstance(recorded, list):
            return [self.real(value) for value in recorded]
        if not isinstance(recorded, str) or "<" not in recorded:
            return recorded
        time = TIME.fullmatch(recorded)
        if time:
            return format_time(ZERO_MS + int(time[1]) * 1_000)
        if UID.fullmatch(recorded):
            return next((ours for ours, one in self.uids.items() if one == recorded), recorded)
        return self.real_name(recorded)

    def real_name(self, recorded: str) -> str:
        """A text with our names for the recorded ones."""
        found = [(ours, one) for ours, one in self.names.items() if one in recorded]
        for ours, placeholder in sorted(found, key=lambda pair: -len(pair[1])):
            recorded = recorded.replace(placeholder, ours)
        return recorded

    def newest(self, resource: str) -> Table:
        return self.api.store.table(resource)


class Done(NamedTuple):
    """The world after a command, what became of it, and which objects it changed."""

    world: World
    outcome: Outcome
    happened: tuple[Happened, ...]


def execute(world: World, command: Command, at: float) -> Done:
    """Have our API server do a command.

    What a recording of a namespace does not show does not happen in it: IPAddresses are in none.
    """
    before = world.api.store
    api, outcome = handle(world.api, command, world.now_ms(at))
    after = api.store
    if after.revision == before.revision:
        return Done(msgspec.structs.replace(world, api=api), outcome, ())
    versions, happened = world.versions, []
    for table in after.tables:
        old = before.table(table.resource)
        if table is not old:
            changes = table.changes_since(old.revision) or ()
            kept = versions.get(table.resource, pvector([Version(-1e9, old)]))
            for between in _between(old, changes):
                kept = kept.append(Version(at, between))
            versions = versions.set(table.resource, kept.append(Version(at, table)))
            shown = () if table.resource == ADDRESSES else changes
            happened.extend(Happened(table.resource, change) for change in shown)
    happened.sort(key=lambda one: one.change.revision)
    changed = msgspec.structs.replace(world, api=api, versions=versions)
    return Done(changed, outcome, tuple(happened))


def _between(table: Table, changes: tuple[Change, ...]) -> Iterator[Table]:
    """The versions that a command went through: others may have seen them."""
    for change in changes[:-1]:
        if change.new is not None:
            table = tables.put(table, change.key, change.new, change.revision)
        elif change.old is not None:
            table = tables.remove(table, change.key, change.old, change.revision)
        yield table


def matched(world: World, one: Happened, entry: Entry) -> World | str:
    """The world that knows this change as the recorded one, or how it differs."""
    if RESOURCE_OF.get(entry.kind) != one.resource:
        return f"{one.resource}: another kind"
    change = one.change
    kind = "ADDED" if change.old is None else "DELETED" if change.new is None else "MODIFIED"
    if kind != entry.type:
        return f"{kind} {change.key}"
    doc = change.new if change.new is not None else change.old
    assert doc is not None
    if kind == "ADDED":
        world = _learnt(world, doc, entry)
    if kind == "DELETED":
        same = world.rename(text(doc, "metadata", "name")) == entry.name
        return world if same else f"deleted {change.key}"
    found = difference(reduced(doc), entry.object, world.rename)
    return found or world


def place_of(world: World, one: Happened) -> Place:
    """Where the recording shows an object that changed."""
    doc = one.change.new if one.change.new is not None else one.change.old
    assert doc is not None
    name = world.rename(text(doc, "metadata", "name"))
    return text(doc, "kind"), text(doc, "metadata", "namespace"), name


def _learnt(world: World, doc: Document, entry: Entry) -> World:
    uid, name = text(doc, "metadata", "uid"), text(doc, "metadata", "name")
    uids = world.uids.set(uid, f"<uid:{entry.kind}/{entry.name}>")
    names = world.names if name == entry.name else world.names.set(name, entry.name)
    return msgspec.structs.replace(world, uids=uids, names=names)
