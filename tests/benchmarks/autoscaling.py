"""One autoscaler's look, measures and all, with 1,000 of them in a cluster at rest.

    python -m tests.benchmarks.autoscaling [TARGETS]

Every target has two pods under a load that needs two; after two minutes nothing is left to scale.
What is timed are the looks of five minutes, less what the cluster costs in the same time without
its autoscalers. Prints microseconds a look.
"""

from __future__ import annotations

import sys
import time

from kelm import Cluster
from kelm.adapters.simulator.inputs import LoadOffered
from kelm.core.controllers.horizontal_pod_autoscaler.memory import SYNC_MS
from kelm.effects.commands import Create
from kelm.effects.document import Document, document

SETTLE_MS = 120_000
TIMED_MS = 300_000
HPAS = "horizontalpodautoscalers.autoscaling"


def deployment(name: str) -> Document:
    labels = {"app": name}
    container = {"name": "app", "image": "nginx", "resources": {"requests": {"cpu": "10m"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return document({"metadata": {"name": name}, "spec": spec})


def autoscaler(name: str) -> Document:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    goal = {"type": "Utilization", "averageUtilization": 50}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": goal}}]
    spec = {"scaleTargetRef": target, "maxReplicas": 10, "metrics": metrics}
    return document({"metadata": {"name": name}, "spec": spec})


def seconds(targets: int, *, scaled: bool) -> float:
    """How long five minutes at rest take."""
    cluster = Cluster(nodes=max(3, targets // 50), keep_history=False)
    for number in range(targets):
        name = f"web-{number}"
        assert cluster.ask(Create("deployments.apps", "default", deployment(name))).unwrap()
        if scaled:
            assert cluster.ask(Create(HPAS, "default", autoscaler(name))).unwrap()
        cluster.inject(LoadOffered("deployments.apps", "default", name, Document(cpu="10m")))
    cluster.run(SETTLE_MS)
    for name in ("web-0", f"web-{targets - 1}"):
        doc = cluster.get(HPAS, name) if scaled else None
        assert doc is None or doc["status"]["desiredReplicas"] == 2  # type: ignore[index,call-overload]
    before = time.perf_counter()
    cluster.run(TIMED_MS)
    return time.perf_counter() - before


def main() -> None:
    targets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    spent = seconds(targets, scaled=True) - seconds(targets, scaled=False)
    looks = targets * TIMED_MS // SYNC_MS
    print(f"{spent / looks * 1e6:.0f} us a look ({targets} targets)")


if __name__ == "__main__":
    main()
