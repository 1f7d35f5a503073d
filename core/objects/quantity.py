"""Quantities: exact amounts of a resource, and the one way to write each of them.

A quantity is an integer times a power of ten, with the format its text had (`500m`, `64Mi`,
`1e3`), because a sum is written as its parts were. Nothing here is a float: what is finer than
a nano is rounded away from zero, so that asking for something never becomes asking for nothing.

The API keeps a text that already looks canonical and rewrites every other (`0.5` is stored as
`500m`, `65536Ki` as `64Mi`); `canonical_text` says what it stores.

Source: kubernetes v1.36, apimachinery/pkg/api/resource (quantity.go, amount.go, suffix.go).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

Format: TypeAlias = Literal["DecimalSI", "BinarySI", "DecimalExponent"]
QuantityText: TypeAlias = str | int | float
"""How a manifest may write a quantity; the API serves text."""

MAX_INT64 = 2**63 - 1
NANO = -9

_SHAPE = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")
_DECIMAL_SUFFIXES = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY_SUFFIXES = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_BY_EXPONENT = {0: "", **{exponent: suffix for suffix, exponent in _BINARY_SUFFIXES.items()}}

_MAX_EXACT_DIGITS = 18
_MAX_EXACT_BINARY_DIGITS = 14
_MAX_EXPONENT = 1_000
"""Larger exponents are refused here (upstream takes any int32 and then overflows)."""

WRONG_SHAPE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
WRONG_SUFFIX = "unable to parse quantity's suffix"


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """`unscaled * 10**scale`, with the format it is written in.

    `kept_text` is the text it was read from where that already looked canonical, else "".
    `exact` says that upstream holds it as a 64-bit integer and not as a big decimal, which
    shows in nothing but a template's hash.
    """

    unscaled: int
    scale: int = 0
    format: Format = "DecimalSI"
    kept_text: str = ""
    exact: bool = True

    def at_scale(self, scale: int) -> int:
        """The amount in units of `10**scale`, rounded away from zero.

        >>> parse_quantity("1500m").at_scale(0), parse_quantity("-1500m").at_scale(0)
        (2, -2)
        """
        if self.scale >= scale:
            return self.unscaled * _power(self.scale - scale)
        return _divide_away(self.unscaled, _power(scale - self.scale))

    def rounded_up(self, scale: int) -> Quantity:
        """The next multiple of `10**scale` away from zero; itself where it is one.

        Source: resource/quantity.go, RoundUp.
        """
        if self.scale >= scale:
            return self
        return Quantity(self.at_scale(scale), scale, self.format)

    def compare(self, other: Quantity) -> int:
        """Negative, zero or positive as this is less, equal or more; formats do not matter."""
        scale = min(self.scale, other.scale)
        ours, theirs = self.at_scale(scale), other.at_scale(scale)
        return (ours > theirs) - (ours < theirs)

    def __add__(self, other: Quantity) -> Quantity:
        return _sum(self, other, 1)

    def __sub__(self, other: Quantity) -> Quantity:
        return _sum(self, other, -1)

    def times(self, factor: int) -> Quantity:
        return Quantity(self.unscaled * factor, self.scale, self.format)

    def fits_int64(self) -> bool:
        """Whether the amount, in units, fits 64 bits."""
        return -MAX_INT64 - 1 <= self.at_scale(0) <= MAX_INT64

    def __str__(self) -> str:
        return self.kept_text or _written(self)


def _power(exponent: int) -> int:
    return 10**exponent  # type: ignore[no-any-return]


def _divide_away(value: int, divisor: int) -> int:
    """Integer division, rounded away from zero.

    >>> _divide_away(3, 2), _divide_away(-3, 2), _divide_away(4, 2)
    (2, -2, 2)
    """
    return -(-value // divisor) if value > 0 else value // divisor


def _sum(left: Quantity, right: Quantity, sign: int) -> Quantity:
    """A sum is written as its left part, unless that is nothing.

    Source: resource/quantity.go, Add and Sub.
    """
    scale = min(left.scale, right.scale)
    total = left.at_scale(scale) + sign * right.at_scale(scale)
    return Quantity(total, scale, left.format if left.unscaled else right.format)


@lru_cache(maxsize=8192, typed=True)
def parse_quantity(text: QuantityText) -> Quantity:
    """Read a quantity as the API does.

    Raises:
        ValueError: the text is no quantity; the message is the API's own.

    Source: resource/quantity.go, ParseQuantity.

    >>> str(parse_quantity("0.5")), str(parse_quantity("65536Ki")), str(parse_quantity(2))
    ('500m', '64Mi', '2')
    """
    raw = text if isinstance(text, str) else str(text)
    if raw == "0":
        return Quantity(0, 0, "DecimalSI", "0")
    match = _SHAPE.fullmatch(raw) if raw else None
    if match is None:
        raise ValueError(WRONG_SHAPE)
    sign = -1 if match[1] == "-" else 1
    whole, fraction, suffix = match[2].lstrip("0") or "0", match[3] or "", match[4]
    if suffix in _BINARY_SUFFIXES:
        return _binary(raw, sign, whole, fraction, _BINARY_SUFFIXES[suffix])
    return _decimal(raw, sign, whole, fraction, suffix)


def _decimal(raw: str, sign: int, whole: str, fraction: str, suffix: str) -> Quantity:
    exponent = _DECIMAL_SUFFIXES.get(suffix)
    form: Format = "DecimalSI"
    if exponent is None:
        match = _EXPONENT.fullmatch(suffix)
        if match is None or abs(int(match[1])) > _MAX_EXPONENT:
            raise ValueError(WRONG_SUFFIX)
        exponent, form = int(match[1]), "DecimalExponent"
    digits = whole + fraction
    scale = exponent - len(fraction)
    if len(digits) > _MAX_EXACT_DIGITS or scale < NANO:
        return _rounded(Quantity(sign * int(digits), scale, form))
    kept = scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
    return Quantity(sign * int(digits), scale, form, raw if kept else "")


def _binary(raw: str, sign: int, whole: str, fraction: str, exponent: int) -> Quantity:
    unscaled = int(whole + fraction) << exponent
    room = _MAX_EXACT_BINARY_DIGITS - len(whole) - exponent * 3 // 10
    if not fraction and room >= 0 and unscaled <= MAX_INT64:
        return Quantity(sign * unscaled, 0, "BinarySI", raw if int(whole) % 8 else "")
    amount = _rounded(Quantity(unscaled, -len(fraction), "BinarySI"))
    if amount.at_scale(0) > MAX_INT64:
        amount = Quantity(MAX_INT64, 0, "BinarySI", exact=False)
    below_one = 0 < amount.unscaled < _power(-amount.scale)
    form: Format = "DecimalSI" if below_one else "BinarySI"
    return Quantity(sign * amount.unscaled, amount.scale, form, exact=False)


def _rounded(quantity: Quantity) -> Quantity:
    """A big decimal counts nanos, whatever its text did."""
    return Quantity(quantity.at_scale(NANO), NANO, quantity.format, exact=False)


def _written(quantity: Quantity) -> str:
    """The canonical text: the largest suffix that leaves an integer before it.

    Source: resource/quantity.go, CanonicalizeBytes.
    """
    if quantity.unscaled == 0:
        return "0"
    if quantity.format == "BinarySI":
        units = quantity.at_scale(0)
        whole = quantity.scale >= 0 or units * _power(-quantity.scale) == quantity.unscaled
        if whole and abs(units) >= 1024:
            return _written_binary(units)
    return _written_decimal(quantity)


def _written_binary(units: int) -> str:
    exponent = 0
    while units % 1024 == 0 and exponent < 60:
        units //= 1024
        exponent += 10
    return f"{units}{_BINARY_BY_EXPONENT[exponent]}"


def _written_decimal(quantity: Quantity) -> str:
    digits, exponent = quantity.unscaled, quantity.scale
    while digits % 10 == 0:
        digits //= 10
        exponent += 1
    shift = exponent % 3
    digits, exponent = digits * _power(shift), exponent - shift
    if quantity.format == "DecimalExponent":
        return f"{digits}e{exponent}" if exponent else str(digits)
    if exponent > 18:
        digits, exponent = digits * _power(exponent - 18), 18
    return f"{digits}{_DECIMAL_BY_EXPONENT[exponent]}"


def is_quantity(text: QuantityText) -> bool:
    """Whether the API would read this as a quantity."""
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8192, typed=True)
def cpu_milli(text: QuantityText) -> int:
    """Thousandths of a unit, rounded away from zero: how CPU is counted.

    >>> cpu_milli("1"), cpu_milli("250m"), cpu_milli("0.1"), cpu_milli("1n")
    (1000, 250, 100, 1)
    """
    return parse_quantity(text).at_scale(-3)


@lru_cache(maxsize=8192, typed=True)
def whole_units(text: QuantityText) -> int:
    """Whole units, rounded away from zero: bytes of memory, pods, devices.

    >>> whole_units("64Mi"), whole_units("1500m"), whole_units("110")
    (67108864, 2, 110)
    """
    return parse_quantity(text).at_scale(0)


@lru_cache(maxsize=8192, typed=True)
def canonical_text(text: QuantityText) -> str:
    """The text under which the API stores this quantity.

    >>> canonical_text("1000m"), canonical_text(0.5), canonical_text("1.5Gi")
    ('1', '500m', '1536Mi')
    """
    return str(parse_quantity(text))


def milli_quantity(milli: int, form: Format = "DecimalSI") -> Quantity:
    """A quantity from thousandths.

    >>> str(milli_quantity(1_500)), str(milli_quantity(2_000))
    ('1500m', '2')
    """
    return Quantity(milli, -3, form)


def unit_quantity(units: int, form: Format = "DecimalSI") -> Quantity:
    """A quantity from whole units.

    >>> str(unit_quantity(64 * 2**20, "BinarySI"))
    '64Mi'
    """
    return Quantity(units, 0, form)
