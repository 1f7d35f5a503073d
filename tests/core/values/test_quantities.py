"""Quantities against exact fractions, and how their texts are kept or rewritten."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.objects.int_or_string import parse_int_or_string, percent_of, resolve
from kelm.core.objects.quantity import (
    Quantity,
    canonical_text,
    cpu_milli,
    is_quantity,
    parse_quantity,
    whole_units,
)

POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "e2": 2, "E-3": -3}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30}
DIGITS = st.from_regex(r"[0-9]{1,8}(\.[0-9]{0,6})?", fullmatch=True)
TEXTS = st.builds("{}{}{}".format, st.sampled_from(["", "-", "+"]), DIGITS,
                  st.sampled_from([*POWERS, *BINARY]))  # fmt: skip


def exact(text: str) -> Fraction:
    """The dull reading of a quantity."""
    digits = text.rstrip("".join(char for char in text if char.isalpha())) if text else text
    for suffix, bits in BINARY.items():
        if text.endswith(suffix):
            return Fraction(text.removesuffix(suffix).rstrip(".")) * 2**bits
    for suffix, power in POWERS.items():
        if suffix and text.endswith(suffix):
            return Fraction(text.removesuffix(suffix).rstrip(".")) * Fraction(10) ** power
    return Fraction(digits.rstrip("."))


def away(amount: Fraction) -> int:
    return ceil(abs(amount)) * (1 if amount >= 0 else -1)


@given(TEXTS)
def test_amounts_agree_with_exact_fractions(text: str) -> None:
    nanos = away(exact(text) * 10**9)
    assert parse_quantity(text).at_scale(-9) == nanos
    assert cpu_milli(text) == away(Fraction(nanos, 10**6))
    assert whole_units(text) == away(Fraction(nanos, 10**9))


@given(TEXTS)
def test_a_printed_quantity_reads_as_the_same_amount(text: str) -> None:
    quantity = parse_quantity(text)
    bare = Quantity(quantity.unscaled, quantity.scale, quantity.format)
    assert parse_quantity(str(bare)).compare(quantity) == 0
    assert canonical_text(str(bare)) == str(bare)


@given(TEXTS, TEXTS)
def test_sums_and_comparisons_are_exact(left: str, right: str) -> None:
    a, b = parse_quantity(left), parse_quantity(right)
    total = a.at_scale(-9) + b.at_scale(-9)
    assert (a + b).at_scale(-9) == total
    assert (a + b - b).compare(a) == 0
    assert (a.compare(b) > 0) == (a.at_scale(-9) > b.at_scale(-9))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("65536Ki", "64Mi"),
        ("1.5Gi", "1536Mi"),
        ("1.125", "1.125"),
        ("1024", "1024"),
        ("1000", "1k"),
        ("0", "0"),
        ("0Mi", "0"),
        ("512", "512"),
        ("0.1Ki", "102400m"),
        ("1e3", "1e3"),
        ("1e4", "10e3"),
        (2, "2"),
        (0.25, "250m"),
    ],
)
def test_the_api_stores_canonical_text(text: str | float, stored: str) -> None:
    assert canonical_text(text) == stored


@pytest.mark.parametrize("text", ["", "abc", "1.1.M", "1i", "1 Gi", "1mi", "1e", "0x1", "1e9999"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    assert not is_quantity(text)


def test_a_flag_is_no_quantity_even_after_the_number_one() -> None:
    assert canonical_text(1) == "1"
    assert not is_quantity(True)


@given(st.integers(0, 300), st.integers(0, 1000), st.booleans())
def test_percentages_agree_with_exact_fractions(percent: int, total: int, round_up: bool) -> None:
    share = Fraction(percent * total, 100)
    assert resolve(f"{percent}%", total, round_up) == (ceil(share) if round_up else int(share))


def test_only_whole_percentages_are_percentages() -> None:
    assert percent_of("25%") == 25
    assert [percent_of(text) for text in ("25", "2.5%", "%", "25%%", "a%")] == [None] * 5
    with pytest.raises(ValueError, match="not a percentage"):
        resolve("25", 10, True)


def test_a_command_lines_number_is_one_where_it_fits() -> None:
    assert parse_int_or_string("2147483647") == 2147483647
    assert parse_int_or_string("2147483648") == "2147483648"


def test_a_sum_is_written_as_its_left_part_unless_that_is_nothing() -> None:
    mebi, kilo = parse_quantity("1Mi"), parse_quantity("2k")
    assert str(parse_quantity("0") + mebi) == "1Mi"
    assert str(kilo + mebi) == "1050576"
    assert str(mebi - mebi + kilo) == "2k"
