"""What an idle cluster costs: processor time for an hour of cluster time in which nothing happens.

    python -m tests.benchmarks.idle [NODES] [PODS] [MINUTES]

Machines renew their leases, the node monitor looks at them, and that is all. With `MINUTES` a part
of the hour is run and the whole is reckoned from it.
"""

from __future__ import annotations

import sys
import time

from kelm import Cluster
from tests.benchmarks.convergence import SIZE, deployment


def main(nodes: int = 1_000, pods: int = 0, minutes: int = 60) -> None:
    cluster = Cluster(nodes=nodes, keep_history=False, replace_machines=False)
    for number in range(-(-pods // SIZE)):
        cluster.apply(deployment(number, min(SIZE, pods)))
    cluster.run_until_converged()
    cluster.run(60_000)
    events, start = cluster.simulator.events, time.process_time()
    cluster.run(minutes * 60_000)
    seconds = (time.process_time() - start) * 60 / minutes
    happened = (cluster.simulator.events - events) * 60 // minutes
    print(
        f"{nodes} nodes with {pods} pods, idle: {seconds:.1f} s of processor time an hour, "
        f"{happened} events, {seconds / happened * 1e6:.0f} us each"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
