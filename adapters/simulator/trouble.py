"""Faults between processes and the API: refusals, lost answers, stalled watches, partitions."""

from __future__ import annotations

import msgspec
from returns.result import Failure

from kelm.adapters.simulator.inputs import AnswersLost, RequestsRefused, WatchStalled
from kelm.adapters.simulator.process import Process
from kelm.effects.commands import Request
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

CLIENT_TIMEOUT_MS = 10_000
"""After how long a client gives up on an answer."""

TIMED_OUT: Outcome = Failure(
    Refusal(
        Reason.TIMEOUT,
        "the server was unable to return a response in the time allotted, but may still be "
        "processing the request",
        unknown_outcome=True,
    )
)
UNREACHABLE: Outcome = Failure(
    Refusal(Reason.SERVICE_UNAVAILABLE, "the API server cannot be reached")
)


class Trouble:
    """What is going wrong now, and for whom."""

    def __init__(self) -> None:
        self._refusals: list[RequestsRefused] = []
        self._losses: list[AnswersLost] = []
        self._stalls: list[tuple[str, str, int]] = []

    def copy(self) -> Trouble:
        twin = Trouble()
        twin._refusals = list(self._refusals)
        twin._losses = list(self._losses)
        twin._stalls = list(self._stalls)
        return twin

    @property
    def brews(self) -> bool:
        """Whether some request is to be refused, or some answer lost."""
        return bool(self._refusals or self._losses)

    def expect(self, fault: RequestsRefused | AnswersLost) -> None:
        if isinstance(fault, RequestsRefused):
            self._refusals.append(fault)
        else:
            self._losses.append(fault)

    def stall(self, fault: WatchStalled, now_ms: int) -> None:
        self._stalls.append((fault.process, fault.resource, now_ms + fault.for_ms))

    def before(self, process: Process, request: Request) -> Outcome | None:
        """A refusal instead of the work, or None."""
        if process.paused:
            return UNREACHABLE
        if not self._refusals or not request.id:
            return None
        for index, fault in enumerate(self._refusals):
            if fault.process in ("", process.name):
                left = msgspec.structs.replace(fault, count=fault.count - 1)
                self._refusals[index : index + 1] = [left] if left.count > 0 else []
                return _refused(fault.reason)
        return None

    def after(self, process: Process, request: Request, outcome: Outcome) -> Outcome:
        """What the process will hear of work that was done."""
        if not self._losses or not request.id:
            return outcome
        for index, fault in enumerate(self._losses):
            if fault.process in ("", process.name):
                left = msgspec.structs.replace(fault, count=fault.count - 1)
                self._losses[index : index + 1] = [left] if left.count > 0 else []
                return TIMED_OUT
        return outcome

    def heard(self, process: Process, outcome: Outcome) -> Outcome:
        """What arrives of an answer that was sent: nothing reaches a partitioned machine."""
        return TIMED_OUT if process.paused and outcome is not UNREACHABLE else outcome

    def stalled_until(self, process: Process, resource: str, now_ms: int) -> int | None:
        """Until when a process's watch on a resource brings nothing, None if it does."""
        if process.paused:
            return now_ms + 1_000
        if not self._stalls:
            return None
        self._stalls = [stall for stall in self._stalls if stall[2] > now_ms]
        for name, stalled, until_ms in self._stalls:
            if name in ("", process.name) and stalled in ("", resource):
                return until_ms
        return None


def _refused(reason: Reason) -> Outcome:
    if reason is Reason.TIMEOUT:
        return TIMED_OUT
    message = f"injected fault: the API server answered {reason.value}"
    return Failure(Refusal(reason, message))
