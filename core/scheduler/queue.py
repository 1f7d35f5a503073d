"""Pods that wait for a node: when each is tried, and when again after it was tried in vain.

A pod is *active* until no node takes it. Then it is *parked* until something happens that may help
it (see `happenings`), at most five minutes. A pod that was parked backs off before it is tried
again (1 s doubling to 10 s), but a scheduler that has nothing else to do takes it at once; where an
error and not the nodes stopped it, it waits in any case.

Source: kubernetes v1.36, pkg/scheduler/backend/queue (scheduling_queue.go, backoff_queue.go; the
feature SchedulerPopFromBackoffQ).
"""

from __future__ import annotations

import msgspec

from kelm.core.store.hash_map import HashMap
from kelm.effects.address import Key, Uid

FIRST_BACKOFF_MS = 1_000
LONGEST_BACKOFF_MS = 10_000
FLUSH_MS = 300_000
EARLY = 100
"""How many pods that still back off are tried at once where nothing else is to be done.

Upstream takes one after the other, some hundred a second; here trying takes no time.
"""
replace = msgspec.structs.replace


class Waiting(msgspec.Struct, frozen=True):
    """A pod without a node: since which arrival, how often tried in vain, not before when.

    `errors` in a row stopped it, and not the nodes. `plugins` are those that refused it last;
    `gated` pods are not tried at all.
    """

    uid: Uid
    arrival: int
    priority: int
    attempts: int = 0
    not_before_ms: int = 0
    errors: int = 0
    plugins: frozenset[str] = frozenset()
    gated: bool = False
    parked_ms: int = 0


class Queue(msgspec.Struct, frozen=True):
    """`parked_since_ms`: since when the first pod has been parked, or earlier."""

    active: HashMap[Key, Waiting] = HashMap()
    parked: HashMap[Key, Waiting] = HashMap()
    parked_since_ms: int | None = None


def backoff_duration(count: int, first: int, longest: int) -> int:
    """How long a pod waits after so many attempts in vain, in the unit of the bounds.

    Source: backoff_queue.go, calculateBackoffDuration.

    >>> [backoff_duration(n, 1_000, 10_000) for n in (0, 1, 2, 4, 5)]
    [0, 1000, 2000, 8000, 10000]
    """
    if count == 0:
        return 0
    shift = count - 1
    return longest if first > longest >> shift else first << shift


def backoff_end(attempts: int, errors: int, since: int, first: int, longest: int) -> int | None:
    """When a pod's back-off is over; errors count before attempts. None where there is none.

    Source: backoff_queue.go, getBackoffTime.
    """
    count = errors or attempts
    return None if count == 0 or longest == 0 else since + backoff_duration(count, first, longest)


def after_refusal(waiting: Waiting, plugins: frozenset[str], now_ms: int) -> Waiting:
    """A pod that no node took."""
    attempts = waiting.attempts + 1
    end_ms = backoff_end(attempts, 0, now_ms, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS)
    return replace(
        waiting, attempts=attempts, errors=0, plugins=plugins, not_before_ms=end_ms or now_ms
    )


def after_error(waiting: Waiting, now_ms: int) -> Waiting:
    """A pod that got its node, and could not be bound to it."""
    errors = waiting.errors + 1
    end_ms = backoff_end(0, errors, now_ms, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS)
    return replace(waiting, errors=errors, not_before_ms=end_ms or now_ms)


def due(queue: Queue, now_ms: int) -> list[Key]:
    """The pods to try now, the most important and then the oldest first."""
    ready: list[tuple[int, int, Key]] = []
    early: list[tuple[int, int, int, Key]] = []
    for key, one in queue.active.items():
        if one.not_before_ms <= now_ms:
            ready.append((-one.priority, one.arrival, key))
        elif not one.errors:
            early.append((one.not_before_ms, -one.priority, one.arrival, key))
    taken = [key for *_, key in sorted(ready)]
    if early and len(taken) < EARLY:
        taken.extend(key for *_, key in sorted(early)[: EARLY - len(taken)])
    return taken


def joined(queue: Queue, key: Key, waiting: Waiting) -> Queue:
    """A pod is to be tried."""
    parked = queue.parked.remove(key)
    return replace(queue, active=queue.active.put(key, waiting), parked=parked)


def left(queue: Queue, key: Key) -> Queue:
    """A pod waits no more."""
    if key in queue.active:
        return replace(queue, active=queue.active.remove(key))
    if key in queue.parked:
        return replace(queue, parked=queue.parked.remove(key))
    return queue


def parked(queue: Queue, key: Key, waiting: Waiting, now_ms: int) -> Queue:
    """Nothing can be done for a pod now. Gated pods wait for their gates alone."""
    since = queue.parked_since_ms
    if not waiting.gated and (since is None or now_ms < since):
        since = now_ms
    return Queue(
        queue.active.remove(key),
        queue.parked.put(key, replace(waiting, parked_ms=now_ms)),
        since,
    )


def flushed(queue: Queue, now_ms: int) -> Queue:
    """Pods that were parked for five minutes are tried again.

    Source: scheduling_queue.go, flushUnschedulablePodsLeftover.
    """
    if queue.parked_since_ms is None or now_ms < queue.parked_since_ms + FLUSH_MS:
        return queue
    tried = {key: one for key, one in queue.parked.items() if not one.gated}
    late = [key for key, one in tried.items() if now_ms >= one.parked_ms + FLUSH_MS]
    rest = [one.parked_ms for key, one in tried.items() if now_ms < one.parked_ms + FLUSH_MS]
    queue = replace(queue, parked_since_ms=min(rest, default=None))
    for key in sorted(late):
        queue = joined(queue, key, tried[key])
    return queue


def wake_ms(queue: Queue, now_ms: int) -> int | None:
    """When to look at the queue again, whatever happens."""
    times: list[int] = []
    if queue.active:
        waits = (one.not_before_ms for _, one in queue.active.items())
        times.extend(at_ms for at_ms in waits if at_ms > now_ms)
    if queue.parked_since_ms is not None:
        times.append(queue.parked_since_ms + FLUSH_MS)
    return min(times, default=None)
