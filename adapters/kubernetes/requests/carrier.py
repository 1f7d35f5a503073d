"""Carrying one command out: waiting for a turn, trying, and saying what became of it.

What was certainly not done is tried again: no connection, or 429 with a time to wait. What may
have been done is tried again only where that is harmless (reading, deleting by uid, applying,
creating under a name that was drawn here); else the Program hears `unknown_outcome` and looks.

Source: kubernetes v1.36, client-go/rest/request.go and with_retry.go (429 and Retry-After).
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol

import msgspec
from returns.result import Failure, Success

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.metrics import metrics_call, read_outcome
from kelm.adapters.kubernetes.requests.answers import Response, outcome_of
from kelm.adapters.kubernetes.requests.calls import SUFFIX_ALPHABET, Call, call_of, resource_of
from kelm.adapters.kubernetes.requests.pace import Backoff, Bucket
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.served import Served
from kelm.adapters.kubernetes.settings import Settings
from kelm.adapters.kubernetes.trouble import NotAnswered, NotSent
from kelm.effects.commands import (
    Command,
    Evict,
    Get,
    LaunchInstance,
    ReadMetrics,
    Send,
    SignCertificate,
    SignToken,
    TerminateInstance,
)
from kelm.effects.document import text
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

URGENT = frozenset({"leases.coordination.k8s.io"})
"""Heartbeats: they wait for nobody, or a busy process would look like a dead one."""

LEASE_PATH = "/apis/coordination.k8s.io/"
LEASE_DEADLINE_MS = 5_000
"""Rather a second attempt than a lease that lapses while one waits.

