"""What is wrong with how a definition names its resource, shows it and scales it.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinitionNames, ValidateCustomResourceColumnDefinition,
ValidateCustomResourceDefinitionSubresources).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.names import dns1035_label
from kelm.core.api.validation.violation import invalid_value, required
from kelm.effects.document import Document, child, elements, text

NEEDED: Final = ("plural", "singular", "kind", "listKind")
COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
COLUMN_FORMATS: Final = (
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password",
)  # fmt: skip
MIXED_CASE: Final = "may have mixed case, but should otherwise match: "


def names_faults(names: Document, path: str) -> Rules:
    """What is wrong with names, asked for or accepted; absent ones are not."""
    for key in ("plural", "singular"):
        yield from _label(text(names, key), f"{path}.{key}")
    for key in ("kind", "listKind"):
        name = text(names, key)
        wrong = dns1035_label(name.lower()) if name else ()
        if wrong:
            yield invalid_value(f"{path}.{key}", name, MIXED_CASE + ",".join(wrong))
    yield from _labels(names, "shortNames", path)
    kind, list_kind = text(names, "kind"), text(names, "listKind")
    if kind and kind == list_kind:
        why = "kind and listKind may not be the same"
        yield invalid_value(f"{path}.listKind", list_kind, why)
    yield from _labels(names, "categories", path)


def _label(name: str, path: str) -> Rules:
    wrong = dns1035_label(name) if name else ()
    if wrong:
        yield invalid_value(path, name, ",".join(wrong))


def _labels(names: Document, key: str, path: str) -> Rules:
    for index, one in enumerate(elements(names, key)):
        wrong = dns1035_label(str(one))
        if wrong:
            yield invalid_value(f"{path}.{key}[{index}]", one, ",".join(wrong))


def column_faults(column: Document, path: str) -> Rules:
    """What is wrong with a column of the tables that show such objects."""
    if not text(column, "name"):
        yield required(f"{path}.name")
    kind, form, where = (text(column, key) for key in ("type", "format", "jsonPath"))
    types = f"must be one of {','.join(COLUMN_TYPES)}"
    if not kind:
        yield required(f"{path}.type", types)
    elif kind not in COLUMN_TYPES:
        yield invalid_value(f"{path}.type", kind, types)
    if form and form not in COLUMN_FORMATS:
        yield invalid_value(f"{path}.format", form, f"must be one of {','.join(COLUMN_FORMATS)}")
    if not where:
        yield required(f"{path}.JSONPath")
    else:
        yield from _simple_path(where, f"{path}.JSONPath")


def _simple_path(value: str, path: str) -> Rules:
    if not value.startswith("."):
        yield invalid_value(path, value, "must be a simple json path starting with .")


def subresource_faults(subresources: Document, path: str) -> Rules:
    """What is wrong with where a scale is read and written.

    >>> scale = Document(specReplicasPath=".status.n", statusReplicasPath=".status.n")
    >>> [one.text for one in subresource_faults(Document(scale=scale), "spec.subresources")]
    ... # doctest: +ELLIPSIS
    ['spec.subresources.scale.specReplicasPath: ... should be a json path under .spec']
    """
    if "scale" not in subresources:
        return
    scale = child(subresources, "scale")
    for key, roots, needed in (
        ("specReplicasPath", (".spec",), True),
        ("statusReplicasPath", (".status",), True),
        ("labelSelectorPath", (".spec", ".status"), False),
    ):
        value, where = text(scale, key), f"{path}.scale.{key}"
        wrong = tuple(_simple_path(value, where)) if value else ()
        yield from wrong
        if not value and needed:
            yield required(where)
        elif value and not wrong and not value.startswith(tuple(f"{one}." for one in roots)):
            either = f"either {' or '.join(roots)}" if len(roots) > 1 else roots[0]
            yield invalid_value(where, value, f"should be a json path under {either}")
