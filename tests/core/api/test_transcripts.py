"""Our server beside a real one: the same requests, the same answers.

Recordings: traces/http/{errors,misc,patch,watch}.jsonl of the upstream facts. Skipped where they
are not there.
"""

from __future__ import annotations

from typing import Any

import pytest

from kelm.core.api.server import watch_events
from kelm.effects.document import thaw
from tests.core.api.transcripts import Replay, command_of, exchanges, target

LATER = "a quota: its admission is not there yet"
CONTROLLER = "a controller of the recorded cluster had written to the object"
LEFT_OUT = "the recording holds a text in place of the value"
HTTP = "a parameter that only HTTP has"

DIFFERENT: dict[str, str] = {
    "get-deploy": CONTROLLER,
    "put-without-rv": CONTROLLER,
    "pod-image-ok": CONTROLLER,
    "pod-toleration-add-ok": CONTROLLER,
    "quota-status": CONTROLLER,
    "quota-delete": CONTROLLER,
    "get-managed-fields": "upstream gives a scaler's fields no time",
    "bad-dryrun": HTTP,
    "cm-too-big": LEFT_OUT,
    "cron-bad-tz": "time zones are not known yet",
    "quota-exceeded-configmap-0": LATER,
    "quota-exceeded-configmap-1": LATER,
    "quota-exceeded-configmap-2": LATER,
    "quota-exceeded-configmap-3": LATER,
    "quota-must-specify": LATER,
    "quota-exceeded-cpu": LATER,
}
"""Cases whose answers differ, and why."""


@pytest.mark.parametrize(
    ("name", "namespace"),
    [("errors", "err-e"), ("misc", "sem-a"), ("patch", "sem-a"), ("apply-ssa", "sem-a")],
)
def test_the_same_requests_have_the_same_answers(name: str, namespace: str) -> None:
    recorded = exchanges(name)
    if not recorded:
        pytest.skip("no recordings")
    replay, agreed, other = Replay((namespace,), owners=name == "apply-ssa"), 0, {}
    for exchange in recorded:
        difference = replay.difference(exchange)
        if difference:
            other[exchange["case"]] = difference
        agreed += difference == ""
    asked = agreed + len(other)
    print(f"{name}: {agreed} of {asked} agree, {len(recorded) - asked} are not for a command")
    assert {case: said for case, said in other.items() if case not in DIFFERENT} == {}


def test_watches_see_what_real_ones_saw() -> None:
    recorded = exchanges("watch")
    if not recorded:
        pytest.skip("no recordings")
    replay = Replay(("sem-a",))
    since = replay.server.store.revision
    for exchange in recorded:
        query = (target(exchange["path"]) or pytest.fail(exchange["path"])).query
        for method, path, *rest in exchange["actions"]:
            perform(replay, method, path, *rest)
        if "resourceVersion" not in query or query["resourceVersion"] in ("0", "1", "99999999"):
            continue
        seen = watch_events(
            replay.server,
            "configmaps",
            since,
            "sem-a",
            query.get("labelSelector", ""),
            query.get("fieldSelector", ""),
        ).unwrap()
        ours = [(one.type, shown(thaw(one.object))) for one in seen]
        theirs = [
            (one["type"], shown(one["object"]))
            for one in exchange["stream"]
            if one["type"] != "BOOKMARK" and one["object"]["kind"] == "ConfigMap"
        ]
        if theirs:
            assert ours == theirs, exchange["case"]


def perform(replay: Replay, method: str, path: str, body: Any = None, kind: str = "") -> None:
    where = target(path)
    assert where is not None
    command = command_of(method, where, body, kind)
    assert command is not None
    replay.ask(command)


def shown(doc: Any) -> tuple[Any, ...]:
    return doc["metadata"]["name"], doc["metadata"].get("labels"), doc.get("data")
