"""Get, list and watch."""

from __future__ import annotations

import pytest

from kelm.core.api.server import ApiServer, watch_events
from kelm.effects.commands import Create, Delete, Get, List, Patch
from kelm.effects.document import Document, children, document
from kelm.effects.refusals import Reason
from tests.core.api.clusters import NOW_MS, config, done, meta, pod, refused, server_with


def names(answer: Document) -> list[object]:
    return [meta(doc, "name") for doc in children(answer, "items")]


def items(count: int) -> ApiServer:
    wanted = [
        document({"metadata": {"name": f"item-{n}", "labels": {"n": str(n), "par": "oe"[n % 2]}}})
        for n in range(count)
    ]
    return server_with(*(Create("configmaps", "default", doc) for doc in wanted))


def test_lists_are_sorted_by_key_and_carry_the_revision() -> None:
    server = server_with(*(Create("configmaps", "default", config(n)) for n in ("b", "c", "a")))
    answer = done(server, List("configmaps", "default"))[1]
    assert names(answer) == ["a", "b", "c"]
    assert answer["kind"] == "ConfigMapList"
    assert meta(answer, "resourceVersion") == str(server.store.revision)
    nobody = done(server, List("configmaps", "nowhere"))[1]
    assert names(nobody) == []


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("par=e", [1, 3]),
        ("par!=e", [0, 2, 4]),
        ("n in (1,2)", [1, 2]),
        ("n notin (1,2),par", [0, 3, 4]),
        ("!par", []),
        ("n>2", [3, 4]),
    ],
)
def test_lists_choose_by_label(selector: str, found: list[int]) -> None:
    answer = done(items(5), List("configmaps", "default", selector))[1]
    assert names(answer) == [f"item-{n}" for n in found]


