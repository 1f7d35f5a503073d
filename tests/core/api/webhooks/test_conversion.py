"""Custom objects in several versions between which a webhook converts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.conversation import Asker, Concluded, begin, hear
from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.rest.access import User
from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create, Delete, Get, List, Patch, Update
from kelm.effects.document import Document, child, children, document, text, value_at
from tests.core.api.clusters import NOW_MS, refused, server_with
from tests.core.api.webhooks.callers import (
    RULE,
    allow,
    configured,
    hook,
    made,
    played,
    reply_to,
    said,
)

GADGETS = "gadgets.example.com"
ANY = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
NAME = "conversion_webhook_for_gadgets"


def definition(storage: str = "v1", **conversion: Any) -> Document:
    webhook = {
        "clientConfig": {"url": "https://hooks.example.com/convert"},
        "conversionReviewVersions": ["v1"],
        **conversion,
    }
    versions = [
        {"name": name, "served": True, "storage": name == storage, "schema": ANY}
        for name in ("v1", "v2")
    ]
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": versions,
        "conversion": {"strategy": "Webhook", "webhook": webhook},
    }
    return document({"metadata": {"name": GADGETS}, "spec": spec})


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Version 1 has one field, version 2 two of it."""
    found = []
    for doc in request["objects"]:
        new = {**doc, "apiVersion": request["desiredAPIVersion"]}
        if request["desiredAPIVersion"].endswith("/v2"):
            new["host"], new["port"] = new.pop("hostPort").split(":")
        else:
            new["hostPort"] = f"{new.pop('host')}:{new.pop('port')}"
        found.append(new)
    return {"convertedObjects": found, "result": {"status": "Success"}}


HOOKS = {NAME: convert}


def gadget(version: str = "v1", name: str = "a", value: str = "localhost:80") -> Document:
    fields: dict[str, Any] = {"hostPort": value}
    if version == "v2":
        fields = dict(zip(("host", "port"), value.split(":"), strict=True))
    meta = {"name": name, "namespace": "default"}
    return document(
        {"apiVersion": f"example.com/{version}", "kind": "Gadget", "metadata": meta, **fields}
    )


def asker(version: str) -> Asker:
    return Asker(User("ann"), f"example.com/{version}")


def ask(server: ApiServer, command: Any, version: str) -> tuple[ApiServer, Concluded, int]:
    after, turn, calls = played(server, command, HOOKS, asker=asker(version))
    return after, turn, len(calls)


def stored(server: ApiServer, name: str = "a") -> Document:
    found = server.store.get(GADGETS, f"default/{name}")
    assert found is not None
    return found


def begun(storage: str = "v1") -> ApiServer:
    return server_with(Create(DEFINITIONS, "", definition(storage)))


def test_an_object_is_stored_in_one_version_and_shown_in_any() -> None:
    server = begun()
    server, turn, calls = ask(server, Create(GADGETS, "default", gadget("v2")), "v2")
    assert stored(server)["hostPort"] == "localhost:80"
    assert text(stored(server), "apiVersion") == "example.com/v1"
    assert (made(turn)["host"], made(turn)["apiVersion"]) == ("localhost", "example.com/v2")
    assert calls == 2
    _, turn, calls = ask(server, Get(GADGETS, "default", "a"), "v2")
    assert (made(turn)["port"], calls) == ("80", 1)
    _, turn, calls = ask(server, Get(GADGETS, "default", "a"), "v1")
    assert (made(turn)["hostPort"], calls) == ("localhost:80", 0)


def test_a_patch_means_the_version_of_its_request() -> None:
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    patch = Patch(GADGETS, "default", "a", document({"port": "81"}))
    server, turn, _ = ask(server, patch, "v2")
    assert made(turn)["port"] == "81"
    assert stored(server)["hostPort"] == "localhost:81"


