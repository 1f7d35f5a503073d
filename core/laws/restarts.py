"""How long a container that keeps ending waits before it is started again.

At once after its first end, then 10 s, doubling to 300 s; after more than 600 s between one start
and the next end the count begins anew. A kubelet that is restarted forgets the count, as upstream's
does, so the law is one of histories in which none is.

Source: kubernetes v1.36, pkg/kubelet/kubelet.go (MaxCrashLoopBackOff, backOffPeriod);
client-go/util/flowcontrol/backoff.go; kuberuntime_manager.go (doBackOff).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.laws.availability import History
from kelm.core.laws.invariant import Broken, Invariant, changed
from kelm.core.objects.pod import ContainerStatus, pod
from kelm.core.objects.time import parse_time
from kelm.core.store.table import Table
from kelm.effects.address import Key
from kelm.effects.document import text

FIRST_MS = 10_000
LONGEST_MS = 300_000
FORGOTTEN_MS = 2 * LONGEST_MS


class Restart(msgspec.Struct, frozen=True):
    """A container was started again: how long after its end, and how long it had to wait."""

    at_ms: int
    key: Key
    container: str
    waited_ms: int
    due_ms: int


class _Last(msgspec.Struct, frozen=True):
    restarts: int
    at_ms: int
    delay_ms: int


def restarts(history: History) -> Iterator[Restart]:
    """Every restart of a container in a history.

    The end of a container is known to the second, so `waited_ms` may be up to a second too long.
    """
    known: dict[tuple[str, str], _Last] = {}
    before = Table("pods")
    for at_ms, store in history:
        now = store.table("pods")
        for key, _, new in changed(before, now):
            if new is None:
                continue
            one = pod(new)
            for status in one.status.container_statuses:
                named = (one.metadata.uid, status.name)
                last = known.get(named, _Last(0, 0, 0))
                if status.restart_count <= last.restarts:
                    continue
                ended_ms = _ended_ms(status)
                if ended_ms is None:
                    continue
                due_ms = last.delay_ms if ended_ms - last.at_ms <= FORGOTTEN_MS else 0
                yield Restart(at_ms, key, status.name, at_ms - ended_ms, due_ms)
                delay_ms = min(2 * due_ms, LONGEST_MS) if due_ms else FIRST_MS
                known[named] = _Last(status.restart_count, at_ms, delay_ms)
        before = now


def _ended_ms(status: ContainerStatus) -> int | None:
    at = text(status.last_state, "terminated", "finishedAt")
    return parse_time(at) if at else None


def _early(history: History) -> Broken:
    for one in restarts(history):
        if one.waited_ms < one.due_ms:
            yield (
                one.at_ms,
                f"{one.container} of {one.key} waited {one.waited_ms} ms, not {one.due_ms}",
            )


CRASH_LOOP = Invariant(
    "a container that keeps ending waits 10 s, doubling to 300 s, before it starts again", _early
)
