"""Expressions read from text, macros still calls.

The grammar is small and every choice is decided by the next word. A mistake in the grammar ends
the reading, and is worded as the parser generator of upstream words it: what stands there and what
would have been right. Mistakes in single words (a number that is too large) are gathered.

Upstream refuses expressions that are nested deeper than 250 levels; here it is `MOST_NESTED`, as
each level of an expression takes several of Python's.

Source: cel-go v0.26, parser/gen/CEL.g4, parser/parser.go; ANTLR's DefaultErrorStrategy.
"""

from __future__ import annotations

from typing import Final

from returns.result import Failure, Result, Success

from kelm.core.cel.running.values import LEAST_INT, MOST_INT, MOST_UINT, UInt, Value
from kelm.core.cel.syntax.errors import CompileErrors, Issue
from kelm.core.cel.syntax.lexer import END, Token
from kelm.core.cel.syntax.nodes import (
    Call,
    Entry,
    FieldValue,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Node,
    ObjectOf,
    Select,
)
from kelm.core.cel.syntax.text_literals import unquoted, unquoted_bytes
from kelm.core.cel.syntax.words import (
    BINARY,
    MOST_NESTED,
    RESERVED,
    START_KINDS,
    Broken,
    Words,
    begins,
    expecting,
    too_deep,
)

MOST_CODE_POINTS: Final = 100_000


def parse(source: str) -> Result[Node, CompileErrors]:
    """Read an expression.

    >>> parse("1 +").failure().text.splitlines()[0][:60]
    "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' e"
    """
    if len(source) > MOST_CODE_POINTS:
        said = (
            f"expression code point size exceeds limit: size: {len(source)}, "
            f"limit {MOST_CODE_POINTS}"
        )
        return Failure(CompileErrors(source, (Issue(0, said),)))
    reader = _Reader(source)
    try:
        node = reader.whole()
    except Broken:
        return Failure(CompileErrors(source, tuple(reader.issues)))
    if reader.issues:
        return Failure(CompileErrors(source, tuple(reader.issues)))
    if depth_of(node) > 2 * MOST_NESTED:
        return Failure(CompileErrors(source, (too_deep(0),)))
    return Success(node)


def parts_of(node: Node) -> tuple[Node, ...]:
    """The parts that a node is directly made of, in the order of the text."""
    if isinstance(node, Select):
        return (node.operand,)
    if isinstance(node, Call):
        return node.args if node.target is None else (node.target, *node.args)
    if isinstance(node, ListOf):
        return node.elements
    if isinstance(node, MapOf):
        return tuple(part for entry in node.entries for part in (entry.key, entry.value))
    if isinstance(node, ObjectOf):
        return tuple(field.value for field in node.fields)
    if isinstance(node, Literal | Ident):
        return ()
    return (node.range, node.init, node.condition, node.step, node.result)


def depth_of(node: Node) -> int:
    """How many parts lie within one another at most."""
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        here, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting.extend((part, depth + 1) for part in parts_of(here))
    return deepest


