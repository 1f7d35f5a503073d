"""The collector learns of kinds while it runs, and collects their objects like all others."""

from __future__ import annotations

from returns.result import Failure, Success

from kelm.core.controllers.deletion.garbage_collector.program import (
    Collecting,
    GarbageCollectorProgram,
)
from kelm.core.controllers.shared.kinds import CUSTOM_DEFINITIONS, with_custom
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Delete, Get, Requests
from kelm.effects.document import Document, document
from kelm.effects.messages import Answered, Message, Observed, TimerFired
from kelm.effects.refusals import Reason, Refusal

GADGETS = "gadgets.example.com"
DEFINITION = document(
    {
        "metadata": {"name": GADGETS},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
        },
    }
)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "u"}
GADGET = document(
    {
        "apiVersion": "example.com/v1",
        "kind": "Gadget",
        "metadata": {
            "name": "g",
            "namespace": "n",
            "uid": "g-uid",
            "resourceVersion": "7",
            "ownerReferences": [OWNER],
        },
    }
)
PROGRAM = GarbageCollectorProgram()


def with_one(resource: str, key: str, doc: Document) -> Table:
    return tables.put(Table(resource), key, doc, 7)


def told(state: Collecting, *messages: Message) -> tuple[Collecting, Requests]:
    asked: Requests = ()
    for message in messages:
        state, requests = PROGRAM.update(state, message)
        asked = (*asked, *requests)
    return state, asked


def started() -> Collecting:
    """The collector once it has heard of every resource, one of them new."""
    state, _ = PROGRAM.init()
    definitions = Observed(1, CUSTOM_DEFINITIONS, with_one(CUSTOM_DEFINITIONS, GADGETS, DEFINITION))
    state, _ = told(state, definitions)
    for watch in PROGRAM.subscriptions(state).watches:
        if watch.resource == GADGETS:
            cache = with_one(GADGETS, "n/g", GADGET)
            state, _ = told(state, Observed(2, GADGETS, cache, (), True))
        elif watch.resource != CUSTOM_DEFINITIONS:
            state, _ = told(state, Observed(2, watch.resource, Table(watch.resource), (), True))
    return state


def test_only_served_versions_are_kinds() -> None:
    kinds = with_custom([DEFINITION])
    assert kinds.by_name["example.com/v1", "Gadget"].resource == GADGETS
    assert ("example.com/v0", "Gadget") not in kinds.by_name
    assert GADGETS in kinds.watched()


def test_a_custom_object_whose_owner_the_api_server_denies_is_deleted() -> None:
    state, requests = told(started(), TimerFired(3))
    assert [request.command for request in requests] == [Get("configmaps", "n", "gone")]
    denial = Failure(Refusal(Reason.NOT_FOUND, 'configmaps "gone" not found'))
    state, requests = told(state, TimerFired(3), Answered(4, requests[0].id, denial), TimerFired(4))
    deletes = [request.command for request in requests]
    assert deletes == [
        Delete(
            GADGETS,
            "n",
            "g",
            uid="g-uid",
            resource_version="7",
            propagation_policy="Background",
        )
    ]


def test_a_custom_object_whose_owner_lives_waits_until_it_is_seen() -> None:
    state, requests = told(started(), TimerFired(3))
    owner = document(
        {"metadata": {"name": "gone", "namespace": "n", "uid": "u", "resourceVersion": "9"}}
    )
    state, after = told(
        state, TimerFired(3), Answered(4, requests[0].id, Success(owner)), TimerFired(4)
    )
    assert after == ()
    seen = tables.put(Table("configmaps"), "n/gone", owner, 9)
    state, after = told(state, Observed(5, "configmaps", seen), TimerFired(5))
    assert after == ()
