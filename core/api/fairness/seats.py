"""How many requests of each priority level may be at work at once, and how many may wait.

The server's seats are shared out by the levels' nominal shares, rounded up; a level that is exempt
takes none and has as many as it wants. What finds no seat waits if its level queues, and is refused
if it does not or if too many wait already. Levels lend nothing to one another here.

Source: kubernetes v1.36.2, apiserver/pkg/util/flowcontrol/apf_controller.go,
apiserver/pkg/server/config.go (MaxRequestsInFlight, MaxMutatingRequestsInFlight).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.effects.document import Document, child, number, text

SEATS: Final = 600
DEFAULT_SHARES: Final = 30


class Limit(msgspec.Struct, frozen=True):
    """What a level may have: seats, and places to wait for one."""

    seats: int
    queued: int = 0


def limits(levels: Iterable[Document], seats: int = SEATS) -> dict[str, Limit]:
    """The limits of all levels that have any, by name.

    >>> from kelm.effects.document import document
    >>> def level(name, shares, how):
    ...     limited = {"nominalConcurrencyShares": shares, "limitResponse": how}
    ...     spec = {"type": "Limited", "limited": limited}
    ...     return document({"metadata": {"name": name}, "spec": spec})
    >>> queuing = {"type": "Queue", "queuing": {"queues": 2, "queueLengthLimit": 5}}
    >>> limits((level("a", 20, queuing), level("b", 10, {"type": "Reject"})), 100)
    {'a': Limit(seats=67, queued=10), 'b': Limit(seats=34, queued=0)}
    """
    limited = {
        text(level, "metadata", "name"): child(level, "spec", "limited")
        for level in levels
        if text(level, "spec", "type") == "Limited"
    }
    shares = {name: _shares(one) for name, one in limited.items()}
    total = sum(shares.values())
    return {
        name: Limit(-(-seats * shares[name] // total) if total else 0, _queued(one))
        for name, one in limited.items()
    }


def _shares(limited: Document) -> int:
    return number(limited, "nominalConcurrencyShares", default=DEFAULT_SHARES)


def _queued(limited: Document) -> int:
    response = child(limited, "limitResponse")
    if text(response, "type") != "Queue":
        return 0
    queuing = child(response, "queuing")
    return number(queuing, "queues") * number(queuing, "queueLengthLimit")
