"""Requests out of bytes: what does not depend on how the bytes come, and what never fails."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.apiserver.http.body import BadBody, Chunked
from kelm.adapters.apiserver.http.head import Head, Turned, read_head
from kelm.adapters.apiserver.http.target import read_query, read_target
from tests.adapters.apiserver.edges.cases import chunked

CUTS = st.lists(st.integers(0, 400), max_size=8)
LINES = st.sampled_from(["GET / HTTP/1.1", "Host: a", " b", "X-A: b", "x", "Content-Length: 3", ""])


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[one:other] for one, other in pairwise(places)]


@given(st.lists(st.text("ab\r\n;0", min_size=1, max_size=30), max_size=5), CUTS)
def test_a_body_in_chunks_is_the_same_however_it_is_cut(parts: list[str], cuts: list[int]) -> None:
    data = chunked(*parts, end="0;a=b\r\nX: y\r\n\r\n").encode() + b"GET"
    inbox, body, found = bytearray(), Chunked(), b""
    for piece in pieces(data, cuts):
        inbox += piece
        found += body.take(inbox)
    assert (found, body.over, bytes(inbox)) == ("".join(parts).encode(), True, b"GET")


@given(st.binary(max_size=60))
def test_whatever_comes_as_chunks_is_read_or_refused(data: bytes) -> None:
    try:
        Chunked().take(bytearray(data))
    except BadBody as bad:
        assert str(bad)


@given(st.binary(max_size=80) | st.lists(LINES, max_size=6).map(lambda x: "\r\n".join(x).encode()))
def test_whatever_comes_as_a_head_is_read_or_turned_away(data: bytes) -> None:
    head = read_head(data)
    assert isinstance(head, Head | Turned)
    if isinstance(head, Head):
        assert head.target.path == "" or head.target.path[0] in "/*"
        assert head.target.path.isascii() or head.target.path.encode()


@given(st.binary(max_size=40), st.sampled_from([b"GET", b"CONNECT"]))
def test_whatever_is_asked_for_is_an_address_or_none(raw: bytes, method: bytes) -> None:
    found = read_target(method, raw)
    assert found is None or found.raw == raw
    for key, value in read_query(raw):
        key.encode(), value.encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"zz\r\n", "invalid byte in chunk length"),
        (b"\r\n", "empty hex number for chunk length"),
        (b"1\r\nab\r\n", "malformed chunked encoding"),
        (b"a" * 17 + b"\r\n", "http chunk length too large"),
        (b"a" * 5000, "header line too long"),
    ],
)
def test_a_bad_chunk_is_named_in_gos_words(line: bytes, said: str) -> None:
    with pytest.raises(BadBody, match=said):
        Chunked().take(bytearray(line))
