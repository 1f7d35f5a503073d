"""agnhost as a command: `connect`, `dns-suffix`, `dns-server-list`, `etc-hosts`.

Source: kubernetes v1.36, test/images/agnhost/connect/connect.go, dns/common.go, dns/dns_linux.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.http import Reply, Unreachable
from kelm.core.node.programs.process import STDERR, Fetch, Process, Sleep, say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.objects.duration import read_go_duration_ns

NS_PER_MS: Final = 1_000_000
DIAL_TIMEOUT_MS: Final = 127_000
"""How long Linux goes on trying to connect by itself."""
FOR_EVER_MS: Final = 1 << 62
PANIC: Final = 2
_HOST_PORT: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*)):(\d*)")


def connect(shell: Shell, words: Words) -> Process:
    """Try to connect; what is printed begins with a word that says at which step it failed."""
    flags, rest = read_flags(words)
    if len(rest) != 1:
        return (yield from _failed(f"Error: accepts 1 arg(s), received {len(rest)}"))
    protocol = flags.get("protocol", "tcp") or "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        return (yield from _failed("Unsupported protocol"))
    match = _HOST_PORT.fullmatch(rest[0])
    if match is None:
        return (yield from _failed(f"UNKNOWN: address {rest[0]}: missing port in address"))
    timeout_ms = (read_go_duration_ns(flags.get("timeout", "0s")) or 0) // NS_PER_MS
    timeout_ms = timeout_ms or DIAL_TIMEOUT_MS
    host, port = match[1] or match[2] or "127.0.0.1", int(match[3] or 0)
    if protocol == "tcp":
        fetch = Fetch(host, port, timeout_ms=timeout_ms, probe=True)
    else:
        data = f"{flags.get(f'{protocol}-data', 'hostname')}\n".encode()
        fetch = Fetch(host, port, body=data, protocol=protocol.upper(), timeout_ms=timeout_ms)
    reply: Reply = yield fetch
    if not isinstance(reply, Unreachable):
        silent = protocol != "tcp" and not reply.body
        return (yield from _failed("OTHER: No data received from the server.")) if silent else 0
    if reply.kind == "timeout":
        yield Sleep(timeout_ms)
    return (yield from _failed(_trouble(reply, protocol, rest[0])))


def _trouble(reply: Unreachable, protocol: str, place: str) -> str:
    if reply.kind == "name":
        return f"DNS: lookup {place.rpartition(':')[0]}: no such host"
    word = "REFUSED" if reply.kind == "refused" else "TIMEOUT"
    if protocol == "tcp":
        return word
    why = "connection refused" if reply.kind == "refused" else "i/o timeout"
    return f"{word}: read {protocol} {place}: {why}"


def _failed(said: str, code: int = 1) -> Process:
    yield say(f"{said}\n", STDERR)
    return code


def resolver_words(keyword: str) -> Tool:
    """A command that prints what the first such line of /etc/resolv.conf names."""

    def run(shell: Shell, words: Words) -> Process:
        data = shell.inside.disk.read("/etc/resolv.conf")
        lines = [] if isinstance(data, Trouble) else data.decode("utf-8", "replace").splitlines()
        found = next((line for line in lines if line.startswith(keyword)), None)
        if found is None:
            return (yield from _failed("panic: Could not find DNS search list!", PANIC))
        yield say(",".join(found.split(" ")[1:]) + "\n")
        return 0

    return run


def etc_hosts(shell: Shell, words: Words) -> Process:
    """Print /etc/hosts."""
    data = shell.inside.disk.read("/etc/hosts")
    if isinstance(data, Trouble):
        return (yield from _failed(f"panic: open /etc/hosts: {data.words}", PANIC))
    yield say(data.decode("utf-8", "replace") + "\n")
    return 0


CLIENTS: Final[dict[str, Tool]] = {
    "connect": connect,
    "dns-suffix": resolver_words("search"),
    "dns-server-list": resolver_words("nameserver"),
    "etc-hosts": etc_hosts,
}
"""The subcommands that do something and end."""


def typed(servers: Iterable[str]) -> Tool:
    """The whole program as a command; its servers run until somebody stops them."""
    names = (*servers, "pause")

    def run(shell: Shell, words: Words) -> Process:
        name = (*words, "")[0]
        client = CLIENTS.get(name)
        if client is not None:
            return (yield from client(shell, words[1:]))
        if name in names:
            yield Sleep(FOR_EVER_MS)
        return (yield from _failed(f'Error: unknown command "{name}" for "app"'))

    return run
