"""How many machines a node pool may hold: what it wants, and one more while it levels its zones.

Machines are no objects of the API, so this law looks at what became of a cloud's list of them.

Source: Amazon EC2 Auto Scaling user guide, "Rebalancing activities": a new instance is launched
before the old one is terminated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelm.core.infrastructure.instances import TERMINATED, instance
from kelm.effects.messages import Change

POOL_SIZE = "a node pool never holds more machines than it wants and one that changes its zone"


def oversized(changes: Iterable[Change], pool: str, size: int) -> Iterator[str]:
    """Each moment of a list of machines at which a pool of this size held too many."""
    held: set[str] = set()
    for change in changes:
        one = instance(change.new) if change.new is not None else None
        if one is not None and one.pool == pool and one.state != TERMINATED:
            held.add(change.key)
        else:
            held.discard(change.key)
        if len(held) > size + 1:
            yield f"{POOL_SIZE}: at {change.revision} {sorted(held)}"
