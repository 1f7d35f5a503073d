"""JSON merge patches: objects merge, null deletes, everything else replaces.

A patch can be made, too: from what was applied last, what is wanted now and what is live, so
that only what the applier once set is taken away (`kubectl apply` of custom resources).

Source: RFC 7386; kubernetes v1.36, apimachinery/pkg/util/jsonmergepatch/patch.go;
gopkg.in/evanphx/json-patch.
"""

from __future__ import annotations

from kelm.core.api.patches.same import same
from kelm.effects.document import EMPTY, Document, Json


def apply_merge_patch(target: Json, patch: Json) -> Json:
    """The target after the patch.

    >>> apply_merge_patch(Document(a=1, b=Document(c=2, d=3)), Document(a=None, b=Document(c=4)))
    {'b': {'c': 4, 'd': 3}}
    """
    if not isinstance(patch, Document):
        return _without_nulls(patch)
    return merge_documents(target if isinstance(target, Document) else EMPTY, patch)


def merge_documents(target: Document, patch: Document) -> Document:
    """`apply_merge_patch` of an object to an object; unchanged parts are shared."""
    new: dict[str, Json] = dict(target)
    for key, wanted in patch.items():
        if wanted is None:
            new.pop(key, None)
        else:
            new[key] = apply_merge_patch(target.get(key), wanted)
    return Document(new)


def _without_nulls(value: Json) -> Json:
    """A new value; nulls say nothing in its objects, but count in its lists."""
    if isinstance(value, Document):
        kept = {key: _without_nulls(item) for key, item in value.items() if item is not None}
        return Document(kept)
    if isinstance(value, tuple):
        return tuple(_without_nulls(item) for item in value)
    return value


def merge_patch_between(before: Document, after: Document) -> Document:
    """The patch that makes `after` of `before`.

    >>> merge_patch_between(Document(a=1, b=2), Document(b=3))
    {'b': 3, 'a': None}
    """
    patch: dict[str, Json] = {}
    for key, wanted in after.items():
        had = before.get(key)
        if key not in before:
            patch[key] = wanted
        elif isinstance(had, Document) and isinstance(wanted, Document):
            if inner := merge_patch_between(had, wanted):
                patch[key] = inner
        elif not same(had, wanted):
            patch[key] = wanted
    patch.update({key: None for key in before if key not in after})
    return Document(patch)


def three_way_merge_patch(applied: Document, wanted: Document, live: Document) -> Document:
    """The patch for a live object: what is wanted and differs, minus what was given up.

    `applied` is what the same applier wanted last time; what others have set since stays.

    Source: jsonmergepatch/patch.go, CreateThreeWayJSONMergePatch.

    >>> three_way_merge_patch(Document(a=1, b=1), Document(b=2), Document(a=1, b=1, c=1))
    {'a': None, 'b': 2}
    """
    deletions = _filtered(merge_patch_between(applied, wanted), nulls=True)
    changes = _filtered(merge_patch_between(live, wanted), nulls=False)
    return _combined(deletions, changes)


def _filtered(patch: Document, *, nulls: bool) -> Document:
    """Only the deletions of a patch, or only the rest; objects emptied by that are left out."""
    kept: dict[str, Json] = {}
    for key, value in patch.items():
        if isinstance(value, Document) and value:
            if inner := _filtered(value, nulls=nulls):
                kept[key] = inner
        elif (value is None) == nulls:
            kept[key] = value
    return Document(kept)


def _combined(first: Document, second: Document) -> Document:
    """Two patches as one, the second on top."""
    new: dict[str, Json] = dict(first)
    for key, value in second.items():
        had = first.get(key)
        both = isinstance(had, Document) and isinstance(value, Document)
        new[key] = _combined(had, value) if both else value  # type: ignore[arg-type]  # both
    return Document(new)
