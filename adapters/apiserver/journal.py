"""The journal: everything that is accepted, written down before anybody hears of it.

One SQLite file in WAL mode. A turn of the cluster is a transaction: the objects that changed, the
changes themselves (for watches that go on where they were), recorded events, machines, time.
What a process that is killed had acknowledged is there when the next one starts.

Source: https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from pyrsistent import pvector

from kelm.adapters.apiserver.machines_journal import MachinesJournal
from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.machines import Host
from kelm.adapters.simulator.saved import Saved
from kelm.core.api.events.log import EventLog, EventRecord
from kelm.core.api.events.recording import Events
from kelm.core.api.server import ApiServer
from kelm.core.store.restored import restored
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document, document
from kelm.effects.messages import Change

KEPT_CHANGES: Final = 10_000
"""How many changes of a resource a watch can go back over after a restart."""
PRUNED_EVERY: Final = 5_000
FORMAT: Final = 1
SCHEMA: Final = """
create table if not exists about (name text primary key, value text not null);
create table if not exists objects (
    number integer primary key autoincrement, resource text not null, key text not null,
    doc blob not null, unique (resource, key));
create table if not exists changes (
    revision integer not null, resource text not null, key text not null, old blob, new blob);
create index if not exists changes_of on changes (resource, revision);
create table if not exists tables (
    resource text primary key, place integer not null, revision integer not null,
    forgotten integer not null);
create table if not exists events (number integer primary key, record blob not null);
create table if not exists machines (name text primary key, host blob not null);
"""
_ENCODE: Final = msgspec.json.Encoder().encode


class JournalError(Exception):
    """A journal cannot be used; the message names the file and says why."""


class Journal:
    """The journal of one cluster.

    durable: whether each transaction waits for the disk, so that a power cut loses none.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.durable = durable
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute(f"pragma synchronous={'full' if durable else 'normal'}")
            self._db.execute("pragma locking_mode=exclusive")
            self._db.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as problem:
            raise JournalError(f"{path}: cannot be used as a journal: {problem}") from problem
        self._path = path
        self.machines = MachinesJournal(self._db)
        self._server: ApiServer | None = None
        self._hosts: dict[str, Host] = {}
        self._written = 0

    def close(self) -> None:
        self._db.close()

    # -- writing -------------------------------------------------------------------------------

    def write(self, cluster: Cluster) -> None:
        """Write down what has changed since the last time."""
        server, hosts = cluster.api, cluster.machines.hosts
        before = self._server
        if server is before and hosts == self._hosts:
            return
        execute = self._db.execute
        execute("begin immediate")
        try:
            if before is None:
                self._about("format", FORMAT)
                self._about("seed", server.store.seed)
                self._about("zero_ms", cluster.zero_ms)
            self._tables(before.store if before is not None else Store(), server.store)
            self._events(before.events.log if before is not None else EventLog(), server)
            self._machines(hosts)
            self._about("revision", server.store.revision)
            self._about("counter", server.store.counter)
            self._about("now_ms", cluster.now_ms)
            execute("commit")
        except BaseException:
            execute("rollback")
            raise
        self._server, self._hosts = server, dict(hosts)
        if self._written >= PRUNED_EVERY:
            self._prune()

    def _about(self, name: str, value: int) -> None:
        self._db.execute("insert or replace into about values (?, ?)", (name, str(value)))

    def _tables(self, before: Store, store: Store) -> None:
        known = len(before.tables)
        for place, table in enumerate(store.tables):
            old = before.tables[place] if place < known else None
            if table is not old:
                self._table(place, old if old is not None else Table(table.resource), table)

    def _table(self, place: int, old: Table, table: Table) -> None:
        execute, resource = self._db.execute, table.resource
        changes = table.changes_since(old.revision)
        if changes is None:
            self._whole(table)
            changes = ()
        for change in changes:
            before, after = _bytes(change.old), _bytes(change.new)
            execute(
                "insert into changes values (?, ?, ?, ?, ?)",
                (change.revision, resource, change.key, before, after),
            )
            if after is None:
                execute(
                    "delete from objects where resource = ? and key = ?", (resource, change.key)
                )
            else:
                execute(
                    "insert into objects (resource, key, doc) values (?, ?, ?) on conflict "
                    "(resource, key) do update set doc = excluded.doc",
                    (resource, change.key, after),
                )
        self._written += len(changes)
        execute(
            "insert into tables values (?, ?, ?, ?) on conflict (resource) do update set "
            "revision = excluded.revision",
            (resource, place, table.revision, table.forgotten),
        )

    def _whole(self, table: Table) -> None:
        """A table whose log does not reach back to what was written: all of it anew."""
        execute, resource = self._db.execute, table.resource
        execute("delete from objects where resource = ?", (resource,))
        execute("delete from changes where resource = ?", (resource,))
        for doc in table.objects():
            key = _key(doc)
            execute(
                "insert into objects (resource, key, doc) values (?, ?, ?)",
                (resource, key, _ENCODE(doc)),
            )
        execute("update tables set forgotten = ? where resource = ?", (table.revision, resource))

    def _events(self, before: EventLog, server: ApiServer) -> None:
        log = server.events.log
        if log is before:
            return
        last = before.recent[-1].revision if before.recent else 0
        changes = log.changes_since(last)
        for record in log.records() if changes is None else changes:
            if record.deleted:
                self._db.execute("delete from events where number = ?", (record.number,))
            else:
                self._db.execute(
                    "insert or replace into events values (?, ?)", (record.number, _ENCODE(record))
                )
        if log.base != before.base:
            self._db.execute("delete from events where number < ?", (log.base,))

    def _machines(self, hosts: dict[str, Host]) -> None:
        for name, host in hosts.items():
            if self._hosts.get(name) != host:
                self._db.execute(
                    "insert or replace into machines values (?, ?)", (name, _ENCODE(host))
                )

    def _prune(self) -> None:
        """Forget the oldest changes of resources that have had very many."""
        self._written = 0
        counted = self._db.execute("select resource, count(*) from changes group by resource")
        for resource, count in counted.fetchall():
            if count <= KEPT_CHANGES:
                continue
            (edge,) = self._db.execute(
                "select revision from changes where resource = ? order by revision desc "
                "limit 1 offset ?",
                (resource, KEPT_CHANGES),
            ).fetchone()
            parameters = (resource, edge)
            self._db.execute("delete from changes where resource = ? and revision <= ?", parameters)
            self._db.execute(
                "update tables set forgotten = max(forgotten, ?) where resource = ?",
                (edge, resource),
            )

    # -- reading -------------------------------------------------------------------------------

    def read(self) -> Saved | None:
        """The cluster that was written down, None if there is none yet.

        Raises:
            JournalError: the file holds something else.
        """
        try:
            about = dict(self._db.execute("select name, value from about"))
            if not about:
                return None
            if about.get("format") != str(FORMAT):
                raise JournalError(
                    f"{self._path}: was written in format {about.get('format')}, not {FORMAT}"
                )
            saved = self._saved(about)
        except (sqlite3.Error, msgspec.DecodeError, KeyError, ValueError) as problem:
            raise JournalError(f"{self._path}: cannot be read: {problem}") from problem
        self._server, self._hosts = saved.server, {host.name: host for host in saved.hosts}
        return saved

    def _saved(self, about: dict[str, str]) -> Saved:
        rows = self._db.execute(
            "select resource, revision, forgotten from tables order by place"
        ).fetchall()
        tables = [self._restored(*row) for row in rows]
        store = Store(
            revision=int(about["revision"]),
            counter=int(about["counter"]),
            seed=int(about["seed"]),
            number_of=Document({table.resource: place for place, table in enumerate(tables)}),
            tables=pvector(tables),
        )
        hosts = [
            msgspec.json.decode(raw, type=Host)
            for (raw,) in self._db.execute("select host from machines")
        ]
        return Saved(
            ApiServer(store, Events(self._event_log(store.revision))),
            tuple(sorted(hosts, key=lambda host: host.index)),
            int(about["now_ms"]),
            int(about["zero_ms"]),
            self.machines.read(),
        )

    def _restored(self, resource: Resource, revision: int, forgotten: int) -> Table:
        objects = self._db.execute(
            "select key, doc from objects where resource = ? order by number", (resource,)
        )
        changes = self._db.execute(
            "select revision, key, old, new from changes where resource = ? order by revision",
            (resource,),
        )
        docs: dict[tuple[Key, str], Document] = {}
        present = [(key, _shared(docs, key, raw)) for key, raw in objects]
        return restored(resource, present, _changes(changes, docs), revision, forgotten)

    def _event_log(self, revision: int) -> EventLog:
        records = [
            msgspec.json.decode(raw, type=EventRecord)
            for (raw,) in self._db.execute("select record from events order by number")
        ]
        if not records:
            return EventLog(forgotten=revision)
        base = records[0].number
        slots: list[EventRecord | None] = [None] * (records[-1].number - base + 1)
        for record in records:
            slots[record.number - base] = record
        return EventLog(slots=pvector(slots), base=base, forgotten=revision)


