"""The loop: take what happens next, apply it, route what comes of it.

It decides only what happens next and keeps the clock; it knows nothing of pods. The API server
is a pure function of its state, every process is a Program, and whatever a process believes is
an older table. A simulator can be copied at any moment: the copy shares every immutable value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kelm.adapters.simulator.calls.conversations import Addressee, Conversations, To, asker_of
from kelm.adapters.simulator.events import (
    Answer,
    Deliver,
    Event,
    Execute,
    Happen,
    Wake,
)
from kelm.adapters.simulator.future import Future
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    Asked,
    CallsLost,
    FaultsEnded,
    Input,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.pickers import Picker
from kelm.adapters.simulator.process import Process
from kelm.adapters.simulator.trouble import CLIENT_TIMEOUT_MS, TIMED_OUT, UNREACHABLE, Trouble
from kelm.adapters.simulator.watches import Watches
from kelm.core.api.conversation import ADMIN, Asker, Concluded, Show, Wanted, may_wait
from kelm.core.api.server import ApiServer, handle
from kelm.core.api.tokens.requests import needs_key
from kelm.core.api.webhooks.connecting import Connecting
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.commands import Command, Create, Get, RecordEvent, Request, Requests, by
from kelm.effects.messages import Answered, Outcome, TimerFired
from kelm.effects.program import Program

Hook = Callable[["Simulator", Event], None]


class Simulator:
    """A cluster's processes and its API server, in virtual time."""

    def __init__(self, api: ApiServer, picker: Picker, start_ms: int) -> None:
        self.api = api
        self.picker = picker
        self.future = Future()
        self.future.now_ms = start_ms
        self.processes: dict[str, Process] = {}
        self.watches = Watches(keep_versions=picker.partial)
        for table in api.store.tables:
            self.watches.moved(table, table.revision)
        self.trouble = Trouble()
        self.conversations = Conversations()
        self.after_event: Hook | None = None
        self.on_input: Callable[[Simulator, Input], None] | None = None
        self.local_commands: frozenset[type[Command]] = frozenset()
        self.on_local: Callable[[Simulator, Command], Outcome] | None = None
        self.issue: Callable[[Store, Create | Get, int], Outcome] | None = None
        """What answers requests for tokens, and for the keys that check them; it has the key."""
        self.manager_of: Callable[[str], str] | None = None
        """Under which name a process owns the fields that it writes; None: nobody keeps them."""
        self.events = 0

    @property
    def now_ms(self) -> int:
        return self.future.now_ms

    def copy(self) -> Simulator:
        """A second future from here: what happens to one does not happen to the other."""
        twin = Simulator(self.api, self.picker.copy(), self.now_ms)
        twin.future = self.future.copy()
        twin.processes = {name: process.copy() for name, process in self.processes.items()}
        twin.watches = self.watches.copy(twin.processes)
        twin.trouble = self.trouble.copy()
        twin.conversations = self.conversations.copy()
        twin.after_event, twin.on_input = self.after_event, self.on_input
        twin.local_commands, twin.on_local = self.local_commands, self.on_local
        twin.issue = self.issue
        twin.manager_of = self.manager_of
        twin.events = self.events
        return twin

    # -- processes -----------------------------------------------------------------------------

    def start(self, name: str, program: Program[Any], machine: str = "", state: Any = None) -> None:
        """Start a process, or start it anew: it lists everything.

        It remembers nothing, unless it is given the state with which it goes on.
        """
        old = self.processes.get(name)
        if old is not None:
            self.watches.forget(old)
        process = Process(name, program, old.incarnation + 1 if old else 1, machine)
        self.processes[name] = process
        first, requests = program.init() if state is None else (state, ())
        self._become(process, first, requests)

    def stop(self, name: str) -> None:
        """End a process; nothing reaches it any more."""
        process = self.processes.pop(name, None)
        if process is not None:
            self.watches.forget(process)
            self._stopped(process)

    def _stopped(self, process: Process) -> None:
        process.incarnation = -process.incarnation

    def tell(self, name: str, message: Any) -> None:
        """Hand a message to a process now."""
        process = self.processes[name]
        self._become(process, *process.program.update(process.state, message))

    def _become(self, process: Process, state: Any, requests: Requests) -> None:
        process.state = state
        now_ms = self.future.now_ms
        if requests:
            self._send(process, requests)
        subscriptions = process.program.subscriptions(state)
        before = process.subscribe(subscriptions)
        if before is not None:
            self.watches.register(process, before)
            for index in range(len(subscriptions.watches)):
                self._schedule_delivery(process, index)
        wake_at_ms = subscriptions.wake_at_ms
        if wake_at_ms is not None:
            wake_at_ms = max(wake_at_ms, now_ms)
            if wake_at_ms != process.wake_at_ms:
                event = Wake(process.name, process.incarnation, wake_at_ms)
                self.future.add(wake_at_ms, event)
        process.wake_at_ms = wake_at_ms

    def _send(self, process: Process, requests: Requests) -> None:
        future, picker = self.future, self.picker
        name, incarnation = process.name, process.incarnation
        if picker.hops_ms is not None:
            at_ms = future.now_ms + picker.hops_ms["request"]
            future.extend(at_ms, [Execute(name, incarnation, request) for request in requests])
            return
        for request in requests:
            at_ms = future.now_ms + picker.delay_ms("request")
            future.add(at_ms, Execute(name, incarnation, request))

    def _schedule_delivery(self, process: Process, index: int) -> None:
        if not process.delivering[index]:
            process.delivering[index] = True
            at_ms = self.future.now_ms + self.picker.delay_ms("watch")
            self.future.add(at_ms, Deliver(process.name, process.incarnation, index))

    # -- the loop ------------------------------------------------------------------------------

    def step(self) -> Event:
        """Let the next event happen."""
        event = self.future.take(self.picker)
        self._let_happen(event)
        return event

    def run_instant(self) -> None:
        """Let everything happen that is due at the next instant, and what comes of it at once."""
        future, picker = self.future, self.picker
        due = future.due()
        while due:
            self._let_happen(future.take(picker) if picker.chooses else due.popleft())
            if not due and not future.is_over():
                future.due()

    def _let_happen(self, event: Event) -> None:
        self.events += 1
        kind = type(event)
        if kind is Execute:
            self._execute(event)  # type: ignore[arg-type]
        elif kind is Answer:
            self._answer(event)  # type: ignore[arg-type]
        elif kind is Deliver:
            self._deliver(event)  # type: ignore[arg-type]
        elif kind is Wake:
            self._wake(event)  # type: ignore[arg-type]
        elif kind is Happen:
            self._happen(event.input)  # type: ignore[union-attr]
        else:
            self.conversations.happened(self, event)  # type: ignore[arg-type]
        if self.after_event is not None:
            self.after_event(self, event)

    def _alive(self, name: str, incarnation: int) -> Process | None:
        process = self.processes.get(name)
        return process if process is not None and process.incarnation == incarnation else None

    def _execute(self, event: Execute) -> None:
        process = self.processes.get(event.process)
        if process is None or process.incarnation != event.incarnation:
            return
        request, trouble = event.request, self.trouble
        if not request.id:
            if not process.paused:
                self._tell(request.command)
            return
        if may_wait(self.api.store, request.command):
            self._converse(process, request)
            return
        command = request.command
        if self.manager_of is not None:
            command = by(command, self.manager_of(event.process))
        if process.paused or trouble.brews:
            outcome = trouble.before(process, request)
            if outcome is None:
                outcome = trouble.after(process, request, self.ask(command))
        else:
            outcome = self.ask(command)
        self._send_answer(process, request, outcome)

    def _send_answer(self, process: Process, request: Request, outcome: Outcome) -> None:
        """Have a process hear what became of its request, unless that gets lost."""
        delay_ms = self.picker.delay_ms("answer")
        if outcome is TIMED_OUT or outcome is UNREACHABLE:
            delay_ms += CLIENT_TIMEOUT_MS
        answer = Answer(process.name, process.incarnation, request.id, outcome)
        self.future.add(self.future.now_ms + delay_ms, answer)

    def _converse(self, process: Process, request: Request) -> None:
        """Do a process's request, for which webhooks may have to be asked."""
        outcome = self.trouble.before(process, request)
        if outcome is None:
            to = To(process.name, process.incarnation, request)
            command = request.command
            if self.manager_of is not None:
                command = by(command, self.manager_of(process.name))
            done = self.begin(command, asker_of(process.name), to)
            if not isinstance(done, Concluded):
                return
            outcome = self.trouble.after(process, request, done.outcome)
        self._send_answer(process, request, outcome)

    def concluded(self, to: To, outcome: Outcome) -> None:
        """A request that had to wait is done; its process hears of that, if it still lives."""
        process = self._alive(to.process, to.incarnation)
        if process is not None:
            self._send_answer(process, to.request, self.trouble.after(process, to.request, outcome))

    def begin(
        self, command: Wanted, asker: Asker = ADMIN, to: To | Addressee = "nobody"
    ) -> Concluded | int:
        """Have the API do a command; the number of a conversation where that needs answers."""
        if not isinstance(command, Show | Connecting) and (
            type(command) in self.local_commands or needs_key(command)
        ):
            return Concluded(self.ask(command))
        return self.conversations.begin(self, command, asker, to)

    def _tell(self, command: Command) -> None:
        """Do what nobody wants an answer to: mostly events, which no table holds."""
        if type(command) is RecordEvent:
            self.api, _ = handle(self.api, command, self.future.now_ms)
        else:
            self.begin(command)

    def ask(self, command: Command) -> Outcome:
        """Have the API (or the infrastructure) do a command now, and tell every watch.

        No webhook is asked: see `begin`.
        """
        if type(command) in self.local_commands and self.on_local is not None:
            return self.on_local(self, command)
        if needs_key(command) and self.issue is not None:
            return self.issue(self.api.store, command, self.now_ms)
        old = self.api.store
        self.api, outcome = handle(self.api, command, self.future.now_ms)
        self.moved(old)
        return outcome

    def moved(self, old: Store) -> None:
        """Tell every watch on what is another table than before."""
        new = self.api.store
        if new.tables is not old.tables:
            if new.revision == old.revision + 1:
                table = new.tables[new.written]
                self.publish(table, old.revision)
            else:
                self._publish_all(old, new)

    def _publish_all(self, old: Store, new: Store) -> None:
        """Tell of every table that a command of several writes has moved."""
        known = len(old.tables)
        for number, table in enumerate(new.tables):
            before = old.tables[number] if number < known else None
            if table is not before:
                self.publish(table, before.revision if before is not None else 0)

    def publish(self, table: Table, since: int) -> None:
        """Tell every watch on a resource that its table moved on."""
        for process, index in self.watches.moved(table, since):
            self._schedule_delivery(process, index)

    def _answer(self, event: Answer) -> None:
        process = self.processes.get(event.process)
        if process is None or process.incarnation != event.incarnation:
            return
        outcome = self.trouble.heard(process, event.outcome)
        message = Answered(self.future.now_ms, event.id, outcome)
        self._become(process, *process.program.update(process.state, message))

    def _wake(self, event: Wake) -> None:
        process = self._alive(event.process, event.incarnation)
        if process is None or process.wake_at_ms != event.at_ms:
            return
        process.wake_at_ms = None
        message = TimerFired(self.future.now_ms)
        self._become(process, *process.program.update(process.state, message))

    def _deliver(self, event: Deliver) -> None:
        process = self._alive(event.process, event.incarnation)
        if process is None or event.watch >= len(process.delivering):
            return
        until_ms = self.trouble.stalled_until(
            process, process.watch(event.watch).resource, self.future.now_ms
        )
        if until_ms is not None:
            self.future.add(until_ms, event)
            return
        process.delivering[event.watch] = False
        self.watches.listens(process.watch(event.watch).resource)
        observed = self.watches.deliver(process, event.watch, self.picker, self.future.now_ms)
        if observed is None:
            return
        message, more = observed
        if more:
            self._schedule_delivery(process, event.watch)
        self._become(process, *process.program.update(process.state, message))

    # -- from outside --------------------------------------------------------------------------

    def happen(self, at_ms: int, given: Input) -> None:
        """Have something from outside happen at a time."""
        self.future.add(at_ms, Happen(given))

    def _happen(self, given: Input) -> None:
        if isinstance(given, Asked):
            self.begin(given.command)
        elif isinstance(given, CallsLost):
            self.conversations.lose(given)
        elif isinstance(given, RequestsRefused | AnswersLost):
            self.trouble.expect(given)
        elif isinstance(given, WatchStalled):
            self.trouble.stall(given, self.future.now_ms)
        elif isinstance(given, FaultsEnded):
            self.trouble = Trouble()
            self.conversations.end_losses()
        elif isinstance(given, ProcessRestarted):
            process = self.processes.get(given.process)
            if process is not None:
                self.start(process.name, process.program, process.machine)
        elif self.on_input is not None:
            self.on_input(self, given)