Source: client-go/tools/leaderelection/resourcelock (half of the renew deadline)."""


class Deposed(Exception):
    """This process may no longer act: another one leads."""


class Fence(Protocol):
    """Who may act, and for how long at least."""

    def left_ms(self) -> int:
        """Milliseconds for which this process surely leads; 0: it does not."""


class Carrier:
    """Carries commands out, a bounded number at a time, at a bounded rate."""

    def __init__(
        self,
        wire: Wire,
        resources: Resources,
        settings: Settings,
        meters: Meters,
        dice: random.Random,
        fence: Fence | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        self._wire = wire
        self._resources = resources
        self._settings = settings
        self._meters = meters
        self._dice = dice
        self._fence = fence
        self._dry_run = dry_run
        self._bucket = Bucket(settings.qps, settings.burst)
        self._turns = asyncio.Semaphore(settings.parallel)

    async def carry_out(self, command: Command) -> Outcome:
        """Do a command.

        Raises:
            Deposed: nothing was done, and nothing must be any more.
        """
        resource = resource_of(command)
        start = time.monotonic()
        self._meters.in_flight.inc()
        try:
            if resource in URGENT:
                outcome = await self._attempts(command, resource)
            else:
                async with self._turns:
                    waited = await self._bucket.take()
                    if waited:
                        self._meters.throttled.inc(waited)
                    outcome = await self._attempts(command, resource)
        finally:
            self._meters.in_flight.dec()
        self._meters.answered(command, resource, outcome, time.monotonic() - start)
        return outcome

    async def _attempts(self, command: Command, resource: str) -> Outcome:
        if isinstance(command, LaunchInstance | TerminateInstance):
            return Failure(Refusal(Reason.METHOD_NOT_ALLOWED, "there is no cloud to launch in"))
        if isinstance(command, ReadMetrics):
            return read_outcome(command, await self._repeat(command, metrics_call(command)))
        if isinstance(command, SignToken | SignCertificate):
            return Failure(Refusal(Reason.METHOD_NOT_ALLOWED, "there is no key to sign with"))
        if isinstance(command, Send):
            message = "there is no network of simulated pods to send in"
            return Failure(Refusal(Reason.METHOD_NOT_ALLOWED, message))
        try:
            served = await self._resources.find(resource)
        except (NotSent, NotAnswered) as problem:
            return Failure(Refusal(Reason.SERVICE_UNAVAILABLE, str(problem)))
        if served is None:
            message = "the server could not find the requested resource"
            return Failure(Refusal(Reason.NOT_FOUND, message))
        call = call_of(command, served, self._draw)
        if self._dry_run and call.method != "GET":
            call = msgspec.structs.replace(call, query=(*call.query, ("dryRun", "All")))
        return await self._repeat(command, call, served)

    async def _repeat(self, command: Command, call: Call, served: Served | None = None) -> Outcome:
        """Try until there is an answer that stands. `doubtful`: it may have been done by now."""
        backoff = Backoff(self._dice, 50, 5_000)
        body = None if call.body is None else msgspec.json.encode(call.body)
        doubtful = False
        for attempt in range(1, self._settings.attempts + 1):
            last = attempt == self._settings.attempts
            wait_ms = 0
            try:
                response = await self._send(call, body)
            except (NotSent, NotAnswered) as problem:
                doubtful = doubtful or isinstance(problem, NotAnswered)
                if last or (doubtful and not call.repeatable):
                    return Failure(_unanswered(problem, doubtful))
            else:
                outcome = outcome_of(response, served)
                asked_ms = _may_repeat(command, call, response)
                if asked_ms is None or last:
                    return await self._settled(call, served, response, outcome, doubtful)
                doubtful = doubtful or _may_be_done(call, response)
                wait_ms = asked_ms
            self._meters.repeated.inc()
            await asyncio.sleep((wait_ms or backoff.next_ms()) / 1_000)
        raise AssertionError("the last attempt answers")

    async def _send(self, call: Call, body: bytes | None) -> Response:
        timeout_ms = self._settings.deadline_ms
        if call.path.startswith(LEASE_PATH):
            timeout_ms = min(timeout_ms, LEASE_DEADLINE_MS)
        if self._fence is not None:
            left_ms = self._fence.left_ms()
            if left_ms <= 0:
                raise Deposed
            timeout_ms = min(timeout_ms, left_ms)
        return await self._wire.request(
            call.method, call.path, call.query, body, call.content_type, timeout_ms=timeout_ms
        )

    async def _settled(
        self,
        call: Call,
        served: Served | None,
        response: Response,
        outcome: Outcome,
        doubtful: bool,
    ) -> Outcome:
        """The answer, where an earlier attempt may have been done already."""
        if isinstance(outcome, Success):
            return outcome
        refusal = outcome.failure()
        if (
            served is not None
            and call.named_here
            and doubtful
            and refusal.reason is Reason.ALREADY_EXISTS
        ):
            return await self._made_before(call, served)
        if _may_be_done(call, response) or (doubtful and not call.repeatable):
            return Failure(msgspec.structs.replace(refusal, unknown_outcome=True))
        return outcome

    async def _made_before(self, call: Call, served: Served) -> Outcome:
        """The object whose creation was not heard of: nobody else knew its name."""
        assert isinstance(call.body, dict)
        name = text(call.body, "metadata", "name")
        look = Call("GET", f"{call.path}/{name}", repeatable=True)
        outcome = await self._repeat(Get(served.resource, "", name), look, served)
        if isinstance(outcome, Success):
            return outcome
        return Failure(msgspec.structs.replace(outcome.failure(), unknown_outcome=True))

    def _draw(self, letters: int) -> str:
        return "".join(self._dice.choices(SUFFIX_ALPHABET, k=letters))


def _unanswered(problem: Exception, doubtful: bool) -> Refusal:
    reason = Reason.TIMEOUT if doubtful else Reason.SERVICE_UNAVAILABLE
    return Refusal(reason, str(problem), unknown_outcome=doubtful)


def _may_be_done(call: Call, response: Response) -> bool:
    """Whether a refusal leaves open what was done: the server failed in the middle of it."""
    return call.method != "GET" and response.code >= 500 and not response.retry_after_seconds


def _may_repeat(command: Command, call: Call, response: Response) -> int | None:
    """How long to wait before the next attempt; 0: as long as the back-off says; None: do not.

    An eviction that is refused for a disruption budget is answered 429 and is for the Program.
    """
    if response.code < 400:
        return None
    if response.code == 429 and not isinstance(command, Evict):
        return 1_000 * response.retry_after_seconds
    if response.code in (500, 502, 503, 504) and call.repeatable:
        return 1_000 * response.retry_after_seconds
    if response.code == 503 and response.retry_after_seconds:
        return 1_000 * response.retry_after_seconds
    return None
