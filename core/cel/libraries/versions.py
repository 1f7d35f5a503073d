"""Semantic versions, and what is compared like them.

Source: kubernetes v1.36, apiserver/pkg/cel/library/semverlib.go; semver.org, version 2.0.0;
github.com/blang/semver v4 (errors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from kelm.core.cel.libraries.quantities import QuantityValue
from kelm.core.cel.running.values import EvaluationFault, Value

MOST_NUMBER: Final = 2**64 - 1
_LETTERS: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")


class Version(msgspec.Struct, frozen=True):
    """A version. Builds do not count in comparisons."""

    numbers: tuple[int, int, int]
    pre: tuple[int | str, ...] = ()
    build: tuple[str, ...] = ()

    @property
    def type_name(self) -> str:
        return "kubernetes.Semver"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and compared(self, other) == 0

    def __str__(self) -> str:
        shown = ".".join(map(str, self.numbers))
        shown += f"-{'.'.join(map(str, self.pre))}" if self.pre else ""
        return shown + (f"+{'.'.join(self.build)}" if self.build else "")


def compared(one: Version, other: Version) -> int:
    """Negative, zero or positive as a version is before, at or after another.

    >>> compared(read("1.0.0-alpha"), read("1.0.0")), compared(read("1.10.0"), read("1.9.0"))
    (-1, 1)
    """
    if one.numbers != other.numbers:
        return 1 if one.numbers > other.numbers else -1
    if not one.pre or not other.pre:
        return bool(other.pre) - bool(one.pre)
    for left, right in zip(one.pre, other.pre, strict=False):
        if left != right:
            return 1 if _rank(left) > _rank(right) else -1
    return (len(one.pre) > len(other.pre)) - (len(one.pre) < len(other.pre))


def _rank(part: int | str) -> tuple[bool, int, str]:
    """Numbers come before words."""
    return (False, part, "") if isinstance(part, int) else (True, 0, part)


def read(text: str, normalize: bool = False) -> Version:
    """A version of three numbers; `normalize` takes a v, short ones and leading zeros."""
    if normalize:
        text = _normalized(text)
    if not text:
        raise EvaluationFault("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise EvaluationFault("No Major.Minor.Patch elements found")
    rest, plus, build = parts[2].partition("+")
    patch, dash, pre = rest.partition("-")
    major = _number(parts[0], "Major")
    minor = _number(parts[1], "Minor")
    numbers = (major, minor, _number(patch, "Patch"))
    return Version(
        numbers,
        tuple(map(_pre, pre.split("."))) if dash else (),
        tuple(map(_build, build.split("."))) if plus else (),
    )


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise EvaluationFault(f'Invalid character(s) found in {name.lower()} number "{text}"')
    if len(text) > 1 and text[0] == "0":
        said = f'{name} number must not contain leading zeroes "{text}"'
        raise EvaluationFault(said)
    if int(text) > MOST_NUMBER:
        raise EvaluationFault(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def _pre(text: str) -> int | str:
    if not text:
        raise EvaluationFault("Prerelease is empty")
    if text.isascii() and text.isdigit():
        if len(text) > 1 and text[0] == "0":
            said = f'Numeric PreRelease version must not contain leading zeroes "{text}"'
            raise EvaluationFault(said)
        return int(text)
    if not _LETTERS.issuperset(text):
        raise EvaluationFault(f'Invalid character(s) found in prerelease "{text}"')
    return text


def _build(text: str) -> str:
    if not text:
        raise EvaluationFault("Build meta data is empty")
    if not _LETTERS.issuperset(text):
        raise EvaluationFault(f'Invalid character(s) found in build meta data "{text}"')
    return text


def _normalized(text: str) -> str:
    parts = text.removeprefix("v").split(".", 2)
    for index, part in enumerate(parts):
        if len(part) > 1:
            trimmed = part.lstrip("0")
            digit = trimmed[:1].isascii() and trimmed[:1].isdigit()
            parts[index] = trimmed if digit else f"0{trimmed}"
    if len(parts) < 3 and any(char in parts[-1] for char in "+-"):
        raise EvaluationFault("short version cannot contain PreRelease/Build meta data")
    return ".".join((*parts, *("0",) * (3 - len(parts))))


def _is_version(text: str, normalize: bool = False) -> bool:
    try:
        read(text, normalize)
    except EvaluationFault:
        return False
    return True


def _compare(one: Value, other: Value) -> int:
    """Two versions, or two quantities."""
    if isinstance(one, QuantityValue):
        return int(one.quantity.compare(other.quantity))
    return compared(one, other)


def _is_greater(one: Value, other: Value) -> bool:
    return _compare(one, other) > 0


def _is_less(one: Value, other: Value) -> bool:
    return _compare(one, other) < 0


def _major(version: Version) -> int:
    return version.numbers[0]


def _minor(version: Version) -> int:
    return version.numbers[1]


def _patch(version: Version) -> int:
    return version.numbers[2]


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "semver": read,
    "isSemver": _is_version,
    "compareTo": _compare,
    "isGreaterThan": _is_greater,
    "isLessThan": _is_less,
    "major": _major,
    "minor": _minor,
    "patch": _patch,
}
