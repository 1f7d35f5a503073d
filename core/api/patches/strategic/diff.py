"""Make a strategic merge patch from two versions of an object.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/patch.go (diffMaps, diffLists).
"""

from __future__ import annotations

import msgspec

from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.order import in_order_of, without_repeats
from kelm.core.api.patches.strategic.rules import (
    DELETE_FROM,
    PATCH,
    RETAIN_KEYS,
    SET_ORDER,
    Items,
    Place,
    are_objects,
    go_text,
    merge_key_of,
)
from kelm.effects.document import EMPTY, Document, Json


class Aspects(msgspec.Struct, frozen=True):
    """Which differences to write down."""

    deletions: bool = True
    changes: bool = True
    order: bool = False


class _ListPatch(msgspec.Struct, frozen=True):
    items: Items = ()
    deletions: Items = ()
    order: Items = ()


def diff_objects(
    before: Document, after: Document, place: Place, aspects: Aspects, retain: bool = False
) -> Document:
    """The patch from one object to another; `retain` lists the fields that remain."""
    patch: dict[str, Json] = {}
    for key, value in after.items():
        if key in before and key == PATCH:
            patch.update({} if same(value, before[key]) else {key: value})
        elif key in before:
            _diff_field(patch, key, before[key], value, place, aspects)
        elif aspects.changes:
            patch[key] = value
    if aspects.deletions:
        patch.update({key: None for key in before if key not in after})
    listed = [key for key, value in after.items() if value is not None] if retain else []
    given_up = any(value is not None and key not in after for key, value in before.items())
    if listed and (patch or given_up):
        patch[RETAIN_KEYS] = tuple(sorted(listed))
    return Document(patch)


def _diff_field(
    patch: dict[str, Json], key: str, had: Json, value: Json, place: Place, aspects: Aspects
) -> None:
    field, inner = place.field(key)
    if isinstance(had, Document) and isinstance(value, Document):
        if field.strategy == "replace":
            found = value if aspects.changes else EMPTY
        else:
            found = diff_objects(had, value, inner, aspects, field.retain_keys)
        patch.update({key: found} if found else {})
    elif isinstance(had, tuple) and isinstance(value, tuple) and field.strategy == "merge":
        found_list = _diff_lists(
            had, value, inner.items(), field.merge_key, aspects, field.retain_keys
        )
        _write_list(patch, key, found_list)
    elif aspects.changes and not same(had, value):
        patch[key] = value


def _write_list(patch: dict[str, Json], key: str, found: _ListPatch) -> None:
    parts = (
        (key, found.items),
        (DELETE_FROM + key, found.deletions),
        (SET_ORDER + key, found.order),
    )
    patch.update({name: items for name, items in parts if items})


def _diff_lists(
    before: Items, after: Items, place: Place, merge_key: str, aspects: Aspects, retain: bool
) -> _ListPatch:
    if not before:
        return _ListPatch(after) if aspects.changes else _ListPatch()
    if are_objects(before, after):
        return _diff_object_lists(before, after, place, merge_key, aspects, retain)
    return _diff_scalar_lists(before, after, aspects)


def _diff_object_lists(
    before: Items, after: Items, place: Place, merge_key: str, aspects: Aspects, retain: bool
) -> _ListPatch:
    old = _by_merge_key(before, merge_key)
    new = _by_merge_key(after, merge_key)
    items: list[Json] = []
    deletions: list[Json] = []
    for name in sorted({*old, *new}):
        if name not in old:
            items.extend([new[name]] if aspects.changes else ())
        elif name in new:
            found = diff_objects(old[name], new[name], place, aspects, retain)
            items.extend([Document({**found, merge_key: new[name][merge_key]})] if found else ())
        elif aspects.deletions:
            deletions.append(Document({PATCH: "delete", merge_key: old[name][merge_key]}))
    content = (*in_order_of(items, after, merge_key), *deletions)
    moved = aspects.changes and list(old) != list(new)
    if not aspects.order or not (content or moved):
        return _ListPatch(content)
    order = tuple(Document({merge_key: merge_key_of(item, merge_key)}) for item in after)
    return _ListPatch(content, (), order)


def _by_merge_key(items: Items, merge_key: str) -> dict[str, Document]:
    """Items by the text of their merge key, in their order."""
    found: dict[str, Document] = {}
    for item in items:
        name = go_text(merge_key_of(item, merge_key))
        assert isinstance(item, Document)
        found[name] = item
    return found


def _diff_scalar_lists(before: Items, after: Items, aspects: Aspects) -> _ListPatch:
    added, gone = _multiset_difference(before, after)
    items = in_order_of(added, after, "") if aspects.changes else ()
    deletions = without_repeats(gone) if aspects.deletions else ()
    changed = aspects.changes and not same(before, after)
    order = after if aspects.order and (deletions or changed) else ()
    return _ListPatch(items, deletions, order)


def _multiset_difference(before: Items, after: Items) -> tuple[Items, Items]:
    """What must be added to and taken from `before`, ordered as texts."""
    rest = sorted(before, key=go_text)
    added: list[Json] = []
    for item in sorted(after, key=go_text):
        text = go_text(item)
        index = next((i for i, one in enumerate(rest) if go_text(one) == text), -1)
        if index < 0:
            added.append(item)
        else:
            del rest[index]
    return tuple(added), tuple(rest)
