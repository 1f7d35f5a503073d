"""What the scheduler knows: nodes, where pods are, which wait, which are being bound."""

from __future__ import annotations

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.scheduler.fleet import Fleet
from kelm.core.scheduler.needs import Ask
from kelm.core.scheduler.queue import Queue, Waiting
from kelm.effects.address import Key, RequestId, Uid
from kelm.effects.messages import Cache

replace = msgspec.structs.replace


class Placed(msgspec.Struct, frozen=True):
    """A pod that counts on a node."""

    node: str
    ask: Ask


class Asked(msgspec.Struct, frozen=True):
    """A binding under way."""

    key: Key
    uid: Uid
    node: str
    waiting: Waiting


class State(msgspec.Struct, frozen=True):
    """`start` is where in the fleet the next look for a node begins."""

    pods: Cache | None = None
    heard_nodes: bool = False
    fleet: Fleet = Fleet()
    placed: PMap[Uid, Placed] = pmap()
    queue: Queue = Queue()
    asked: PMap[RequestId, Asked] = pmap()
    start: int = 0
    arrivals: int = 0
    next_id: RequestId = 1
    wake_at_ms: int | None = None
