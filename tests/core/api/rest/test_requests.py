"""What a request means before anything is done: its address, options, body and form."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.rest.address import read_address, resolve
from kelm.core.api.rest.deletion import DeleteOptions, read_delete_options
from kelm.core.api.rest.json_body import parse_json
from kelm.core.api.rest.media import Media, negotiate
from kelm.core.api.rest.options import read_list_options
from kelm.core.api.rest.plan import plan
from kelm.core.api.rest.query import query_of
from kelm.core.api.rest.request import Ask, Connect, HttpRequest, Plan, Watch
from kelm.core.api.rest.tables import table_of
from kelm.effects.commands import Create, Delete, DeleteCollection, Get, List, Patch, Update
from kelm.effects.document import Document, document, freeze
from kelm.effects.refusals import Refusal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
POD = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}}


def planned(method: str, path: str, body: object = None, **query: str) -> Plan | Refusal:
    target = resolve(read_address(path))  # type: ignore[arg-type]  # a resource's path
    assert target is not None
    raw = b"" if body is None else json.dumps(body).encode()
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    request = HttpRequest(
        method,
        path,
        query_of(query.items()),
        content_type,
        "",
        "test/1",
        parse_json(raw),
        raw,
    )
    return plan(target, request)


def command(method: str, path: str, body: object = None, **query: str) -> object:
    found = planned(method, path, body, **query)
    assert isinstance(found, Ask), found
    return found.command


@given(JSON)
def test_json_is_read_as_any_library_reads_it(value: object) -> None:
    assert parse_json(json.dumps(value).encode()).value == freeze(value)


@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.data())
def test_json_that_ends_early_is_said_to_end_early(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(1, len(text) - 1))
    fault = parse_json(text[:cut].encode()).fault
    assert fault.startswith(("unexpected end", "invalid character"))


def test_what_is_no_json_is_said_in_gos_words() -> None:
    said = {
        b"": "unexpected end of JSON input",
        b"{]": "invalid character ']' looking for beginning of object key string",
        b'{"a":1 2}': "invalid character '2' after object key:value pair",
        b"[1 2]": "invalid character '2' after array element",
        b"{} x": "invalid character 'x' after top-level value",
        b"<a/>": "invalid character '<' looking for beginning of value",
    }
    assert {raw: parse_json(raw).fault for raw in said} == said


def test_methods_and_addresses_make_commands() -> None:
    pods, one = "/api/v1/namespaces/n/pods", "/api/v1/namespaces/n/pods/a"
    assert command("GET", one) == Get("pods", "n", "a")
    assert command("GET", "/api/v1/pods", limit="5") == List("pods", limit=5)
    assert isinstance(command("POST", pods, POD), Create)
    assert isinstance(command("PUT", one, POD), Update)
    assert isinstance(command("PATCH", one, {}), Patch)
    assert command("DELETE", one, gracePeriodSeconds="0") == Delete(
        "pods", "n", "a", grace_period_seconds=0
    )
    assert isinstance(command("DELETE", pods, labelSelector="a=b"), DeleteCollection)
    assert isinstance(planned("GET", pods, watch="true"), Watch)
    assert isinstance(planned("GET", f"{one}/log"), Connect)


def test_what_no_method_is_for_is_not_allowed() -> None:
    for method, path in (
        ("POST", "/api/v1/pods"),
        ("POST", "/api/v1/namespaces/n/pods/a"),
        ("PUT", "/api/v1/namespaces/n/pods"),
        ("DELETE", "/api/v1/namespaces/n/pods/a/status"),
        ("GET", "/api/v1/namespaces/n/pods/a/binding"),
        ("DELETE", "/api/v1/namespaces"),
        ("BREW", "/api/v1/namespaces/n/pods/a"),
    ):
        refused = planned(method, path, POD if method != "GET" else None)
        assert isinstance(refused, Refusal), (method, path)
        assert refused.code == 405


def test_a_name_in_a_watch_is_a_field_selector() -> None:
    found = planned("GET", "/api/v1/watch/namespaces/n/pods/a")
    assert isinstance(found, Watch)
    assert found.options.field_selector == "metadata.name=a"


def test_the_older_word_for_a_policy_is_understood_alone() -> None:
    orphaned = read_delete_options({}, Document(orphanDependents=True))
    assert orphaned == DeleteOptions(propagation_policy="Orphan")
    both = read_delete_options({}, Document(orphanDependents=True, propagationPolicy="Orphan"))
    assert isinstance(both, Refusal)


def test_options_that_contradict_each_other_are_refused() -> None:
    for query in (
        {"resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
        {"resourceVersionMatch": "Best", "resourceVersion": "1"},
        {"sendInitialEvents": "true"},
        {"watch": "1", "sendInitialEvents": "true"},
        {"watch": "1", "resourceVersionMatch": "NotOlderThan"},
        {"limit": "many"},
    ):
        assert isinstance(read_list_options(query_of(query.items())), Refusal), query


def test_the_most_wanted_form_that_there_is_is_taken() -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    assert negotiate(f"{table},application/json") == Media(form="Table")
    assert negotiate("application/json;as=Table;v=v9;g=meta.k8s.io,*/*") == Media()
    assert negotiate("application/yaml;q=0.1,application/json").__class__ is Media
    assert negotiate("application/yaml") == Media("application/yaml")


def test_a_table_of_nothing_has_rows_where_there_is_a_printer() -> None:
    none = document({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": []})
    assert table_of("pods", none, 0)["rows"] == ()
    assert table_of("roles.rbac.authorization.k8s.io", none, 0)["rows"] is None
