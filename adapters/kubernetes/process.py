"""One running Program on the real cluster: its state, what it has heard, its timer."""

from __future__ import annotations

import asyncio
from typing import Any

from kelm.core.store.table import Table
from kelm.effects.messages import Change, Observed
from kelm.effects.program import Program, Subscriptions, Watch


class Process:
    """The only mutable thing about a Program: which of its states is the present one.

    `life` changes when it ends, so that what was meant for it finds nobody. `seen` are the tables
    that it was last told of, `inboxes` the changes that a watch on a field has for it.
    """

    __slots__ = (
        "alive",
        "delivering",
        "inboxes",
        "kind",
        "life",
        "name",
        "program",
        "seen",
        "state",
        "subscriptions",
        "timer",
        "wake_at_ms",
    )

    def __init__(self, name: str, program: Program[Any]) -> None:
        self.name = name
        self.kind = name.partition("/")[0]
        """What its metrics are filed under: a thousand kubelets are one kind."""
        self.program = program
        self.alive = True
        self.life = 1
        self.state: Any = None
        self.subscriptions = Subscriptions()
        self.timer: asyncio.TimerHandle | None = None
        self.wake_at_ms: int | None = None
        self.seen: list[Table | None] = []
        self.inboxes: list[list[Change]] = []
        self.delivering: list[bool] = []

    def end(self) -> None:
        """Nothing reaches it any more."""
        self.alive = False
        self.life += 1
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def subscribe(self, subscriptions: Subscriptions) -> bool:
        """Take over new subscriptions; whether the watches are others than before.

        What was heard of a watch that stays is kept.
        """
        old = self.subscriptions.watches
        self.subscriptions = subscriptions
        new = subscriptions.watches
        if new is old or new == old:
            return False
        known = {watch: place for place, watch in enumerate(old)}
        places = [known.get(watch) for watch in new]
        self.seen = [None if place is None else self.seen[place] for place in places]
        self.inboxes = [[] if place is None else self.inboxes[place] for place in places]
        self.delivering = [False for _ in places]
        return True

    def watch(self, index: int) -> Watch:
        return self.subscriptions.watches[index]

    def saw_later(self, index: int, message: Observed) -> bool:
        """Whether it knows a later revision already: the server lost some of its history."""
        seen = self.seen[index]
        return seen is not None and message.cache.revision < seen.revision
