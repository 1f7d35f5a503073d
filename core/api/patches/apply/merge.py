"""What an applied configuration makes of an object, and what is different then.

Source: sigs.k8s.io/structured-merge-diff (typed/merge.go, typed/compare.go, typed/remove.go).
"""

from __future__ import annotations

import msgspec

from kelm.core.api.patches.apply.field_set import FieldSet, Path, merges, merges_items, step_of
from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import Items, Place
from kelm.core.api.schema.definitions import Field
from kelm.effects.document import EMPTY, Document, Json


class Comparison(msgspec.Struct, frozen=True):
    """The fields in which two objects differ."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


def merged(live: Document, applied: Document, place: Place) -> Document:
    """The live object with all that was applied."""
    new: dict[str, Json] = dict(live)
    for key, value in applied.items():
        field, inner = place.field(key)
        new[key] = _merged_value(live.get(key), value, field, inner)
    return Document(new)


def _merged_value(live: Json, applied: Json, field: Field, place: Place) -> Json:
    if isinstance(live, Document) and isinstance(applied, Document) and merges(field, place):
        return merged(live, applied, place)
    if isinstance(live, tuple) and isinstance(applied, tuple) and merges_items(field, place):
        return _merged_list(live, applied, field, place.items())
    return applied


def _merged_list(live: Items, applied: Items, field: Field, place: Place) -> Items:
    """Applied items in their order; what only the live list has comes as soon as it is first."""
    old = {step_of(item, field): item for item in live}
    new = {step_of(item, field): item for item in applied}
    waiting = list(old)
    result: list[Json] = []
    for step, item in new.items():
        while waiting and waiting[0] not in new:
            result.append(old[waiting.pop(0)])
        if step in waiting:
            waiting.remove(step)
        had = old.get(step)
        both = isinstance(had, Document) and isinstance(item, Document)
        result.append(merged(had, item, place) if both else item)  # type: ignore[arg-type]  # both
    return (*result, *(old[step] for step in waiting))


def compared(old: Document, new: Document, place: Place) -> Comparison:
    """Which fields were added, changed and removed, structures included."""
    found: tuple[set[Path], set[Path], set[Path]] = (set(), set(), set())
    _compare_objects(old, new, place, (), found)
    return Comparison(*map(frozenset, found))


_Found = tuple[set[Path], set[Path], set[Path]]


def _compare_objects(old: Document, new: Document, place: Place, path: Path, found: _Found) -> None:
    for key in dict.fromkeys((*old, *new)):
        field, inner = place.field(key)
        _compare_part(old.get(key), new.get(key), field, inner, (*path, f"f:{key}"), found)


def _compare_part(
    old: Json, new: Json, field: Field, place: Place, path: Path, found: _Found
) -> None:
    if same(old, new):
        return
    added, modified, removed = found
    if old is None:
        added.add(path)
    elif new is None:
        removed.add(path)
    parts = [part for part in (old, new) if part is not None]
    if merges(field, place) and all(isinstance(part, Document) for part in parts):
        _compare_objects(_object(old), _object(new), place, path, found)
    elif merges_items(field, place) and all(isinstance(part, tuple) for part in parts):
        _compare_lists(_items(old), _items(new), field, place.items(), path, found)
    elif len(parts) == 2:
        modified.add(path)


def _object(value: Json) -> Document:
    return value if isinstance(value, Document) else EMPTY


def _items(value: Json) -> Items:
    return value if isinstance(value, tuple) else ()


def _compare_lists(
    old: Items, new: Items, field: Field, place: Place, path: Path, found: _Found
) -> None:
    before = {step_of(item, field): item for item in old}
    after = {step_of(item, field): item for item in new}
    inner = msgspec.structs.replace(field, type=place.type or field.type, list_type="granular")
    for step in dict.fromkeys((*before, *after)):
        _compare_part(before.get(step), after.get(step), inner, place, (*path, step), found)


def without_fields(doc: Document, gone: FieldSet, place: Place) -> Document:
    """A document without these fields, and without the structures that this empties."""
    new: dict[str, Json] = {}
    for key, value in doc.items():
        field, inner = place.field(key)
        step = f"f:{key}"
        kept = _without(value, (step,) in gone, _below(gone, step), field, inner)
        if kept is not None or value is None:
            new[key] = kept
    return Document(new)


def _below(gone: FieldSet, step: str) -> FieldSet:
    return frozenset(path[1:] for path in gone if len(path) > 1 and path[0] == step)


def _without(value: Json, is_gone: bool, gone: FieldSet, field: Field, place: Place) -> Json:
    """What is left of a value, None where that is nothing."""
    if is_gone:
        return None
    if not gone:
        return value
    if isinstance(value, Document):
        return without_fields(value, gone, place) or None
    if isinstance(value, tuple):
        items = place.items()
        steps = [step_of(item, field) for item in value]
        kept = [
            _without(item, (step,) in gone, _below(gone, step), field, items)
            for step, item in zip(steps, value, strict=True)
        ]
        return tuple(item for item in kept if item is not None) or None
    return value
