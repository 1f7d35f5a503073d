"""Recorded lives of Services: every write to slices and Endpoints, explained by a reconcile.

A recording says in which order objects changed, not what a controller had seen when it decided. So
each recorded write must be what our controller does at *some* moment between its last write and
this one. Order inside lists and the trigger time depend on that moment and are not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyrsistent import pmap

from kelm.core.controllers.services.endpoints.controller import EndpointsController
from kelm.core.controllers.services.endpointslice.controller import EndpointSliceController
from kelm.core.controllers.services.mirroring.controller import EndpointSliceMirroring
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Sync
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Create, Delete
from kelm.effects.document import document, thaw
from tests.conformance.replay.recording import merged

Trace = dict[str, Any]
BASE_MS = 1_767_225_600_000
RESOURCES = {
    "Service": "services",
    "Pod": "pods",
    "Node": "nodes",
    "Endpoints": "endpoints",
    "EndpointSlice": "endpointslices.discovery.k8s.io",
}
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
CHANGES_UNSEEN = ("generation", "creationTimestamp", "uid", "resourceVersion")


class Event(NamedTuple):
    rv: int
    type: str
    kind: str
    name: str
    object: dict[str, Any]


def _events(trace: Trace) -> Iterator[Event]:
    """The history with whole objects, placeholders replaced by values of the right form."""
    now: dict[tuple[str, str], Any] = {}
    ips: dict[str, str] = {}
    for entry in trace["history"]:
        if entry["kind"] not in RESOURCES:
            continue
        key = entry["kind"], entry["name"]
        whole = (
            entry["object"] if "object" in entry else merged(now.get(key), entry.get("patch", {}))
        )
        now[key] = whole
        text = re.sub(
            r"<(podip|clusterip):[^\"]*?>(?=\")", lambda m: _ip(m[0], ips), json.dumps(whole)
        )
        text = re.sub(r"<T([+-]\d+)>", lambda m: format_time(BASE_MS + int(m[1]) * 1_000), text)
        text = re.sub(r'"<nodeport:[^"]*>"', "30000", text)
        found = json.loads(text)
        if entry["kind"] == "Pod":
            found.setdefault("metadata", {})["uid"] = f"<uid:Pod/{entry['name']}>"
        elif entry["kind"] in ("Service", "Endpoints"):
            found.setdefault("metadata", {})["uid"] = f"<uid:{entry['kind']}/{entry['name']}>"
        if entry["kind"] != "Node":
            found["metadata"]["namespace"] = entry["ns"]
        yield Event(entry["rv"], entry["type"], entry["kind"], entry["name"], found)


def _ip(placeholder: str, ips: dict[str, str]) -> str:
    return ips.setdefault(placeholder, f"10.244.{len(ips) // 250}.{len(ips) % 250 + 1}")


class Replay:
    """One controller and one Service."""

    def __init__(self, controller: Any, trace: Trace, service: str, output: str) -> None:
        self.controller = controller
        self.output = RESOURCES[output]
        self.namespace = trace["history"][0]["ns"] if trace["history"] else ""
        self.service = service
        self.caches = {resource: Table(resource) for resource in RESOURCES.values()}
        for index, node in enumerate(trace["nodes"]):
            doc = {"metadata": {"name": node["name"], "labels": node["labels"]}}
            self._put(RESOURCES["Node"], node["name"], doc, index + 1)
        self.memory: object = None

    def _put(self, resource: str, key: str, found: Any, rv: int) -> None:
        self.caches[resource] = tables.put(self.caches[resource], key, document(found), rv)

    def apply(self, event: Event) -> None:
        resource, key = RESOURCES[event.kind], f"{self.namespace}/{event.name}"
        before = self.caches[resource]
        if event.type != "DELETED":
            self._put(resource, key, event.object, event.rv)
        elif before.get(key) is not None:
            self.caches[resource] = tables.remove(before, key, before.get(key), event.rv)

    def differences(self, inputs: list[Event], outputs: list[Event]) -> Iterator[str]:
        """What no moment explains."""
        position = done = 0
        while done < len(outputs):
            limit = outputs[done].rv
            while True:
                commands, memory = self._reconcile()
                expected = outputs[done : done + len(commands)]
                if commands and _same(commands, expected):
                    break
                if position == len(inputs) or inputs[position].rv > limit:
                    said = [_of_command(one) for one in commands]
                    yield f"{self.service}: {outputs[done]!r} is not explained; last: {said!r}"
                    return
                self.apply(inputs[position])
                position += 1
            self.memory = memory
            done += len(expected)
            for event in expected:
                self.apply(event)

    def _reconcile(self) -> tuple[list[Any], object]:
        key = f"{self.namespace}/{self.service}"
        plan = self.controller.reconcile(Sync(key, BASE_MS, pmap(self.caches), self.memory))
        return [command for batch in plan.batches for command in batch], plan.memory


def _same(commands: list[Any], events: list[Event]) -> bool:
    return sorted(map(_of_command, commands)) == sorted(map(_of_event, events))


def _of_command(command: Any) -> str:
    if isinstance(command, Delete):
        return f"DELETED {command.name}"
    verb = "ADDED" if isinstance(command, Create) else "MODIFIED"
    return f"{verb} {_canonical(thaw(command.object))}"


def _of_event(event: Event) -> str:
    return (
        f"DELETED {event.name}"
        if event.type == "DELETED"
        else (f"{event.type} {_canonical(event.object)}")
    )


def _canonical(found: Any) -> str:
    metadata = {k: v for k, v in found["metadata"].items() if k not in CHANGES_UNSEEN}
    metadata.pop("name", None)
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if k != TRIGGER_TIME}
    body = {k: v for k, v in found.items() if k not in ("apiVersion", "kind", "metadata") and v}
    text = json.dumps(_unordered([metadata, annotations, body]), sort_keys=True)
    # Files with many pods have one placeholder for all uids.
    return re.sub(r"<uid[^>]*>", "<uid>", text)


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(
            (_unordered(item) for item in value), key=lambda one: json.dumps(one, sort_keys=True)
        )
    return value


def _owned(event: Event, service: str, manager: str) -> bool:
    labels = event.object.get("metadata", {}).get("labels", {})
    return (
        labels.get("kubernetes.io/service-name") == service
        and labels.get("endpointslice.kubernetes.io/managed-by") == manager
    )


def services(trace: Trace) -> list[str]:
    """Every difference between the recorded lives of Services and ours."""
    events = list(_events(trace))
    found: list[str] = []
    names = {event.name: None for event in events if event.kind == "Service"}
    for name in names:
        inputs = [e for e in events if e.kind == "Pod" or (e.kind == "Service" and e.name == name)]
        for controller, kind, manager in CONTROLLERS:
            given, outputs = inputs, _outputs(events, name, kind, manager)
            if manager.startswith("endpointslicemirroring"):
                given = [e for e in events if e.kind in ("Endpoints", "Service") and e.name == name]
            if kind == "Endpoints" and not any(
                "selector" in e.object["spec"] for e in inputs if e.kind == "Service"
            ):
                continue
            if not any(event.kind == "Pod" for event in events):
                given = sorted([*given, *_pods_listed(outputs)], key=lambda event: event.rv)
            replay = Replay(controller, trace, name, kind)
            found.extend(replay.differences(given, outputs))
    return found


def _pods_listed(outputs: list[Event]) -> Iterator[Event]:
    """Pods where a recording left them out: each write shows how they had become just before."""
    known: dict[str, dict[str, Any]] = {}
    listed_in: dict[str, str] = {}
    for event in outputs:
        now = {} if event.type == "DELETED" else dict(_pods_in(event.object))
        for name in [n for n, place in listed_in.items() if place == event.name and n not in now]:
            del listed_in[name]
            yield Event(event.rv - 1, "DELETED", "Pod", name, known.pop(name))
        for name, pod in now.items():
            listed_in[name] = event.name
            if known.get(name) != pod:
                known[name] = pod
                yield Event(event.rv - 1, "MODIFIED", "Pod", name, pod)


def _pods_in(listing: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in listing.get("endpoints", ()):
        if "targetRef" in one:
            conditions = one["conditions"]
            gone = conditions.get("terminating", False)
            yield _pod(one, one["addresses"][0], ready=conditions["serving"], terminating=gone)
    for subset in listing.get("subsets", ()):
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for one in subset.get(field, ()):
                if "targetRef" in one:
                    yield _pod(one, one["ip"], ready=ready)


def _pod(
    one: dict[str, Any], ip: str, *, ready: bool, terminating: bool = False
) -> tuple[str, dict[str, Any]]:
    ref = one["targetRef"]
    name = ref["name"]
    labels = {"app": name.rsplit("-", 2)[0]}
    metadata = {"namespace": ref["namespace"], "name": name, "uid": "<uid>", "labels": labels}
    if terminating:
        metadata["deletionTimestamp"] = format_time(BASE_MS)
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return name, {
        "metadata": metadata,
        "spec": {"nodeName": one.get("nodeName", ""), "containers": []},
        "status": {"phase": "Running", "podIP": ip, "conditions": [condition]},
    }


def _outputs(events: list[Event], name: str, kind: str, manager: str) -> list[Event]:
    """What one controller wrote for a Service; what the garbage collector deleted is left out."""
    gone = next(
        (e.rv for e in events if (e.kind, e.type, e.name) == ("Service", "DELETED", name)), None
    )
    return [
        e
        for e in events
        if e.kind == kind
        and (e.name == name if kind == "Endpoints" else _owned(e, name, manager))
        and (kind == "Endpoints" or gone is None or e.rv < gone)
    ]


CONTROLLERS: tuple[tuple[Any, str, str], ...] = (
    (EndpointSliceController(), "EndpointSlice", "endpointslice-controller.k8s.io"),
    (EndpointsController(), "Endpoints", ""),
    (EndpointSliceMirroring(), "EndpointSlice", "endpointslicemirroring-controller.k8s.io"),
)

TRACE_BINDINGS = {"3-": services}
