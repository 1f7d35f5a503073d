"""Apply a strategic merge patch, to an object or to another patch.

Beside values a patch holds directives: `$patch` (replace, delete, merge), `$retainKeys` (which
fields of a union remain), `$setElementOrder/x` (the order of list x) and
`$deleteFromPrimitiveList/x`. Applied to an object they are carried out and gone; merged into
another patch (`onto_patch`, when a three-way patch is made) they are kept.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/patch.go (mergeMap, mergeSlice,
mergePatchIntoOriginal, applyRetainKeysDirective).
"""

from __future__ import annotations

from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.order import (
    arranged,
    is_deletion,
    position,
    without_repeats,
)
from kelm.core.api.patches.strategic.rules import (
    DELETE_FROM,
    PATCH,
    RETAIN_KEYS,
    SET_ORDER,
    Items,
    Place,
    Refused,
    are_objects,
    go_text,
    merge_key_of,
    unknown_directive,
)
from kelm.effects.document import EMPTY, Document, Json

_NOTHING = Document()
"""Known by identity: there is nothing to store."""


def merge_objects(target: Document, patch: Document, place: Place, onto_patch: bool) -> Document:
    """The target after the patch.

    Raises:
        Refused: the patch cannot be done.
    """
    if PATCH in patch:
        return _directed(patch)
    new: dict[str, Json] = dict(target)
    rest = dict(patch)
    _retain_keys(new, rest, onto_patch)
    for key in [key for key in rest if key.startswith(SET_ORDER)]:
        _merge_ordered(new, rest, key, place, onto_patch)
    for key, value in rest.items():
        if key.startswith(DELETE_FROM):
            _delete_items(new, key, value, onto_patch)
        elif value is None and not onto_patch:
            new.pop(key, None)
        else:
            _merge_field(new, key, value, place, onto_patch)
    return Document(new)


def _directed(patch: Document) -> Document:
    directive = patch[PATCH]
    if directive == "replace":
        return Document({key: value for key, value in patch.items() if key != PATCH})
    if directive == "delete":
        return EMPTY
    raise unknown_directive(directive, patch)


def _merge_field(
    new: dict[str, Json], key: str, value: Json, place: Place, onto_patch: bool
) -> None:
    had = new.get(key)
    field, inner = place.field(key)
    if isinstance(had, Document) and isinstance(value, Document):
        replaces = field.strategy == "replace"
        new[key] = value if replaces else merge_objects(had, value, inner, onto_patch)
    elif isinstance(had, tuple) and isinstance(value, tuple):
        merges = field.strategy == "merge"
        new[key] = (
            merge_lists(had, value, inner.items(), field.merge_key, onto_patch) if merges else value
        )
    else:
        fresh = _fresh(value, onto_patch)
        new.pop(key, None)
        if fresh is not _NOTHING:
            new[key] = fresh


def _fresh(value: Json, onto_patch: bool) -> Json:
    """A value where there was none: its directives have nothing to act on."""
    if isinstance(value, tuple):
        items = [_fresh(item, onto_patch) for item in value]
        return tuple(item for item in items if item is not _NOTHING)
    if not isinstance(value, Document):
        return value
    if PATCH in value and (onto_patch or value[PATCH] == "delete" or len(value) == 1):
        return _NOTHING
    kept = {
        key: fresh
        for key, item in value.items()
        if (onto_patch or _is_plain(key, item))
        and (fresh := _fresh(item, onto_patch)) is not _NOTHING
    }
    return Document(kept)


def _is_plain(key: str, value: Json) -> bool:
    """Whether a field is to be stored: no directive, no null."""
    return value is not None and not (
        key in (PATCH, RETAIN_KEYS) or key.startswith((SET_ORDER, DELETE_FROM))
    )


def _delete_items(new: dict[str, Json], key: str, gone: Json, onto_patch: bool) -> None:
    """Take single values out of a list of scalars."""
    name = key.removeprefix(DELETE_FROM)
    had = new.get(name)
    if onto_patch:
        new[key] = gone
    elif isinstance(had, tuple) and isinstance(gone, tuple):
        new[name] = tuple(item for item in had if position(gone, item, "") < 0)


