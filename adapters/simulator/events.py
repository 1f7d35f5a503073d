"""What can happen next in a simulated cluster. Plain data: a queue of these is a future."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.adapters.simulator.inputs import Input
from kelm.core.api.webhooks.hearing import Reply
from kelm.effects.commands import Request
from kelm.effects.messages import Outcome


class Execute(msgspec.Struct, frozen=True):
    """The API server gets a process's request."""

    process: str
    incarnation: int
    request: Request


class Answer(msgspec.Struct, frozen=True):
    """A process gets the answer to a request."""

    process: str
    incarnation: int
    id: int
    outcome: Outcome


class Dial(msgspec.Struct, frozen=True):
    """A call of the API server's reaches whom it is meant for, if that is there."""

    conversation: int
    uid: str


class Reached(msgspec.Struct, frozen=True):
    """The API server gets what came back of its call."""

    conversation: int
    uid: str
    reply: Reply


class Deliver(msgspec.Struct, frozen=True):
    """One of a process's watches moves on."""

    process: str
    incarnation: int
    watch: int


class Wake(msgspec.Struct, frozen=True):
    """The time that a process wanted to be woken at has come."""

    process: str
    incarnation: int
    at_ms: int


class Happen(msgspec.Struct, frozen=True):
    """Something from outside: a user's request, or a fault."""

    input: Input


Event: TypeAlias = Execute | Answer | Dial | Reached | Deliver | Wake | Happen
