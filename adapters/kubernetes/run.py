"""The life of a process on a real cluster: connect, lead, run Programs, stop cleanly.

Ends by SIGTERM or SIGINT (Programs stop, requests under way come back, the lease is released), by
losing the lease (nothing more is sent), or by a bug in a Program. Killed at any point it loses
nothing: whatever was asked and not confirmed is found again by looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
from prometheus_client import start_http_server

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.credentials import Source
from kelm.adapters.kubernetes.leader import Leadership, new_identity
from kelm.adapters.kubernetes.meters import LOG, Meters
from kelm.adapters.kubernetes.platform import KubernetesPlatform, Observer, unchanged
from kelm.adapters.kubernetes.requests.answers import outcome_of
from kelm.adapters.kubernetes.requests.carrier import Carrier
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.adapters.kubernetes.trouble import NoAccess, NotAnswered, NotSent, told_refusal
from kelm.core.operations.leader_election import Election
from kelm.effects.document import text
from kelm.effects.messages import unwrap_or_failure
from kelm.effects.program import Program, Watch
from kelm.effects.refusals import Refusal

GREETING_MS = 15_000


class Job(msgspec.Struct, frozen=True):
    """What to run, and how.

    lease: namespace and name of the Lease to lead by; None: do not ask who leads.
    metrics: address and port to serve metrics at; None: nowhere.
    dry_run: send no write for real.
    """

    source: Source
    programs: tuple[Program[Any], ...]
    settings: Settings = Settings()
    lease: tuple[str, str] | None = None
    metrics: tuple[str, int] | None = None
    widen: Callable[[Watch], Watch] = unchanged
    observer: Observer | None = None
    dry_run: bool = False
    for_ms: int | None = None


async def run(job: Job) -> int:
    """Run until something ends it; the exit status.

    Raises:
        NoAccess: one line with the remedy, where the cluster cannot be used.
    """
    async with await Wire.connect(job.source) as wire:
        await greet(wire)
        meters = Meters()
        with _serving(job, meters), _signals() as stopping:
            resources = Resources(wire)
            if job.lease is None:
                return await _work(job, wire, resources, meters, None, stopping)
            election = Election(*job.lease, new_identity())
            leadership = Leadership(wire, resources, election, meters)
            status = 1
            try:
                LOG.info("waiting for the lease %s/%s", *job.lease)
                await _first(stopping.wait(), leadership.acquired.wait(), _until(leadership.failed))
                status = 0
                if not stopping.is_set():
                    status = await _work(job, wire, resources, meters, leadership, stopping)
            finally:
                await leadership.close(release=True)
            return status


async def greet(wire: Wire) -> str:
    """Ask for the server's version: whether it is there, and lets us in."""
    try:
        response = await wire.request("GET", "/version", timeout_ms=GREETING_MS)
    except (NotSent, NotAnswered) as problem:
        raise NoAccess(str(problem)) from problem
    answer = unwrap_or_failure(outcome_of(response))
    if isinstance(answer, Refusal):
        raise NoAccess(f"{wire.access.server}: {told_refusal(answer, 'get', 'version')}")
    LOG.info("%s runs Kubernetes %s", wire.access.server, text(answer, "gitVersion"))
    return text(answer, "gitVersion")


async def _work(
    job: Job,
    wire: Wire,
    resources: Resources,
    meters: Meters,
    leadership: Leadership | None,
    stopping: asyncio.Event,
) -> int:
    carrier = Carrier(
        wire, resources, job.settings, meters, random.Random(), leadership, dry_run=job.dry_run
    )
    platform = KubernetesPlatform(
        wire,
        job.settings,
        meters=meters,
        resources=resources,
        carrier=carrier,
        widen=job.widen,
        observer=job.observer,
    )
    for program in job.programs:
        platform.start(program.name, program)
    LOG.info("running %s", _named(job.programs))
    ends: list[Awaitable[object]] = [stopping.wait(), _until(platform.failed)]
    if leadership is not None:
        ends.append(leadership.lost.wait())
    if job.for_ms is not None:
        ends.append(asyncio.sleep(job.for_ms / 1_000))
    try:
        await _first(*ends)
    finally:
        LOG.info("stopping")
        await platform.close()
    return 1 if leadership is not None and leadership.lost.is_set() else 0


def _named(programs: tuple[Program[Any], ...]) -> str:
    names = [program.name for program in programs]
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


async def _until(future: asyncio.Future[None]) -> None:
    """Wait for a future without ending it when nobody waits any more."""
    await asyncio.shield(future)


async def _first(*waits: Awaitable[object]) -> None:
    """Wait for the first of these; its exception is ours."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _serving(job: Job, meters: Meters) -> Iterator[None]:
    if job.metrics is None:
        yield
        return
    address, port = job.metrics
    try:
        server, thread = start_http_server(port, address, meters.registry)
    except OSError as problem:
        raise NoAccess(
            f"metrics cannot be served at {address}:{port}: {problem.strerror}"
        ) from problem
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
