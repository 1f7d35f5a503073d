"""Whether two patches of one object want different things of the same field.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/patch.go
(MergingMapsHaveConflicts).
"""

from __future__ import annotations

from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import (
    PATCH,
    RETAIN_KEYS,
    Items,
    Place,
    are_objects,
    go_text,
    merge_key_of,
)
from kelm.effects.document import Document, Json


def patches_conflict(left: Document, right: Document, place: Place) -> bool:
    """Whether both patches touch a field and not alike."""
    if (PATCH in left or PATCH in right) and left.get(PATCH) != right.get(PATCH):
        return True
    return any(
        _fields_conflict(key, value, right[key], place)
        for key, value in left.items()
        if key not in (PATCH, RETAIN_KEYS) and key in right
    )


def _fields_conflict(key: str, left: Json, right: Json, place: Place) -> bool:
    field, inner = place.field(key)
    if isinstance(left, Document) and isinstance(right, Document):
        if field.strategy == "replace":
            return left.get(PATCH) != right.get(PATCH)
        return patches_conflict(left, right, inner)
    if isinstance(left, tuple) and isinstance(right, tuple):
        if field.strategy == "merge":
            return _merging_lists_conflict(left, right, inner.items(), field.merge_key)
        return _lists_conflict(left, right, inner.items())
    return not same(left, right)


def _merging_lists_conflict(left: Items, right: Items, place: Place, merge_key: str) -> bool:
    """Items conflict with their namesakes; lists of scalars never do."""
    if not are_objects(left, right):
        return False
    named = {go_text(merge_key_of(item, merge_key)): item for item in right}
    return any(
        _values_conflict(item, named[name], place)
        for item in left
        if (name := go_text(merge_key_of(item, merge_key))) in named
    )


def _lists_conflict(left: Items, right: Items, place: Place) -> bool:
    if len(left) != len(right):
        return True
    if not are_objects(left, right):
        left, right = tuple(sorted(left, key=go_text)), tuple(sorted(right, key=go_text))
    return any(_values_conflict(one, other, place) for one, other in zip(left, right, strict=True))


def _values_conflict(left: Json, right: Json, place: Place) -> bool:
    if isinstance(left, Document) and isinstance(right, Document):
        return patches_conflict(left, right, place)
    return not same(left, right)
