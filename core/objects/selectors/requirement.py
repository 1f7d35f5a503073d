"""One requirement of a label selector: its words, its rules, its text.

Source: kubernetes v1.36, apimachinery/pkg/labels/selector.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from kelm.effects.refusals import Cause

IN, NOT_IN, EXISTS, ABSENT = "in", "notin", "exists", "!"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS = "=", "==", "!="
GREATER, LESS = "gt", "lt"
OPERATORS = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER, LESS, EXISTS, ABSENT)

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INT64 = re.compile(r"[-+]?[0-9]+")

NAME_SHAPE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
SUBDOMAIN_SHAPE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
VALUE_SHAPE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',"
    "  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


class Requirement(msgspec.Struct, frozen=True, gc=False):
    """`key operator values`; values are sorted and each is there once."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels satisfies the requirement.

        What an object lacks is different from every value: `!=` and `notin` match it.
        """
        value = labels.get(self.key)
        operator = self.operator
        if operator in (NOT_IN, NOT_EQUALS):
            return value not in self.values
        if operator == ABSENT:
            return value is None
        if value is None:
            return False
        if operator in (GREATER, LESS):
            return _compares(operator, value, self.values)
        return operator == EXISTS or value in self.values

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == ABSENT:
            return f"!{self.key}"
        if self.operator in (IN, NOT_IN):
            return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
        sign = {GREATER: ">", LESS: "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{','.join(self.values)}"


def _compares(operator: str, value: str, bounds: tuple[str, ...]) -> bool:
    ours, bound = _integer(value), _integer(bounds[0]) if len(bounds) == 1 else None
    if ours is None or bound is None:
        return False
    return ours > bound if operator == GREATER else ours < bound


def _integer(text: str) -> int | None:
    """A 64-bit integer, or None."""
    number = int(text) if _INT64.fullmatch(text) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def requirement(key: str, operator: str, values: tuple[str, ...] = ()) -> Requirement:
    """A requirement in its one normal form.

    >>> str(requirement("tier", "in", ("web", "api", "web")))
    'tier in (api,web)'
    """
    return Requirement(key, operator, tuple(sorted(set(values))))


def requirement_faults(key: str, operator: str, values: tuple[str, ...]) -> tuple[Cause, ...]:
    """Everything that is wrong with a requirement: fields `key`, `operator`, `values[i]`.

    Source: labels/selector.go, NewRequirement.
    """
    faults = [_invalid(key, wrong, "key")] if (wrong := key_faults(key)) else []
    faults.extend(_operator_faults(operator, values))
    faults.extend(
        _invalid(value, wrong, f"values[{index}][{key}]")
        for index, value in enumerate(values)
        if (wrong := value_faults(value))
    )
    return tuple(faults)


def _invalid(value: str, wrong: tuple[str, ...], field: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {"; ".join(wrong)}', field)


def _operator_faults(operator: str, values: tuple[str, ...]) -> list[Cause]:
    wrong = ""
    listed = "[" + " ".join(f'"{value}"' for value in values) + "]"
    if operator in (IN, NOT_IN) and not values:
        wrong = "for 'in', 'notin' operators, values set can't be empty"
    elif operator in (EQUALS, DOUBLE_EQUALS, NOT_EQUALS) and len(values) != 1:
        wrong = "exact-match compatibility requires one single value"
    elif operator in (EXISTS, ABSENT) and values:
        wrong = "values set must be empty for exists and does not exist"
    elif operator in (GREATER, LESS):
        return _bound_faults(values, listed)
    elif operator not in OPERATORS:
        supported = ", ".join(f'"{word}"' for word in OPERATORS)
        message = f'Unsupported value: "{operator}": supported values: {supported}'
        return [Cause("FieldValueNotSupported", message, "operator")]
    return [Cause("FieldValueInvalid", f"Invalid value: {listed}: {wrong}", "values")] * bool(wrong)


def _bound_faults(values: tuple[str, ...], listed: str) -> list[Cause]:
    if len(values) != 1:
        why = "for 'Gt', 'Lt' operators, exactly one value is required"
        return [Cause("FieldValueInvalid", f"Invalid value: {listed}: {why}", "values")]
    if _integer(values[0]) is None:
        wrong = ("for 'Gt', 'Lt' operators, the value must be an integer",)
        return [_invalid(values[0], wrong, "values[0]")]
    return []


@lru_cache(maxsize=4096)
def key_faults(key: str) -> tuple[str, ...]:
    """What is wrong with a label key such as `example.com/tier`.

    Source: apimachinery/pkg/api/validate/content/kube.go, IsLabelKey.

    >>> key_faults("example.com/tier")
    ()
    >>> key_faults("a/b/c")[0].partition(" must")[0]
    'a valid label key'
    """
    prefix, slash, name = key.partition("/")
    if not slash:
        prefix, name = "", key
    elif "/" in name:
        why = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return (f"a valid label key {NAME_SHAPE}{why}",)
    faults = _prefix_faults(prefix) if slash else []
    if not name:
        faults.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        faults.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        faults.append(f"name part {NAME_SHAPE}")
    return tuple(faults)


def _prefix_faults(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    faults = []
    if len(prefix.encode()) > 253:
        faults.append("prefix part must be no more than 253 bytes")
    if not _SUBDOMAIN.fullmatch(prefix):
        faults.append(f"prefix part {SUBDOMAIN_SHAPE}")
    return faults


@lru_cache(maxsize=4096)
def value_faults(value: str) -> tuple[str, ...]:
    """What is wrong with a label's value.

    Source: apimachinery/pkg/util/validation/validation.go, IsValidLabelValue.

    >>> value_faults("v1.2"), value_faults("")
    ((), ())
    """
    faults = ["must be no more than 63 bytes"] if len(value.encode()) > 63 else []
    if value and not _NAME.fullmatch(value):
        faults.append(VALUE_SHAPE)
    return tuple(faults)
