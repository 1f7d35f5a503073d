"""Field selectors: `status.phase!=Running,spec.nodeName=a`, equality only.

A backslash takes comma, equals sign and backslash out of their meaning. Which fields a resource
knows is the API's to say; here a field is a dotted path and what is absent is the empty text.

Source: kubernetes v1.36, apimachinery/pkg/fields/selector.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from returns.result import Failure, Result, Success

from kelm.effects.document import Document, value_at

_OPERATORS = ("!=", "==", "=")


class FieldTerm(msgspec.Struct, frozen=True, gc=False):
    """One comparison: the field must equal the value, or must not."""

    field: str
    value: str
    equal: bool = True

    def __str__(self) -> str:
        return f"{self.field}{'=' if self.equal else '!='}{escape_value(self.value)}"


class FieldSelector(msgspec.Struct, frozen=True, gc=False):
    """All terms must hold; none asks for everything."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether an object with these fields, by path, is meant."""
        return all((fields.get(one.field, "") == one.value) == one.equal for one in self.terms)

    def matches_document(self, doc: Document) -> bool:
        """Whether a whole object is meant.

        >>> pod = Document(spec=Document(nodeName="a"))
        >>> parse_field_selector("spec.nodeName=a").unwrap().matches_document(pod)
        True
        """
        return all((field_text(doc, one.field) == one.value) == one.equal for one in self.terms)

    def __str__(self) -> str:
        return ",".join(str(one) for one in self.terms)


def field_text(doc: Document, path: str) -> str:
    """The field at a dotted path, as text; "" where there is none.

    >>> field_text(Document(spec=Document(unschedulable=True)), "spec.unschedulable")
    'true'
    """
    value = value_at(doc, *path.split("."))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value is None else str(value)


@lru_cache(maxsize=1024)
def parse_field_selector(text: str) -> Result[FieldSelector, str]:
    """Read a field selector, or say what is wrong with it in upstream's words.

    >>> str(parse_field_selector("b!=1,a==2").unwrap())
    'a=2,b!=1'
    >>> parse_field_selector("a").failure()
    "invalid selector: 'a'; can't understand 'a'"
    """
    terms = []
    for part in sorted(split_terms(text)):
        sides = split_term(part)
        if sides is None:
            if part:
                return Failure(f"invalid selector: '{text}'; can't understand '{part}'")
            continue
        field, operator, raw = sides
        value = unescape_value(raw)
        if isinstance(value, Failure):
            return Failure(value.failure())
        terms.append(FieldTerm(field, value.unwrap(), operator != "!="))
    return Success(FieldSelector(tuple(terms)))


def split_terms(text: str) -> tuple[str, ...]:
    """The parts between commas that no backslash protects.

    >>> split_terms("a=1,b=2\\\\,3")
    ('a=1', 'b=2\\\\,3')
    """
    if not text:
        return ()
    parts, start, escaped = [], 0, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            parts.append(text[start:index])
            start = index + 1
    return (*parts, text[start:])


def split_term(term: str) -> tuple[str, str, str] | None:
    """Field, operator and escaped value; None where there is no operator.

    >>> split_term("status.phase!=Running")
    ('status.phase', '!=', 'Running')
    """
    for index in range(len(term)):
        for operator in _OPERATORS:
            if term.startswith(operator, index):
                return term[:index], operator, term[index + len(operator) :]
    return None


def escape_value(value: str) -> str:
    """A value as it is written in a selector."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def unescape_value(text: str) -> Result[str, str]:
    """The value that a selector's text means, or what is wrong with the text.

    >>> unescape_value("a\\\\,b").unwrap()
    'a,b'
    """
    value, escaped = "", False
    for char in text:
        if escaped and char not in "\\,=":
            return Failure(f"invalid field selector: invalid escape sequence: \\{char}")
        if not escaped and char in ",=":
            return Failure(f"invalid field selector: unescaped character in value: {ord(char)}")
        if escaped or char != "\\":
            value += char
        escaped = char == "\\" and not escaped
    if escaped:
        return Failure("invalid field selector: invalid escape sequence: \\")
    return Success(value)