def _retain_keys(new: dict[str, Json], rest: dict[str, Json], onto_patch: bool) -> None:
    """Drop every field that `$retainKeys` does not list."""
    if RETAIN_KEYS not in rest:
        return
    listed = rest.pop(RETAIN_KEYS)
    if onto_patch:
        if RETAIN_KEYS in new and not same(new[RETAIN_KEYS], listed):
            raise Refused(
                f"{go_text(new[RETAIN_KEYS])} and {go_text(listed)} are not deep equal, this may "
                "happen when calculating the 3-way diff patch"
            )
        new[RETAIN_KEYS] = listed
        return
    fields = {key for key, value in rest.items() if _is_plain(key, value)}
    if not isinstance(listed, tuple) or not fields <= set(map(go_text, listed)):
        raise Refused(
            "invalid patch format of retainKeys, a patch of it must be a list of all its fields"
        )
    for key in [key for key in new if key not in listed]:
        del new[key]


def _merge_ordered(
    new: dict[str, Json], rest: dict[str, Json], key: str, place: Place, onto_patch: bool
) -> None:
    """Merge one list together with the directive that gives its order."""
    order = rest.pop(key)
    name = key.removeprefix(SET_ORDER)
    if onto_patch:
        if key in new and not same(new[key], order):
            raise Refused("$setElementOrder lists of both patches are not equal")
        new[key] = order
    field, inner = place.field(name)
    had, patch = new.get(name), rest.get(name)
    if not isinstance(order, tuple) or not all(
        isinstance(one, tuple | None) for one in (had, patch)
    ):
        raise Refused(f"{key} and the list it orders must be lists")
    if had is None and patch is None:
        return
    server, added = _listed(had), _listed(patch)
    _check_order(added, order, field.merge_key)
    merged = _ordered_content(had, patch, inner, field.strategy, field.merge_key, onto_patch)
    are_objects(server, added)
    new[name] = arranged(merged, order, server, field.merge_key)
    rest.pop(name, None)


def _listed(value: Json) -> Items:
    return value if isinstance(value, tuple) else ()


def _ordered_content(
    had: Json, patch: Json, inner: Place, strategy: str, merge_key: str, onto_patch: bool
) -> Items:
    if patch is None:
        return _listed(had)
    if had is None:
        return _listed(_fresh(patch, onto_patch))
    if strategy != "merge":
        return _listed(patch)
    return merge_lists(_listed(had), _listed(patch), inner.items(), merge_key, onto_patch)


def _check_order(patch: Items, order: Items, merge_key: str) -> None:
    """What the patch adds or changes must stand in the order directive, in the same order."""
    waiting = [item for item in patch if not is_deletion(item)]
    for listed in order:
        if waiting and position((listed,), waiting[0], merge_key) == 0:
            waiting.pop(0)
    if waiting:
        raise Refused(
            f"The order in patch list:\n{go_text(patch)}\n doesn't match {SET_ORDER[:-1]} list:\n"
            f"{go_text(order)}\n"
        )


def merge_lists(had: Items, patch: Items, place: Place, merge_key: str, onto_patch: bool) -> Items:
    """Merge a list of scalars as a set, or of objects by their merge key."""
    if not are_objects(had, patch):
        return arranged(without_repeats((*had, *patch)), patch, had, "")
    if not merge_key:
        raise Refused("cannot merge lists without merge key")
    remaining, items = _special_items(had, patch, merge_key)
    merged = list(remaining)
    for item in items:
        index = position(tuple(merged), _known(item, merge_key), merge_key)
        if index < 0:
            merged.append(item if onto_patch else _fresh(item, onto_patch))
        else:
            merged[index] = _merged_item(merged[index], item, place, onto_patch)
    return arranged(tuple(merged), items, remaining, merge_key)


def _known(item: Json, merge_key: str) -> Document:
    return Document({merge_key: merge_key_of(item, merge_key)})


def _merged_item(had: Json, item: Json, place: Place, onto_patch: bool) -> Json:
    assert isinstance(had, Document)
    assert isinstance(item, Document)
    return merge_objects(had, item, place, onto_patch)


def _special_items(had: Items, patch: Items, merge_key: str) -> tuple[Items, Items]:
    """Carry out the items that are directives: what remains, and what is left of the patch."""
    plain: list[Json] = []
    replace = False
    for item in patch:
        assert isinstance(item, Document)
        directive = item.get(PATCH)
        if PATCH not in item:
            plain.append(item)
        elif directive == "delete":
            gone = _known(item, merge_key)
            had = tuple(one for one in had if position((gone,), one, merge_key) < 0)
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise Refused("merging lists cannot yet be specified in the patch")
        else:
            raise unknown_directive(directive, item)
    return (tuple(plain), ()) if replace else (had, tuple(plain))
