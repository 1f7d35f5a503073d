"""An image as a value: how it is pulled, how its containers behave, what they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.node.containers.behaviour import Behaviour
from kelm.core.node.containers.launch import Launch
from kelm.core.node.files.entries import Entry
from kelm.core.node.programs.http import Answering, HttpRequest
from kelm.core.node.programs.inside import NO_TOOLS, Inside, Tool
from kelm.core.store.small_map import SmallMap

DEFAULT_PULL_MS = 1_000
NO_FILES: SmallMap[str, Entry] = SmallMap()

Run: TypeAlias = Callable[[Launch], Behaviour]
Words: TypeAlias = Callable[[Launch], tuple[str, ...]]
Handle: TypeAlias = Callable[[Inside, HttpRequest], Answering]


class Image(msgspec.Struct, frozen=True):
    """An image: its program, how long a pull takes, why a pull fails ("": it does not).

    run: how a container of it behaves from its start to its end.
    words: the whole command line of a container: what a client who attaches talks with.
    files: what it has in its root beside what every small system has.
    handle: what it answers to HTTP requests; None: a page that says which pod answered.
    tools: programs of its own beside those of a small system, by the path they are called by.
    """

    run: Run
    pull_ms: int = DEFAULT_PULL_MS
    pull_error: str = ""
    size_bytes: int = 50_000_000
    handle: Handle | None = None
    words: Words = lambda launch: (*launch.command, *launch.args)
    tools: SmallMap[str, Tool] = NO_TOOLS
    files: SmallMap[str, Entry] = NO_FILES
