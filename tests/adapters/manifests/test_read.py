"""Manifests as kubectl reads them, and what a person is told when they are wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.manifests.read import ManifestError, parse_manifests, read_manifests
from kelm.adapters.manifests.yaml_loader import load_all
from kelm.effects.document import freeze

GUESTBOOK = Path(__file__).resolve().parents[3] / "docs" / "examples" / "guestbook.yaml"


def values(text: str) -> list[object]:
    return [value for _, value in load_all(text)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("y", True),
        ("Yes", True),
        ("off", False),
        ("n", False),
        ("yay", "yay"),
        ('"y"', "y"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("12:30", "12:30"),
        ("0755", 493),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("100m", "100m"),
        ("~", None),
        ("1.25", 1.25),
        ("1.25.3", "1.25.3"),
    ],
)
def test_plain_words_mean_what_kubectl_takes_them_for(written: str, read: object) -> None:
    assert values(f"word: {written}") == [{"word": read}]


def test_a_key_that_is_no_text_becomes_json_text():
    assert values("{1: a, y: b, 1.5: c}") == [{"1": "a", "true": "b", "1.5": "c"}]


def test_anchors_and_merges_work():
    text = "base: &b {x: 1, y1: 2}\nuse: {<<: *b, x: 3}"
    assert values(text) == [{"base": {"x": 1, "y1": 2}, "use": {"x": 3, "y1": 2}}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "here:2:1: did not find expected node content"),
        ("a: 1\nb: 2\na: 3\n", "here:3:1: key 'a' was already set at line 1"),
        ("- 1", "here:1: a manifest is a mapping with apiVersion and kind, not a list"),
        ("kind: Pod", "here:1: apiVersion is required"),
        ("apiVersion: v1\n---\n", "here:1: kind is required"),
        ("apiVersion: v1\nkind: 5", "here:1: kind is required"),
    ],
)
def test_a_broken_manifest_is_explained_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ManifestError) as error:
        list(parse_manifests(text, "here"))
    assert told in str(error.value)


def test_a_list_is_its_items_and_empty_documents_are_none():
    text = "---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n"
    assert [m.document["kind"] for m in parse_manifests(text, "here")] == ["Pod"]


def test_files_folders_and_standard_input(tmp_path: Path):
    (tmp_path / "b.yaml").write_text("{apiVersion: v1, kind: B}")
    (tmp_path / "a.json").write_text('{"apiVersion": "v1", "kind": "A"}')
    (tmp_path / "c.txt").write_text("no manifest")
    stdin = io.StringIO("{apiVersion: v1, kind: C}")
    found = read_manifests([tmp_path, "-"], stdin)
    assert [m.document["kind"] for m in found] == ["A", "B", "C"]
    with pytest.raises(ManifestError, match="no such file or folder"):
        read_manifests([tmp_path / "none.yaml"], stdin)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="in this folder"):
        read_manifests([tmp_path / "empty"], stdin)


def test_the_guestbook_is_three_deployments_and_three_services():
    kinds = [m.document["kind"] for m in read_manifests([GUESTBOOK], io.StringIO())]
    assert sorted(kinds) == ["Deployment"] * 3 + ["Service"] * 3


TEXT = st.text(alphabet="abyn01:eE-~. #é✓{[]}", max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_quoted_text_is_read_back_unchanged(value):
    text = json.dumps({"value": value}, ensure_ascii=False)
    assert freeze(values(text)[0]) == freeze({"value": value})


def test_a_number_with_an_exponent_is_a_number_and_quoted_it_is_text():
    assert values("a: 0E0\nb: '0E0'") == [{"a": 0.0, "b": "0E0"}]
