"""Requests that wait for webhooks while others write: nothing is lost, nothing is stored twice."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.api.conversation import REQUEST_TIMEOUT_MS, Concluded, Conversation, begin, hear
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create, Delete, Patch, Update
from kelm.effects.document import child, document
from kelm.effects.refusals import Reason
from tests.core.api.clusters import NOW_MS, config, meta, server_with
from tests.core.api.webhooks.callers import (
    DOWN,
    RULE,
    allow,
    configured,
    deny,
    hook,
    patching,
    reply_to,
    said,
)

MAPS = [{**RULE, "resources": ["configmaps"]}]
LABEL = {"op": "add", "path": "/metadata/labels", "value": {"seen": "1"}}
HOOKS = {"label": patching(LABEL), "ok": allow}


def stored(server: ApiServer, name: str = "c") -> dict[str, Any]:
    doc = server.store.get("configmaps", f"default/{name}")
    assert doc is not None
    return dict(child(doc, "data"))


def begun(*hooks: str) -> ApiServer:
    found = {
        "label": configured("Mutating", hook("label", rules=MAPS), name="m"),
        "ok": configured("Validating", hook("ok", rules=MAPS), name="v"),
        "no": configured("Validating", hook("no", rules=MAPS), name="w"),
    }
    return server_with(Create("configmaps", "default", config(k="0")), *(found[h] for h in hooks))


def patch(key: str, value: str) -> Patch:
    return Patch("configmaps", "default", "c", document({"data": {key: value}}))


def waiting(turn: Concluded | Conversation) -> Conversation:
    assert isinstance(turn, Conversation)
    return turn


steps = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60)


@given(steps=steps, hooks=st.sampled_from([("ok",), ("label",), ("label", "ok")]))
def test_whatever_is_written_between_call_and_answer_is_kept(
    steps: list[tuple[int, bool]], hooks: tuple[str, ...]
) -> None:
    """Six patches and creations wait at once; their answers come in any order, and between them
    somebody without webhooks to ask writes to the same object. In the end each of them is there."""
    server = begun(*hooks)
    commands = [
        *(patch(f"p{number}", str(number)) for number in range(3)),
        *(
            Create("configmaps", "default", document({"metadata": {"generateName": "n-"}}))
            for _ in range(3)
        ),
    ]
    turns: dict[int, Conversation] = {}
    done: list[Concluded] = []
    for number, command in enumerate(commands):
        server, turn = begin(server, command, NOW_MS)
        turns[number] = waiting(turn)
    others = 0
    while turns:
        pick, others_write = steps.pop() if steps else (min(turns), False)
        if others_write:
            others += 1
            server, outcome = handle(server, patch(f"o{others}", "x"), NOW_MS)
            outcome.unwrap()
            continue
        number = pick if pick in turns else min(turns)
        call = turns[number].calls[0]
        server, next_turn = hear(server, turns[number], call.uid, reply_to(call, HOOKS), NOW_MS)
        if isinstance(next_turn, Concluded):
            next_turn.outcome.unwrap()
            done.append(next_turn)
            del turns[number]
        else:
            turns[number] = next_turn
    event(f"others wrote: {bool(others)}")
    wanted = {"k": "0", **{f"p{n}": str(n) for n in range(3)}}
    wanted |= {f"o{n + 1}": "x" for n in range(others)}
    assert stored(server) == wanted
    docs = [doc for doc in server.store.table("configmaps").objects() if meta(doc, "name") != "c"]
    assert len(docs) == 3
    assert len({meta(doc, "uid") for doc in docs}) == 3
    assert len(done) == len(commands)


@given(steps=st.lists(st.integers(0, 1), max_size=12))
def test_nothing_is_stored_before_the_last_answer(steps: list[int]) -> None:
    """However far a request has come: as long as it waits, all tables are what they were."""
    server = begun("label", "ok")
    tables = server.store.tables
    server, turn = begin(server, patch("a", "1"), NOW_MS)
    for step in steps:
        if isinstance(turn, Concluded):
            break
        assert server.store.tables is tables
        assert server.store.revision == begun("label", "ok").store.revision
        if step:
            call = turn.calls[0]
            server, turn = hear(server, turn, call.uid, reply_to(call, HOOKS), NOW_MS)
        else:
            server, turn = hear(server, turn, "of nobody", DOWN, NOW_MS)


def test_an_update_made_from_an_old_version_conflicts_when_it_is_stored() -> None:
    server = begun("ok")
    old = server.store.get("configmaps", "default/c")
    assert old is not None
    update = Update("configmaps", "default", "c", document({**old, "data": {"k": "mine"}}))
    server, turn = begin(server, update, NOW_MS)
    waits = waiting(turn)
    server, _ = handle(server, patch("k", "theirs"), NOW_MS)
    call = waits.calls[0]
    server, turn = hear(server, waits, call.uid, reply_to(call, HOOKS), NOW_MS)
    assert isinstance(turn, Concluded)
    assert turn.outcome.failure().reason is Reason.CONFLICT
    assert stored(server) == {"k": "theirs"}


def test_a_patch_is_reviewed_again_when_the_object_has_changed() -> None:
    server = begun("ok")
    server, turn = begin(server, patch("a", "1"), NOW_MS)
    first = waiting(turn)
    server, _ = handle(server, patch("b", "2"), NOW_MS)
    call = first.calls[0]
    server, turn = hear(server, first, call.uid, reply_to(call, HOOKS), NOW_MS)
    again = waiting(turn).calls[0]
    assert again.uid != call.uid
    assert child(again.question.review, "request", "object", "data") == {
        "k": "0",
        "a": "1",
        "b": "2",
    }


def test_an_object_that_is_gone_meanwhile_is_not_found() -> None:
    server = begun("ok")
    server, turn = begin(server, patch("a", "1"), NOW_MS)
    waits = waiting(turn)
    server, _ = handle(server, Delete("configmaps", "default", "c"), NOW_MS)
    call = waits.calls[0]
    server, turn = hear(server, waits, call.uid, reply_to(call, HOOKS), NOW_MS)
    assert isinstance(turn, Concluded)
    assert turn.outcome.failure().reason is Reason.NOT_FOUND


def test_a_namesake_created_meanwhile_wins() -> None:
    server = begun("ok")
    command = Create("configmaps", "default", config("d", mine="1"))
    server, turn = begin(server, command, NOW_MS)
    waits = waiting(turn)
    server, _ = handle(server, Create("configmaps", "default", config("d", theirs="1")), NOW_MS)
    call = waits.calls[0]
    server, turn = hear(server, waits, call.uid, reply_to(call, HOOKS), NOW_MS)
    assert isinstance(turn, Concluded)
    assert turn.outcome.failure().reason is Reason.ALREADY_EXISTS
    assert stored(server, "d") == {"theirs": "1"}


def test_a_generated_name_and_uid_stay_what_the_webhooks_have_seen() -> None:
    server = begun("ok")
    command = Create("configmaps", "default", document({"metadata": {"generateName": "n-"}}))
    server, turn = begin(server, command, NOW_MS)
    waits = waiting(turn)
    for number in range(5):
        server, _ = handle(server, Create("configmaps", "default", config(f"o{number}")), NOW_MS)
    call = waits.calls[0]
    seen = child(call.question.review, "request", "object", "metadata")
    server, turn = hear(server, waits, call.uid, reply_to(call, HOOKS), NOW_MS)
    assert isinstance(turn, Concluded)
    made = turn.outcome.unwrap()
    assert (meta(made, "name"), meta(made, "uid")) == (seen["name"], seen["uid"])


def test_a_request_ends_when_its_time_is_over() -> None:
    server = begun("label", "ok")
    server, turn = begin(server, patch("a", "1"), NOW_MS)
    call = waiting(turn).calls[0]
    assert call.deadline_ms == NOW_MS + 10_000
    late = NOW_MS + REQUEST_TIMEOUT_MS
    server, turn = hear(server, waiting(turn), call.uid, reply_to(call, HOOKS), late)
    assert isinstance(turn, Concluded)
    assert said(turn) == (
        "Timeout: request did not complete within requested timeout - context deadline exceeded"
    )
    assert stored(server) == {"k": "0"}


def test_of_several_refusals_the_first_to_come_is_heard() -> None:
    server = server_with(
        configured("Validating", hook("one", rules=MAPS), hook("two", rules=MAPS)),
    )
    for first in (0, 1):
        here, turn = begin(server, Create("configmaps", "default", config()), NOW_MS)
        calls = waiting(turn).calls
        for call in (calls[first], calls[1 - first]):
            here, turn = hear(
                here, waiting(turn), call.uid, reply_to(call, {"one": deny, "two": deny}), NOW_MS
            )
        assert isinstance(turn, Concluded)
        assert f'"{("one", "two")[first]}.example.com" denied' in said(turn)
