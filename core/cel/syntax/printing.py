"""Expressions as text, in a form that reads as the same expression again.

Source: cel-go v0.26, parser/unparser.go; every part that is no name, literal or call is in brackets
where another part could take hold of it.
"""

from __future__ import annotations

from typing import Final

from kelm.core.cel.running.values import UInt, Value
from kelm.core.cel.running.writing import written_double
from kelm.core.cel.syntax.nodes import (
    Call,
    Comprehension,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Node,
    ObjectOf,
    Select,
)

_INFIX: Final = {
    "_||_": "||", "_&&_": "&&", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==",
    "_!=_": "!=", "@in": "in", "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%",
}  # fmt: skip
_PREFIX: Final = {"!_": "!", "-_": "-"}


def printed(node: Node) -> str:
    """An expression as text. Macros must not be expanded.

    >>> from kelm.core.cel.syntax.parser import parse
    >>> printed(parse("1+2*3 == a.b[0] && has(c.d)").unwrap())
    '((1 + (2 * 3)) == a.b[0]) && has(c.d)'
    """
    match node:
        case Literal():
            return _literal(node.value)
        case Ident():
            return node.name
        case Select():
            return f"{_inner(node.operand)}.{node.field}"
        case Call():
            return _call(node)
        case ListOf():
            parts = (
                f"{'?' if index in node.optional else ''}{printed(one)}"
                for index, one in enumerate(node.elements)
            )
            return f"[{', '.join(parts)}]"
        case MapOf():
            entries = (
                f"{'?' if one.optional else ''}{printed(one.key)}: {printed(one.value)}"
                for one in node.entries
            )
            return "{" + ", ".join(entries) + "}"
        case ObjectOf():
            fields = (
                f"{'?' if one.optional else ''}{one.name}: {printed(one.value)}"
                for one in node.fields
            )
            return node.type_name + "{" + ", ".join(fields) + "}"
        case Comprehension():
            raise AssertionError("macros that are expanded have no text")


def _call(node: Call) -> str:
    name, args = node.function, node.args
    if name in _INFIX:
        return f"{_inner(args[0])} {_INFIX[name]} {_inner(args[1])}"
    if name in _PREFIX:
        return f"{_PREFIX[name]}({printed(args[0])})"
    if name == "_?_:_":
        return f"{_inner(args[0])} ? {_inner(args[1])} : {_inner(args[2])}"
    if name in ("_[_]", "_[?_]"):
        return f"{_inner(args[0])}[{'?' if name == '_[?_]' else ''}{printed(args[1])}]"
    if name == "_?._" and isinstance(args[1], Literal):
        return f"{_inner(args[0])}.?{args[1].value}"
    listed = f"({', '.join(map(printed, args))})"
    return f"{_inner(node.target)}.{name}{listed}" if node.target is not None else name + listed


def _inner(node: Node) -> str:
    """A part within another one."""
    text = printed(node)
    number = isinstance(node, Literal) and isinstance(node.value, int | float)
    wide = isinstance(node, Call) and (
        node.function in _INFIX or node.function in _PREFIX or node.function == "_?_:_"
    )
    return f"({text})" if wide or (number and not text.isalnum()) else text


def _literal(value: Value) -> str:
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is UInt:
        return f"{int(value)}u"
    if kind is float:
        text = written_double(value)
        return text if "." in text or "e" in text else f"{text}.0"
    if kind is str:
        return f'"{"".join(map(_character, value))}"'
    if kind is bytes:
        return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
    return "null" if value is None else str(value)


def _character(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
