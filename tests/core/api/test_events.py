"""Events: which are written, how they are counted, and how they are read."""

from __future__ import annotations

import msgspec

from kelm.core.api.server import ApiServer, handle, watch_events
from kelm.effects.address import ObjectRef
from kelm.effects.commands import (
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    RecordEvent,
)
from kelm.effects.document import Document, child, children, document
from tests.core.api.clusters import NOW_MS, done, meta, refused, server_with

HOUR_MS = 3_600_000
CREATED = RecordEvent(
    ObjectRef("replicasets.apps", "default", "web", "u1"),
    "ReplicaSet",
    "apps/v1",
    "Normal",
    "SuccessfulCreate",
    "Created pod: web-0",
    "replicaset-controller",
)
ASSIGNED = RecordEvent(
    ObjectRef("pods", "default", "web-0", "u2"),
    "Pod",
    "v1",
    "Normal",
    "Scheduled",
    "Successfully assigned default/web-0 to n",
    "default-scheduler",
    action="Binding",
)


def recorded(server: ApiServer, *commands: RecordEvent, at_ms: int = NOW_MS) -> ApiServer:
    for command in commands:
        server, _ = handle(server, command, at_ms)
    return server


def events(server: ApiServer) -> tuple[Document, ...]:
    return children(done(server, List("events", "default"))[1], "items")


def saying(message: str) -> RecordEvent:
    return msgspec.structs.replace(CREATED, message=message)


def test_an_event_as_the_api_shows_it() -> None:
    server = recorded(server_with(), CREATED)
    (event,) = events(server)
    name = str(meta(event, "name"))
    assert name.startswith("web.") and int(name.partition(".")[2], 16) // 10**6 == NOW_MS
    assert meta(event, "resourceVersion") == str(server.store.revision)
    assert child(event, "involvedObject") == {
        "kind": "ReplicaSet",
        "namespace": "default",
        "name": "web",
        "uid": "u1",
        "apiVersion": "apps/v1",
    }
    assert event["source"] == {"component": "replicaset-controller"}
    assert event["count"] == 1 and event["eventTime"] is None
    assert done(server, Get("events", "default", name))[1] == event


def test_the_same_event_is_counted() -> None:
    server = recorded(server_with(), CREATED)
    server = recorded(server, CREATED, CREATED, at_ms=NOW_MS + 5_000)
    (event,) = events(server)
    assert event["count"] == 3
    assert event["firstTimestamp"] == "2026-01-01T00:00:00Z"
    assert event["lastTimestamp"] == "2026-01-01T00:00:05Z"
    kinds = [change.type for change in watch_events(server, "events", 0).unwrap()]
    assert kinds == ["ADDED", "MODIFIED", "MODIFIED"]


def test_ten_similar_events_are_combined() -> None:
    server = recorded(server_with(), *(saying(f"Created pod: web-{n}") for n in range(13)))
    found = events(server)
    assert len(found) == 10
    combined = found[-1]
    assert combined["message"] == "(combined from similar events): Created pod: web-12"
    assert combined["count"] == 4


def test_similar_events_far_apart_are_not_combined() -> None:
    server = recorded(server_with(), *(saying(f"Created pod: web-{n}") for n in range(9)))
    server = recorded(server, saying("Created pod: web-9"), at_ms=NOW_MS + 601_000)
    assert not any("combined" in str(event["message"]) for event in events(server))


def test_a_flood_about_one_object_is_dammed() -> None:
    server = recorded(server_with(), *(CREATED for _ in range(40)))
    (event,) = events(server)
    assert event["count"] == 25
    server = recorded(server, CREATED, at_ms=NOW_MS + 301_000)
    (event,) = events(server)
    assert event["count"] == 41, "what was not written was counted all the same"
    other = msgspec.structs.replace(CREATED, component="other")
    assert len(events(recorded(server, other))) == 2


def test_events_with_an_action_become_a_series() -> None:
    server = recorded(server_with(), ASSIGNED)
    (event,) = events(server)
    assert "count" not in event and event["action"] == "Binding"
    assert event["eventTime"] == "2026-01-01T00:00:00.000000Z" and event["source"] == {}
    server = recorded(server, ASSIGNED, ASSIGNED, ASSIGNED, at_ms=NOW_MS + 1_000)
    (event,) = events(server)
    assert child(event, "series")["count"] == 2, "the first repetition is written"
    later = recorded(server, ASSIGNED, at_ms=NOW_MS + 400_000)
    assert len(events(later)) == 2


def test_events_are_gone_after_an_hour() -> None:
    server = recorded(server_with(), CREATED)
    server = recorded(server, ASSIGNED, at_ms=NOW_MS + HOUR_MS // 2)
    last = msgspec.structs.replace(ASSIGNED, reason="Other")
    server = recorded(server, last, at_ms=NOW_MS + HOUR_MS + 60_000)
    assert [event["reason"] for event in events(server)] == ["Scheduled", "Other"]
    again = recorded(server, CREATED, at_ms=NOW_MS + HOUR_MS + 61_000)
    assert len(events(again)) == 3


def test_events_can_be_chosen_changed_and_deleted_like_everything_else() -> None:
    server = recorded(server_with(), CREATED, ASSIGNED)
    chosen = List("events", "default", "", "involvedObject.kind=Pod,reason=Scheduled")
    (event,) = children(done(server, chosen)[1], "items")
    name = str(meta(event, "name"))
    patch = Patch("events", "default", name, document({"metadata": {"labels": {"a": "b"}}}))
    changed, patched = done(server, patch)
    assert meta(patched, "labels") == {"a": "b"} and meta(patched, "uid") == meta(event, "uid")
    assert len(events(changed)) == 2
    deleted = done(server, Delete("events", "default", name))[0]
    assert len(events(deleted)) == 1
    assert refused(deleted, Get("events", "default", name)).code == 404
    last = watch_events(deleted, "events", 0).unwrap()[-1]
    assert (last.type, meta(last.object, "name")) == ("DELETED", name)
    emptied, shown = done(server, DeleteCollection("events", "default"))
    assert len(children(shown, "items")) == 2 and events(emptied) == ()


def test_events_that_users_write_stand_beside_the_recorded_ones() -> None:
    mine = document({"metadata": {"name": "mine"}, "involvedObject": {"namespace": "default"}})
    server = recorded(server_with(Create("events", "default", mine)), CREATED)
    assert meta(events(server)[0], "name") == "mine"
    assert len(events(server)) == 2


def test_what_is_remembered_is_bounded() -> None:
    server = server_with()
    for number in range(30_000):
        ref = ObjectRef("pods", "default", f"web-{number}", f"u{number}")
        about = msgspec.structs.replace(ASSIGNED, regarding=ref)
        server, _ = handle(server, about, NOW_MS)
    buckets = server.events.memory.buckets
    assert max(len(bucket) for bucket in buckets) == 4
    assert sum(len(bucket) for bucket in buckets) <= 16 * 1_024
