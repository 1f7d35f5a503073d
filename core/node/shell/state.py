"""A running shell: its variables, where it is, and what it sees of its container."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import join, normpath
from typing import Final, TypeAlias

from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Process
from kelm.core.node.shell.syntax import Command

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Words: TypeAlias = "tuple[str, ...]"
Tool: TypeAlias = "Callable[[Shell, Words], Process]"
"""A program: what it does with its arguments, and its exit code at the end."""


class Shell:
    """One shell, or one program that it runs; seen by nobody else while it runs.

    flow: what is under way beside the next command: `break`, `continue`, `return`, `exit`.
    """

    def __init__(self, inside: Inside, name: str = "sh", arguments: Words = ()) -> None:
        self.inside = inside
        self.name = name
        self.arguments = arguments
        self.variables: dict[str, str] = {"PATH": DEFAULT_PATH, "HOME": "/root"}
        self.variables["HOSTNAME"] = inside.hostname
        self.variables.update(inside.launch.env)
        self.exported = set(self.variables)
        self.functions: dict[str, Command] = {}
        self.traps: dict[str, str] = {}
        self.cwd = "/"
        self.status = 0
        self.flow = ""
        self.flow_count = 0
        self.stops_on_error = False
        self.needs_variables = False
        self.traces = False
        self.tested = 0
        self.depth = 0
        self.background_ms = 0

    def copy(self) -> Shell:
        """A shell of its own that knows the same: what happens in it stays in it."""
        twin = Shell(self.inside, self.name, self.arguments)
        twin.variables, twin.exported = dict(self.variables), set(self.exported)
        twin.functions, twin.traps = dict(self.functions), {}
        twin.cwd, twin.status, twin.depth = self.cwd, self.status, self.depth + 1
        twin.stops_on_error, twin.needs_variables = self.stops_on_error, self.needs_variables
        twin.tested = self.tested
        return twin

    @property
    def environment(self) -> dict[str, str]:
        """The variables that programs are started with."""
        return {name: self.variables[name] for name in self.variables if name in self.exported}

    def path(self, text: str) -> str:
        """An absolute path of a path as somebody here wrote it."""
        return text if text.startswith("/") else normpath(join(self.cwd, text))
