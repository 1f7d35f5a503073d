"""Rules that many kinds share: numbers, choices, ports, percentages.

Rules are generators of violations. A path is where a part stands; the empty path is the top.

Source: kubernetes v1.36, apimachinery/pkg/api/validation and pkg/apis/core/validation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from kelm.core.api.validation.names import Complaints, percent, port_name, port_number
from kelm.core.api.validation.violation import (
    Violation,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.objects.int_or_string import percent_of
from kelm.effects.document import Document, Json, text

Rules: TypeAlias = Iterator[Violation]

NEGATIVE: Final = "must be greater than or equal to 0"
IMMUTABLE: Final = "field is immutable"


def at(path: str, key: str) -> str:
    """A field's path.

    >>> at("spec", "replicas"), at("", "replicas")
    ('spec.replicas', 'replicas')
    """
    return f"{path}.{key}" if path else key


def items(doc: Document, path: str, key: str) -> Iterator[tuple[str, Document]]:
    """The objects of the list at `key`, each with its path; what is no object counts as empty."""
    found = doc.get(key)
    if not isinstance(found, tuple):
        return
    base = at(path, key)
    for index, item in enumerate(found):
        yield f"{base}[{index}]", item if isinstance(item, Document) else Document()


def complaints(path: str, value: Json, found: Complaints) -> Rules:
    for complaint in found:
        yield invalid_value(path, value, complaint)


def whole_number(doc: Document, key: str) -> int | None:
    """The integer at `key`, None where there is none."""
    value = doc.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def not_negative(doc: Document, path: str, keys: Iterable[str]) -> Rules:
    for key in keys:
        value = whole_number(doc, key)
        if value is not None and value < 0:
            yield invalid_value(at(path, key), value, NEGATIVE)


def has_text(doc: Document, path: str, key: str, detail: str = "") -> Rules:
    if not text(doc, key):
        yield required(at(path, key), detail)


def choice(
    doc: Document, path: str, key: str, supported: tuple[str, ...], *, needed: bool = True
) -> Rules:
    """One of several words; absent is wrong where it is `needed`."""
    value = text(doc, key)
    if not value:
        if needed:
            yield required(at(path, key))
    elif value not in supported:
        yield not_supported(at(path, key), value, supported)


def unchanged(old: Document, new: Document, path: str, key: str, *, empty: Json = None) -> Rules:
    """A field that keeps its first value; `empty` is what an absent one is shown as."""
    if (old.get(key) or None) != (new.get(key) or None):
        yield invalid_value(at(path, key), new.get(key, empty), IMMUTABLE)


def port_number_or_name(doc: Document, path: str, key: str) -> Rules:
    """A port of a probe or a service: a number, or the name of a container's port."""
    value = doc.get(key)
    if isinstance(value, str):
        yield from complaints(at(path, key), value, port_name(value))
    else:
        number = value if isinstance(value, int) else 0
        yield from complaints(at(path, key), number, port_number(number))


def positive_int_or_percent(doc: Document, path: str, key: str) -> Rules:
    value = doc.get(key)
    if isinstance(value, str):
        yield from complaints(at(path, key), value, percent(value))
    else:
        yield from not_negative(doc, path, (key,))


def int_or_percent(value: Json) -> int:
    """The number that a validator compares: 25 for "25%", 0 for what is neither.

    Source: pkg/apis/apps/validation/validation.go, getIntOrPercentValue.
    """
    if isinstance(value, str):
        found = percent_of(value)
        if found is not None:
            return found
        return int(value) if value.removeprefix("-").isdecimal() else 0
    return value if isinstance(value, int) else 0


def not_over_100_percent(doc: Document, path: str, key: str) -> Rules:
    value = doc.get(key)
    found = percent_of(value) if isinstance(value, str) else None
    if found is not None and found > 100:
        yield invalid_value(at(path, key), value, "must not be greater than 100%")


def relative_path(path: str, value: str) -> Rules:
    """A path below something, which must not climb out of it.

    Source: pkg/apis/core/validation/validation.go, validateLocalDescendingPath.
    """
    if value.startswith("/"):
        yield invalid_value(path, value, "must be a relative path")
    yield from no_backsteps(path, value)


def no_backsteps(path: str, value: str) -> Rules:
    if ".." in value.replace("\\", "/").split("/"):
        yield invalid_value(path, value, "must not contain '..'")
