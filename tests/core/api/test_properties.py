"""What holds of every history of requests, whatever was asked."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st
from returns.result import Success

from kelm.core.api.server import ApiServer, handle, watch_events
from kelm.effects.address import ObjectRef
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Patch,
    RecordEvent,
    Update,
)
from kelm.effects.document import Document, document, with_value
from tests.core.api.clusters import NOW_MS, config, meta, pod, server_with

NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "y", "0"])
RESOURCES = st.sampled_from(["configmaps", "pods"])
POLICIES = st.sampled_from(["", "Foreground", "Background", "Orphan"])
UNKNOWN = st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.integers(0, 3), max_size=2)


def new_object(resource: str, name: str, text: str, unknown: dict[str, int]) -> Document:
    doc = pod(name) if resource == "pods" else config(name, key=text)
    if text == "x":
        doc = with_value(doc, ("metadata", "finalizers"), ("example.com/hold",))
    return Document({**doc, **unknown})


creates = st.builds(
    lambda resource, name, text, unknown: Create(
        resource, "default", new_object(resource, name, text, unknown)
    ),
    RESOURCES,
    NAMES,
    TEXTS,
    UNKNOWN,
)
patches = st.builds(
    lambda resource, name, patch: Patch(resource, "default", name, document(patch)),
    RESOURCES,
    NAMES,
    st.sampled_from(
        [
            {"metadata": {"labels": {"one": "1"}}},
            {"metadata": {"labels": {"one": None}}},
            {"metadata": {"finalizers": None}},
            {"metadata": {"resourceVersion": "3"}},
            {},
        ]
    ),
)
deletes = st.builds(
    lambda resource, name, grace, policy: Delete(
        resource, "default", name, grace_period_seconds=grace, propagation_policy=policy
    ),
    RESOURCES,
    NAMES,
    st.sampled_from([None, 0, 5]),
    POLICIES,
)
binds = st.builds(lambda name, node: Bind("default", name, "", node), NAMES, NAMES)
others = st.sampled_from(
    [
        DeleteCollection("configmaps", "default", "one=1"),
        Evict("default", "a"),
        Create("configmaps", "nowhere", config()),
        Create("configmaps", "default", document({"metadata": {"generateName": "gen-"}})),
    ]
)
records = st.builds(
    lambda name, text: RecordEvent(
        ObjectRef("pods", "default", name), "Pod", "v1", "Normal", "Reason", text, "kubelet"
    ),
    NAMES,
    TEXTS,
)
commands = st.lists(creates | patches | deletes | binds | others | records, min_size=8, max_size=40)


def first() -> ApiServer:
    """A server where most requests find something: one of each name is there, one is held."""
    texts = {"a": "x", "b": "y"}
    return server_with(
        *(
            Create(resource, "default", new_object(resource, name, text, {"x-a": 7}))
            for resource in ("configmaps", "pods")
            for name, text in texts.items()
        )
    )


def written_back(server: ApiServer, command: Command) -> Command:
    """A patch of nothing as an update with the whole object instead, stale every other time."""
    if not isinstance(command, Patch) or command.patch != Document():
        return command
    stored = server.store.get(command.resource, f"default/{command.name}")
    if stored is None:
        return command
    return Update(command.resource, "default", command.name, stored)


def history(wanted: list[Command]) -> list[tuple[ApiServer, Command, bool]]:
    """Each server with the command that came next, and whether it was done."""
    server, found = first(), []
    for number, command in enumerate(wanted):
        command = written_back(server, command)
        after, outcome = handle(server, command, NOW_MS + number * 1000)
        found.append((server, command, isinstance(outcome, Success)))
        if not isinstance(outcome, Success):
            event(f"refused: {outcome.failure().reason}")
            assert after is server
        server = after
    return [*found, (server, Evict("default", "nobody"), False)]


def revisions(server: ApiServer) -> list[int]:
    """The revision of every change that any log has."""
    tables = server.store.tables
    changes = [change.revision for table in tables for change in table.changes_since(0) or ()]
    return sorted([*changes, *(record.revision for record in server.events.log.recent)])


@given(commands)
def test_every_write_is_in_the_log_once(wanted: list[Command]) -> None:
    steps = history(wanted)
    last = steps[-1][0]
    assert revisions(last) == list(range(1, last.store.revision + 1))
    for (before, command, accepted), (after, _, _) in pairwise(steps):
        grown = after.store.revision - before.store.revision
        assert grown >= 0
        if grown:
            assert accepted, command


@given(commands)
def test_a_stored_object_carries_the_revision_of_its_last_change(wanted: list[Command]) -> None:
    server = history(wanted)[-1][0]
    for table in server.store.tables:
        latest = {change.key: change for change in table.changes_since(0) or ()}
        for key, change in latest.items():
            shown = change.new if change.new is not None else change.old
            assert shown is not None
            assert meta(shown, "resourceVersion") == str(change.revision)
            assert table.get(key) is change.new


@given(commands)
def test_no_store_changes_under_a_reader(wanted: list[Command]) -> None:
    server, seen = first(), []
    for number, command in enumerate(wanted):
        seen.append((server, digest(server)))
        server = handle(server, command, NOW_MS + number * 1000)[0]
    for before, looked_like in seen:
        assert digest(before) == looked_like


def digest(server: ApiServer) -> bytes:
    docs = [list(table.objects()) for table in server.store.tables]
    logs = [table.changes_since(0) for table in server.store.tables]
    events = [record.name for record in server.events.log.records()]
    return msgspec.json.encode([docs, logs, events, server.store.revision])


@given(commands)
def test_a_watch_tells_the_whole_story(wanted: list[Command]) -> None:
    server = history(wanted)[-1][0]
    for resource in ("configmaps", "pods", "events"):
        told: dict[object, Document] = {}
        for change in watch_events(server, resource, 0).unwrap():
            name = meta(change.object, "name")
            if change.type == "DELETED":
                del told[name]
            else:
                assert (name in told) == (change.type == "MODIFIED")
                told[name] = change.object
        if resource != "events":
            present = {meta(doc, "name"): doc for doc in server.store.table(resource).objects()}
            assert told == present


@given(commands)
def test_what_no_type_knows_is_kept(wanted: list[Command]) -> None:
    server, written = first(), dict[str, dict[str, object]]()
    for number, command in enumerate(wanted):
        server, outcome = handle(server, command, NOW_MS + number * 1000)
        if isinstance(command, Create) and command.namespace == "default":
            name = meta(command.object, "name")
            if isinstance(outcome, Success) and name:
                own = {k: v for k, v in command.object.items() if k.startswith("x-")}
                written[f"{command.resource}/{name}"] = own
    for place, own in written.items():
        resource, name = place.split("/")
        stored = server.store.get(resource, f"default/{name}")
        if stored is not None:
            assert {k: v for k, v in stored.items() if k.startswith("x-")} == own


@given(commands)
def test_one_history_makes_one_store(wanted: list[Command]) -> None:
    assert digest(history(wanted)[-1][0]) == digest(history(wanted)[-1][0])


@given(commands)
def test_writing_back_what_is_stored_writes_nothing(wanted: list[Command]) -> None:
    server = history(wanted)[-1][0]
    for resource in ("configmaps", "pods"):
        for doc in server.store.table(resource).objects():
            if meta(doc, "deletionTimestamp"):
                continue
            name = str(meta(doc, "name"))
            for subresource in ("", "status") if resource == "pods" else ("",):
                command = Update(resource, "default", name, doc, subresource)
                after, outcome = handle(server, command, NOW_MS)
                assert after is server
                assert outcome.unwrap() is doc
