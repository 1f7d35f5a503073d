"""JSON patches: a list of operations, each on one path, all or none.

What upstream's library does beside the RFC: negative indexes count from the end, and a test for
null passes where nothing is. Only the path is copied, all else is shared.

Source: RFC 6902; kubernetes v1.36, apiserver/pkg/endpoints/handlers/patch.go;
gopkg.in/evanphx/json-patch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from returns.result import Failure, Result, Success

from kelm.core.api.patches.same import same
from kelm.effects.document import Document, Json, text

Pointer: TypeAlias = tuple[str, ...]
_Change: TypeAlias = Callable[["Document | tuple[Json, ...]", str], Json]


class _Refused(Exception):
    """Never leaves this module."""


def apply_json_patch(doc: Document, operations: tuple[Json, ...]) -> Result[Document, str]:
    """The document after all operations, or why one of them cannot be done.

    >>> add = Document(op="add", path="/metadata/labels/a~1b", value="1")
    >>> apply_json_patch(Document(metadata=Document(labels=Document())), (add,)).unwrap()
    {'metadata': {'labels': {'a/b': '1'}}}
    >>> apply_json_patch(Document(), (Document(op="remove", path="/spec"),)).failure()
    'remove operation does not apply: doc is missing key: /spec: missing value'
    """
    here: Json = doc
    try:
        for operation in operations:
            here = _applied(here, operation)
    except _Refused as refused:
        return Failure(str(refused))
    if not isinstance(here, Document):
        return Failure("the patch leaves something that is no object")
    return Success(here)


def _applied(doc: Json, operation: Json) -> Json:
    if not isinstance(operation, Document):
        raise _Refused(f"an operation is an object, not {operation!r}")
    name = text(operation, "op")
    done = _OPERATIONS.get(name)
    if done is None:
        raise _Refused(f"Unexpected kind: {name}")
    try:
        return done(doc, operation)
    except _Refused as refused:
        raise _Refused(f"{name} operation does not apply: {refused}") from None


def _add(doc: Json, operation: Document) -> Json:
    return _with(doc, _pointer(operation, "path"), _value(operation))


def _remove(doc: Json, operation: Document) -> Json:
    return _changed(doc, _pointer(operation, "path"), _removed)


def _replace(doc: Json, operation: Document) -> Json:
    pointer, value = _pointer(operation, "path"), _value(operation)
    _at(doc, pointer)
    return _changed(doc, pointer, _setter(value)) if pointer else value


def _move(doc: Json, operation: Document) -> Json:
    source = _pointer(operation, "from")
    value = _at(doc, source)
    return _with(_changed(doc, source, _removed), _pointer(operation, "path"), value)


def _copy(doc: Json, operation: Document) -> Json:
    return _with(doc, _pointer(operation, "path"), _at(doc, _pointer(operation, "from")))


def _test(doc: Json, operation: Document) -> Json:
    pointer, wanted = _pointer(operation, "path"), operation.get("value")
    try:
        found = _at(doc, pointer)
    except _Refused:
        if wanted is not None:
            raise
        found = None
    if not same(found, wanted):
        raise _Refused(f"testing value {_written(pointer)} failed: test failed")
    return doc


_OPERATIONS: dict[str, Callable[[Json, Document], Json]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _pointer(operation: Document, field: str) -> Pointer:
    written = operation.get(field)
    if not isinstance(written, str):
        raise _Refused(f"missing {field}")
    if written and not written.startswith("/"):
        raise _Refused(f"{field} {written!r} does not start with /")
    return _steps(written)


@lru_cache(maxsize=512)
def _steps(written: str) -> Pointer:
    """A path's steps; programs patch the same few paths again and again."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in written.split("/")[1:])


def _written(pointer: Pointer) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in pointer)


def _value(operation: Document) -> Json:
    if "value" not in operation:
        raise _Refused("missing value")
    return operation["value"]


def _missing(step: str) -> _Refused:
    return _Refused(f"doc is missing key: /{step}: missing value")


def _at(doc: Json, pointer: Pointer) -> Json:
    """The value at a path."""
    here = doc
    for step in pointer:
        here = _child(here, step)
    return here


def _child(here: Json, step: str) -> Json:
    if isinstance(here, Document) and step in here:
        return here[step]
    if isinstance(here, tuple):
        return here[_index(here, step, len(here) - 1)]
    raise _missing(step)


def _index(items: tuple[Json, ...], step: str, last: int) -> int:
    """An index into a list; from the end where it is negative."""
    try:
        index = int(step)
    except ValueError:
        raise _Refused(f"{step!r} is no index") from None
    found = index + len(items) if index < 0 else index
    if not 0 <= found <= last:
        raise _Refused(f"Unable to access invalid index: {index}: invalid index referenced")
    return found


def _changed(doc: Json, pointer: Pointer, change: _Change) -> Json:
    """A copy in which the container of the last step was changed."""
    if not isinstance(doc, Document | tuple):
        raise _missing(pointer[0] if pointer else "")
    if not pointer:
        raise _Refused("the whole document cannot be removed")
    step, *rest = pointer
    if not rest:
        return change(doc, step)
    return _setter(_changed(_child(doc, step), tuple(rest), change))(doc, step)


def _with(doc: Json, pointer: Pointer, value: Json) -> Json:
    """A copy with a value added: into an object, or before the item of a list."""
    if len(pointer) == 1 and isinstance(doc, Document):
        return Document({**doc, pointer[0]: value})
    return _changed(doc, pointer, _adder(value)) if pointer else value


def _adder(value: Json) -> _Change:
    def add(here: Document | tuple[Json, ...], step: str) -> Json:
        if isinstance(here, Document):
            return Document({**here, step: value})
        index = len(here) if step == "-" else _index(here, step, len(here))
        return (*here[:index], value, *here[index:])

    return add


def _setter(value: Json) -> _Change:
    def put(here: Document | tuple[Json, ...], step: str) -> Json:
        if isinstance(here, Document):
            return Document({**here, step: value})
        index = _index(here, step, len(here) - 1)
        return (*here[:index], value, *here[index + 1 :])

    return put


def _removed(here: Document | tuple[Json, ...], step: str) -> Json:
    if isinstance(here, Document):
        if step not in here:
            raise _missing(step)
        return Document({key: value for key, value in here.items() if key != step})
    index = _index(here, step, len(here) - 1)
    return (*here[:index], *here[index + 1 :])
