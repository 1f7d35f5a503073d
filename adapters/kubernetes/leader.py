"""Leading, as the adapter needs it: when it begins, when it ends, and how long it surely lasts.

The election runs on a platform of its own, so that its renewals wait for nobody and are not
fenced by what they decide.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.meters import LOG, Meters
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.core.operations.leader_election import Election
from kelm.effects.laws import Step
from kelm.effects.messages import Answered, unwrap_or_failure
from kelm.effects.refusals import Refusal


def new_identity() -> str:
    """A name that no other process has, and that says where this one runs."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class Leadership:
    """A candidate, and then perhaps the leader. Satisfies `carrier.Fence`."""

    def __init__(
        self, wire: Wire, resources: Resources, election: Election, meters: Meters
    ) -> None:
        self.election = election
        self.acquired = asyncio.Event()
        self.lost = asyncio.Event()
        self._meters = meters
        self._loop = asyncio.get_running_loop()
        self._expiry: asyncio.TimerHandle | None = None
        self._platform = KubernetesPlatform(
            wire, Settings(), meters=meters, resources=resources, observer=self._observe
        )
        self._platform.start(election.name, election)

    @property
    def failed(self) -> asyncio.Future[None]:
        return self._platform.failed

    def left_ms(self) -> int:
        """Milliseconds for which this process surely leads."""
        if self.lost.is_set():
            return 0
        return self.election.left_ms(self._platform.state(self.election.name), self._now())

    def _now(self) -> int:
        return self._platform.now_ms

    def _observe(self, _name: str, step: Step) -> None:
        if isinstance(step.heard, Answered):
            answer = unwrap_or_failure(step.heard.outcome)
            expected = isinstance(answer, Refusal) and answer.code in (404, 409)
            if isinstance(answer, Refusal) and (not expected or answer.kind == "namespaces"):
                self._meters.complain("leases.coordination.k8s.io", answer.message)
        self._soon(0, self._look)

    def _soon(self, after_ms: int, look: Callable[[], None]) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = self._loop.call_later(after_ms / 1_000, look)

    def _look(self) -> None:
        """See whether leading has begun or ended; look again when it may end."""
        left_ms = self.left_ms()
        if left_ms:
            if not self.acquired.is_set():
                LOG.info("leading as %s", self.election.identity)
                self._meters.leading.set(1)
                self.acquired.set()
            self._soon(left_ms, self._look)
        elif self.acquired.is_set() and not self.lost.is_set():
            LOG.error("no longer leading: the lease could not be renewed in time")
            self._meters.leading.set(0)
            self.lost.set()

    async def close(self, *, release: bool) -> None:
        """Stop taking part; `release` hands the lease over."""
        command = None
        if release and not self.lost.is_set():
            state = self._platform.state(self.election.name)
            command = self.election.release(state, self._now())
        self._platform.stop(self.election.name)
        if self._expiry is not None:
            self._expiry.cancel()
        self.lost.set()
        if command is not None:
            await self._platform.carrier.carry_out(command)
        await self._platform.close()
