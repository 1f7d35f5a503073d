"""Who of several equal processes may act: an election by a Lease, as a Program.

A candidate reads the Lease, and takes it when nobody holds it or when it has not been renewed for
as long as it says. Whether it was renewed is judged by when *this* process saw it change, never by
the times that another clock wrote into it. The leader renews every `retry_ms` and stops leading
when it has not managed to for `renew_ms`, counted from when it *asked*; since that is sooner than
anybody else takes over, no two lead at once while clocks run at about the same speed.

Source: kubernetes v1.36, client-go/tools/leaderelection/leaderelection.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.objects.time import format_micro_time
from kelm.effects.address import RequestId
from kelm.effects.commands import Command, Create, Get, Request, Requests, Update
from kelm.effects.document import EMPTY, Document, child, number, text
from kelm.effects.messages import Answered, Message, TimerFired, unwrap_or_failure
from kelm.effects.program import Subscriptions
from kelm.effects.refusals import Reason, Refusal

LEASES: Final = "leases.coordination.k8s.io"


class Standing(msgspec.Struct, frozen=True):
    """What a candidate knows.

    lease: the Lease as last read or written. seen_ms: when this form of it was first seen.
    renewed_ms: when the last write of ours that was done was asked for; None: we do not lead.
    asked: the request under way, and when it was asked.
    """

    lease: Document = EMPTY
    seen_ms: int = 0
    renewed_ms: int | None = None
    asked: RequestId = 0
    asked_ms: int = 0
    writing: bool = False
    wake_at_ms: int | None = 0
    next_id: RequestId = 1


class Election(msgspec.Struct, frozen=True):
    """The Program. `identity` must be another one for every process, restarts included."""

    namespace: str
    lease: str
    identity: str
    lease_ms: int = 15_000
    renew_ms: int = 10_000
    retry_ms: int = 2_000
    name: str = "leader-election"

    def init(self) -> tuple[Standing, Requests]:
        return Standing(), ()

    def subscriptions(self, state: Standing) -> Subscriptions:
        return Subscriptions((), state.wake_at_ms)

    def update(self, state: Standing, message: Message) -> tuple[Standing, Requests]:
        if isinstance(message, TimerFired):
            return self._woken(state, message.now_ms)
        if isinstance(message, Answered) and message.id == state.asked:
            answer = unwrap_or_failure(message.outcome)
            if state.writing:
                return self._written(state, answer, message.now_ms)
            return self._read(state, answer, message.now_ms)
        return state, ()

    def left_ms(self, state: Standing, now_ms: int) -> int:
        """For how long this process surely leads; 0: it does not.

        >>> Election("n", "l", "me").left_ms(Standing(renewed_ms=1_000), 4_000)
        7000
        """
        if state.renewed_ms is None:
            return 0
        return max(0, state.renewed_ms + self.renew_ms - now_ms)

    def release(self, state: Standing, now_ms: int) -> Command | None:
        """What gives the Lease back, so that another one need not wait; None if it is not ours."""
        if not self.left_ms(state, now_ms):
            return None
        return self._update(state, now_ms, holder="", seconds=1)

    def _woken(self, state: Standing, now_ms: int) -> tuple[Standing, Requests]:
        if state.wake_at_ms is None or now_ms < state.wake_at_ms:
            return state, ()
        if self.left_ms(state, now_ms):
            return self._ask(state, self._update(state, now_ms, self.identity), now_ms)
        return self._ask(state, Get(LEASES, self.namespace, self.lease), now_ms)

    def _ask(self, state: Standing, command: Command, now_ms: int) -> tuple[Standing, Requests]:
        asked = msgspec.structs.replace(
            state,
            asked=state.next_id,
            asked_ms=now_ms,
            writing=not isinstance(command, Get),
            wake_at_ms=None,
            next_id=state.next_id + 1,
        )
        return asked, (Request(asked.asked, command),)

    def _read(
        self, state: Standing, answer: Document | Refusal, now_ms: int
    ) -> tuple[Standing, Requests]:
        if isinstance(answer, Refusal):
            if answer.reason is not Reason.NOT_FOUND:
                return self._later(state, now_ms), ()
            return self._ask(state, self._creation(now_ms), now_ms)
        changed = child(answer, "spec") != child(state.lease, "spec")
        seen_ms = now_ms if changed else state.seen_ms
        state = msgspec.structs.replace(state, lease=answer, seen_ms=seen_ms)
        holder = text(answer, "spec", "holderIdentity")
        expires_ms = seen_ms + 1_000 * number(answer, "spec", "leaseDurationSeconds")
        if holder in ("", self.identity) or now_ms >= expires_ms:
            return self._ask(state, self._update(state, now_ms, self.identity), now_ms)
        return self._later(msgspec.structs.replace(state, renewed_ms=None), now_ms), ()

    def _written(
        self, state: Standing, answer: Document | Refusal, now_ms: int
    ) -> tuple[Standing, Requests]:
        if isinstance(answer, Refusal):
            if answer.unknown_outcome or not self.left_ms(state, now_ms):
                return self._later(state, now_ms), ()
            return self._ask(state, Get(LEASES, self.namespace, self.lease), now_ms)
        leads = msgspec.structs.replace(
            state, lease=answer, seen_ms=now_ms, renewed_ms=state.asked_ms
        )
        return self._later(leads, now_ms), ()

    def _later(self, state: Standing, now_ms: int) -> Standing:
        return msgspec.structs.replace(state, asked=0, wake_at_ms=now_ms + self.retry_ms)

    def _creation(self, now_ms: int) -> Create:
        meta = Document(name=self.lease, namespace=self.namespace)
        spec = self._spec(EMPTY, now_ms, self.identity, self.lease_ms // 1_000)
        doc = Document(apiVersion="coordination.k8s.io/v1", kind="Lease", metadata=meta, spec=spec)
        return Create(LEASES, self.namespace, doc)

    def _update(self, state: Standing, now_ms: int, holder: str, seconds: int = 0) -> Update:
        old = child(state.lease, "spec")
        spec = self._spec(old, now_ms, holder, seconds or self.lease_ms // 1_000)
        return Update(LEASES, self.namespace, self.lease, Document({**state.lease, "spec": spec}))

    @staticmethod
    def _spec(old: Document, now_ms: int, holder: str, seconds: int) -> Document:
        """The record of a holder; one that goes on holding keeps when it began."""
        stays = text(old, "holderIdentity") == holder
        transitions = number(old, "leaseTransitions")
        now = format_micro_time(now_ms)
        return Document(
            {
                **old,
                "holderIdentity": holder,
                "leaseDurationSeconds": seconds,
                "acquireTime": text(old, "acquireTime", default=now) if stays else now,
                "renewTime": now,
                "leaseTransitions": transitions + (bool(old) and bool(holder) and not stays),
            }
        )