def test_an_update_in_another_version_is_converted() -> None:
    server, turn, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    _, turn, _ = ask(server, Get(GADGETS, "default", "a"), "v2")
    new = document({**made(turn), "host": "there"})
    server, turn, _ = ask(server, Update(GADGETS, "default", "a", new), "v2")
    assert stored(server)["hostPort"] == "there:80"
    assert made(turn)["host"] == "there"
    server, turn, _ = ask(server, Update(GADGETS, "default", "a", new), "v2")
    assert "the object has been modified" in said(turn)


def test_a_list_of_objects_of_several_versions_shows_one() -> None:
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    moved = document({"spec": definition("v2")["spec"]})
    server, outcome = handle(server, Patch(DEFINITIONS, "", GADGETS, moved), NOW_MS)
    assert child(outcome.unwrap(), "status")["storedVersions"] == ("v1", "v2")
    server, _, _ = ask(server, Create(GADGETS, "default", gadget("v2", "b", "x:1")), "v2")
    assert text(stored(server), "apiVersion") == "example.com/v1"
    assert text(stored(server, "b"), "apiVersion") == "example.com/v2"
    for version, wanted in (("v1", ["localhost:80", "x:1"]), ("v2", [None, None])):
        _, turn, calls = ask(server, List(GADGETS, "default"), version)
        items = children(made(turn), "items")
        assert [one.get("hostPort") for one in items] == wanted
        assert {text(one, "apiVersion") for one in items} == {f"example.com/{version}"}
        assert made(turn)["apiVersion"] == f"example.com/{version}"
        assert calls == 1
    server, _, _ = ask(server, Patch(GADGETS, "default", "a", document({"x": "y"})), "v1")
    assert text(stored(server), "apiVersion") == "example.com/v2"
    assert (stored(server)["host"], stored(server)["x"]) == ("localhost", "y")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"result": {"status": "Failure", "message": "cannot"}}, "failed: cannot"),
        (
            {"result": {"status": "Odd"}},
            "failed: response.result.status was 'Odd', not 'Success'",
        ),
        (
            {"result": {"status": "Success"}, "convertedObjects": []},
            "returned 0 objects, expected 1",
        ),
        (
            {
                "result": {"status": "Success"},
                "convertedObjects": [{"apiVersion": "example.com/v1", "kind": "Gadget"}],
            },
            "returned invalid object at index 0: invalid groupVersion (expected example.com/v2, "
            "received example.com/v1)",
        ),
        (
            {
                "result": {"status": "Success"},
                "convertedObjects": [
                    {"apiVersion": "example.com/v2", "kind": "Gadget", "metadata": {"name": "z"}}
                ],
            },
            "returned invalid object: must have the same name: a != z",
        ),
    ],
)
def test_what_a_webhook_gets_wrong_is_said(answer: dict[str, Any], message: str) -> None:
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    hooks = {NAME: lambda _: answer}
    _, turn, _ = played(server, Get(GADGETS, "default", "a"), hooks, asker=asker("v2"))
    assert said(turn) == f"conversion webhook for example.com/v1, Kind=Gadget {message}"
    assert turn.outcome.failure().code == 500


def test_a_webhook_that_is_down_is_named_with_its_address() -> None:
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    _, turn, _ = played(server, Get(GADGETS, "default", "a"), {}, asker=asker("v2"))
    assert said(turn) == (
        "conversion webhook for example.com/v1, Kind=Gadget failed: Post "
        '"https://hooks.example.com/convert?timeout=30s": dial tcp 10.0.0.1:443: connect: '
        "connection refused"
    )


def test_metadata_comes_back_as_it_was_but_for_labels_and_annotations() -> None:
    def meddle(request: dict[str, Any]) -> dict[str, Any]:
        answer = convert(request)
        for doc in answer["convertedObjects"]:
            doc["metadata"] |= {"labels": {"seen": "1"}, "finalizers": ["x/y"], "generation": 99}
        return answer

    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    hooks = {NAME: meddle}
    _, turn, _ = played(server, Get(GADGETS, "default", "a"), hooks, asker=asker("v2"))
    before = child(stored(server), "metadata")
    assert made(turn)["metadata"] == {**before, "labels": {"seen": "1"}}


