"""Processor time a pod of a StatefulSet that starts its pods one after the other.

    python -m tests.benchmarks.ordered [PODS ...]

The time a pod should not depend on how many there are.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from kelm import Cluster


def manifest(replicas: int) -> dict[str, Any]:
    labels = {"app": "db"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "nginx:1.25"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


def main(sizes: list[int]) -> None:
    for pods in sizes:
        cluster = Cluster(nodes=10, keep_history=False, replace_machines=False)
        start = time.process_time()
        cluster.apply(manifest(pods))
        cluster.run_until_converged(within_ms=10_000_000)
        spent = time.process_time() - start
        print(f"{pods} ordered pods: {spent:.2f} s, {spent / pods * 1e3:.1f} ms a pod")


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [100, 400])
