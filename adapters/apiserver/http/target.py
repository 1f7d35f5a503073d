"""What a request line asks for: a path, a query.

Source: go1.26, net/url/url.go (ParseRequestURI, getScheme, unescape), net/http/request.go
(readRequest: CONNECT names an authority).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus, unquote_to_bytes

import msgspec

SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:")
CONTROL: Final = re.compile(rb"[\x00-\x20\x7f]")
BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Target(msgspec.Struct, frozen=True):
    """Where a request goes. raw: as it was written."""

    raw: bytes
    path: str
    query: bytes = b""


def read_target(method: bytes, raw: bytes) -> Target | None:
    """Read the target of a request, in any of its four forms; None where it is none.

    >>> read_target(b"GET", b"/a%2Fb?c=d?")
    Target(raw=b'/a%2Fb?c=d?', path='/a/b', query=b'c=d?')
    >>> read_target(b"GET", b"https://example.com/livez").path
    '/livez'
    >>> read_target(b"OPTIONS", b"*").path, read_target(b"CONNECT", b"example.com:443").path
    ('*', '')
    >>> read_target(b"GET", b"livez"), read_target(b"GET", b"/%zz")
    (None, None)
    """
    if not raw or CONTROL.search(raw):
        return None
    if raw == b"*":
        return Target(raw, "*")
    written = raw
    if method == b"CONNECT" and not raw.startswith(b"/"):
        written = b"http://" + raw
    place, _, query = written.partition(b"?")
    scheme = SCHEME.match(place)
    if scheme is not None:
        place = place[scheme.end() :]
        if place.startswith(b"//"):
            _, slash, path = place[2:].partition(b"/")
            place = slash + path
        elif not place.startswith(b"/"):
            return Target(raw, "", query)
    elif not place.startswith(b"/"):
        return None
    if b"%" not in place:
        return Target(raw, place.decode(errors="replace"), query)
    if BAD_ESCAPE.search(place):
        return None
    return Target(raw, unquote_to_bytes(place).decode(errors="replace"), query)


def read_query(raw: bytes) -> Iterator[tuple[str, str]]:
    """The parameters of a target, those that are not written as such passed over.

    Source: go1.26, net/url/url.go (parseQuery).

    >>> list(read_query(b"limit=1&a=%zz&b;c&d=x+y%2F"))
    [('limit', '1'), ('d', 'x y/')]
    """
    for pair in raw.split(b"&"):
        if pair and b";" not in pair and not BAD_ESCAPE.search(pair):
            key, _, value = pair.decode("utf-8", "replace").partition("=")
            yield unquote_plus(key), unquote_plus(value)
