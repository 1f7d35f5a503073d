"""Microseconds and bytes a pod for each way to hold objects and stores: the numbers of ADR 1 and 2.

    python -m tests.benchmarks.representations objects [document|bytes|freeze]
    python -m tests.benchmarks.representations store   [slots|maps]

Each prints one line a number. One pod's life is create, bind, three status writes.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pyrsistent
from pyrsistent import pmap, pset

from kelm.core.objects.pod import PodStatus, pod
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, document

COUNT = 20_000
AT = "2026-01-01T00:00:00Z"
SPEC = {
    "containers": [
        {
            "name": "c",
            "image": "nginx:1.25",
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
            "terminationMessagePath": "/dev/termination-log",
            "imagePullPolicy": "IfNotPresent",
        }
    ],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "schedulerName": "default-scheduler",
}


def metadata(number: int) -> dict[str, Any]:
    return {
        "name": f"web-5455cfcc77-{number:05x}",
        "namespace": "default",
        "uid": f"{number:08d}-0000-4000-8000-000000000000",
        "labels": {"app": "web", "pod-template-hash": "5455cfcc77"},
        "ownerReferences": [
            {"kind": "ReplicaSet", "uid": f"rs-{number % 100}", "controller": True}
        ],
    }


def status(number: int) -> dict[str, Any]:
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "podIP": f"10.1.{number >> 8 & 255}.{number & 255}",
        "conditions": [{"type": k, "status": "True", "lastTransitionTime": AT} for k in kinds],
        "containerStatuses": [
            {"name": "c", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": AT}}}
        ],
    }


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def with_documents() -> object:
    """Frozen dicts that share what did not change, and the view decoded from them."""
    spec = document(SPEC)
    pods: list[Document] = []
    for number in range(COUNT):
        doc = Document(kind="Pod", metadata=document(metadata(number)), spec=spec)
        doc = Document({**doc, "spec": Document({**spec, "nodeName": "n"})})
        for _ in range(3):
            doc = Document({**doc, "status": document(status(number))})
            assert pod(doc).status.phase == "Running"
        pods.append(doc)
    return pods


def with_bytes() -> object:
    """A typed record and the JSON text it came from; what is no field is parsed when asked for."""
    pods: list[tuple[bytes, bytes, bytes, PodStatus]] = []
    spec = msgspec.json.encode(SPEC)
    for number in range(COUNT):
        meta = msgspec.json.encode(metadata(number))
        bound = msgspec.json.encode({**msgspec.json.decode(spec), "nodeName": "n"})
        for _ in range(3):
            raw = msgspec.json.encode(status(number))
            seen = msgspec.json.decode(raw, type=PodStatus)
        pods.append((meta, bound, raw, seen))
    return pods


def with_freeze() -> object:
    """pyrsistent all the way down."""
    spec = pyrsistent.freeze(SPEC)
    pods: list[Any] = []
    for number in range(COUNT // 10):
        doc = pmap({"metadata": pyrsistent.freeze(metadata(number)), "spec": spec})
        doc = doc.set("spec", spec.set("nodeName", "n"))
        for _ in range(3):
            doc = doc.set("status", pyrsistent.freeze(status(number)))
        pods.append(doc)
    return pods


def _lives(count: int) -> list[list[tuple[str, Document]]]:
    spec = document(SPEC)
    lives = []
    for number in range(count):
        born = Document(kind="Pod", metadata=document(metadata(number)), spec=spec)
        node = Document({**spec, "nodeName": f"node-{number % 100}"})
        bound = Document({**born, "spec": node})
        key = f"default/{child(born, 'metadata')['name']}"
        lives.append([(key, doc) for doc in (born, bound, *(Document(bound) for _ in range(3)))])
    return lives


def with_slots() -> Callable[[], object]:
    """kelm's own store: a slot a object in a vector, names in a map, postings in vectors."""
    lives = _lives(COUNT)

    def run() -> object:
        store = Store()
        for life in lives:
            for key, doc in life:
                store = store.put("pods", key, doc)
        return store

    return run


def with_maps() -> Callable[[], object]:
    """Maps of maps: key to object, index entry to a set of keys, and a list of changes."""
    from kelm.core.store.indexes import entries

    lives = _lives(COUNT)

    def run() -> object:
        objects, index, log = pmap(), pmap(), pyrsistent.pvector()
        for life in lives:
            for key, doc in life:
                old = objects.get(key)
                before = entries("pods", old) if old is not None else ()
                after = entries("pods", doc)
                for entry in after:
                    if entry not in before:
                        index = index.set(entry, index.get(entry, pset()).add(key))
                objects = objects.set(key, doc)
                log = log.append((key, old, doc))
        return objects, index, log

    return run


def measure(name: str, run: Callable[[], object], count: int) -> None:
    gc.collect()
    gc.disable()
    before, start = resident_bytes(), time.perf_counter()
    kept = run()
    seconds = time.perf_counter() - start
    size = resident_bytes() - before
    print(f"{name}: {seconds / count * 1e6:.1f} us a pod, {size / count:.0f} bytes a pod")
    del kept
    gc.enable()


def main(arguments: list[str]) -> None:
    what = arguments or ["objects", "store"]
    if "objects" in what or not arguments:
        for name, run, count in (
            ("document", with_documents, COUNT),
            ("bytes", with_bytes, COUNT),
            ("freeze", with_freeze, COUNT // 10),
        ):
            if len(what) < 2 or name in what or not arguments:
                measure(f"objects, {name}", run, count)
    if "store" in what:
        for name, make in (("slots", with_slots), ("maps", with_maps)):
            if len(what) < 2 or name in what or not arguments:
                measure(f"store, {name}", make(), COUNT)


if __name__ == "__main__":
    main(sys.argv[1:])
