"""What runs Programs: the simulator and the real cluster keep one set of promises.

A platform delivers messages to a Program and carries its requests out. What it promises is
written in `kelm.effects.laws`; it promises nothing else. In particular a request may be done and
its answer lost (`Refusal.unknown_outcome`), a watch may lag, and a process may die at any point.
"""

from __future__ import annotations

from typing import Any, Protocol

from kelm.effects.program import Program


class Platform(Protocol):
    """Where Programs run."""

    @property
    def now_ms(self) -> int:
        """The present, in milliseconds since 1970."""

    def start(self, name: str, program: Program[Any]) -> None:
        """Start a Program under a name; one that runs under that name is replaced."""

    def stop(self, name: str) -> None:
        """Stop a Program; nothing reaches it any more."""