class _Reader(Words):
    """The rules of the grammar. Lives for one call of `parse`."""

    # -- rules -----------------------------------------------------------------------------

    def whole(self) -> Node:
        node = self.expression()
        if self.word.kind != "end":
            raise self.unexpected(END, frozenset({"end"}))
        return node

    def expression(self, *also: str) -> Node:
        self.depth += 1
        if self.depth > MOST_NESTED:
            self.issues.append(too_deep(self.word.at))
            raise Broken
        node = self.logic(also)
        mark = self.take_if("?")
        if mark is not None:
            chosen = self.logic(())
            self.expect(":", begins)
            node = Call(self.number(), mark.at, "_?_:_", (node, chosen, self.expression()))
        self.depth -= 1
        return node

    def within(self, closers: tuple[str, ...], *also: str) -> Node:
        """An expression that one of these words ends."""
        self.closers.append(closers)
        node = self.expression(*also)
        self.closers.pop()
        return node

    def logic(self, also: tuple[str, ...]) -> Node:
        """Alternatives of conjunctions of relations."""
        outer: list[Node] = []
        outer_marks: list[int] = []
        while True:
            inner = [self.relation(also)]
            inner_marks: list[int] = []
            while (mark := self.take_if("&&")) is not None:
                inner_marks.append(mark.at)
                inner.append(self.relation(()))
            outer.append(self.balanced("_&&_", inner, inner_marks, 0, len(inner_marks) - 1))
            mark = self.take_if("||")
            if mark is None:
                return self.balanced("_||_", outer, outer_marks, 0, len(outer_marks) - 1)
            outer_marks.append(mark.at)
            also = ()

    def balanced(self, name: str, terms: list[Node], marks: list[int], low: int, high: int) -> Node:
        """Terms joined as a tree that is as flat as can be."""
        if not marks:
            return terms[0]
        middle = (low + high + 1) // 2
        left = (
            terms[middle] if middle == low else self.balanced(name, terms, marks, low, middle - 1)
        )
        right = (
            terms[middle + 1]
            if middle == high
            else self.balanced(name, terms, marks, middle + 1, high)
        )
        return Call(self.number(), marks[middle], name, (left, right))

    def relation(self, also: tuple[str, ...], least: int = 1) -> Node:
        """Operators of one rank or higher, grouped from the left."""
        node = self.unary(also)
        while True:
            rank, name = BINARY.get(self.word.kind, (0, ""))
            if rank < least:
                return node
            mark = self.take()
            node = Call(self.number(), mark.at, name, (node, self.relation((), rank + 1)))

    def unary(self, also: tuple[str, ...]) -> Node:
        sign = self.word
        if sign.kind not in ("!", "-"):
            return self.member(self.primary(also))
        following = self.words[self.position + 1]
        if sign.kind == "-" and following.kind in ("int", "double"):
            return self.member(self.primary(()))
        count = 0
        while self.take_if(sign.kind) is not None:
            count += 1
        if sign.kind == "!" and self.word.kind == "end":
            raise self.broken(f"extraneous input '{END}' expecting {expecting(())}")
        node = self.member(self.primary(()))
        if count % 2 == 0:
            return node
        return Call(self.number(), sign.at, "!_" if sign.kind == "!" else "-_", (node,))

    def member(self, node: Node) -> Node:
        while self.word.kind in (".", "["):
            mark = self.take()
            node = self.selected(node, mark) if mark.kind == "." else self.indexed(node, mark)
        return node

    def indexed(self, node: Node, mark: Token) -> Node:
        optional = self.take_if("?") is not None
        index = self.within(("]",), *(() if optional else ("?",)))
        self.expect("]", self.ends)
        return Call(self.number(), mark.at, "_[?_]" if optional else "_[_]", (node, index))

    def selected(self, node: Node, mark: Token) -> Node:
        optional = self.take_if("?") is not None
        name = self.word
        if name.kind not in ("name", "escaped"):
            raise self.no_field(optional)
        self.take()
        if name.kind == "escaped":
            self.issues.append(Issue(name.at, "unsupported syntax: '`'"))
        opened = None if optional or name.kind == "escaped" else self.take_if("(")
        if opened is not None:
            args = self.arguments()
            return Call(self.number(), opened.at, name.text, args, node)
        if optional:
            field = Literal(self.number(), name.at, name.text)
            return Call(self.number(), mark.at, "_?._", (node, field))
        return Select(self.number(), mark.at, node, name.text)

    def no_field(self, optional: bool) -> Broken:
        word = self.word
        if optional:
            wanted = "{IDENTIFIER, ESC_IDENTIFIER}"
            found = self.broken(f"mismatched input '{word.text}' expecting {wanted}")
            self.issues.append(Issue(word.at, "unsupported ident kind"))
            return found
        if word.kind in ("true", "false", "null"):
            return self.broken(f"mismatched input '{word.text}' expecting IDENTIFIER")
        shown = "" if word.kind == "end" else word.text
        return self.broken(f"no viable alternative at input '.{shown}'")

    def arguments(self) -> tuple[Node, ...]:
        if self.take_if(")") is not None:
            return ()
        found = [self.within((")", ","), ")")]
        while self.take_if(",") is not None:
            found.append(self.within((")", ",")))
        self.expect(")", self.ends)
        return tuple(found)

    def primary(self, also: tuple[str, ...]) -> Node:
        word = self.word
        if word.kind == "name" or word.kind == ".":
            return self.named()
        if word.kind == "(":
            self.take()
            node = self.within((")",))
            self.expect(")", self.ends)
            return node
        if word.kind == "[":
            return self.list_of(self.take())
        if word.kind == "{":
            return self.map_of(self.take())
        if word.kind in START_KINDS and word.kind != "!":
            return self.literal()
        raise self.unexpected(expecting(also), START_KINDS | frozenset(also))

    def named(self) -> Node:
        first = self.word
        dot = "." if self.take_if(".") is not None else ""
        name = self.word
        if name.kind != "name":
            shown = "" if name.kind == "end" else name.text
            raise self.broken(f"no viable alternative at input '.{shown}'")
        self.take()
        made = self.object_of(dot, name)
        if made is not None:
            return made
        if name.text in RESERVED:
            self.issues.append(Issue(first.at, f"reserved identifier: {name.text}"))
        opened = self.take_if("(")
        if opened is not None:
            return Call(self.number(), opened.at, dot + name.text, self.arguments())
        return Ident(self.number(), name.at, dot + name.text)

    def object_of(self, dot: str, name: Token) -> Node | None:
        """`a.b.C{...}`, where a brace follows the names."""
        ahead, names = self.position, [name.text]
        while self.words[ahead].kind == "." and self.words[ahead + 1].kind == "name":
            names.append(self.words[ahead + 1].text)
            ahead += 2
        if self.words[ahead].kind != "{":
            return None
        self.position = ahead
        opened = self.take()
        fields: list[FieldValue] = []
        while self.word.kind != "}":
            optional = self.take_if("?") is not None
            field = self.take_if("name")
            if field is None:
                raise self.unexpected("{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}", frozenset("}"))
            colon = self.expect(":", begins)
            value = self.within(("}", ","))
            fields.append(FieldValue(colon.at, field.text, value, optional))
            if self.take_if(",") is None:
                break
        self.closed("}")
        return ObjectOf(self.number(), opened.at, dot + ".".join(names), tuple(fields))

    def list_of(self, opened: Token) -> Node:
        elements: list[Node] = []
        optional: list[int] = []
        comma = False
        while self.word.kind != "]":
            if comma and self.word.kind != "?" and not begins(self.word.kind):
                raise self.unexpected("']'", frozenset({"]"}))
            if self.take_if("?") is not None:
                optional.append(len(elements))
                elements.append(self.within(("]", ",")))
            else:
                also = () if comma else ("]", ",", "?")
                elements.append(self.within(("]", ","), *also))
            comma = self.take_if(",") is not None
            if not comma:
                break
        self.closed("]")
        return ListOf(self.number(), opened.at, tuple(elements), tuple(optional))

    def map_of(self, opened: Token) -> Node:
        entries: list[Entry] = []
        while self.word.kind != "}":
            optional = self.take_if("?") is not None
            key = self.within((":",), *(() if entries else ("}", ",", "?")))
            colon = self.expect(":", begins)
            entries.append(Entry(colon.at, key, self.within(("}", ",")), optional))
            if self.take_if(",") is None:
                break
        self.closed("}")
        return MapOf(self.number(), opened.at, tuple(entries))

    def closed(self, kind: str) -> None:
        if self.take_if(kind) is None:
            raise self.unexpected("{'" + kind + "', ','}", frozenset({kind, ","}))

    # -- literals --------------------------------------------------------------------------

    def literal(self) -> Node:
        first = self.take()
        sign, word = ("-", self.take()) if first.kind == "-" else ("", first)
        if word.kind in ("true", "false", "null"):
            value: Value = {"true": True, "false": False, "null": None}[word.kind]
        elif word.kind in ("int", "uint", "double"):
            value = self.numeric(first.at, sign, word)
        elif word.kind in ("text", "bytes"):
            value = self.quoted(word)
        else:
            self.position -= 1
            raise self.unexpected(expecting(()), START_KINDS)
        return Literal(self.number(), first.at, value)

    def numeric(self, at: int, sign: str, word: Token) -> Value:
        digits = word.text.rstrip("uU") if word.kind == "uint" else word.text
        if word.kind == "double":
            value: Value = float(sign + digits)
            good = value not in (float("inf"), float("-inf"))
        else:
            size = int(digits[2:], 16) if digits.startswith("0x") else int(digits)
            value = UInt(size) if word.kind == "uint" else (-size if sign else size)
            good = size <= MOST_UINT if word.kind == "uint" else LEAST_INT <= value <= MOST_INT
        if not good:
            self.issues.append(Issue(at, f"invalid {word.kind} literal"))
        return value

    def quoted(self, word: Token) -> Value:
        read: Result[Value, str]
        read = unquoted(word.text) if word.kind == "text" else unquoted_bytes(word.text)
        if isinstance(read, Failure):
            self.issues.append(Issue(word.at, read.failure()))
            return ""
        return read.unwrap()
