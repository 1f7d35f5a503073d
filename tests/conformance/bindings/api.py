"""The API server: deletions, the garbage collector's decisions, evictions."""

from __future__ import annotations

from typing import Any

from returns.result import Success

from kelm.core.api.server import ApiServer, handle
from kelm.core.api.verbs.delete import Options, collected_finalizers
from kelm.core.controllers.deletion.garbage_collector.decide import Collect, OwnerState, classify
from kelm.core.store.store import Store
from kelm.effects.commands import Evict
from kelm.effects.document import document
from kelm.effects.refusals import Reason

Case = dict[str, Any]
NOW_MS = 1_735_689_600_000


def gc_deletion(case: Case) -> tuple[object, object]:
    return _item(case) if case["kind"] == "item" else _finalizers(case)


def _finalizers(case: Case) -> tuple[object, object]:
    given = case["input"]
    asked = given["deleteOptions"] or {}
    options = Options(
        propagation_policy=asked.get("propagationPolicy", ""),
        orphan_dependents=asked.get("orphanDependents"),
    )
    held = tuple(given["finalizers"])
    kept = collected_finalizers(held, options, orphans=given["defaultPolicy"] == "orphan")
    return {"finalizers": list(kept)} if kept else {"gone": True}, case["expected"]


def _item(case: Case) -> tuple[object, object]:
    given = case["input"]
    decided = classify(
        tuple(OwnerState(state) for state in given["ownerStates"]),
        has_dependents=given["dependents"] > 0,
        finalizers=tuple(given["finalizers"]),
    )
    if isinstance(decided, Collect):
        found: Case = {"action": "delete", "propagationPolicy": decided.propagation_policy}
    elif decided.dropped:
        found = {"action": "removeOwnerRefs", "refs": list(decided.dropped)}
    else:
        found = {"action": "none"}
    return found, case["expected"]


def eviction(case: Case) -> tuple[object, object]:
    given = case["input"]
    store = Store()
    for pdb in given["pdbs"]:
        policy = given["unhealthyPodEvictionPolicy"]
        spec = {**pdb["spec"], "unhealthyPodEvictionPolicy": policy}
        budget = document({**pdb, "spec": spec})
        store = store.put("poddisruptionbudgets.policy", "default/foo", budget)
    store = store.put("pods", "default/p", document(_pod(given["pod"])))
    after, outcome = handle(ApiServer(store), Evict("default", "p"), NOW_MS)
    if isinstance(outcome, Success):
        pod = after.store.get("pods", "default/p")
        gone = pod is None or "deletionTimestamp" in pod["metadata"]  # type: ignore[operator]
        return {"outcome": "evicted", "deleteCalls": int(gone)}, case["expected"]
    refusal = outcome.failure()
    kind = "refused" if refusal.reason is Reason.TOO_MANY_REQUESTS else "error"
    return {"outcome": kind, "status": refusal.code}, case["expected"]


def _pod(given: Case) -> Case:
    meta: Case = {"name": "p", "namespace": "default", "uid": "u", "resourceVersion": "1"}
    meta["labels"] = given["labels"]
    if given.get("terminating"):
        meta["deletionTimestamp"] = "2024-12-31T23:59:30Z"
        meta["deletionGracePeriodSeconds"] = 30
    conditions = []
    if "readyCondition" in given:
        conditions.append({"type": "Ready", "status": given["readyCondition"]})
    status = {"phase": given.get("phase", ""), "conditions": conditions}
    return {"metadata": meta, "spec": {"nodeName": "n"}, "status": status}


BINDINGS = {"gc-deletion": gc_deletion, "eviction-api": eviction}
