"""`wget` and `nc`.

Source: the manuals of GNU and busybox wget and of busybox nc.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.programs.http import Reply, Unreachable
from kelm.core.node.programs.process import STDERR, STDOUT, Fetch, Process, Say, Sleep
from kelm.core.node.shell.pipes import read_all
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain, options
from kelm.core.node.shell.tools.url import REASONS, followed, header_text, seconds_ms


def _wget(shell: Shell, words: Words) -> Process:
    given, urls = options(words, "OTtUPY")
    if not urls:
        return (yield from complain("wget", "missing URL"))
    timeout_ms = seconds_ms(given.get("T") or given.get("timeout", ""), 900_000)
    body = given.get("post-data", "").encode()
    headers = [("User-Agent", given.get("U", "Wget"))]
    if "header" in given:
        name, _, value = given["header"].partition(":")
        headers.append((name.strip(), value.strip()))
    method = "POST" if "post-data" in given else "GET"
    url, reply = yield from followed(urls[-1], method, tuple(headers), body, timeout_ms, True)
    if isinstance(reply, Unreachable):
        said = {
            "name": f"bad address '{url.host}'",
            "timeout": "download timed out",
        }.get(reply.kind, f"can't connect to remote host ({url.host}): Connection refused")
        return (yield from complain("wget", said))
    if reply.status >= 400:
        reason = f"{reply.status} {REASONS.get(reply.status, '')}".rstrip()
        return (yield from complain("wget", f"server returned error: HTTP/1.1 {reason}"))
    if "S" in given or "server-response" in given:
        yield Say(STDERR, header_text(reply))
    target = given.get("O", "index.html" if url.path == "/" else url.path.rpartition("/")[2])
    if "spider" in given:
        return 0
    if target == "-":
        yield Say(STDOUT, reply.body)
    elif target != "/dev/null":
        shell.inside.disk.write(shell.path(target), reply.body)
    return 0


def _nc(shell: Shell, words: Words) -> Process:
    given, rest = options(words, "wpsqi")
    if len(rest) < 2 or not rest[1].isdigit():
        return (yield from complain("nc", "usage: nc [-uvz] [-w SEC] HOST PORT"))
    host, port = rest[0], int(rest[1])
    udp, only_look = "u" in given, "z" in given
    timeout_ms = seconds_ms(given.get("w", ""), 60_000)
    data = b"" if only_look else (yield from read_all())
    reply: Reply
    if udp:
        reply = yield Fetch(host, port, body=data, protocol="UDP", timeout_ms=timeout_ms)
    elif only_look or not data.strip():
        reply = yield Fetch(host, port, timeout_ms=timeout_ms, probe=True)
    else:
        reply = yield _spoken(host, port, data, timeout_ms)
    if isinstance(reply, Unreachable):
        if reply.kind == "timeout":
            yield Sleep(timeout_ms)
        why = {"name": "bad address", "timeout": "Connection timed out"}.get(
            reply.kind, "Connection refused"
        )
        if "v" in given or reply.kind == "name":
            yield Say(STDERR, f"nc: {host} ({host}:{port}): {why}\n".encode())
        return 1
    if "v" in given:
        yield Say(STDERR, f"{host} ({host}:{port}) open\n".encode())
    if not only_look:
        plain = udp or not data.strip()
        yield Say(STDOUT, reply.body if plain else header_text(reply) + reply.body)
    return 0


def _spoken(host: str, port: int, data: bytes, timeout_ms: int) -> Fetch:
    """HTTP as somebody types it; other text is sent as the body of a request."""
    head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    match = re.fullmatch(r"([A-Z]+) (\S+)(?: HTTP/\d.\d)?", first.strip())
    if match is None:
        return Fetch(host, port, "POST", body=data, timeout_ms=timeout_ms)
    path, _, query = match[2].partition("?")
    headers = tuple(
        (name.strip(), value.strip())
        for name, _, value in (line.partition(":") for line in lines)
        if name
    )
    return Fetch(host, port, match[1], path, query, headers, body, "TCP", timeout_ms)


NETWORK: Final[dict[str, Tool]] = {"wget": _wget, "nc": _nc}
