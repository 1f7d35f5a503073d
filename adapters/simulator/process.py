"""One running Program: its state, what it has heard, and where it runs."""

from __future__ import annotations

from typing import Any

from kelm.core.store.table import Table
from kelm.effects.messages import Change
from kelm.effects.program import Program, Subscriptions, Watch


class Process:
    """The only mutable thing about a Program: which of its states is the present one.

    A process that died is replaced by one with a higher `incarnation`; events meant for the old
    one find nobody.
    """

    __slots__ = (
        "delivering",
        "inboxes",
        "incarnation",
        "machine",
        "name",
        "paused",
        "program",
        "seen",
        "state",
        "subscriptions",
        "wake_at_ms",
    )

    def __init__(
        self, name: str, program: Program[Any], incarnation: int, machine: str = ""
    ) -> None:
        self.name = name
        self.program = program
        self.incarnation = incarnation
        self.machine = machine
        self.paused = False
        self.state: Any = None
        self.subscriptions = Subscriptions()
        self.wake_at_ms: int | None = None
        self.seen: list[Table | None] = []
        self.inboxes: list[tuple[Change, ...]] = []
        self.delivering: list[bool] = []

    def copy(self) -> Process:
        twin = Process(self.name, self.program, self.incarnation, self.machine)
        twin.paused = self.paused
        twin.state = self.state
        twin.subscriptions = self.subscriptions
        twin.wake_at_ms = self.wake_at_ms
        twin.seen = list(self.seen)
        twin.inboxes = list(self.inboxes)
        twin.delivering = list(self.delivering)
        return twin

    def subscribe(self, subscriptions: Subscriptions) -> tuple[Watch, ...] | None:
        """Take over new subscriptions; the watches of before, None if they are the same."""
        old = self.subscriptions.watches
        self.subscriptions = subscriptions
        if subscriptions.watches is old or subscriptions.watches == old:
            return None
        count = len(subscriptions.watches)
        self.seen = [None] * count
        self.inboxes = [()] * count
        self.delivering = [False] * count
        return old

    def watch(self, index: int) -> Watch:
        return self.subscriptions.watches[index]
