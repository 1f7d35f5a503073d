"""Patches: tables to functions of `kelm.core.api.patches`."""

from __future__ import annotations

import json
from typing import Any

from returns.result import Failure

from kelm.core.api.patches.apply.field_set import parse_step
from kelm.core.api.patches.apply.managers import Manager, in_order
from kelm.core.api.patches.merge_patch import merge_documents, three_way_merge_patch
from kelm.core.api.patches.server_side_apply import LAST_APPLIED, apply
from kelm.core.api.patches.strategic_merge import (
    apply_strategic_patch,
    strategic_patch_between,
    three_way_strategic_patch,
)
from kelm.core.api.schema.definitions import definition_of, parse_definitions
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


SYNTHETIC = parse_definitions(
    """
MergeItem name:any value:any other:any mergingList:[]MergeItem:merge=name
 nonMergingList:[]MergeItem mergingIntList:[]i64:merge nonMergingIntList:[]i64
 mergeItemPtr:MergeItem:merge=name simpleMap:{}str replacingItem:any:replace
 retainKeysMap:RetainKeysMap:retainKeys retainKeysMergingList:[]MergeItem:merge=name:retainKeys
RetainKeysMap name:any value:any other:any simpleMap:{}str mergingIntList:[]i64:merge
 mergingList:[]MergeItem:merge=name nonMergingList:[]MergeItem
"""
)


def strategic_merge_patch(case: Case) -> tuple[object, object]:
    given = {key: document(value) for key, value in case["input"].items()}
    schema = SYNTHETIC["MergeItem"], SYNTHETIC
    if case["kind"] == "apply":
        outcome = apply_strategic_patch(given["original"], given["patch"], *schema)
        found = outcome.map(lambda doc: {"result": thaw(doc)}).value_or({"error": True})
    elif case["kind"] == "diff":
        outcome = strategic_patch_between(given["original"], given["modified"], *schema)
        found = outcome.map(lambda doc: {"patch": thaw(doc)}).value_or({"error": True})
    else:
        three = (given["original"], given["modified"], given["current"])
        outcome = three_way_strategic_patch(*three, *schema)
        found = outcome.map(lambda doc: {"patch": thaw(doc)}).value_or({"conflict": True})
    return found, case["expected"]


def _conflicts(given: Case) -> Case:
    applied = given["applied"]
    last = given["lastApplied"]
    written = "" if last is None else last if isinstance(last, str) else json.dumps(last)
    live = {**given["live"]}
    live["metadata"] = {**live["metadata"], "annotations": {LAST_APPLIED: written}}
    kind = definition_of(applied["apiVersion"], applied["kind"])
    manager = Manager(given["manager"], "Apply", applied["apiVersion"])
    outcome = apply(document(live), document(applied), manager, kind, 0)
    conflicts = outcome.failure() if isinstance(outcome, Failure) else ()
    return {"conflicts": [one.field for one in conflicts]}


def _path_element(given: Case) -> Case:
    step = parse_step(given["text"])
    return {"valid": False} if step is None else {"valid": True, "text": step}


def _sorted_managers(given: Case) -> Case:
    entries = in_order(document(one) for one in given["managedFields"])
    return {"managedFields": [thaw(one) for one in entries]}


_APPLY: dict[str, Any] = {
    "last-applied": _conflicts,
    "path-element": _path_element,
    "sort": _sorted_managers,
}


def server_side_apply(case: Case) -> tuple[object, object]:
    return _APPLY[case["kind"]](case["input"]), case["expected"]


BINDINGS = {
    "server-side-apply": server_side_apply,
    "json-merge-patch": json_merge_patch,
    "strategic-merge-patch": strategic_merge_patch,
}
