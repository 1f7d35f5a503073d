"""The order of merged lists.

What the patch names comes in the patch's order; what only the server has keeps its order and
its place: each such item goes before the first named item that was behind it on the server.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/patch.go
(normalizeElementOrder, mergeSortedSlice, partitionMapsByPresentInList).
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import PATCH, Items
from kelm.effects.document import Document, Json


def identity(item: Json, merge_key: str) -> Json:
    """What tells an item of a list from the others: its merge key, or itself."""
    return item.get(merge_key) if merge_key and isinstance(item, Document) else item


def position(items: Items, item: Json, merge_key: str) -> int:
    """Where an item is in a list, -1 where it is not."""
    wanted = identity(item, merge_key)
    for index, other in enumerate(items):
        if same(identity(other, merge_key), wanted):
            return index
    return -1


def arranged(merged: Items, named: Items, server: Items, merge_key: str) -> Items:
    """Merged items in order: `named` gives the patch's order, `server` the live one.

    >>> arranged((1, 2, 3, 4), (4, 1), (1, 2, 3), "")
    (4, 1, 2, 3)
    """
    ours = [item for item in merged if position(named, item, merge_key) >= 0]
    others = [item for item in merged if position(named, item, merge_key) < 0]
    return _interleaved(
        in_order_of(others, server, merge_key), in_order_of(ours, named, merge_key), server,
        merge_key,
    )  # fmt: skip


def in_order_of(items: Iterable[Json], order: Items, merge_key: str) -> Items:
    """Items in the order that a list has them; deletions last."""
    kept: list[Json] = []
    deletions: list[Json] = []
    for item in items:
        (deletions if is_deletion(item) else kept).append(item)
    kept.sort(key=lambda item: position(order, item, merge_key))
    return (*kept, *deletions)


def is_deletion(item: Json) -> bool:
    return isinstance(item, Document) and item.get(PATCH) == "delete"


def _interleaved(left: Items, right: Items, order: Items, merge_key: str) -> Items:
    """Two lists as one: the left item first where `order` has it before the right one."""
    result: list[Json] = []
    rest = list(left)
    for item in right:
        there = position(order, item, merge_key)
        while rest and 0 <= position(order, rest[0], merge_key) < there:
            result.append(rest.pop(0))
        result.append(item)
    return (*result, *rest)


def without_repeats(items: Iterable[Json]) -> Items:
    """Scalars, each once, where it stood first."""
    kept: list[Json] = []
    for item in items:
        if position(tuple(kept), item, "") < 0:
            kept.append(item)
    return tuple(kept)
