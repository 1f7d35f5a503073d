"""Pods scheduled a second of CPU, by the scheduler alone: no API, no kubelets.

    python -m tests.benchmarks.scheduling [NODES ...]

Pods come in bursts of 500 as a ReplicaSet makes them, then one by one, all of one template. Every
binding is answered and seen before the next pods come.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from returns.result import Success

from kelm.core.scheduler.program import Scheduler
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Bind
from kelm.effects.document import EMPTY, Document, document
from kelm.effects.messages import Answered, Observed

BURST = 500
SELECTOR = {"matchLabels": {"app": "web"}}
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def node(number: int) -> Document:
    name = f"node-{number}"
    offered = {"cpu": "32", "memory": "128Gi", "pods": "110"}
    labels = {HOST: name, ZONE: f"zone-{number % 3}"}
    return document(
        {
            "metadata": {"name": name, "labels": labels},
            "status": {"allocatable": offered, "capacity": offered},
        }
    )


def spread(key: str, when: str) -> dict[str, object]:
    return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": SELECTOR}


TERM = {"labelSelector": SELECTOR, "topologyKey": HOST}
REQUIRED = {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}
KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "spread over zones and hosts": {
        "topologySpreadConstraints": [spread(ZONE, "DoNotSchedule"), spread(HOST, "ScheduleAnyway")]
    },
    "anti-affinity by host": {"affinity": {"podAntiAffinity": REQUIRED}},
}


class Bench:
    """A scheduler between two tables."""

    def __init__(self, nodes: int, spec: dict[str, object]) -> None:
        self.program = Scheduler()
        self.state: Any = self.program.init()[0]
        self.pods = Table("pods")
        self.labels = Document(app="web")
        requests = {"cpu": "10m", "memory": "16Mi"}
        container = {"name": "c", "image": "nginx", "resources": {"requests": requests}}
        self.spec = document({**spec, "containers": [container]})
        self.revision = 0
        self.bound = 0
        table = Table("nodes")
        for number in range(nodes):
            self.revision += 1
            table = tables.put(table, f"node-{number}", node(number), self.revision)
        self.tell(Observed(0, "nodes", table, replaced=True))
        self.tell(Observed(0, "pods", self.pods, replaced=True))
        for watch in self.program.subscriptions(self.state).watches:
            if watch.resource not in ("nodes", "pods"):
                self.tell(Observed(0, watch.resource, Table(watch.resource), replaced=True))

    def tell(self, message: Any) -> Any:
        self.state, requests = self.program.update(self.state, message)
        return requests

    def put(self, name: str, spec: Document) -> None:
        self.revision += 1
        meta = Document(name=name, namespace="n", uid=name, labels=self.labels)
        doc = Document(metadata=meta, spec=spec, status=EMPTY)
        self.pods = tables.put(self.pods, f"n/{name}", doc, self.revision)

    def arrive(self, count: int) -> float:
        """Seconds of CPU until so many new pods are bound, and are seen to be."""
        before, seen = self.bound, self.pods.revision
        for number in range(count):
            self.put(f"pod-{before + number}", self.spec)
        changes = self.pods.changes_since(seen) or ()
        start = time.process_time()
        requests = self.tell(Observed(0, "pods", self.pods, changes))
        spent = time.process_time() - start
        binds = [one for one in requests if isinstance(one.command, Bind)]
        seen = self.pods.revision
        for one in binds:
            self.put(one.command.name, Document({**self.spec, "nodeName": one.command.node}))
        self.bound += len(binds)
        changes = self.pods.changes_since(seen) or ()
        start = time.process_time()
        for one in binds:
            self.tell(Answered(0, one.id, Success(EMPTY)))
        self.tell(Observed(0, "pods", self.pods, changes))
        return spent + time.process_time() - start


def main(sizes: list[int]) -> None:
    for nodes in sizes:
        for name, spec in KINDS.items():
            bench = Bench(nodes, spec)
            count = min(nodes // 2, 5_000) if "anti" in name else 5_000
            bursts = sum(bench.arrive(min(BURST, count)) for _ in range(max(1, count // BURST)))
            bound = bench.bound
            single = sum(bench.arrive(1) for _ in range(40))
            print(
                f"{nodes} nodes, {name}: {bound / bursts:.0f} pods/s in bursts "
                f"({bursts / bound * 1e6:.0f} us a pod), {40 / single:.0f} pods/s one by one "
                f"({single / 40 * 1e6:.0f} us)"
            )


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [100, 1_000, 5_000])
