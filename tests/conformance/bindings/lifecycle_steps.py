"""Recorded lives of owners and namespaces: the same requests, and every object's same life.

The requests of a recording go to our API at their times; our collector, namespace and service
account controllers do the rest. Each object's versions must be the recorded ones, in order and at
most a few seconds apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kelm.adapters.simulator.authority import SIGNING_COMMANDS
from kelm.adapters.simulator.issuing import simulated_authority
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.pickers import Fifo
from kelm.core.api.bootstrap import new_server
from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.controllers.access.service_account import RootCA, ServiceAccounts
from kelm.core.controllers.access.service_account_tokens import ServiceAccountTokens
from kelm.core.controllers.deletion.garbage_collector.program import GarbageCollectorProgram
from kelm.core.controllers.deletion.namespaces.controller import NamespaceDeletion
from kelm.core.runtime.queue import ControllerProgram
from kelm.effects.commands import Command, Create, Delete, Patch
from kelm.effects.document import document, thaw
from tests.conformance.bindings.lifecycle_history import Object, Trace, merged
from tests.conformance.bindings.network_traces import services

START_MS = 1_767_225_600_000
LEAD_MS = 10_000
TOLERANCE_MS = 3_000
KINDS = {
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "Namespace": "namespaces",
    "Secret": "secrets",
}
ACCOUNT_UID = "kubernetes.io/service-account.uid"
NOT_OURS = "openshift-service-ca.crt"
PATH = re.compile(
    r"/api(?:s/(?P<group>[^/]+))?/v1/(?:namespaces/(?P<ns>[^/]+)/)?(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?"
)


class Moment(NamedTuple):
    """One version of an object; None once it is gone."""

    at_ms: int
    object: Object | None


Lives = dict[tuple[str, str, str], list[Moment]]


def _plain(found: Object) -> Object:
    """An object without what differs between two servers; of times only that they are there."""
    meta = dict(found.get("metadata", {}))
    for field in ("uid", "resourceVersion", "namespace", "managedFields", "labels"):
        meta.pop(field, None)
    if "ownerReferences" in meta:
        meta["ownerReferences"] = [
            {key: value for key, value in ref.items() if key != "uid"}
            for ref in meta["ownerReferences"]
        ]
    for field in ("creationTimestamp", "deletionTimestamp"):
        if field in meta:
            meta[field] = "<time>"
    if ACCOUNT_UID in meta.get("annotations", {}):
        meta["annotations"] = {**meta["annotations"], ACCOUNT_UID: "<uid>"}
    rest = {key: value for key, value in found.items() if key in ("spec", "status")}
    if found.get("type"):
        # A Secret; its content is not recorded.
        rest |= {"type": found["type"], "data": sorted(found.get("data", {}))}
    for condition in rest.get("status", {}).get("conditions", []):
        condition.pop("lastTransitionTime", None)
    kept = {key: value for key, value in meta.items() if value not in ([], {}, None)}
    return {"metadata": kept, **rest}


def recorded(trace: Trace) -> Lives:
    lives: Lives = {}
    now: dict[tuple[str, str, str], Object] = {}
    for raw in trace["history"]:
        if raw["kind"] not in KINDS or raw["name"] == NOT_OURS:
            continue
        key = raw["kind"], raw.get("ns") or "", raw["name"]
        known = now.get(key, {})
        whole = raw["object"] if "object" in raw else merged(known, raw.get("patch") or {})
        now[key] = whole
        gone = raw["type"] == "DELETED"
        if gone and raw["kind"] == "Namespace":
            key = raw["kind"], "", raw["name"]
        shown = None if gone else _plain(json.loads(json.dumps(whole)))
        lives.setdefault(key, []).append(Moment(round(raw["t"] * 1_000), shown))
    return lives


def _by_others(entry: Object) -> Command | None:
    """What a recorded change of a pod asks for: pods were made by controllers that do not take
    part here, and let go by machines."""
    if entry["kind"] != "Pod" or entry["type"] == "MODIFIED":
        return None
    name = re.sub(r"[<>]", "", entry["name"])
    if entry["type"] == "DELETED":
        return Delete("pods", entry["ns"], name, grace_period_seconds=0)
    labels = entry["object"]["metadata"].get("labels", {})
    spec = {**entry["object"]["spec"], "nodeName": "node-1"}
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    return Create("pods", entry["ns"], document(body))


class Replay:
    """Our controllers, and the requests of a recording."""

    def __init__(self, trace: Trace, namespaces: set[str]) -> None:
        self.trace = trace
        self.simulator = Simulator(new_server(now_ms=START_MS), Fifo(), START_MS)
        self.moments: list[tuple[int, int]] = []
        for table in self.simulator.api.store.tables:
            self.simulator.publish(table, 0)
        self.simulator.local_commands = SIGNING_COMMANDS
        self.simulator.on_local = lambda _, command: simulated_authority().carry_out(command)
        # The recording's controller manager had no root certificate to put into Secrets.
        tokens = ServiceAccountTokens(certificate="")
        for controller in (NamespaceDeletion(), ServiceAccounts(), RootCA(), tokens):
            self.simulator.start(controller.name, ControllerProgram(controller))
        self.simulator.start("garbage-collector", GarbageCollectorProgram())
        self._run_to(LEAD_MS - 500)
        for namespace in sorted(namespaces):
            given = document({"metadata": {"name": namespace}})
            self.simulator.ask(Create("namespaces", "", given))
        self._run_to(LEAD_MS)

    def _run_to(self, at_ms: int) -> None:
        future = self.simulator.future
        while future.next_ms is not None and future.next_ms <= START_MS + at_ms:
            self.simulator.step()
            self._note()
        future.now_ms = max(future.now_ms, START_MS + at_ms)

    def _note(self) -> None:
        revision = self.simulator.api.store.revision
        if not self.moments or self.moments[-1][0] < revision:
            self.moments.append((revision, self.simulator.now_ms - START_MS))

    def run(self, until_ms: int) -> None:
        asked = [(step["at"], self._command, step["do"]) for step in self.trace["steps"]]
        given = [(entry["t"], _by_others, entry) for entry in self.trace["history"]]
        for at, command_of, thing in sorted([*asked, *given], key=lambda one: one[0]):
            self._run_to(LEAD_MS + round(at * 1_000))
            command = command_of(thing)
            if command is not None:
                self.simulator.ask(command)
                self._note()
        self._run_to(LEAD_MS + until_ms)

    def _command(self, done: Object) -> Command:
        match = PATH.fullmatch(done["path"])
        assert match is not None, done["path"]
        group = f".{match['group']}" if match["group"] else ""
        info: ResourceInfo = RESOURCES[match["plural"] + group]
        namespace, name = match["ns"] or "", match["name"] or ""
        body = document(json.loads(self._real(json.dumps(done.get("body") or {}))))
        if done["method"] == "POST":
            return Create(info.resource, namespace, body)
        if done["method"] == "DELETE":
            policy: Any = body.get("propagationPolicy", "")
            return Delete(info.resource, namespace, name, propagation_policy=policy)
        return Patch(info.resource, namespace, name, body)

    def _real(self, text: str) -> str:
        """Uids that are asked for by the name of the object that has them."""

        def uid(match: re.Match[str]) -> str:
            for doc in self.simulator.api.store.table(KINDS[match[1]]).objects():
                meta: Any = doc["metadata"]
                if meta["name"] == match[2]:
                    return str(meta["uid"])
            return "nobody"

        return re.sub(r"<uid:(\w+)/([^>]+)>", uid, text)

    def lives(self) -> Lives:
        found: Lives = {}
        for kind, resource in KINDS.items():
            for change in self.simulator.api.store.table(resource).changes_since(0) or ():
                namespace, _, name = change.key.rpartition("/")
                at_ms = next(at for known, at in self.moments if known >= change.revision)
                whole: Any = None if change.new is None else _plain(thaw(change.new))  # type: ignore
                moments = found.setdefault((kind, namespace, name), [])
                moments.append(Moment(at_ms - LEAD_MS, whole))
        return found


def _is_new(life: list[Moment]) -> bool:
    first = life[0].object
    return first is not None and "deletionTimestamp" not in first["metadata"]


def _differences(wanted: Lives, found: Lives) -> Iterator[str]:
    for key, life in wanted.items():
        ours = found.get(key, [])
        if not _is_new(life):
            ours = ours[-len(life) :]
        if [one.object for one in life] != [one.object for one in ours]:
            yield f"{key}: ours {ours} recorded {life}"
            continue
        apart = [abs(a.at_ms - b.at_ms) for a, b in zip(life, ours, strict=True)]
        if max(apart) > TOLERANCE_MS and life[0].at_ms > 500:
            yield f"{key}: {apart} ms apart"


def same_lives(trace: Trace) -> list[str]:
    """What differs between the recorded lives of objects and ours."""
    wanted = recorded(trace)
    made = {n for (kind, _, n), life in wanted.items() if kind == "Namespace" and _is_new(life)}
    namespaces = {namespace for _, namespace, _ in wanted if namespace} - made
    replay = Replay(trace, namespaces)
    replay.run(max(life[-1].at_ms for life in wanted.values()) + TOLERANCE_MS)
    return list(_differences(wanted, replay.lives()))


def deletion(trace: Trace) -> list[str]:
    """What differs in the death of a namespace, with what listed its pods until then."""
    return [*same_lives(trace), *services(trace)]


TRACE_BINDINGS = {
    "7-gc-": same_lives,
    "7-namespace-deletion": deletion,
    "7-namespace-new": same_lives,
    "7-serviceaccount": same_lives,
}
