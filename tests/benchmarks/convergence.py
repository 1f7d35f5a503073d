"""Time and memory a pod, from applying Deployments to every pod ready.

    python -m tests.benchmarks.convergence PODS NODES

Deployments of 1,000 pods each; no history is kept, the API's own window of changes is.
"""

from __future__ import annotations

import resource
import sys
import time

from kelm import Cluster

SIZE = 1_000


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def deployment(number: int, replicas: int) -> dict[str, object]:
    labels = {"app": f"web-{number}"}
    requests = {"cpu": "10m", "memory": "16Mi"}
    container = {"name": "c", "image": "nginx:1.25", "resources": {"requests": requests}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"web-{number}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


def main(pods: int, nodes: int) -> None:
    cluster = Cluster(nodes=nodes, keep_history=False, replace_machines=False)
    before, start = resident_bytes(), (time.perf_counter(), time.process_time())
    for number in range(max(1, pods // SIZE)):
        cluster.apply(deployment(number, min(SIZE, pods)))
    cluster.run_until_converged()
    seconds, busy = time.perf_counter() - start[0], time.process_time() - start[1]
    size = (resident_bytes() - before) / pods
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{pods} pods on {nodes} nodes: {pods / seconds:.0f} pods/s, {seconds / pods * 1e6:.0f} us "
        f"a pod ({busy / pods * 1e6:.0f} us of processor time), {size:.0f} bytes a pod, "
        f"{peak / 2**30:.2f} GiB at most"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
