"""The subcommands of agnhost that serve HTTP: on which ports, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.node.containers.image import Handle

Flags: TypeAlias = "dict[str, str]"
Ports: TypeAlias = Callable[[Flags, "dict[str, str]"], "tuple[tuple[str, int], ...]"]
"""Protocols and ports for a command's options and a container's environment."""


class Server(msgspec.Struct, frozen=True):
    """One subcommand. stop_ms: how long it takes to end after SIGTERM, None if it ignores it."""

    ports: Ports
    handle: Handle
    stop_ms: int | None = 200
    stop_code: int = 0
    switches: tuple[str, ...] = ()


def number_of(text: str, otherwise: int) -> int:
    """A number as an option gives it.

    >>> number_of("-1", 8081), number_of("", 8081), number_of("http", 80)
    (-1, 8081, 80)
    """
    return int(text) if text.removeprefix("-").isdecimal() else otherwise


def port_flag(name: str, otherwise: int) -> Ports:
    """One port that an option names.

    >>> port_flag("port", 80)({"port": "90"}, {}), port_flag("port", 80)({}, {})
    ((('TCP', 90),), (('TCP', 80),))
    """

    def ports(flags: Flags, _variables: dict[str, str]) -> tuple[tuple[str, int], ...]:
        return (("TCP", number_of(flags.get(name, ""), otherwise)),)

    return ports
