"""`nslookup`, `dig`, `getent`, `ping`: names and addresses.

Source: the manuals of busybox nslookup and ping, ISC dig, glibc getent.
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.files.entries import Trouble
from kelm.core.node.pods.dns import read_resolv_conf
from kelm.core.node.programs.http import Reply, Unreachable
from kelm.core.node.programs.process import STDOUT, Fetch, Process, Resolve, Say, Sleep
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain, options

SILENCE_MS: Final = 10_000
"""How long busybox waits for a name server: twice five seconds."""


def _server(shell: Shell) -> str:
    data = shell.inside.disk.read("/etc/resolv.conf")
    config = read_resolv_conf("" if isinstance(data, Trouble) else data.decode("utf-8", "replace"))
    return (*config.nameservers, "127.0.0.1")[0]


def _nslookup(shell: Shell, words: Words) -> Process:
    _, rest = options(words, "t")
    if not rest:
        return (yield from complain("nslookup", "missing host"))
    full, addresses = yield Resolve(rest[0])
    if not full:
        yield Sleep(SILENCE_MS)
        yield Say(STDOUT, b";; connection timed out; no servers could be reached\n\n")
        return 1
    server = _server(shell)
    head = f"Server:\t\t{server}\nAddress:\t{server}:53\n\n"
    if not addresses:
        text = f"{head}** server can't find {rest[0]}: NXDOMAIN\n\n"
        yield Say(STDOUT, text.encode())
        return 1
    lines = "".join(f"Name:\t{full}\nAddress: {address}\n" for address in addresses)
    yield Say(STDOUT, f"{head}{lines}\n".encode())
    return 0


def _dig(shell: Shell, words: Words) -> Process:
    plain = [word for word in words if not word.startswith(("+", "-", "@"))]
    kinds = [word for word in plain if word in ("A", "AAAA", "SRV", "CNAME", "PTR", "TXT")]
    names = [word for word in plain if word not in kinds]
    searches = "+search" in words
    if not names:
        return 0
    wanted = names[0] if searches else f"{names[0].rstrip('.')}."
    full, addresses = yield Resolve(wanted, (kinds or ["A"])[0])
    if "+short" in words:
        yield Say(STDOUT, "".join(f"{address}\n" for address in addresses).encode())
        return 0
    if "+noall" not in words:
        status = "NOERROR" if addresses else "NXDOMAIN"
        head = f"; <<>> DiG 9.18 <<>> {' '.join(words)}\n;; Got answer:\n"
        yield Say(
            STDOUT, f"{head};; ->>HEADER<<- opcode: QUERY, status: {status}, id: 1\n\n".encode()
        )
    kind = (kinds or ["A"])[0]
    rows = "".join(f"{full}.\t\t5\tIN\t{kind}\t{address}\n" for address in addresses)
    yield Say(STDOUT, rows.encode())
    return 0


def _getent(shell: Shell, words: Words) -> Process:
    if len(words) < 2 or words[0] not in ("hosts", "ahosts", "ahostsv4"):
        return 1
    full, addresses = yield Resolve(words[1])
    for address in addresses:
        yield Say(STDOUT, f"{address:15} {full}\n".encode())
    return 0 if addresses else 2


def _ping(shell: Shell, words: Words) -> Process:
    given, rest = options(words, "cWwi")
    if not rest:
        return (yield from complain("ping", "missing host"))
    _, addresses = yield Resolve(rest[0])
    if not addresses:
        return (yield from complain("ping", f"bad address '{rest[0]}'"))
    count = int(given.get("c", "4"))
    yield Say(STDOUT, f"PING {rest[0]} ({addresses[0]}): 56 data bytes\n".encode())
    reply: Reply = yield Fetch(addresses[0], 1, protocol="ICMP", probe=True)
    alive = not isinstance(reply, Unreachable) or reply.kind == "refused"
    for number in range(count):
        if alive:
            text = f"64 bytes from {addresses[0]}: seq={number} ttl=64 time=0.100 ms\n"
            yield Say(STDOUT, text.encode())
        yield Sleep(1_000)
    got = count if alive else 0
    loss = 0 if alive else 100
    tail = f"{count} packets transmitted, {got} packets received, {loss}% packet loss\n"
    yield Say(STDOUT, f"\n--- {rest[0]} ping statistics ---\n{tail}".encode())
    return int(not alive)


NAMES: Final[dict[str, Tool]] = {
    "nslookup": _nslookup,
    "dig": _dig,
    "getent": _getent,
    "ping": _ping,
}
