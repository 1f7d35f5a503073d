"""Patches: tables to functions of `kelm.core.api.patches`."""

from __future__ import annotations

from typing import Any

from kelm.core.api.patches.merge_patch import merge_documents, three_way_merge_patch
from kelm.effects.document import document, thaw

Case = dict[str, Any]


def json_merge_patch(case: Case) -> tuple[object, object]:
    given = {key: document(value) for key, value in case["input"].items()}
    if case["kind"] == "apply":
        merged = merge_documents(given["object"], given["patch"])
        return {"result": thaw(merged)}, case["expected"]
    patch = three_way_merge_patch(given["original"], given["modified"], given["current"])
    result = merge_documents(given["current"], patch)
    return {"patch": thaw(patch), "result": thaw(result)}, case["expected"]


BINDINGS = {
    "json-merge-patch": json_merge_patch,
}
