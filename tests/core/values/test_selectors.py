"""Label and field selectors: what they choose, what they refuse, and their text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.pipeline import is_successful

from kelm.core.objects.duration import age, human_duration, short_duration
from kelm.core.objects.selectors.fields import (
    escape_value,
    parse_field_selector,
    unescape_value,
)
from kelm.core.objects.selectors.labels import (
    EVERYTHING,
    NOTHING,
    map_selector,
    of_labels,
    read_selector,
    selector,
    selector_of,
)
from kelm.core.objects.selectors.requirement import OPERATORS, Requirement, requirement
from kelm.core.objects.selectors.text import parse_requirements, parse_selector
from kelm.effects.document import Document, document

KEYS = st.sampled_from(["app", "tier", "example.com/x", "in", "notin"])
VALUES = st.sampled_from(["", "a", "b", "in", "12", "-3x", "1.2"]).filter(lambda v: v != "-3x")
LABELS = st.dictionaries(KEYS, VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    key, operator = draw(KEYS), draw(st.sampled_from(OPERATORS))
    if operator in ("in", "notin"):
        return requirement(key, operator, tuple(draw(st.lists(VALUES, min_size=1))))
    if operator in ("exists", "!"):
        return requirement(key, operator)
    value = str(draw(st.integers(-5, 20))).replace("-", "") if operator in ("gt", "lt") else None
    return requirement(key, operator, (draw(VALUES) if value is None else value,))


@given(st.lists(requirements(), max_size=4), LABELS)
def test_a_selectors_text_means_the_selector(
    wanted: list[Requirement], labels: dict[str, str]
) -> None:
    built = selector(tuple(wanted))
    parsed = parse_selector(str(built)).unwrap()
    assert (
        parsed.matches(labels)
        == built.matches(labels)
        == all(one.matches(labels) for one in wanted)
    )


@given(LABELS, LABELS)
def test_a_map_of_labels_chooses_its_supersets(wanted: dict[str, str], had: dict[str, str]) -> None:
    chosen = wanted.items() <= had.items()
    assert of_labels(wanted).matches(had) == chosen
    assert map_selector(document(wanted)).matches(had) == chosen
    assert selector_of(document({"matchLabels": wanted})).matches(had) == chosen


@given(st.text(alphabet="ab=!(),<> in\t", max_size=12))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    outcome = parse_requirements(text)
    assert is_successful(outcome) or outcome.failure()


def test_an_empty_selector_chooses_everything_and_a_missing_one_nothing() -> None:
    assert selector_of(Document()).everything
    assert selector_of(Document()).matches({"a": "b"})
    assert not selector_of(None).matches({})
    assert (str(EVERYTHING), NOTHING.everything) == ("", False)


def test_structured_operators() -> None:
    doc = document(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["b", "a"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "track", "operator": "NotIn", "values": ["canary"]},
                {"key": "name", "operator": "Exists"},
            ],
        }
    )
    chosen = selector_of(doc)
    assert str(chosen) == "app=web,name,!old,tier in (a,b),track notin (canary)"
    assert chosen.matches({"app": "web", "tier": "a", "name": ""})
    assert not chosen.matches({"app": "web", "tier": "a", "name": "", "track": "canary"})


@pytest.mark.parametrize(
    ("doc", "why"),
    [
        ({"matchExpressions": [{"key": "a", "operator": "is"}]}, "operator"),
        ({"matchExpressions": [{"key": "a", "operator": "In"}]}, "can't be empty"),
        ({"matchLabels": {"-a": "x"}}, "name part"),
    ],
)
def test_an_invalid_selector_chooses_nothing_and_says_why(doc: dict[str, object], why: str) -> None:
    assert why in read_selector(document(doc)).failure()
    assert not selector_of(document(doc)).matches({"a": "x"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: "
                "in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ],
)  # fmt: skip
def test_refusals_are_upstreams(text: str, why: str) -> None:
    assert parse_selector(text).failure() == why


@given(st.text(max_size=8))
def test_an_escaped_value_unescapes_to_itself(value: str) -> None:
    assert unescape_value(escape_value(value)).unwrap() == value


@given(st.dictionaries(st.sampled_from(["a", "b.c"]), st.text(alphabet="x=,\\", max_size=4)))
def test_a_field_selectors_text_means_the_selector(fields: dict[str, str]) -> None:
    text = ",".join(f"{key}={escape_value(value)}" for key, value in sorted(fields.items()))
    parsed = parse_field_selector(text).unwrap()
    assert str(parsed) == text
    assert parsed.matches(fields)


def test_fields_are_read_as_text_and_missing_ones_are_empty() -> None:
    node = document({"metadata": {"name": "n"}, "spec": {"unschedulable": True}})
    for text, chosen in (
        ("metadata.name=n,spec.unschedulable=true", True),
        ("spec.podCIDR=", True),
        ("spec.unschedulable!=true", False),
    ):
        assert parse_field_selector(text).unwrap().matches_document(node) == chosen


@given(st.integers(0, 10**13))
def test_ages_never_claim_more_than_the_truth(span_ms: int) -> None:
    sizes = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "y": 365 * 86_400}
    for text, slack in ((human_duration(span_ms), 0.13), (short_duration(span_ms), 1.0)):
        told, digits = 0, ""
        for char in text:
            if char.isdigit():
                digits += char
            else:
                told, digits = told + int(digits) * sizes[char], ""
        assert told <= span_ms / 1000 < told * (1 + slack) + 1


def test_an_age_without_a_time_is_unknown() -> None:
    assert age(None, 5) == "<unknown>"
    assert age("1970-01-01T00:00:10Z", 0) == "<invalid>"


def test_comparisons_are_strict_and_want_integers() -> None:
    above = parse_selector("x>3").unwrap()
    assert [above.matches({"x": value}) for value in ("4", "3", "four")] == [True, False, False]
    assert not above.matches({})


def test_the_values_of_a_set() -> None:
    assert parse_requirements("x in (b,,a)").unwrap() == (requirement("x", "in", ("", "a", "b")),)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (16_200, "4h30m"),
        (86_400, "24h"),
        (352_800, "4d2h"),
    ],
)
def test_ages_as_kubectl_prints_them(seconds: int, text: str) -> None:
    assert human_duration(seconds * 1000) == text
