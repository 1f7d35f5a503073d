"""In what portions many equal requests go out: few at first, twice as many after each success.

What is wrong with one pod is usually wrong with all (a quota, a bad template), so a controller
that has 500 pods to create asks for one, then two, then four, and stops at the first refusal
instead of collecting 500 of them.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set.go, slowStartBatch.
"""

from __future__ import annotations

FIRST_BATCH = 1
"""controller_utils.go, SlowStartInitialBatchSize."""


def batch_sizes(count: int, first: int = FIRST_BATCH) -> tuple[int, ...]:
    """The sizes of the batches in which `count` requests go out; they sum up to `count`.

    >>> batch_sizes(10), batch_sizes(10, first=3), batch_sizes(0)
    ((1, 2, 4, 3), (3, 6, 1), ())
    """
    sizes = []
    size = min(count, first)
    while size > 0:
        sizes.append(size)
        count -= size
        size = min(2 * size, count)
    return tuple(sizes)
