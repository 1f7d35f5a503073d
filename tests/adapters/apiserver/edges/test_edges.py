"""`kelm serve` beside a real API server, byte for byte: what either answers at every edge of HTTP.

recorded.jsonl is written by record.py. Compared are the status line, all headers in their order
and case, the body, and whether the connection stays open.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.adapters.apiserver.edges.bodies import EDGES, GROUPS
from tests.adapters.apiserver.edges.record import RECORDED, Admin, make_flows, prepared
from tests.adapters.apiserver.edges.wire import Answers, Side, play_all
from tests.adapters.apiserver.test_serve import Server

DEBUGGING = "pages for people who debug upstream's own process"
DIFFERENT: dict[str, str] = {
    "GET /statusz": DEBUGGING,
    "GET /flagz": DEBUGGING,
    "GET MAP/%ff": "a letter that is none is replaced as it comes in, not where it is shown",
    "waits, and is refused": "upstream waits for the body that it has not asked for",
    "waits, and is a stranger": "upstream waits for the body that it has not asked for",
}
"""Edges at which the answers differ, and why."""
REAL: dict[str, Answers] = {
    line.pop("edge"): line for line in map(json.loads, RECORDED.read_text().splitlines())
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    server = Server(tmp_path_factory.mktemp("edges"), "--authorization", "rbac", "--nodes", "0")
    try:
        admin = Admin(server.address, server.context, server.token)
        make_flows(admin)
        token, flows = prepared(admin)
        yield Side(server.context, int(server.address.rpartition(":")[2]), token, flows)
    finally:
        code, output = server.stop()
    assert code in (0, -signal.SIGTERM), output
    assert "Traceback" not in output


@pytest.mark.parametrize("group", GROUPS)
def test_edges_are_where_a_real_server_has_them(ours: Side, group: str) -> None:
    played = play_all(ours, GROUPS[group], REAL)
    assert {name: one for name, one in played.items() if one != REAL[name]}.keys() == {
        name for name in played if name in DIFFERENT
    }


def test_no_edge_has_the_name_of_another() -> None:
    assert sorted(REAL) == sorted(one.name for one in EDGES)
