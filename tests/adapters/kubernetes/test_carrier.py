"""Commands against a server that misbehaves: what is tried again, and what is not."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping

import pytest
from returns.result import Success

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.credentials import Access
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.requests.carrier import Carrier, Deposed
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    Evict,
    Get,
    LaunchInstance,
    ReadMetrics,
    Update,
)
from kelm.effects.document import document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason
from tests.adapters.kubernetes.scripted import (
    QUICK,
    Answer,
    Scripted,
    lost,
    pod,
    reply,
    serving,
    silent,
    status,
)

PODS = "/api/v1/namespaces/n/pods"
GENERATED = document({"metadata": {"generateName": "web-", "namespace": "n"}})
NAMED = document({"metadata": {"name": "web", "namespace": "n"}})
DELETE = Delete("pods", "n", "a", uid="u")


def carried(
    command: Command, answers: Mapping[str, list[Answer]]
) -> tuple[Outcome, Scripted, Carrier]:
    async def run() -> tuple[Outcome, Scripted, Carrier]:
        async with serving(answers) as (script, wire):
            carrier = Carrier(wire, Resources(wire), QUICK, Meters(), random.Random(1))
            return await carrier.carry_out(command), script, carrier

    return asyncio.run(run())


def test_a_metrics_api_that_is_not_there_is_said_in_the_words_of_clients() -> None:
    nothing = reply(404, "404 page not found\n")
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/n/pods"
    outcome, _, _ = carried(ReadMetrics("resource", "pods", "n"), {f"GET {path}": [nothing]})
    assert outcome.failure().message == (
        "the server could not find the requested resource (get pods.metrics.k8s.io)"
    )
    path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/n/pods/*/hits"
    hits = ReadMetrics("custom", "pods", "n", metric="hits")
    outcome, _, _ = carried(hits, {f"GET {path}": [nothing]})
    assert outcome.failure().message == "no custom metrics API (custom.metrics.k8s.io) registered"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (
            ReadMetrics("custom", "services", "n", "web", "hits", metric_selector="a=b"),
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/n/services/web/hits",
        ),
        (
            ReadMetrics("custom", "namespaces", "", "n", "hits"),
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/n/metrics/hits",
        ),
        (
            ReadMetrics("external", "", "n", metric="queue", metric_selector="a=b"),
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/n/queue",
        ),
    ],
)
def test_a_reading_of_metrics_goes_to_its_api(command: ReadMetrics, path: str) -> None:
    found = document({"kind": "MetricValueList", "items": [{"value": "3"}]})
    outcome, _, _ = carried(command, {f"GET {path}": [reply(200, found)]})
    assert isinstance(outcome, Success)


def attempts(script: Scripted) -> int:
    return len([one for one in script.seen if one.path.startswith(PODS)])


def test_429_waits_as_long_as_it_says() -> None:
    busy = reply(429, status(429, "TooManyRequests"), Retry_After="1")
    start = time.monotonic()
    outcome, script, _ = carried(
        Update("pods", "n", "a", NAMED), {f"PUT {PODS}/a": [busy, reply(200, pod("a", 5))]}
    )
    assert isinstance(outcome, Success) and attempts(script) == 2
    assert time.monotonic() - start >= 1.0


def test_a_refused_eviction_is_for_the_program() -> None:
    refused = reply(429, status(429, "TooManyRequests", "budget"), Retry_After="10")
    outcome, script, _ = carried(Evict("n", "a"), {f"POST {PODS}/a/eviction": [refused]})
    assert outcome.failure().reason is Reason.TOO_MANY_REQUESTS and attempts(script) == 1
    assert outcome.failure().retry_after_seconds == 10


@pytest.mark.parametrize("trouble", [lost, silent, reply(504, status(504, "Timeout"))])
@pytest.mark.parametrize(
    ("command", "place"),
    [
        (Update("pods", "n", "a", NAMED), f"PUT {PODS}/a"),
        (Create("pods", "n", NAMED), f"POST {PODS}"),
        (Bind("n", "a", "u", "node-1"), f"POST {PODS}/a/binding"),
        (Delete("pods", "n", "a"), f"DELETE {PODS}/a"),
    ],
)
def test_what_may_have_been_done_is_not_done_again(
    command: Command, place: str, trouble: Answer
) -> None:
    outcome, script, _ = carried(command, {place: [trouble, reply(200, pod("a", 5))]})
    assert outcome.failure().unknown_outcome and attempts(script) == 1


@pytest.mark.parametrize("trouble", [lost, reply(503, "no"), reply(500, status(500, "x"))])
@pytest.mark.parametrize(
    ("command", "place"),
    [(Get("pods", "n", "a"), f"GET {PODS}/a"), (DELETE, f"DELETE {PODS}/a")],
)
def test_what_is_harmless_is_repeated(command: Command, place: str, trouble: Answer) -> None:
    outcome, script, _ = carried(command, {place: [trouble, reply(200, pod("a", 5))]})
    assert isinstance(outcome, Success) and attempts(script) == 2


def test_a_generated_name_is_drawn_here_so_that_a_lost_answer_makes_no_twin() -> None:
    taken = reply(409, status(409, "AlreadyExists"))
    answers = {f"POST {PODS}": [lost, taken]}
    draw = Carrier._draw  # the name is known once it was sent

    async def run() -> tuple[Outcome, Scripted]:
        async with serving(answers) as (script, wire):
            carrier = Carrier(wire, Resources(wire), QUICK, Meters(), random.Random(1))
            name = "web-" + draw(
                Carrier(wire, Resources(wire), QUICK, Meters(), random.Random(1)), 5
            )
            script.answers[f"GET {PODS}/{name}"] = [reply(200, pod(name, 7))]
            return await carrier.carry_out(Create("pods", "n", GENERATED)), script

    outcome, script = asyncio.run(run())
    made = outcome.unwrap()["metadata"]
    posts = [one.body["metadata"]["name"] for one in script.seen if one.method == "POST"]
    assert len(posts) == 2 and posts[0] == posts[1]
    assert isinstance(made, dict) and made["name"] == posts[0] and posts[0].startswith("web-")


def test_a_name_that_is_taken_at_once_is_a_refusal() -> None:
    taken = reply(409, status(409, "AlreadyExists"))
    outcome, _, _ = carried(Create("pods", "n", NAMED), {f"POST {PODS}": [taken]})
    assert outcome.failure().reason is Reason.ALREADY_EXISTS
    assert not outcome.failure().unknown_outcome


def test_no_connection_means_not_done() -> None:
    async def run() -> Outcome:
        async with Wire(Access("http://127.0.0.1:1")) as wire:
            return await Carrier(
                wire, Resources(wire), QUICK, Meters(), random.Random(1)
            ).carry_out(DELETE)

    refusal = asyncio.run(run()).failure()
    assert refusal.reason is Reason.SERVICE_UNAVAILABLE and not refusal.unknown_outcome
    assert "refuses the connection" in refusal.message


def test_a_deposed_process_sends_nothing() -> None:
    class Fenced:
        def left_ms(self) -> int:
            return 0

    async def run() -> Scripted:
        async with serving({}) as (script, wire):
            carrier = Carrier(wire, Resources(wire), QUICK, Meters(), random.Random(1), Fenced())
            with pytest.raises(Deposed):
                await carrier.carry_out(DELETE)
            return script

    assert attempts(asyncio.run(run())) == 0


def test_a_dry_run_changes_nothing() -> None:
    async def run() -> Scripted:
        async with serving({f"DELETE {PODS}/a": [reply(200, pod("a", 5))]}) as (script, wire):
            carrier = Carrier(
                wire, Resources(wire), QUICK, Meters(), random.Random(1), dry_run=True
            )
            await carrier.carry_out(DELETE)
            return script

    assert asyncio.run(run()).seen[-1].query == {"dryRun": "All"}


def test_the_rate_is_limited() -> None:
    slow = type(QUICK)(qps=50.0, burst=1, deadline_ms=500)

    async def run() -> float:
        async with serving({f"GET {PODS}/a": [reply(200, pod("a", 5))]}) as (_, wire):
            carrier = Carrier(wire, Resources(wire), slow, Meters(), random.Random(1))
            start = time.monotonic()
            await asyncio.gather(*(carrier.carry_out(Get("pods", "n", "a")) for _ in range(11)))
            return time.monotonic() - start

    assert asyncio.run(run()) >= 0.2


def test_there_is_no_cloud_here() -> None:
    outcome, _, _ = carried(LaunchInstance("p", "z", "m"), {})
    assert outcome.failure().reason is Reason.METHOD_NOT_ALLOWED
