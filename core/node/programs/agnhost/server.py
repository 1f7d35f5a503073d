"""The subcommands of agnhost that serve HTTP: on which ports, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.node.containers.image import Handle

Flags: TypeAlias = "dict[str, str]"
Ports: TypeAlias = Callable[[Flags, "dict[str, str]"], tuple[int, ...]]
"""The ports for a command's options and a container's environment."""


class Server(msgspec.Struct, frozen=True):
    """One subcommand. stop_ms: how long it takes to end after SIGTERM, None if it ignores it."""

    ports: Ports
    handle: Handle
    stop_ms: int | None = 200
    stop_code: int = 0
    switches: tuple[str, ...] = ()


def port_flag(name: str, otherwise: int) -> Ports:
    """One port that an option names.

    >>> port_flag("port", 80)({"port": "90"}, {}), port_flag("port", 80)({}, {})
    ((90,), (80,))
    """

    def ports(flags: Flags, _variables: dict[str, str]) -> tuple[int, ...]:
        given = flags.get(name, "")
        return (int(given) if given.isdigit() else otherwise,)

    return ports
