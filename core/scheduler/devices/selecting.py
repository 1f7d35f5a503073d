"""Whether a device meets an expression of a claim or a class.

Source: kubernetes v1.36, dynamic-resource-allocation/cel/compile.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from returns.result import Failure, Result

from kelm.core.scheduler.devices.pools import Device

Selects: TypeAlias = Callable[[str, Device], "Result[bool, str]"]
"""Whether a device meets an expression, or why that cannot be said."""


def not_understood(expression: str, _device: Device) -> Result[bool, str]:
    """No expression is understood: whoever uses one is refused, and told so."""
    return Failure(f"CEL expressions are not understood yet: {expression}")
