"""Quantities: `quantity("1.5Gi").isGreaterThan(quantity("1G"))`.

Source: kubernetes v1.36, apiserver/pkg/cel/library/quantity.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.cel.running.values import EvaluationFault, Extra, Value
from kelm.core.objects.quantity import Quantity, is_quantity, parse_quantity, unit_quantity


class QuantityValue(Extra):
    """A quantity as a value. Equal ones are worth the same, however they are written."""

    __slots__ = ("quantity",)
    type_name = "kubernetes.Quantity"

    def __init__(self, quantity: Quantity) -> None:
        self.quantity = quantity

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuantityValue) and self.quantity.compare(other.quantity) == 0

    def __str__(self) -> str:
        return str(self.quantity)


def _quantity(text: str) -> QuantityValue:
    try:
        return QuantityValue(parse_quantity(text))
    except ValueError as wrong:
        raise EvaluationFault(str(wrong)) from None


def _is_integer(value: QuantityValue) -> bool:
    scale = value.quantity.scale
    whole = scale >= 0 or value.quantity.unscaled % 10 ** (-scale) == 0
    return whole and value.quantity.fits_int64()


def _as_integer(value: QuantityValue) -> int:
    if not _is_integer(value):
        raise EvaluationFault("cannot convert value to integer")
    return value.quantity.at_scale(0)


def _as_float(value: QuantityValue) -> float:
    scale = value.quantity.scale
    unscaled = value.quantity.unscaled
    try:
        return float(unscaled * 10**scale if scale >= 0 else unscaled / 10 ** (-scale))
    except OverflowError:
        return float("inf") if unscaled > 0 else float("-inf")


def _sign(value: QuantityValue) -> int:
    unscaled = value.quantity.unscaled
    return (unscaled > 0) - (unscaled < 0)


def _other(value: Value) -> Quantity:
    if isinstance(value, QuantityValue):
        return value.quantity
    return unit_quantity(value, "DecimalExponent")


def _add(value: QuantityValue, other: Value) -> QuantityValue:
    return QuantityValue(value.quantity + _other(other))


def _sub(value: QuantityValue, other: Value) -> QuantityValue:
    return QuantityValue(value.quantity - _other(other))


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "quantity": _quantity,
    "isQuantity": is_quantity,
    "isInteger": _is_integer,
    "asInteger": _as_integer,
    "asApproximateFloat": _as_float,
    "sign": _sign,
    "add": _add,
    "sub": _sub,
}
