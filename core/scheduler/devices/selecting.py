"""Whether a device meets an expression (CEL) of a claim or a class.

Source: kubernetes v1.36, dynamic-resource-allocation/cel/compile.go, cache.go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from returns.result import Failure, Result

from kelm.core.scheduler.devices.pools import Device

if TYPE_CHECKING:
    from kelm.core.cel.devices import Selector

Selects: TypeAlias = Callable[[str, Device], "Result[bool, str]"]
"""Whether a device meets an expression, or why that cannot be said."""


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Result[Selector, str]:
    """An expression, compiled once; the language is loaded when the first one is met."""
    from kelm.core.cel.devices import compile_selector

    return compile_selector(expression)


def meets(expression: str, device: Device) -> Result[bool, str]:
    """Ask an expression about a device.

    >>> from kelm.effects.document import EMPTY
    >>> meets('device.driver == "x"', Device(("x", "pool", "d0"), EMPTY, EMPTY))
    <Success: True>
    """
    from kelm.core.cel.devices import device_of

    compiled = _compiled(expression)
    if isinstance(compiled, Failure):
        return Failure(f"CEL compile error: {compiled.failure()}")
    seen = device_of(device.id[0], device.doc)
    if isinstance(seen, Failure):
        return Failure(f"CEL runtime error: {seen.failure()}")
    found = compiled.unwrap().matches(seen.unwrap())
    return Failure(f"CEL runtime error: {found.failure()}") if isinstance(found, Failure) else found