def test_lists_choose_by_the_fields_that_a_kind_knows() -> None:
    server = server_with(Create("pods", "default", pod("a", nodeName="n")))
    server = done(server, Create("pods", "default", pod("b")))[0]
    on_node = done(server, List("pods", "", "", "spec.nodeName=n"))[1]
    assert names(on_node) == ["a"]
    assert names(done(server, List("pods", "", "", "spec.nodeName!=n"))[1]) == ["b"]
    wrong = refused(server, List("pods", "", "", "spec.foo=x"))
    assert (wrong.code, wrong.message) == (400, "field label not supported: spec.foo")
    usual = refused(server, List("configmaps", "", "", "data.a=x"))
    assert usual.message == (
        '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )
    text = refused(server, List("pods", "", "a===b"))
    assert text.message == "unable to parse requirement: found '=', expected: identifier"


def test_nodes_say_whether_they_are_schedulable_even_if_they_do_not() -> None:
    server = server_with(Create("nodes", "", document({"metadata": {"name": "n"}})))
    found = done(server, List("nodes", "", "", "spec.unschedulable=false"))[1]
    assert names(found) == ["n"]


def test_pages_show_one_moment() -> None:
    server = items(5)
    first = done(server, List("configmaps", "default", limit=2))[1]
    assert names(first) == ["item-0", "item-1"]
    assert meta(first, "remainingItemCount") == 3
    server = done(server, Delete("configmaps", "default", "item-2"))[0]
    server = done(server, Create("configmaps", "default", config("item-25")))[0]
    token = str(meta(first, "continue"))
    second = done(server, List("configmaps", "default", limit=2, continue_token=token))[1]
    assert names(second) == ["item-2", "item-3"]
    assert meta(second, "resourceVersion") == meta(first, "resourceVersion")
    token = str(meta(second, "continue"))
    third = done(server, List("configmaps", "default", limit=2, continue_token=token))[1]
    assert names(third) == ["item-4"] and meta(third, "continue") is None


def test_pages_across_namespaces() -> None:
    server = items(2)
    other = document({"metadata": {"name": "aaa"}})
    server = done(server, Create("namespaces", "", other))[0]
    server = done(server, Create("configmaps", "aaa", config("z")))[0]
    token, found = "", []
    while True:
        page = done(server, List("configmaps", limit=1, continue_token=token))[1]
        found += names(page)
        token = str(meta(page, "continue") or "")
        if not token:
            break
    assert found == ["z", "item-0", "item-1"]


def test_selective_pages_do_not_count_the_rest() -> None:
    page = done(items(5), List("configmaps", "default", "par=o", limit=1))[1]
    assert meta(page, "remainingItemCount") is None and meta(page, "continue")


def test_tokens_and_versions_that_mean_nothing() -> None:
    server = items(1)
    token = refused(server, List("configmaps", continue_token="zzz"))
    assert token.message == (
        "invalid continue token: continue key is not valid: invalid character 'Ï' looking for "
        "beginning of value"
    )
    assert refused(server, List("configmaps", resource_version="abc")).code == 400
    future = refused(server, List("configmaps", resource_version="999"))
    assert (future.code, future.retry_after_seconds) == (504, 1)
    assert future.message == (
        f"Timeout: Too large resource version: 999, current: {server.store.revision}"
    )


def test_version_zero_knows_no_pages() -> None:
    answer = done(items(3), List("configmaps", "default", limit=1, resource_version="0"))[1]
    assert len(names(answer)) == 3 or "kube-root-ca.crt" in names(answer)


def test_a_watch_sees_the_world_through_its_selector() -> None:
    server = server_with()
    since = server.store.revision
    server = done(server, Create("configmaps", "default", config()))[0]
    for label in ("yes", "no"):
        patch = document({"metadata": {"labels": {"sel": label}}})
        server = done(server, Patch("configmaps", "default", "c", patch))[0]
    seen = watch_events(server, "configmaps", since, "default", "sel=yes").unwrap()
    assert [change.type for change in seen] == ["ADDED", "DELETED"]
    assert meta(seen[1].object, "labels") == {"sel": "yes"}
    assert meta(seen[1].object, "resourceVersion") == str(server.store.revision)
    everything = watch_events(server, "configmaps", since).unwrap()
    assert [change.type for change in everything] == ["ADDED", "MODIFIED", "MODIFIED"]
    assert watch_events(server, "configmaps", 10_000).unwrap() == ()


def test_a_watch_from_too_long_ago_has_to_list_anew() -> None:
    server = items(1)
    for number in range(20_100):
        patch = document({"data": {"n": str(number)}})
        server = done(server, Patch("configmaps", "default", "item-0", patch))[0]
    refusal = watch_events(server, "configmaps", 1).failure()
    assert (refusal.code, refusal.reason) == (410, Reason.EXPIRED)
    assert refusal.message.startswith("too old resource version: 1 (")


def test_reading_a_subresource_that_is_none() -> None:
    server = items(1)
    assert refused(server, Get("configmaps", "default", "item-0", "scale")).code == 405


def test_a_page_that_waited_for_long_goes_on_with_things_as_they_are_now() -> None:
    """Five minutes are remembered, ten are not; the refusal says where the list may go on."""
    server = items(5)
    first = done(server, List("configmaps", "default", limit=2))[1]
    token = str(meta(first, "continue"))
    wanted = List("configmaps", "default", limit=2, continue_token=token)
    for minute in range(1, 6):
        now_ms = NOW_MS + minute * 60_000
        server, _ = done(server, Create("secrets", "default", config(f"s{minute}")), now_ms)
        assert names(done(server, wanted)[1]) == ["item-2", "item-3"]
    server, _ = done(server, Delete("configmaps", "default", "item-3"), now_ms)
    server, _ = done(server, Create("secrets", "default", config("s")), NOW_MS + 600_001)
    refusal = refused(server, wanted)
    assert refusal.reason is Reason.EXPIRED
    later = List("configmaps", "default", limit=2, continue_token=refusal.continue_token)
    second = done(server, later)[1]
    assert names(second) == ["item-2", "item-4"]
    assert meta(second, "resourceVersion") == str(server.store.revision)
    exact = List("configmaps", "default", resource_version="3", resource_version_match="Exact")
    assert refused(server, exact).reason is Reason.EXPIRED
