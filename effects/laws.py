"""The promises of a platform, as predicates over what one process heard and asked.

Both interpreters are held to these by the same tests. Each law has a name, so that a test, a
simulator and a bug report say the same sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kelm.effects.commands import Requests
from kelm.effects.messages import Answered, Message, Observed, TimerFired


class Step(msgspec.Struct, frozen=True):
    """One update of one process: what it heard, what it asked for, when it wants to wake.

    `heard` is None for `init`. The wake-up time is the one after the update.
    """

    heard: Message | None
    asked: Requests = ()
    wake_at_ms: int | None = None


class Law(msgspec.Struct, frozen=True):
    """A promise with a name; `broken` says how a life of a process breaks it, or nothing."""

    name: str
    broken: Callable[[tuple[Step, ...]], Iterable[str]]


def _answers(life: tuple[Step, ...]) -> Iterable[str]:
    open_ids: set[int] = set()
    for step in life:
        if isinstance(step.heard, Answered):
            if step.heard.id not in open_ids:
                yield f"request {step.heard.id} was answered unasked or twice"
            open_ids.discard(step.heard.id)
        open_ids.update(request.id for request in step.asked if request.id)


def _timers(life: tuple[Step, ...]) -> Iterable[str]:
    wake_at_ms: int | None = None
    for step in life:
        if isinstance(step.heard, TimerFired) and (
            wake_at_ms is None or step.heard.now_ms < wake_at_ms
        ):
            yield f"a timer for {wake_at_ms} fired at {step.heard.now_ms}"
        wake_at_ms = step.wake_at_ms


def _clock(life: tuple[Step, ...]) -> Iterable[str]:
    now_ms = 0
    for step in life:
        if step.heard is not None:
            if step.heard.now_ms < now_ms:
                yield f"time went back from {now_ms} to {step.heard.now_ms}"
            now_ms = step.heard.now_ms


def _order(life: tuple[Step, ...]) -> Iterable[str]:
    seen: dict[str, int] = {}
    for step in life:
        if not isinstance(step.heard, Observed):
            continue
        resource, revision = step.heard.resource, step.heard.cache.revision
        if revision < seen.get(resource, 0):
            yield f"the watch on {resource} went back from {seen[resource]} to {revision}"
        revisions = [change.revision for change in step.heard.changes]
        if revisions != sorted(set(revisions)):
            yield f"changes of {resource} came out of order: {revisions}"
        if revisions and not seen.get(resource, 0) < revisions[0]:
            yield f"a change of {resource} came twice: {revisions[0]}"
        seen[resource] = revision


def _whole(life: tuple[Step, ...]) -> Iterable[str]:
    heard: set[str] = set()
    for step in life:
        if isinstance(step.heard, Observed):
            if step.heard.resource not in heard and not step.heard.replaced:
                yield f"the first message about {step.heard.resource} was no full list"
            heard.add(step.heard.resource)


LAWS: tuple[Law, ...] = (
    Law("an answer carries its request's id and comes at most once", _answers),
    Law("no timer fires early or unasked", _timers),
    Law("time never goes back", _clock),
    Law("the changes of one resource keep their order and come once", _order),
    Law("a process is told everything before it is told what changed", _whole),
)


def broken_laws(life: tuple[Step, ...]) -> tuple[str, ...]:
    """Every breach in one process's life, as sentences.

    >>> broken_laws((Step(None, wake_at_ms=10), Step(TimerFired(9))))
    ('no timer fires early or unasked: a timer for 10 fired at 9',)
    """
    return tuple(f"{law.name}: {how}" for law in LAWS for how in law.broken(life))
