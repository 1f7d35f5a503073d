"""URLs: `url(x).getHost()`.

Source: kubernetes v1.36, apiserver/pkg/cel/library/urls.go; Go 1.26, net/url (ParseRequestURI).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from kelm.core.cel.running.values import EvaluationFault, Value

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})..?|%$")
_IN_PATH: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+/:=@,;!'()*[]"
)
_PLAIN_PATH: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+/:=@,;"
)
_BAD_HOST: Final = re.compile(r"[ \"<>\\^`{}|#?/%]")


class Url(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    path: str
    query: str

    @property
    def type_name(self) -> str:
        return "kubernetes.URL"


def why_no_url(text: str) -> str:
    """What Go says of a text that is no absolute URL or path; empty where it is one.

    >>> why_no_url("::"), why_no_url("https://a/b")
    ('parse "::": missing protocol scheme', '')
    """
    whole = f'parse "{text}": '
    if _CONTROL.search(text):
        return f"{whole}net/url: invalid control character in URL"
    if not text:
        return f"{whole}empty url"
    if text == "*":
        return ""
    if text[0] == ":":
        return f"{whole}missing protocol scheme"
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    path = rest.partition("?")[0]
    if not path.startswith("/"):
        if ":" in path.partition("/")[0] and not scheme and not text[0].isalnum():
            return f"{whole}first path segment in URL cannot contain colon"
        return f"{whole}invalid URI for request"
    authority = ""
    if scheme and path.startswith("//"):
        authority, slash, tail = path[2:].partition("/")
        path = slash + tail
        wrong = _why_no_host(authority.rpartition("@")[2])
        if wrong:
            return f"{whole}{wrong}"
    escape = _ESCAPE.search(path)
    return f'{whole}invalid URL escape "{escape.group()}"' if escape else ""


def _why_no_host(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if host.startswith("["):
        if "]" not in host:
            return "missing ']' in host"
        port = host.partition("]")[2]
        if port and not (port[0] == ":" and (port[1:].isdigit() or port == ":")):
            return f'invalid port "{port}" after host'
        return ""
    if colon and port and not port.isdigit():
        return f'invalid port ":{port}" after host'
    if (bad := _BAD_HOST.search(name if colon else host)) is not None:
        return f'invalid character "{bad.group()}" in host name'
    return ""


def _url(text: str) -> Url:
    why = why_no_url(text)
    if why:
        raise EvaluationFault(f"URL parse error during conversion from string: {why}")
    rest = text.partition("#")[0]
    match = _SCHEME.match(rest)
    scheme, rest = (match.group(1).lower(), rest[match.end() :]) if match else ("", rest)
    rest, _, query = rest.partition("?")
    host = ""
    if scheme and rest.startswith("//"):
        authority, slash, tail = rest[2:].partition("/")
        host, rest = authority.rpartition("@")[2], slash + tail
    return Url(scheme, _unescaped(host), rest, query)


def _is_url(text: str) -> bool:
    return not why_no_url(text)


def _scheme(url: Url) -> str:
    return url.scheme


def _host(url: Url) -> str:
    return url.host


def _hostname(url: Url) -> str:
    host = url.host
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _port(url: Url) -> str:
    after = url.host.rpartition("]")[2] if "]" in url.host else url.host
    return after.partition(":")[2]


def _escaped_path(url: Url) -> str:
    """The path as it is sent: as given where that is right, else with what needs it escaped."""
    given = url.path.encode()
    if all(byte in _IN_PATH or byte == 37 for byte in given):
        return url.path
    plain = _unescaped(url.path).encode()
    return "".join(chr(byte) if byte in _PLAIN_PATH else f"%{byte:02X}" for byte in plain)


def _query(url: Url) -> dict[str, tuple[str, ...]]:
    """The query's values by their names; what cannot be read is left out."""
    found: dict[str, tuple[str, ...]] = {}
    for pair in url.query.split("&"):
        if not pair or ";" in pair:
            continue
        key, _, value = pair.partition("=")
        if _ESCAPE.search(key) or _ESCAPE.search(value):
            continue
        name = _unescaped(key.replace("+", " "))
        found[name] = (*found.get(name, ()), _unescaped(value.replace("+", " ")))
    return found


def _unescaped(text: str) -> str:
    """A text with its percent escapes resolved."""
    parts = text.split("%")
    raw = parts[0].encode()
    for part in parts[1:]:
        raw += bytes.fromhex(part[:2]) + part[2:].encode()
    return raw.decode(errors="replace")


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "url": _url,
    "isURL": _is_url,
    "getScheme": _scheme,
    "getHost": _host,
    "getHostname": _hostname,
    "getPort": _port,
    "getEscapedPath": _escaped_path,
    "getQuery": _query,
}
