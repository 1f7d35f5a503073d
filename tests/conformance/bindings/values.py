"""Quantities, selectors, durations, names: tables to functions of `kelm.core.objects`."""

from __future__ import annotations

from typing import Any

from returns.pipeline import is_successful

from kelm.core.objects import duration, names
from kelm.core.objects import int_or_string as intstr
from kelm.core.objects import quantity as q
from kelm.core.objects.selectors import fields
from kelm.core.objects.selectors import labels as selectors
from kelm.core.objects.selectors import requirement as labels
from kelm.core.objects.selectors import text as selector_text

Case = dict[str, Any]


def _refused(call: Any, *arguments: Any) -> bool:
    try:
        call(*arguments)
    except ValueError:
        return True
    return False


def _decimal(quantity: q.Quantity) -> str:
    """The exact decimal text of an amount, as the table writes it."""
    sign = "-" if quantity.unscaled < 0 else ""
    digits = str(abs(quantity.at_scale(-9))).rjust(10, "0")
    whole, fraction = digits[:-9], digits[-9:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _quantity_from(spec: Case) -> q.Quantity:
    parsed = q.parse_quantity(spec["value"])
    return q.Quantity(parsed.unscaled, parsed.scale, spec["format"])


def _summed(total: q.Quantity) -> Case:
    return {"value": _decimal(total), "text": str(total)}


def _rounding(case: Case) -> Case:
    before = q.parse_quantity(case["text"])
    after = before.rounded_up(case["scale"])
    return {"value": _decimal(after), "exact": before.compare(after) == 0}


def _multiplied(case: Case) -> Case:
    product = _quantity_from(case["a"]).times(case["times"])
    return {"value": _decimal(product), "fitsInt64": product.fits_int64()}


def _parsed(case: Case) -> Case:
    quantity = q.parse_quantity(case["text"])
    return {"value": _decimal(quantity), "format": quantity.format}


_QUANTITY: dict[str, Any] = {
    "parse": _parsed,
    "parse-error": lambda i: {"error": _refused(q.parse_quantity, i["text"])},
    "canonical": lambda i: {"text": str(_quantity_from(i))},
    "emit": lambda i: {"text": str(q.parse_quantity(i["text"]))},
    "add": lambda i: _summed(_quantity_from(i["a"]) + _quantity_from(i["b"])),
    "sub": lambda i: _summed(_quantity_from(i["a"]) - _quantity_from(i["b"])),
    "mul": _multiplied,
    "roundup": _rounding,
    "scaledvalue": lambda i: {"int": q.parse_quantity(i["value"]).at_scale(i["scale"])},
    "from-milli": lambda i: {"text": str(q.milli_quantity(i["milli"], i["format"]))},
    "from-int": lambda i: {"text": str(q.unit_quantity(i["int"], i["format"]))},
}


def quantity(case: Case) -> tuple[object, object]:
    if case["kind"] == "reemit":
        ours = q.parse_quantity(case["input"]["text"])
        theirs = q.parse_quantity(case["expected"]["sameValueAs"])
        canonical = q.Quantity(ours.unscaled, ours.scale, ours.format)
        return (ours.compare(theirs), str(canonical)), (0, str(theirs))
    return _QUANTITY[case["kind"]](case["input"]), case["expected"]


def _read_int(value: Any) -> Case:
    percent = intstr.percent_of(value)
    if isinstance(value, str) and percent is None:
        return {"error": True}
    return {"value": value if percent is None else percent, "percent": percent is not None}


def _scaled(given: Case) -> Case:
    try:
        return {"value": intstr.resolve(given["value"], given["total"], given["roundUp"])}
    except ValueError:
        return {"error": True}


_INTSTR: dict[str, Any] = {
    "scaled": _scaled,
    "read": lambda i: _read_int(i["value"]),
    "parse": lambda i: {"value": intstr.parse_int_or_string(i["text"])},
}


def int_or_string(case: Case) -> tuple[object, object]:
    return _INTSTR[case["kind"]](case["input"]), case["expected"]


def _requirements(case: Case) -> tuple[labels.Requirement, ...]:
    return tuple(
        labels.requirement(one["key"], one["operator"], tuple(one["values"]))
        for one in case["requirements"]
    )


def _parsed_requirements(case: Case) -> Case:
    found = selector_text.parse_requirements(case["selector"]).value_or(None)
    if found is None:
        return {"valid": False}
    return {
        "valid": True,
        "requirements": [
            {"key": one.key, "operator": one.operator, "values": list(one.values)} for one in found
        ],
    }


def _validated(case: Case) -> Case:
    faults = labels.requirement_faults(case["key"], case["operator"], tuple(case["values"]))
    return {"errors": [{"field": fault.field, "type": fault.reason} for fault in faults]}


def _label_map(case: Case) -> Case:
    found = selector_text.parse_label_map(case["selector"]).value_or(None)
    return {"valid": False} if found is None else {"valid": True, "labels": found}


def _matches(case: Case) -> Case:
    parsed = selector_text.parse_selector(case["selector"]).unwrap()
    return {"match": parsed.matches(case["labels"])}


_LABELS: dict[str, Any] = {
    "parse": lambda i: {
        "valid": selector_text.parse_selector(i["selector"]).value_or(None) is not None
    },
    "requirements": _parsed_requirements,
    "match": _matches,
    "match-requirements": lambda i: {
        "match": selectors.selector(_requirements(i)).matches(i["labels"])
    },
    "print": lambda i: {"text": ",".join(str(one) for one in _requirements(i))},
    "validate": _validated,
    "equality-map": _label_map,
}


def label_selectors(case: Case) -> tuple[object, object]:
    return _LABELS[case["kind"]](case["input"]), case["expected"]


def _field_parse(case: Case) -> Case:
    found = fields.parse_field_selector(case["selector"])
    if not is_successful(found):
        return {"valid": False}
    return {"valid": True, "text": str(found.unwrap())}


def _field_match(case: Case) -> Case:
    return {"match": fields.parse_field_selector(case["selector"]).unwrap().matches(case["fields"])}


def _field_split(case: Case) -> Case:
    sides = fields.split_term(case["term"])
    if sides is None:
        return {"ok": False}
    return {"ok": True, "key": sides[0], "operator": sides[1], "value": sides[2]}


_FIELDS: dict[str, Any] = {
    "parse": _field_parse,
    "match": _field_match,
    "split-terms": lambda i: {"terms": list(fields.split_terms(i["selector"]))},
    "split-term": _field_split,
    "escape": lambda i: {"escaped": fields.escape_value(i["value"])},
    "unescape-error": lambda i: {"error": not is_successful(fields.unescape_value(i["escaped"]))},
}


def field_selectors(case: Case) -> tuple[object, object]:
    return _FIELDS[case["kind"]](case["input"]), case["expected"]


def human_duration(case: Case) -> tuple[object, object]:
    written = duration.human_duration if case["kind"] == "human" else duration.short_duration
    ns = case["input"]["ns"]
    span_ms = ns // 1_000_000 if ns >= 0 else -(-ns // 1_000_000)
    return {"text": written(span_ms)}, case["expected"]


def safe_encode(case: Case) -> tuple[object, object]:
    return {"encoded": names.safe_encode(case["input"]["text"])}, case["expected"]


BINDINGS = {
    "quantity": quantity,
    "intstr": int_or_string,
    "label-selectors": label_selectors,
    "field-selectors": field_selectors,
    "human-duration": human_duration,
    "safe-encode-probe": safe_encode,
}
