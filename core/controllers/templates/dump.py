"""A pod template as the one line of text that is hashed.

Upstream hashes the text that Go's reflection prints: every field of every type in declaration
order, empty ones too. `template_layout.py` says which fields those are; this module prints.
Inside a structure a value stands behind its type, everywhere else it stands alone. There are no
quotes. Nil and empty are told apart.

Each type is compiled once into a list of (key, text when absent, text before, writer).

Source: kubernetes v1.36, pkg/util/hash/hash.go (DeepHashObject), apimachinery/pkg/util/dump.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeAlias

from kelm.core.controllers.templates.layout import LAYOUT
from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.effects.document import EMPTY, Document, Json

Write: TypeAlias = Callable[[Json], str]
_Field: TypeAlias = "tuple[str, str, str, Write]"

_WORD_BITS = 64
_EMBEDDED = "+"
_ZERO_TIME = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_NO_DECIMAL = "{Dec:(*inf.Dec)<nil>}"


def dump_template(template: Document) -> str:
    """The text of a PodTemplateSpec, taken as it is: nothing is defaulted.

    >>> dump_template(EMPTY)[:66]
    '(v1.PodTemplateSpec){ObjectMeta:(v1.ObjectMeta){Name:(string) Gene'
    """
    return f"(v1.PodTemplateSpec){_writer('v1.PodTemplateSpec')(template)}"


@lru_cache(maxsize=1)
def _layout() -> dict[str, tuple[str, ...]]:
    """The fields of each type, as words."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in LAYOUT.strip().splitlines():
        if not line.startswith(" "):
            name, *rest = line.split()
            words = found.setdefault(name, [])
            words.extend(rest)
        else:
            words.extend(line.split())
    return {name: tuple(fields) for name, fields in found.items()}


@cache
def _writer(type_text: str) -> Write:
    """How a value of a type is written where its type is not shown."""
    bare = type_text.removeprefix("*")
    by_hand = _BY_HAND.get(bare)
    if by_hand is not None:
        return by_hand
    if bare.startswith("[]"):
        return _list_writer(_writer(bare[2:]))
    if bare == "v1.ResourceList":
        return _map_writer(_quantity)
    if bare.startswith("map["):
        return _map_writer(_writer(bare[bare.index("]") + 1 :]))
    return _struct_writer(bare) if bare in _layout() else _scalar_writer(bare)


def _scalar_writer(type_text: str) -> Write:
    zero = _zero(type_text)
    return lambda value: zero if value is None else _scalar(value)


def _zero(type_text: str) -> str:
    """What is written for an absent field of a type."""
    if type_text[0] in "*[" or type_text.startswith("map[") or type_text == "v1.ResourceList":
        return "<nil>"
    if type_text in _BY_HAND or type_text in _layout():
        return _writer(type_text)(None)
    return {"bool": "false", "int32": "0", "int64": "0"}.get(type_text, "")


def _scalar(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _list_writer(write: Write) -> Write:
    def write_list(value: Json) -> str:
        items = value if isinstance(value, tuple) else ()
        return f"[{' '.join([write(item) for item in items])}]"

    return write_list


def _map_writer(write: Write) -> Write:
    def write_map(value: Json) -> str:
        entries = value if isinstance(value, Document) else EMPTY
        return f"map[{' '.join([f'{key}:{write(entries[key])}' for key in sorted(entries)])}]"

    return write_map


def _struct_writer(name: str) -> Write:
    fields = tuple(_field(word) for word in _layout()[name])

    def write_struct(value: Json) -> str:
        doc = value if isinstance(value, Document) else EMPTY
        return f"{{{' '.join([_written(doc, field) for field in fields])}}}"

    return write_struct


def _field(word: str) -> _Field:
    """Key, text when absent, text before, writer; no key means that the parent is passed on."""
    name, type_text, *rest = word.split(":")
    key = rest[0] if rest else name[:1].lower() + name[1:]
    head = f"{name}:({type_text})"
    return "" if key == _EMBEDDED else key, head + _zero(type_text), head, _writer(type_text)


def _written(doc: Document, field: _Field) -> str:
    key, absent, head, write = field
    value = doc.get(key) if key else doc
    return absent if value is None else head + write(value)


def _int_or_string(value: Json) -> str:
    text = value if isinstance(value, str) else ""
    number = 0 if value is None or isinstance(value, str) else value
    kind = int(isinstance(value, str))
    return f"{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"


def _quantity(value: Json) -> str:
    if not isinstance(value, str | int | float):
        return _quantity_text(0, 0, _NO_DECIMAL, "", "")
    amount = parse_quantity(value)
    if amount.exact:
        return _quantity_text(
            amount.unscaled, amount.scale, _NO_DECIMAL, amount.kept_text, amount.format
        )
    return _quantity_text(0, 0, _decimal(amount), amount.kept_text, amount.format)


def _quantity_text(value: int, scale: int, decimal: str, text: str, form: str) -> str:
    return (
        f"{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} "
        f"d:(resource.infDecAmount){decimal} s:(string){text} Format:(resource.Format){form}}}"
    )


def _decimal(amount: Quantity) -> str:
    """A big decimal: its sign, its digits as machine words from the lowest, its scale."""
    words, rest = [], abs(amount.unscaled)
    while rest:
        rest, word = divmod(rest, 1 << _WORD_BITS)
        words.append(str(word))
    digits = f"[{' '.join(words)}]" if words else "<nil>"
    sign = "true" if amount.unscaled < 0 else "false"
    return (
        f"{{Dec:(*inf.Dec){{unscaled:(big.Int){{neg:(bool){sign} abs:(big.nat){digits}}} "
        f"scale:(inf.Scale){-amount.scale}}}}}"
    )


_BY_HAND: dict[str, Write] = {
    "intstr.IntOrString": _int_or_string,
    "resource.Quantity": _quantity,
    "v1.Time": lambda _value: _ZERO_TIME,
}
