"""A list that is told again says what a list made anew would say."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kelm.core.api.bootstrap import new_server
from tests.adapters.apiserver.client import Client, still_app
from tests.adapters.apiserver.test_app import CONFIGS, NOW_MS, config

NAMES = st.sampled_from("abc")
EVERYWHERE = "/api/v1/configmaps"
LISTS = st.sampled_from(
    [
        CONFIGS,
        EVERYWHERE,
        f"{CONFIGS}?limit=1",
        f"{CONFIGS}?labelSelector=a",
        f"{CONFIGS}?resourceVersion=0",
        "/api/v1/namespaces/kube-system/configmaps",
        "/api/v1/services",
        "/api/v1/events",
    ]
)
WRITES = st.tuples(st.sampled_from(["POST", "PUT", "DELETE"]), NAMES, st.sampled_from("12"))
STEPS = st.lists(WRITES | LISTS | LISTS, min_size=6, max_size=16)
LONG = "x" * 2_000


@settings(max_examples=25)
@given(STEPS, st.sampled_from(["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"]))
def test_a_list_is_the_same_whether_it_was_made_before_or_not(steps: Any, accept: str) -> None:
    client = Client(still_app(new_server(now_ms=NOW_MS), NOW_MS))
    for step in (("POST", "a", "1"), ("POST", "b", "1"), CONFIGS, *steps):
        if isinstance(step, tuple):
            method, name, value = step
            path = CONFIGS if method == "POST" else f"{CONFIGS}/{name}"
            client.ask(method, path, None if method == "DELETE" else config(name, x=value + LONG))
            continue
        anew = Client(still_app(client.app.engine.server, NOW_MS))
        headers = {"Accept": accept}
        for _ in range(2):
            known = client.ask("GET", step, headers=headers)
            assert known.raw == anew.ask("GET", step, headers=headers).raw
