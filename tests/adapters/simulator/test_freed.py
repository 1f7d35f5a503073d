"""A cluster that nobody holds is gone at once: the cyclic collector sleeps while clusters run."""

from __future__ import annotations

import gc
import weakref

from kelm import Cluster
from kelm.adapters.simulator.collector import quiet_collector, settled_collector
from kelm.adapters.simulator.inputs import NodeCrashed

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "c", "image": "nginx"}]},
}


def test_a_cluster_that_nobody_holds_is_freed_without_the_collector() -> None:
    cluster = Cluster(nodes=2)
    cluster.apply(POD)
    cluster.tell()
    cluster.record(lambda line: None)
    cluster.run_until_converged()
    other = cluster.fork()
    other.inject(NodeCrashed("node-1"))
    other.run(60_000)
    held = [weakref.ref(one.simulator) for one in (cluster, other)]
    gc.disable()
    try:
        del cluster, other
        assert [ref() for ref in held] == [None, None]
    finally:
        gc.enable()


def test_the_collector_is_afterwards_as_it_was() -> None:
    for was_on in (True, False):
        (gc.enable if was_on else gc.disable)()
        frozen = gc.get_freeze_count()
        try:
            with quiet_collector():
                assert not gc.isenabled()
            assert gc.isenabled() is was_on
            assert gc.get_freeze_count() == frozen
        finally:
            gc.enable()


def test_a_server_that_has_ended_leaves_nothing_frozen() -> None:
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    with settled_collector():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold() != threshold
    assert (gc.get_threshold(), gc.get_freeze_count()) == (threshold, frozen)
