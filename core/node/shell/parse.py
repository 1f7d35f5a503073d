"""Text to script.

Source: POSIX.1-2024, Shell Command Language (XCU 2.2 to 2.4, 2.10).
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.shell.syntax import (
    Case,
    Chain,
    Command,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Word,
    Wrong,
)
from kelm.core.node.shell.words import Reader, SyntaxFault

RESERVED: Final = frozenset(
    "if then else elif fi while until do done for case esac in { } !".split()  # noqa: SIM905
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=")
_REDIRECT: Final = re.compile(r"(\d*)(<<-|<<|<&|>&|>>|>\||<>|<|>|&>)")


def parse(text: str) -> Script | Wrong:
    """A script, or what is wrong with the text.

    >>> len(parse("echo a; echo b").chains), parse("if true").incomplete
    (2, True)
    >>> parse("echo )").message
    'syntax error: unexpected ")"'
    """
    parser = _Parser(text)
    try:
        script = parser.script(frozenset())
        if parser.at < len(parser.text):
            raise SyntaxFault(f'syntax error: unexpected "{parser.text[parser.at]}"')
    except SyntaxFault as fault:
        return Wrong(fault.message, fault.incomplete)
    return script


class _Parser(Reader):
    """One pass over a text. `Reader` reads words; here they become commands."""

    def inner(self, closing: str) -> Script:
        """The script inside of a substitution, up to and with what closes it."""
        script = self.script(frozenset(closing))
        self.expect(closing)
        return script

    # -- lists -------------------------------------------------------------------------------------

    def script(self, closing: frozenset[str]) -> Script:
        chains: list[Chain] = []
        while True:
            self.skip_lines()
            if self.at >= len(self.text) or self.here() in closing or self.word_ahead() in closing:
                return Script(tuple(chains))
            if self.text.startswith(";;", self.at) and ";;" in closing:
                return Script(tuple(chains))
            if self.here() == ")":
                return Script(tuple(chains))
            chain = self.chain()
            self.blanks()
            if self.here() == "&" and not self.text.startswith("&&", self.at):
                self.at += 1
                chain = Chain(chain.links, background=True)
            elif self.here() == ";" and not self.text.startswith(";;", self.at):
                self.at += 1
            elif not self.ends_here(closing):
                raise SyntaxFault(f'syntax error: unexpected "{self.here()}"')
            chains.append(chain)

    def ends_here(self, closing: frozenset[str]) -> bool:
        """Whether a chain may end at this place."""
        if self.here() in ("", "\n", "#", ")") or self.word_ahead() in closing:
            return True
        return ";;" in closing and self.text.startswith(";;", self.at)

    def chain(self) -> Chain:
        links = [("", self.pipeline())]
        while True:
            self.blanks()
            joint = self.text[self.at : self.at + 2]
            if joint not in ("&&", "||"):
                return Chain(tuple(links))
            self.at += 2
            self.skip_lines()
            links.append((joint, self.pipeline()))

    def pipeline(self) -> Pipeline:
        self.blanks()
        negated = self.word_ahead() == "!"
        if negated:
            self.at += 1
        commands = [self.command()]
        while True:
            self.blanks()
            if self.here() != "|" or self.text.startswith("||", self.at):
                return Pipeline(tuple(commands), negated)
            self.at += 1
            self.skip_lines()
            commands.append(self.command())

    # -- commands ----------------------------------------------------------------------------------

    def command(self) -> Command:
        self.blanks()
        word = self.word_ahead()
        if self.here() == "(":
            self.at += 1
            body = self.script(frozenset(")"))
            self.expect(")")
            return Group(body, True, self.redirects())
        if word == "{":
            self.at += 1
            body = self.until("}")
            return Group(body, False, self.redirects())
        if word == "if":
            return self.if_command()
        if word in ("while", "until"):
            self.at += len(word)
            condition = self.until("do")
            body = self.until("done")
            return Loop(condition, body, word == "until", self.redirects())
        if word == "for":
            return self.for_command()
        if word == "case":
            return self.case_command()
        name = _NAME.match(self.text, self.at)
        if name and re.match(r"\s*\(\s*\)", self.text[name.end() :]):
            self.at = self.text.index(")", name.end()) + 1
            self.skip_lines()
            return Function(name[0], self.command())
        if word in RESERVED:
            raise SyntaxFault(f'syntax error: unexpected "{word}"')
        return self.simple()

    def until(self, *words: str) -> Script:
        """A script that one of these words ends; the word is read as well."""
        script = self.script(frozenset(words))
        self.skip_lines()
        found = self.word_ahead()
        if found not in words:
            raise SyntaxFault("syntax error: unexpected end of file", incomplete=not found)
        self.at += len(found)
        self.ended_by = found
        return script

    def if_command(self) -> Command:
        branches = []
        self.at += 2
        while True:
            condition = self.until("then")
            body = self.until("elif", "else", "fi")
            branches.append((condition, body))
            if self.ended_by == "fi":
                return If(tuple(branches), None, self.redirects())
            if self.ended_by == "else":
                otherwise = self.until("fi")
                return If(tuple(branches), otherwise, self.redirects())

    def for_command(self) -> Command:
        self.at += 3
        self.blanks()
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise SyntaxFault("syntax error: bad for loop variable", incomplete=not self.here())
        self.at = name.end()
        self.skip_lines()
        words: list[Word] | None = None
        if self.word_ahead() == "in":
            self.at += 2
            words = []
            self.blanks()
            while self.here() not in ("", ";", "\n"):
                words.append(self.word())
                self.blanks()
        if self.here() == ";":
            self.at += 1
        self.skip_lines()
        if self.word_ahead() != "do":
            raise SyntaxFault('syntax error: expecting "do"', incomplete=not self.here())
        self.at += 2
        body = self.until("done")
        return For(name[0], None if words is None else tuple(words), body, self.redirects())

    def case_command(self) -> Command:
        self.at += 4
        self.blanks()
        subject = self.word()
        self.skip_lines()
        if self.word_ahead() != "in":
            raise SyntaxFault('syntax error: expecting "in"', incomplete=not self.here())
        self.at += 2
        arms: list[tuple[tuple[Word, ...], Script]] = []
        while True:
            self.skip_lines()
            if self.word_ahead() == "esac":
                self.at += 4
                return Case(subject, tuple(arms), self.redirects())
            if not self.here():
                raise SyntaxFault("syntax error: unexpected end of file", incomplete=True)
            if self.here() == "(":
                self.at += 1
            patterns = [self.word()]
            self.blanks()
            while self.here() == "|":
                self.at += 1
                self.blanks()
                patterns.append(self.word())
                self.blanks()
            self.expect(")")
            body = self.script(frozenset({";;", "esac"}))
            self.skip_lines()
            if self.text.startswith(";;", self.at):
                self.at += 2
            arms.append((tuple(patterns), body))

    def simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.blanks()
            redirect = self.redirect()
            if redirect is not None:
                redirects.append(redirect)
                continue
            if self.here() in ("", "\n", ";", "&", "|", "(", ")") or (
                self.here() == "#" and not words
            ):
                break
            if self.here() == "#" and self.text[self.at - 1 : self.at] in (" ", "\t"):
                break
            assignment = None if words else _ASSIGNMENT.match(self.text, self.at)
            if assignment is not None:
                self.at = assignment.end()
                value = () if self.here() in ("", " ", "\t", "\n", ";", "&", "|") else self.word()
                assignments.append((assignment[1], value))
                continue
            words.append(self.word())
        if not (assignments or words or redirects):
            found = self.here()
            raise SyntaxFault(f'syntax error: unexpected "{found}"', incomplete=not found)
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    # -- redirections ------------------------------------------------------------------------------

    def redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self.blanks()
            redirect = self.redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def redirect(self) -> Redirect | None:
        match = _REDIRECT.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        operator = match[2]
        fd = int(match[1]) if match[1] else int(operator[0] != "<")
        if operator in ("<<", "<<-"):
            return Redirect(fd, "<<", self.here_document(strip=operator == "<<-"))
        self.blanks()
        return Redirect(fd, operator, self.word())

    def here_document(self, *, strip: bool) -> Word:
        """The text up to a line that is the given word; expanded unless the word is quoted."""
        self.blanks()
        quoted = self.here() in ("'", '"', "\\")
        delimiter = "".join(part.text for part in self.word() if isinstance(part, Literal))
        line_end = self.text.find("\n", self.at)
        if line_end < 0:
            raise SyntaxFault("syntax error: unexpected end of file", incomplete=True)
        lines, place = [], line_end + 1
        while True:
            if place >= len(self.text):
                raise SyntaxFault("syntax error: unexpected end of file", incomplete=True)
            stop = self.text.find("\n", place)
            stop = len(self.text) if stop < 0 else stop
            line = self.text[place:stop]
            line = line.lstrip("\t") if strip else line
            place = stop + 1
            if line == delimiter:
                break
            lines.append(line + "\n")
        self.text = self.text[: line_end + 1] + self.text[place:]
        body = "".join(lines)
        return (Literal(body, True),) if quoted else type(self)(body).quoted_text("")
