"""One field that is wrong, in the API's words, and the refusal that lists all of them.

A violation is a value with the path of its field, the kind of wrong, the value found there and a
detail. Paths are relative while rules compute them, so that the violations of a part (a
container, a template) can be kept with the part and moved under any path: see `under`.

Source: kubernetes v1.36, apimachinery/pkg/util/validation/field/errors.go and
apimachinery/pkg/api/errors/errors.go, NewInvalid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from kelm.effects.document import Document, Json
from kelm.effects.refusals import Cause, Reason, Refusal


class ErrorType(StrEnum):
    """Kubernetes' CauseType, which is what a cause's `reason` says."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    DUPLICATE = "FieldValueDuplicate"
    NOT_FOUND = "FieldValueNotFound"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    TYPE_INVALID = "FieldValueTypeInvalid"
    INTERNAL = "InternalError"


_WORDS: Final = {
    ErrorType.REQUIRED: "Required value",
    ErrorType.INVALID: "Invalid value",
    ErrorType.NOT_SUPPORTED: "Unsupported value",
    ErrorType.FORBIDDEN: "Forbidden",
    ErrorType.DUPLICATE: "Duplicate value",
    ErrorType.NOT_FOUND: "Not found",
    ErrorType.TOO_LONG: "Too long",
    ErrorType.TOO_MANY: "Too many",
    ErrorType.TYPE_INVALID: "Invalid value",
    ErrorType.INTERNAL: "Internal error",
}
_WITHOUT_VALUE: Final = frozenset(
    {ErrorType.REQUIRED, ErrorType.FORBIDDEN, ErrorType.TOO_LONG, ErrorType.INTERNAL}
)


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A field that is wrong.

    >>> required("spec.containers[0].name").text
    'spec.containers[0].name: Required value'
    >>> invalid_value("spec.replicas", -1, "must be greater than or equal to 0").text
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    """

    field: str
    type: ErrorType
    value: Json = None
    detail: str = ""

    @property
    def message(self) -> str:
        """What is wrong, without saying where."""
        words = _WORDS[self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not OMITTED:
            words = f"{words}: {in_go(self.value)}"
        return f"{words}: {self.detail}" if self.detail else words

    @property
    def text(self) -> str:
        return f"{self.field}: {self.message}"


OMITTED: Final = Document()
"""The value of a violation that is not shown, though its kind shows values."""

Violations: TypeAlias = tuple[Violation, ...]


def required(field: str, detail: str = "") -> Violation:
    return Violation(field, ErrorType.REQUIRED, "", detail)


def invalid_value(field: str, value: Json, detail: str) -> Violation:
    return Violation(field, ErrorType.INVALID, value, detail)


def not_supported(field: str, value: Json, supported: Sequence[str]) -> Violation:
    """The value is none of those that are supported, named in the order given."""
    names = ", ".join(quoted(name) for name in supported)
    return Violation(field, ErrorType.NOT_SUPPORTED, value, f"supported values: {names}")


def forbidden(field: str, detail: str) -> Violation:
    return Violation(field, ErrorType.FORBIDDEN, "", detail)


def duplicate(field: str, value: Json) -> Violation:
    return Violation(field, ErrorType.DUPLICATE, value)


def not_found(field: str, value: Json) -> Violation:
    return Violation(field, ErrorType.NOT_FOUND, value)


def too_long(field: str, at_most: int) -> Violation:
    return Violation(field, ErrorType.TOO_LONG, "", f"may not be more than {at_most} bytes")


def too_many(field: str, found: int, at_most: int) -> Violation:
    noun = "item" if at_most == 1 else "items"
    return Violation(field, ErrorType.TOO_MANY, found, f"must have at most {at_most} {noun}")


def under(path: str, violations: Iterable[Violation]) -> Violations:
    """Move violations with relative paths under a field.

    >>> under("spec", (required("replicas"), required("[0].name"), required("")))[0].field
    'spec.replicas'
    """
    return tuple(
        Violation(_joined(path, item.field), item.type, item.value, item.detail)
        for item in violations
    )


def _joined(path: str, rest: str) -> str:
    if not path or not rest:
        return path or rest
    return f"{path}{rest}" if rest.startswith("[") else f"{path}.{rest}"


def quoted(text: str) -> str:
    """A string as Go prints it with %q.

    >>> quoted('say "hi"')
    '"say \\\\"hi\\\\""'
    """
    return '"' + "".join(_escaped(char) for char in text) + '"'


_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r",
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
}  # fmt: skip


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_go(value: Json) -> str:
    """A bad value as the API prints it: JSON, with the keys of maps sorted.

    Values that upstream prints as Go structs are given as a `Struct`, which keeps its order.

    >>> in_go(Struct(Type="Foo", RollingUpdate=None)), in_go(Document(b="1", a=("x", 2, True)))
    ('{"Type":"Foo","RollingUpdate":null}', '{"a":["x",2,true],"b":"1"}')
    """
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Document):
        keys = list(value) if isinstance(value, Struct) else sorted(value)
        return "{" + ",".join(f"{_json(key)}:{_inner(value[key])}" for key in keys) + "}"
    if isinstance(value, tuple):
        return "[" + ",".join(_inner(item) for item in value) + "]"
    return _json(value)


def _inner(value: Json) -> str:
    return _json(value) if isinstance(value, str) else in_go(value)


def _json(value: Json) -> str:
    """JSON of a scalar; Go writes what HTML would read as numbers."""
    written = msgspec.json.encode(value).decode()
    for char in "&<>":
        written = written.replace(char, f"\\u{ord(char):04x}")
    return written


class Struct(Document):
    """A value that upstream prints as a Go struct: its fields keep their order."""

    __slots__ = ()


def together(sentences: Iterable[str]) -> str:
    """Several complaints as one, none of them twice.

    Source: kubernetes v1.36, apimachinery/pkg/util/errors/errors.go (aggregate).
    """
    said = tuple(dict.fromkeys(sentences))
    return said[0] if len(said) == 1 else f"[{', '.join(said)}]"


def invalid(kind: str, group: str, name: str, violations: Sequence[Violation]) -> Refusal:
    """The refusal that lists every violation, as the API words it.

    A sentence said twice is said once in the message, but each stays a cause.

    >>> invalid("Pod", "", "web", (required("spec.containers"),)).message
    'Pod "web" is invalid: spec.containers: Required value'
    """
    listed = together(item.text for item in violations)
    qualified = f"{kind}.{group}" if group else kind
    return Refusal(
        reason=Reason.INVALID,
        message=f"{qualified} {quoted(name)} is invalid" + (f": {listed}" if violations else ""),
        name=name,
        group=group,
        kind=kind,
        causes=tuple(Cause(item.type.value, item.message, item.field) for item in violations),
    )
