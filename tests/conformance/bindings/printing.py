"""Tables of printed rows."""

from __future__ import annotations

from kelm.core.api.printing.table import table
from kelm.core.api.resources import RESOURCES
from kelm.core.objects.time import parse_time
from kelm.effects.document import document, thaw
from tests.conformance.runner import Binding, Case

NOW_MS = parse_time("2025-01-01T00:00:00Z")


def row(case: Case) -> tuple[object, object]:
    resource = next(info.resource for info in RESOURCES.values() if info.kind == case["kind"])
    given = case["input"]
    printed = table(resource, [document(given["object"])], NOW_MS, wide=given["wide"])
    return thaw(printed.rows[0]), case["expected"]["cells"]


BINDINGS: dict[str, Binding] = {
    "printers-pod": row,
    "printers-node": row,
    "printers-workloads": row,
    "printers-network": row,
    "printers-other": row,
}
