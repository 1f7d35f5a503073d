"""What a container does, as data: one value for one run of it, from its start to its end.

Every time in a `Behaviour` counts from the container's start, so equal containers share one value
and what happens next is computed, not waited for: nobody has to look at a container while nothing
about it changes. Logs too are a function of the behaviour and the times of the run; none are kept.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from kelm.core.node.files.entries import Change

ProbeKind: TypeAlias = Literal["readiness", "liveness", "startup"]
EVERY_PROBE: tuple[ProbeKind, ...] = ("readiness", "liveness", "startup")
NEVER_MS = 1 << 62
"""Later than any time."""


class Window(msgspec.Struct, frozen=True, gc=False):
    """From `from_ms` until before `until_ms` these probes fail, and say `message`."""

    from_ms: int
    until_ms: int
    probes: tuple[ProbeKind, ...] = EVERY_PROBE
    message: str = ""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of output: once, or again every `every_ms` (0: once) until before `until_ms`."""

    at_ms: int
    text: str
    every_ms: int = 0
    until_ms: int = NEVER_MS


class Use(msgspec.Struct, frozen=True, gc=False):
    """From `from_ms` on it uses so much by itself, whatever else is asked of it."""

    from_ms: int
    cpu_milli: int
    memory_bytes: int


class Report(msgspec.Struct, frozen=True, gc=False):
    """From `from_ms` on it reports so many thousandths of a metric of its own."""

    metric: str
    from_ms: int
    value_milli: int


IDLE = (Use(0, 0, 16 * 2**20),)
"""What a container uses of which nobody says anything: what a server without users does."""


class Write(msgspec.Struct, frozen=True, gc=False):
    """A file that the program writes, or removes."""

    at_ms: int
    change: Change


class Behaviour(msgspec.Struct, frozen=True, gc=False):
    """One run of a container.

    ports: what it listens on for TCP; None is "whatever it is asked for".
    more_ports: what it listens on for other protocols: ("UDP", 53).
    exit_ms, exit_code: when it ends by itself, None for never.
    stop_ms, stop_code: how long it takes to end after SIGTERM, None if it does not listen.
    start_error: why it cannot even be started.
    message: what it leaves in its termination message file.
    uses, reports: what it uses and says of itself, in order of time.
    writes: what it does to its files. waits_for_input: it goes on when somebody attaches to it.
    understood: all that it does is known. Of what is not, an exec probe that finds something
        missing is believed to find it in a real container.
    provisional: what it really does is known once what its files promise was asked for.
    """

    ports: tuple[int, ...] | None = None
    more_ports: tuple[tuple[str, int], ...] = ()
    failing: tuple[Window, ...] = ()
    exit_ms: int | None = None
    exit_code: int = 0
    stop_ms: int | None = 200
    stop_code: int = 0
    lines: tuple[Line, ...] = ()
    start_error: str = ""
    message: str = ""
    out_of_memory: bool = False
    uses: tuple[Use, ...] = IDLE
    reports: tuple[Report, ...] = ()
    writes: tuple[Write, ...] = ()
    waits_for_input: bool = False
    understood: bool = False
    provisional: bool = False


FOR_EVER = Behaviour()
"""Starts, answers every probe, stops when told to."""


def failure_at(behaviour: Behaviour, kind: ProbeKind, age_ms: int) -> tuple[str | None, int]:
    """What a probe finds at this age (None: all is well), and the age until which it will.

    >>> slow = Behaviour(failing=(Window(0, 5_000, message="starting"),))
    >>> failure_at(slow, "readiness", 1_000), failure_at(slow, "readiness", 5_000)[0]
    (('starting', 5000), None)
    """
    until_ms = NEVER_MS
    found: str | None = None
    for window in behaviour.failing:
        if kind not in window.probes:
            continue
        if window.from_ms <= age_ms < window.until_ms:
            found = window.message if found is None else found
            until_ms = min(until_ms, window.until_ms)
        elif window.from_ms > age_ms:
            until_ms = min(until_ms, window.from_ms)
    return found, until_ms


def listens_on(behaviour: Behaviour, port: int, protocol: str = "TCP") -> bool:
    """Whether anybody listens on a port at all.

    >>> dns = Behaviour(ports=(), more_ports=(("UDP", 53),))
    >>> listens_on(dns, 53), listens_on(dns, 53, "UDP"), listens_on(FOR_EVER, 53, "UDP")
    (False, True, True)
    """
    if behaviour.ports is None:
        return True
    return (
        port in behaviour.ports if protocol == "TCP" else (protocol, port) in behaviour.more_ports
    )
