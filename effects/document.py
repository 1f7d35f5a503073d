"""Immutable JSON: the one representation of an object, whatever its kind.

The API stores whole documents, so any field of any kind round-trips. A `Document` is a
`dict` that refuses to change: reading costs what a dict costs, every library that takes a
mapping takes it, and two versions of an object share every part that did not change. Lists
are tuples. A document also remembers the typed view that was decoded from it (see
`kelm.core.objects.views`), which is a derived value and no part of what it equals.

Why not pyrsistent maps: docs/decisions/0001-documents.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeAlias

Json: TypeAlias = "bool | int | float | str | tuple[Json, ...] | Document | None"
Path: TypeAlias = "tuple[str, ...]"


class Document(dict[str, Json]):
    """A JSON object that cannot be changed.

    >>> pod = Document({"kind": "Pod"})
    >>> pod["kind"] = "Node"
    Traceback (most recent call last):
        ...
    TypeError: a Document cannot be changed; build a new one (see with_value, without)
    """

    __slots__ = ("derived", "view")

    view: object
    """The typed view decoded from this document (kelm.core.objects.views)."""
    derived: object
    """One further value that a pure function computed from this document alone."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("a Document cannot be changed; build a new one (see with_value, without)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse

    def copy(self) -> Document:
        return self

    __copy__ = copy

    def __deepcopy__(self, _memo: object) -> Document:
        return self

    def __reduce__(self) -> tuple[type[Document], tuple[dict[str, Json]]]:
        return Document, (dict(self),)


EMPTY = Document()


def freeze(value: object) -> Json:
    """Turn parsed JSON or YAML into its immutable form; what is frozen already is shared.

    Raises:
        TypeError: for anything that JSON has no word for, naming the type.

    >>> freeze({"a": [1, {"b": None}]})
    {'a': (1, {'b': None})}
    """
    kind = type(value)
    if kind is str or kind is Document or value is None or kind is bool or kind is int:
        return value  # type: ignore[return-value]
    if kind is dict:
        return Document(
            [(key if type(key) is str else _key(key), freeze(item)) for key, item in value.items()]  # type: ignore[attr-defined]
        )
    if isinstance(value, list | tuple):
        return tuple([freeze(item) for item in value])
    if isinstance(value, bool | int | float | str | Document):
        return value
    if isinstance(value, Mapping):
        return Document({_key(key): freeze(item) for key, item in value.items()})
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a JSON object's keys are strings, not {key!r}")
    return key


def document(value: Mapping[str, object]) -> Document:
    """Freeze a mapping: `freeze` with the narrower type.

    >>> document({"replicas": 3})["replicas"]
    3
    """
    return (
        value
        if isinstance(value, Document)
        else Document({_key(key): freeze(item) for key, item in value.items()})
    )


def thaw(value: Json) -> object:
    """Copy into plain dicts and lists, for libraries that want to own what they are given.

    >>> thaw(freeze({"a": [1]}))
    {'a': [1]}
    """
    if isinstance(value, Document):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value


def child(doc: Document, first: str, *rest: str) -> Document:
    """The object at a path, or the empty document where there is none.

    >>> child(document({"spec": {"template": {"spec": {"a": 1}}}}), "spec", "template")
    {'spec': {'a': 1}}
    """
    here = doc.get(first)
    for step in rest:
        here = here.get(step) if isinstance(here, Document) else None
    return here if isinstance(here, Document) else EMPTY


def value_at(doc: Document, *path: str) -> Json:
    """The value at `path`, or None.

    >>> value_at(document({"metadata": {"name": "web"}}), "metadata", "name")
    'web'
    """
    here: Json = doc
    for step in path:
        here = here.get(step) if isinstance(here, Document) else None
    return here


def text(doc: Document, first: str, *rest: str, default: str = "") -> str:
    """The string at a path; `default` where it is absent, null or no string."""
    here = doc.get(first)
    for step in rest:
        here = here.get(step) if isinstance(here, Document) else None
    return here if isinstance(here, str) else default


def number(doc: Document, *path: str, default: int = 0) -> int:
    """The integer at `path`; `default` where it is absent, null or no integer."""
    here = value_at(doc, *path)
    return here if isinstance(here, int) and not isinstance(here, bool) else default


def flag(doc: Document, *path: str, default: bool = False) -> bool:
    """The boolean at `path`; `default` where it is absent, null or no boolean."""
    here = value_at(doc, *path)
    return here if isinstance(here, bool) else default


def elements(doc: Document, first: str, *rest: str) -> tuple[Json, ...]:
    """The list at a path, empty where there is none."""
    here = doc.get(first)
    for step in rest:
        here = here.get(step) if isinstance(here, Document) else None
    return here if isinstance(here, tuple) else ()


def children(doc: Document, first: str, *rest: str) -> tuple[Document, ...]:
    """The objects in the list at a path; what is no object is left out.

    >>> [text(c, "name") for c in children(document({"containers": [{"name": "a"}]}), "containers")]
    ['a']
    """
    found = elements(doc, first, *rest)
    return tuple([item for item in found if isinstance(item, Document)]) if found else ()


def strings(doc: Document, *path: str) -> dict[str, str]:
    """The string-to-string map at `path` (labels, annotations, selectors), as a new dict."""
    found = value_at(doc, *path)
    if not isinstance(found, Document):
        return {}
    return {key: item for key, item in found.items() if isinstance(item, str)}


def with_value(doc: Document, path: Path, value: Json) -> Document:
    """A copy with `value` at `path`; all that is not on the path is shared.

    >>> with_value(document({"spec": {"replicas": 1}}), ("spec", "replicas"), 2)
    {'spec': {'replicas': 2}}
    """
    head, *rest = path
    inner = with_value(child(doc, head), tuple(rest), value) if rest else value
    return Document({**doc, head: inner})


def with_values(doc: Document, changes: Iterable[tuple[str, Json]]) -> Document:
    """A copy with these top-level fields set; None removes the field.

    >>> with_values(document({"a": 1, "b": 2}), [("a", None), ("c", 3)])
    {'b': 2, 'c': 3}
    """
    new = dict(doc)
    for key, value in changes:
        if value is None:
            new.pop(key, None)
        else:
            new[key] = value
    return Document(new)


def without(doc: Document, path: Path) -> Document:
    """A copy without the field at `path`; the same document where there is none.

    >>> without(document({"spec": {"a": 1, "b": 2}}), ("spec", "a"))
    {'spec': {'b': 2}}
    """
    head, *rest = path
    if head not in doc:
        return doc
    if rest:
        inner = child(doc, head)
        pruned = without(inner, tuple(rest))
        return doc if pruned is inner else Document({**doc, head: pruned})
    return Document({key: item for key, item in doc.items() if key != head})
