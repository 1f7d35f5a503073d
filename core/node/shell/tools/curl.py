"""`curl`.

Source: the manual of curl; https://curl.se/libcurl/c/libcurl-errors.html (exit codes).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from kelm.core.node.programs.http import HttpResponse, Unreachable
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain
from kelm.core.node.shell.tools.url import Url, followed, header_text, seconds_ms

CURL_CODES: Final = {"name": 6, "refused": 7, "timeout": 28}
_CURL_VALUES: Final = "XHdouwmATeFb"
_CURL_LONG: Final = {
    "request": "X", "header": "H", "data": "d", "data-raw": "d", "data-binary": "d",
    "output": "o", "user": "u", "write-out": "w", "max-time": "m", "user-agent": "A",
    "connect-timeout": "connect-timeout", "retry": "retry", "interface": "interface",
    "retry-delay": "retry-delay", "resolve": "resolve", "cacert": "cacert", "form": "F",
}  # fmt: skip


class Curl:
    """What a `curl` command line asks for."""

    def __init__(self, words: Words) -> None:
        self.headers: list[tuple[str, str]] = []
        self.urls: list[str] = []
        self.data: list[str] = []
        self.given: dict[str, str] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word.startswith("--"):
                name, equals, value = word[2:].partition("=")
                letter = _CURL_LONG.get(name)
                if letter is not None and not equals:
                    value = rest.pop(0) if rest else ""
                self.note(
                    letter
                    or {
                        "silent": "s",
                        "fail": "f",
                        "location": "L",
                        "head": "I",
                        "include": "i",
                        "insecure": "k",
                    }.get(name, name),
                    value,
                )
            elif word.startswith("-") and len(word) > 1:
                self.letters(word[1:], rest)
            else:
                self.urls.append(word)

    def letters(self, text: str, rest: list[str]) -> None:
        while text:
            letter, text = text[0], text[1:]
            if letter in _CURL_VALUES:
                self.note(letter, text or (rest.pop(0) if rest else ""))
                return
            self.note(letter, "")

    def note(self, letter: str, value: str) -> None:
        if letter == "H":
            name, _, text = value.partition(":")
            self.headers.append((name.strip(), text.strip()))
        elif letter == "d":
            self.data.append(value)
        self.given[letter] = value


def _curl(shell: Shell, words: Words) -> Process:
    asked = Curl(words)
    given = asked.given
    if not asked.urls:
        return (yield from complain("curl", "no URL specified!", 2))
    code = 0
    for address in asked.urls:
        code = yield from _curled(shell, asked, given, address)
    return code


def _curled(shell: Shell, asked: Curl, given: dict[str, str], address: str) -> Process:
    body = "&".join(asked.data).encode()
    method = given.get("X") or ("HEAD" if "I" in given else "POST" if asked.data else "GET")
    headers = [("User-Agent", given.get("A", "curl/8.5.0")), ("Accept", "*/*"), *asked.headers]
    if asked.data and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    if "u" in given:
        headers.append(("Authorization", f"Basic {b64encode(given['u'].encode()).decode()}"))
    timeout_ms = seconds_ms(given.get("m") or given.get("connect-timeout", ""), 300_000)
    url, reply = yield from followed(
        address, method, tuple(headers), body, timeout_ms, "L" in given
    )
    if isinstance(reply, Unreachable):
        code = CURL_CODES.get(reply.kind, 7)
        if "s" not in given or "S" in given:
            yield Say(STDERR, f"curl: ({code}) {_curl_words(url, reply, timeout_ms)}\n".encode())
        yield from _written(given, None)
        return code
    if "f" in given and reply.status >= 400:
        if "s" not in given or "S" in given:
            said = f"curl: (22) The requested URL returned error: {reply.status}\n"
            yield Say(STDERR, said.encode())
        yield from _written(given, reply)
        return 22
    output = header_text(reply) if "i" in given or "I" in given else b""
    output += b"" if method == "HEAD" else reply.body
    target = given.get("o")
    if target and target != "/dev/null":
        shell.inside.disk.write(shell.path(target), output)
    elif not target:
        yield Say(STDOUT, output)
    yield from _written(given, reply)
    return 0


def _curl_words(url: Url, reply: Unreachable, timeout_ms: int) -> str:
    if reply.kind == "name":
        return f"Could not resolve host: {url.host}"
    if reply.kind == "timeout":
        return f"Connection timed out after {timeout_ms} milliseconds"
    return f"Failed to connect to {url.host} port {url.port} after 0 ms: Couldn't connect to server"


def _written(given: dict[str, str], reply: HttpResponse | None) -> Process:
    form = given.get("w", "")
    if form:
        code = f"{reply.status:03d}" if reply is not None else "000"
        text = form.replace("%{http_code}", code).replace("%{response_code}", code)
        yield Say(STDOUT, text.replace("\\n", "\n").encode())
    return 0


CURL: Final[dict[str, Tool]] = {"curl": _curl}
