"""What is wrong with the text of an expression, and how it is shown.

Source: cel-go v0.26, common/error.go and common/errors.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

MOST_SHOWN = 100


class Issue(msgspec.Struct, frozen=True):
    """One mistake and the offset, in code points, of where it is."""

    at: int
    message: str


class CompileErrors(msgspec.Struct, frozen=True):
    """Why a text is no expression of its environment.

    >>> print(CompileErrors("1 + x", (Issue(4, "undeclared reference to 'x'"),)).text)
    ERROR: <input>:1:5: undeclared reference to 'x'
     | 1 + x
     | ....^
    """

    source: str
    issues: tuple[Issue, ...]
    while_planning: str = ""
    """What failed while literals were worked out; it has no place in the text."""

    @property
    def text(self) -> str:
        """All issues as cel-go prints them, in the order of their places."""
        if self.while_planning:
            return self.while_planning
        shown = [_shown(self.source, one) for one in _in_order(self.issues)[:MOST_SHOWN]]
        if len(self.issues) > MOST_SHOWN:
            shown.append(f"{len(self.issues) - MOST_SHOWN} more errors were truncated")
        return "\n".join(shown)


def _in_order(issues: Iterable[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda one: one.at)


def _shown(source: str, issue: Issue) -> str:
    if not source:
        return f"ERROR: <input>:1:0: {issue.message}"
    before = source[: issue.at]
    line = before.count("\n")
    column = len(before) - (before.rfind("\n") + 1)
    snippet = source.split("\n")[line].replace("\t", " ")
    pointer = "".join("\uff0e" if ord(char) > 127 else "." for char in snippet[:column])
    wide = column < len(snippet) and ord(snippet[column]) > 127
    where = f"ERROR: <input>:{line + 1}:{column + 1}: {issue.message}"
    mark = "\uff3e" if wide else "^"
    return f"{where}\n | {snippet}\n | {pointer}{mark}"
