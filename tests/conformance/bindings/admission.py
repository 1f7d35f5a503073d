"""Bindings of what happens to an object on its way into the store."""

from __future__ import annotations

from typing import Any

from kelm.core.api.validation.names import NUMBER_RULES, TEXT_RULES

Case = dict[str, Any]
Sides = tuple[object, object]


def validation_names(case: Case) -> Sides:
    rule, value = case["input"]["rule"], case["input"]["value"]
    complaints = TEXT_RULES[rule](value) if rule in TEXT_RULES else NUMBER_RULES[rule](value)
    return not complaints, case["expected"]["valid"]


BINDINGS = {
    "validation-names": validation_names,
}
