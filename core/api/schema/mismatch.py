"""How upstream says that a value has the wrong type.

Go's JSON decoder names the structure and the path of fields (no indexes); types that decode
themselves (quantities, times, bytes) say only what they want; and the converter that reads the
outcome of a strategic merge patch has words of its own.

Source: kubernetes v1.36; Go's encoding/json (UnmarshalTypeError), time and encoding/base64;
apimachinery/pkg/runtime/converter.go.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from kelm.core.api.schema.definitions import Type
from kelm.effects.document import Json

At: TypeAlias = "tuple[At | None, str | int, str]"
"""Where a value is: where its parent is, the step to it, and the structure whose field it is.

A step is a field's name, or an index or key inside a list or map, where the structure is "".
"""

_BASE64 = re.compile(r"[A-Za-z0-9+/]")
_GO_SCALARS = {
    "str": "string",
    "bool": "bool",
    "i32": "int32",
    "i64": "int64",
    "num": "float64",
    "b64": "[]uint8",
    "time": "v1.Time",
    "micro": "v1.MicroTime",
    "qty": "resource.Quantity",
    "intstr": "intstr.IntOrString",
}
_TIME_PARTS = (
    (r"\d{4}", "2006"), ("-", "-"), (r"\d\d", "01"), ("-", "-"), (r"\d\d", "02"), ("T", "T"),
    (r"\d\d", "15"), (":", ":"), (r"\d\d", "04"), (":", ":"), (r"\d\d(?:[.,]\d+)?", "05"),
    (r"Z|[+-]\d\d:\d\d", "Z07:00"),
)  # fmt: skip
_NUMERIC = "numeric (int or float)"
_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"


class Mismatch(msgspec.Struct, frozen=True, gc=False):
    """One value of the wrong type, as three parts of upstream say it.

    `decoder` reads requests, `converter` the outcome of a strategic merge patch, `typed` what
    is applied by the server.
    """

    decoder: str
    converter: str
    typed: str


def wrong_type(value: Json, wanted: Type, at: At) -> Mismatch:
    """A value that is not of a field's type."""
    structure, path = _field_path(at)
    said = f"json: cannot unmarshal {_json_word(value, wanted)} into Go struct field "
    decoder = f"{said}{structure}.{path} of type {go_type(wanted)}"
    typed = f"{_rooted(at)}: expected {_typed_word(wanted)}, got {_typed_value(value)}"
    return Mismatch(decoder, _converter_text(value, wanted), typed)


def own_words(text: str) -> Mismatch:
    """What a type says that decodes itself."""
    return Mismatch(text, text, text)


def not_a(value: Json, wanted: str) -> Mismatch:
    """A self-decoding type was given something of another JSON type."""
    kind = Type("i32" if wanted == "int32" else "str")
    return own_words(
        f"json: cannot unmarshal {_json_word(value, kind)} into Go value of type {wanted}"
    )


def path_text(at: At | None) -> str:
    """The whole path, as strict decoding names unknown fields: `spec.containers[0].foo`."""
    steps = []
    while at is not None:
        at, step, _ = at
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps)).removeprefix(".")


def _rooted(at: At) -> str:
    path = path_text(at)
    return path if path.startswith("[") else f".{path}"


def _typed_word(wanted: Type) -> str:
    words = {"str": "string", "bool": "boolean", "list": "list", "b64": "string"}
    return words.get(wanted.kind, "map" if wanted.kind in ("map", "object") else _NUMERIC)


def _typed_value(value: Json) -> str:
    if isinstance(value, bool):
        return f"&value.valueUnstructured{{Value:{str(value).lower()}}}"
    shown = f'"{value}"' if isinstance(value, str) else value
    return f"&value.valueUnstructured{{Value:{shown}}}"


def _field_path(at: At) -> tuple[str, str]:
    """The innermost structure, and the fields from the outermost to here."""
    structure, fields = "", []
    here: At | None = at
    while here is not None:
        here, step, owner = here
        if owner:
            structure = structure or owner
            fields.append(str(step))
    return structure, ".".join(reversed(fields))


def go_type(wanted: Type) -> str:
    """A type as Go names it.

    >>> go_type(Type("list", element=Type("object", "core.v1.Container")))
    '[]v1.Container'
    """
    if wanted.element is not None:
        return ("[]" if wanted.kind == "list" else "map[string]") + go_type(wanted.element)
    if wanted.kind == "object":
        return ".".join(wanted.name.split(".")[-2:])
    return wanted.name or _GO_SCALARS.get(wanted.kind, "interface {}")


def _json_word(value: Json, wanted: Type) -> str:
    """What Go calls the type of a JSON value; a number that nearly fits is shown."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if wanted.kind in ("i32", "i64") else "number"
    return _word(value)


def _word(value: Json) -> str:
    return "string" if isinstance(value, str) else "array" if isinstance(value, tuple) else "object"


def _converter_text(value: Json, wanted: Type) -> str:
    kind = wanted.kind
    if kind in ("list", "map", "object"):
        name = {"list": "slice ", "map": "map ", "object": "struct "}[kind]
        colon = ":" if kind == "object" else ""
        return f"cannot restore {name.strip()} from{colon} {_go_kind(value)}"
    return f"unrecognized type: {_GO_SCALARS.get(kind, kind)}"


def _go_kind(value: Json) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    if isinstance(value, float):
        return "float64"
    return {"string": "string", "array": "slice", "object": "map"}[_word(value)]


def time_fault(text: str, micro: bool) -> Mismatch:
    """Why a text is no time, as Go's parser says it."""
    layout = _MICRO_LAYOUT if micro else _LAYOUT
    rest = text
    for pattern, part in _TIME_PARTS:
        match = re.match(pattern, rest)
        if match is None:
            shown = "05.000000" if micro and part == "05" else part
            return own_words(
                f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{shown}"'
            )
        rest = rest[match.end() :]
    if rest:
        return own_words(f'parsing time "{text}": extra text: "{rest}"')
    return own_words(f'parsing time "{text}": {_out_of_range(text)} out of range')


def _out_of_range(text: str) -> str:
    checks = (("month", 5, 12), ("hour", 11, 23), ("minute", 14, 59), ("second", 17, 59))
    for name, start, most in checks:
        if int(text[start : start + 2]) > most or text[start : start + 2] == "00" == name:
            return name
    return "month" if text[5:7] == "00" else "day"


def base64_fault(text: str) -> Mismatch | None:
    """Why a text is no bytes, or None where it is."""
    digits = 0
    for index, char in enumerate(text):
        if char in "\r\n":
            continue
        if char == "=":
            rest = text[index:].replace("\r", "").replace("\n", "")
            if digits % 4 < 2:
                return _corrupt(index)
            return None if rest == "=" * (4 - digits % 4) else _corrupt(len(text))
        if not _BASE64.match(char):
            return _corrupt(index)
        digits += 1
    return _corrupt(len(text) - digits % 4) if digits % 4 else None


def _corrupt(index: int) -> Mismatch:
    return own_words(f"illegal base64 data at input byte {index}")
