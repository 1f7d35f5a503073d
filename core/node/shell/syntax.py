"""The parts of a shell script, as data.

Source: POSIX.1-2024, Shell Command Language (XCU 2.9, 2.10).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """Text. Quoted text is neither split nor taken for a pattern."""

    text: str
    quoted: bool = False


class Parameter(msgspec.Struct, frozen=True):
    """`$name`, `${name}`, `${name:-word}`, `${#name}` (operator `#len`) and so on."""

    name: str
    operator: str = ""
    word: Word = ()
    quoted: bool = False


class Substitution(msgspec.Struct, frozen=True):
    """`$(...)` or backquotes: what a script says."""

    script: Script
    quoted: bool = False


class Arithmetic(msgspec.Struct, frozen=True):
    """`$((...))`; the expression has parameters of its own."""

    word: Word
    quoted: bool = False


Part: TypeAlias = Literal | Parameter | Substitution | Arithmetic
Word: TypeAlias = "tuple[Part, ...]"


class Redirect(msgspec.Struct, frozen=True):
    """`2>file`, `<file`, `2>&1`, or a here-document (`<<`), whose text is the word."""

    fd: int
    operator: str
    word: Word


class Simple(msgspec.Struct, frozen=True):
    """Assignments, a command with its arguments, and where its output goes."""

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """`{ ...; }`, or `( ... )` as a shell of its own."""

    body: Script
    subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


class If(msgspec.Struct, frozen=True):
    """`if`: conditions with what follows from each, and what else."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script | None = None
    redirects: tuple[Redirect, ...] = ()


class Loop(msgspec.Struct, frozen=True):
    """`while`, or `until`."""

    condition: Script
    body: Script
    until: bool = False
    redirects: tuple[Redirect, ...] = ()


class For(msgspec.Struct, frozen=True):
    """`for name in words`; without words over the script's own arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Script
    redirects: tuple[Redirect, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """`case word in pattern) ...;; esac`."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], Script], ...]
    redirects: tuple[Redirect, ...] = ()


class Function(msgspec.Struct, frozen=True):
    """`name() command`."""

    name: str
    body: Command


Command: TypeAlias = Simple | Group | If | Loop | For | Case | Function


class Pipeline(msgspec.Struct, frozen=True):
    """Commands that hand their output on; `!` turns the result round."""

    commands: tuple[Command, ...]
    negated: bool = False


class Chain(msgspec.Struct, frozen=True):
    """Pipelines joined by `&&` and `||`; the first has no joint. background: `&` follows."""

    links: tuple[tuple[str, Pipeline], ...]
    background: bool = False


class Script(msgspec.Struct, frozen=True):
    """Chains one after the other."""

    chains: tuple[Chain, ...] = ()


class Wrong(msgspec.Struct, frozen=True):
    """Why a text is no script. incomplete: more text could make it one."""

    message: str
    incomplete: bool = False
