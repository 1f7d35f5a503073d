"""Recorded histories as whole objects, and which of their changes ours are there to make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kelm.core.controllers.disruption.controller import BUDGETS
from kelm.core.objects.time import format_time
from tests.conformance.replay.recording import merged

Trace = dict[str, Any]
Object = dict[str, Any]
START_MS = 1_767_225_600_000
RESOURCES = {
    "Node": "nodes",
    "Pod": "pods",
    "PodDisruptionBudget": BUDGETS,
    "Deployment": "deployments.apps",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
}
OUR_KEY = "node.kubernetes.io/"
OUR_REASONS = ("DeletionByTaintManager", "DeletionByPodGC")


class Entry(NamedTuple):
    """One recorded change, as whole objects."""

    at_ms: int
    kind: str
    namespace: str
    name: str
    old: Object | None
    new: Object | None


class Fact(NamedTuple):
    """Something that our controllers are there to do."""

    what: tuple[str, ...]
    at_ms: int


def real(value: Any, zero_ms: int) -> Any:
    """Placeholders replaced by values of the right form."""
    text = re.sub(
        r"<T([+-]\d+)>",
        lambda m: format_time(START_MS + zero_ms + int(m[1]) * 1_000),
        json.dumps(value),
    )
    return json.loads(re.sub(r"<(\d+|e\d+)>", r"\1", text))


def entries(trace: Trace, zero_ms: int) -> Iterator[Entry]:
    """The history of what concerns us; the recording begins at `zero_ms`."""
    before_all = {one["name"]: others({"spec": one}) for one in trace["nodes"]}
    now: dict[tuple[str, str], Object] = {}
    for raw in trace["history"]:
        if raw["kind"] not in RESOURCES:
            continue
        raw = real(raw, zero_ms)
        key = raw["kind"], raw["name"]
        old = now.get(key)
        new = raw["object"] if "object" in raw else merged(old, raw.get("patch") or {})
        now[key] = new
        before = old if raw["type"] != "ADDED" else None
        if before is None and raw["type"] != "ADDED":
            before = _before_recording(raw["kind"], new, before_all.get(raw["name"]))
        after = None if raw["type"] == "DELETED" else new
        at_ms = zero_ms + round(raw["t"] * 1_000)
        yield Entry(at_ms, raw["kind"], raw.get("ns") or "", raw["name"], before, after)


def _before_recording(kind: str, seen: Object, known: list[Object] | None) -> Object:
    """A node as it must have been before its first recorded change."""
    if kind != "Node":
        return seen
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": format_time(START_MS)}
    others_of = [c["type"] for c in seen["status"]["conditions"] if c["type"] != "Ready"]
    conditions = [ready, *({"type": one, "status": "False"} for one in others_of)]
    spec = {**seen["spec"], "taints": others(seen) if known is None else known}
    spec.pop("unschedulable", None)
    return {**seen, "spec": spec, "status": {**seen["status"], "conditions": conditions}}


def taints(doc: Object) -> list[Object]:
    return list(doc.get("spec", {}).get("taints") or [])


def others(doc: Object) -> list[Object]:
    return [taint for taint in taints(doc) if not taint["key"].startswith(OUR_KEY)]


def condition_of(doc: Object, kind: str) -> Object:
    found = doc.get("status", {}).get("conditions") or []
    return next((c for c in found if c["type"] == kind), {})


def facts(kind: str, name: str, old: Object, new: Object | None) -> Iterator[tuple[str, ...]]:
    """What a change says that our controllers did."""
    if kind == "Node" and new is not None:
        before, after = (
            {f"{t['key']}:{t['effect']}" for t in taints(doc) if t["key"].startswith(OUR_KEY)}
            for doc in (old, new)
        )
        yield from (("taint", name, taint) for taint in sorted(after - before))
        yield from (("untaint", name, taint) for taint in sorted(before - after))
        ready, was = condition_of(new, "Ready"), condition_of(old, "Ready")
        if ready.get("status") == "Unknown" != was.get("status"):
            yield "lost", name, ready["reason"], ready["message"]
    elif kind == "Pod":
        yield from _pod_facts(name, old, new)


def _pod_facts(name: str, old: Object, new: Object | None) -> Iterator[tuple[str, ...]]:
    target = condition_of(new or old, "DisruptionTarget")
    ours = target.get("reason") in OUR_REASONS
    if new is None:
        if target.get("reason") == "DeletionByPodGC":
            yield "gone", name
        return
    ready, was = condition_of(new, "Ready"), condition_of(old, "Ready")
    fell = was.get("status") == "True" and ready.get("status") == "False"
    same = old["status"].get("containerStatuses") == new["status"].get("containerStatuses")
    if fell and same and not ready.get("reason"):
        yield "unready", name
    if ours and not condition_of(old, "DisruptionTarget"):
        yield "target", name, target["reason"], target["message"]
    if (
        ours
        and "deletionTimestamp" in new["metadata"]
        and ("deletionTimestamp" not in old["metadata"])
    ):
        yield "deleting", name
    if ours and new["status"].get("phase") == "Failed" != old["status"].get("phase"):
        yield "failed", name
