"""Pruning: what a custom object has that its schema does not name is taken away, and named.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/pruning/algorithm.go.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.document import Document, Json, child, flag

KEPT: Final = frozenset({"apiVersion", "kind", "metadata"})
"""What every object has, and no schema needs to name."""
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
EMBEDDED: Final = "x-kubernetes-embedded-resource"


def prune(value: Json, schema: Document) -> Json:
    """A value without what its schema does not name; the same one where there is no such thing.

    >>> from kelm.effects.document import document
    >>> schema = document({"properties": {"a": {}}})
    >>> prune(document({"a": 1, "b": 2}), schema)
    {'a': 1}
    """
    return _Pruning().of(value, schema, "")


def prune_object(doc: Document, schema: Document) -> Document:
    """The same of a whole object, which keeps its type and metadata."""
    found = prune(doc, _whole(schema))
    assert isinstance(found, Document)
    return found


def unknown_fields(doc: Document, schema: Document) -> tuple[str, ...]:
    """The paths of the fields that pruning takes away from a whole object.

    >>> from kelm.effects.document import document
    >>> schema = document({"properties": {"spec": {"properties": {"a": {}}}}})
    >>> unknown_fields(document({"kind": "X", "spec": {"a": 1, "b": 2}}), schema)
    ('spec.b',)
    """
    pruning = _Pruning()
    pruning.of(doc, _whole(schema), "")
    return tuple(sorted(pruning.unknown))


def _whole(schema: Document) -> Document:
    return schema if flag(schema, EMBEDDED) else Document({**schema, EMBEDDED: True})


class _Pruning:
    """One walk over one value."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def of(self, value: Json, schema: Json, path: str, *, keep: bool = False) -> Json:
        """A value without what is not named; `keep` what a list holds that is kept as it is."""
        part = schema if isinstance(schema, Document) else None
        keep = part is not None and (keep or flag(part, PRESERVE))
        if isinstance(value, tuple):
            return self.items(value, part, path, keep)
        if isinstance(value, Document):
            return self.fields(value, part, path, keep)
        return value

    def items(
        self, value: tuple[Json, ...], schema: Document | None, path: str, keep: bool
    ) -> Json:
        items = None if schema is None else schema.get("items")
        if keep and items is None:
            return value
        new = tuple(
            self.of(one, items, f"{path}[{index}]", keep=keep) for index, one in enumerate(value)
        )
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new

    def fields(self, value: Document, schema: Document | None, path: str, keep: bool) -> Json:
        new: dict[str, Json] = {}
        named = Document() if schema is None else child(schema, "properties")
        others = None if schema is None else schema.get("additionalProperties")
        embedded = schema is not None and flag(schema, EMBEDDED)
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if embedded and key in KEPT:
                new[key] = inner
            elif key in named:
                new[key] = self.of(inner, named[key], here)
            elif others is not None:
                new[key] = self.of(inner, others, here)
            elif keep:
                new[key] = inner
            else:
                self.unknown.append(here)
        same = len(new) == len(value) and all(new[key] is value[key] for key in value)
        return value if same else Document(new)
