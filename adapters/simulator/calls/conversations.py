"""Requests that wait for webhooks in a simulated cluster, and who gets their answers.

A call takes virtual time: it is dialled after the delay of a request, and what comes back takes
that of an answer. Who answers is asked of `on_call`; one that says None will tell later, by
`replied`, as a real webhook does that is called over a real network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from kelm.adapters.simulator.events import Dial, Reached
from kelm.adapters.simulator.inputs import CallsLost
from kelm.core.api.conversation import (
    Asker,
    Concluded,
    Conversation,
    OutsideCall,
    Wanted,
    begin,
    hear,
)
from kelm.core.api.rest.access import User
from kelm.core.api.webhooks.hearing import TOO_LATE, NotReached, Replied, Reply
from kelm.effects.commands import Request

if TYPE_CHECKING:
    from kelm.adapters.simulator.loop import Simulator

KUBELET = "kubelet/"
SCHEDULER = "default-scheduler"
ACCOUNTS = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")


OnCall: TypeAlias = "Callable[[Simulator, int, OutsideCall], Reply | None]"


Addressee: TypeAlias = Literal["caller", "nobody"]
"""Who is to know the end of a request that is no process's: whoever asked, or nobody."""


class To(msgspec.Struct, frozen=True):
    """A process that is to hear what becomes of its request."""

    process: str
    incarnation: int
    request: Request


class Conversations:
    """All requests that wait, by number.

    concluded: the ends that their callers have not fetched yet. on_concluded: who is told of these
    instead. on_call: who answers calls.
    """

    def __init__(self) -> None:
        self._last = 0
        self._losses: list[CallsLost] = []
        self._waiting: dict[int, tuple[Conversation, To | Addressee]] = {}
        self.concluded: dict[int, Concluded] = {}
        self.on_call: OnCall = nobody
        self.on_concluded: Callable[[int, Concluded], None] | None = None

    def copy(self) -> Conversations:
        twin = Conversations()
        twin._last = self._last
        twin._losses = list(self._losses)
        twin._waiting, twin.concluded = dict(self._waiting), dict(self.concluded)
        twin.on_call = self.on_call
        return twin

    def lose(self, fault: CallsLost) -> None:
        """Have calls get no answer."""
        self._losses.append(fault)

    def end_losses(self) -> None:
        """Whatever losses were still to come will not."""
        self._losses.clear()

    def begin(
        self, simulator: Simulator, command: Wanted, asker: Asker, to: To | Addressee
    ) -> Concluded | int:
        """Have the API do a command; the number of a conversation where that needs answers."""
        before = simulator.api.store
        simulator.api, turn = begin(simulator.api, command, simulator.now_ms, asker)
        if isinstance(turn, Concluded):
            simulator.moved(before)
            return turn
        self._last += 1
        self._waiting[self._last] = (turn, to)
        self._dial(simulator, self._last, turn.calls)
        return self._last

    @staticmethod
    def _dial(simulator: Simulator, number: int, calls: tuple[OutsideCall, ...]) -> None:
        for call in calls:
            at_ms = simulator.now_ms + simulator.picker.delay_ms("request")
            simulator.future.add(at_ms, Dial(number, call.uid))

    def happened(self, simulator: Simulator, event: Dial | Reached) -> None:
        """A call arrives, or what came of it."""
        found = self._waiting.get(event.conversation)
        calls = found[0].calls if found is not None else ()
        call = next((one for one in calls if one.uid == event.uid), None)
        if call is None or found is None:
            return
        if isinstance(event, Reached):
            self._heard(simulator, event, call, *found)
            return
        reply = self._lost(call) or self.on_call(simulator, event.conversation, call)
        if reply is not None:
            at_ms = simulator.now_ms + simulator.picker.delay_ms("answer")
            if isinstance(reply, Replied):
                at_ms += reply.after_ms
            if reply is TOO_LATE or at_ms >= call.deadline_ms:
                at_ms, reply = call.deadline_ms, TOO_LATE
            simulator.future.add(at_ms, Reached(event.conversation, event.uid, reply))

    def _lost(self, call: OutsideCall) -> Reply | None:
        """What comes of a call that an injected fault loses, None where none does."""
        for index, fault in enumerate(self._losses):
            if fault.webhook in ("", call.question.webhook):
                left = CallsLost(fault.webhook, fault.count - 1)
                self._losses[index : index + 1] = [left] if left.count > 0 else []
                return TOO_LATE
        return None

    def replied(self, simulator: Simulator, number: int, uid: str, reply: Reply) -> None:
        """Tell what came of a call that went out of this world."""
        simulator.future.add(simulator.now_ms, Reached(number, uid, reply))

    def _heard(
        self,
        simulator: Simulator,
        event: Reached,
        call: OutsideCall,
        conversation: Conversation,
        to: To | Addressee,
    ) -> None:
        """Go on with a conversation. What came at all came in time, however fast time runs."""
        number, before = event.conversation, simulator.api.store
        now_ms = min(simulator.now_ms, call.deadline_ms)
        simulator.api, turn = hear(simulator.api, conversation, event.uid, event.reply, now_ms)
        if isinstance(turn, Conversation):
            self._waiting[number] = (turn, to)
            if turn.asked > conversation.asked:
                self._dial(simulator, number, turn.calls)
            return
        del self._waiting[number]
        simulator.moved(before)
        if isinstance(to, To):
            simulator.concluded(to, turn.outcome)
        elif to == "caller" and self.on_concluded is not None:
            self.on_concluded(number, turn)
        elif to == "caller":
            self.concluded[number] = turn


def asker_of(process: str) -> Asker:
    """As whom a process of the cluster asks.

    >>> asker_of("kubelet/n1").user.name
    'system:node:n1'
    """
    if process.startswith(KUBELET):
        node = process.removeprefix(KUBELET)
        return Asker(User(f"system:node:{node}", ("system:nodes", "system:authenticated")))
    if process == SCHEDULER:
        return Asker(User("system:kube-scheduler", ("system:authenticated",)))
    return Asker(User(f"system:serviceaccount:kube-system:{process}", ACCOUNTS))


def nobody(_simulator: Simulator, _number: int, _call: OutsideCall) -> Reply:
    """A world in which nobody listens."""
    return NotReached("dial tcp: connect: connection refused")


def end_of(simulator: Simulator, number: int, run: Callable[[int], None]) -> Concluded:
    """Let time pass, by `run(until_ms)`, until a request that waits is concluded."""
    concluded = simulator.conversations.concluded
    while number not in concluded:
        next_ms = simulator.future.next_ms
        assert next_ms is not None, "a call has a deadline"
        run(next_ms)
    return concluded.pop(number)