def write_copy(path: Path, cluster: Cluster) -> None:
    """Write a cluster as it is now to a journal of its own.

    Raises:
        JournalError: the file cannot be used.
    """
    journal = Journal(path)
    try:
        journal.write(cluster)
        journal.machines.write(cluster)
    except sqlite3.Error as problem:
        raise JournalError(f"{path}: cannot be written: {problem}") from problem
    finally:
        journal.close()


def _bytes(doc: Document | None) -> bytes | None:
    return None if doc is None else _ENCODE(doc)


def _key(doc: Document) -> Key:
    meta = doc["metadata"]
    assert isinstance(meta, Document)
    namespace = meta.get("namespace")
    return f"{namespace}/{meta['name']}" if namespace else str(meta["name"])


def _shared(docs: dict[tuple[Key, str], Document], key: Key, raw: bytes) -> Document:
    """A version of an object, the same one wherever it is read."""
    doc = document(msgspec.json.decode(raw))
    meta = doc["metadata"]
    assert isinstance(meta, Document)
    return docs.setdefault((key, str(meta.get("resourceVersion"))), doc)


def _changes(rows: sqlite3.Cursor, docs: dict[tuple[Key, str], Document]) -> Iterator[Change]:
    for revision, key, old, new in rows:
        before = None if old is None else _shared(docs, key, old)
        after = None if new is None else _shared(docs, key, new)
        yield Change(revision, key, before, after)
