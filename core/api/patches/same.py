"""When two JSON values are the same: Python's equality, except that true is not 1."""

from __future__ import annotations

from kelm.effects.document import Document, Json


def same(left: Json, right: Json) -> bool:
    """Whether two values would be written alike, whatever the order of keys.

    >>> same(Document(a=1, b=(2,)), Document(b=(2,), a=1)), same(1, True), same(1, 1.0)
    (True, False, False)
    """
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, Document) and isinstance(right, Document):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right