def test_admission_webhooks_are_shown_the_version_that_they_want() -> None:
    rules = [{**RULE, "apiGroups": ["example.com"], "apiVersions": ["v2"]}]
    server = server_with(
        Create(DEFINITIONS, "", definition()), configured("Validating", hook("ok", rules=rules))
    )
    hooks = {**HOOKS, "ok": allow}
    server, turn, calls = played(
        server, Create(GADGETS, "default", gadget()), hooks, asker=asker("v1")
    )
    made(turn)
    review = next(one.question.review for one in calls if one.question.phase == "validating")
    assert value_at(review, "request", "kind", "version") == "v2"
    assert value_at(review, "request", "object", "host") == "localhost"


@pytest.mark.parametrize(
    ("conversion", "said_"),
    [
        ({"clientConfig": None}, "spec.conversion.webhookClientConfig: Required value"),
        (
            {"clientConfig": {"url": "http://x"}},
            "spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the only",
        ),
        (
            {"conversionReviewVersions": []},
            "spec.conversion.conversionReviewVersions: Required value",
        ),
    ],
)
def test_a_conversion_that_cannot_be_is_refused(conversion: Any, said_: str) -> None:
    refusal = refused(server_with(), Create(DEFINITIONS, "", definition(**conversion)))
    assert said_ in refusal.message


def test_only_webhooks_have_a_client_config() -> None:
    spec = child(definition(), "spec")
    conversion = {**child(spec, "conversion"), "strategy": "None"}
    doc = document({**definition(), "spec": {**spec, "conversion": conversion}})
    assert (
        "spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not "
        "set to Webhook"
    ) in refused(server_with(), Create(DEFINITIONS, "", doc)).message


@given(
    order=st.permutations(range(4)), versions=st.lists(st.sampled_from(["v1", "v2"]), min_size=4)
)
def test_concurrent_writes_in_any_version_are_all_kept(
    order: list[int], versions: list[str]
) -> None:
    """Patches of one object in several versions wait for conversions in any order; each counts."""
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    turns: dict[int, Any] = {}
    for number in range(4):
        patch = Patch(GADGETS, "default", "a", document({f"x{number}": versions[number]}))
        server, turn = begin(server, patch, NOW_MS, asker(versions[number]))
        if isinstance(turn, Concluded):
            made(turn)
        else:
            turns[number] = turn
    while turns:
        for number in order:
            turn = turns.get(number)
            if turn is None:
                continue
            call = turn.calls[0]
            server, turn = hear(server, turn, call.uid, reply_to(call, HOOKS), NOW_MS)
            if isinstance(turn, Concluded):
                made(turn)
                del turns[number]
            else:
                turns[number] = turn
    wanted = {f"x{number}": versions[number] for number in range(4)}
    assert {key: stored(server)[key] for key in wanted} == wanted
    assert stored(server)["hostPort"] == "localhost:80"


def test_deleting_needs_no_conversion() -> None:
    server, _, _ = ask(begun(), Create(GADGETS, "default", gadget()), "v1")
    server, turn, calls = played(server, Delete(GADGETS, "default", "a"), {}, asker=asker("v2"))
    assert (made(turn)["status"], calls) == ("Success", [])


def test_other_writes_meanwhile_need_no_further_calls() -> None:
    server = begun()
    server, turn = begin(server, Create(GADGETS, "default", gadget("v2")), NOW_MS, asker("v2"))
    calls = 0
    while not isinstance(turn, Concluded):
        other = Create("configmaps", "default", document({"metadata": {"name": f"o{calls}"}}))
        server, _ = handle(server, other, NOW_MS)
        call = turn.calls[0]
        calls += 1
        assert calls < 10
        server, turn = hear(server, turn, call.uid, reply_to(call, HOOKS), NOW_MS)
    assert (made(turn)["host"], calls) == ("localhost", 2)
