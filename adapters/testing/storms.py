"""Storms for Hypothesis: what may befall a cluster, as data that shrinks, and the calm after it.

    @given(storm=storms(processes=("replicated-config",)))
    def test_it_converges(storm):
        cluster = Cluster(control_plane=ControlPlane().with_controller(ReplicatedConfig()))
        rage(cluster, storm)
        cluster.run_until_converged()

A storm says nothing about what your program promises: let it pass, then check that the world is
as it should be, and that it stays so (`quiet`). Needs Hypothesis, which kelm does not install.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st

from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    Fault,
    FaultsEnded,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.effects.address import Resource
from kelm.effects.messages import Change
from kelm.effects.refusals import Reason

Storm: TypeAlias = "list[tuple[Fault, int]]"
"""Faults, each with the milliseconds of cluster time until the next."""

PAUSES_MS = (0, 1, 10, 500, 5_000, 50_000)

NODE_FAULTS = (NodeCrashed, NodeBooted, NodePartitioned, NodeReconnected)


def faults(*, processes: Sequence[str] = (), nodes: Sequence[str] = ()) -> st.SearchStrategy[Fault]:
    """One fault: of the API towards these processes (none named: towards all), or of a node.

    A controller's process has the controller's name, a kubelet's is `kubelet/NODE`.
    """
    one = st.sampled_from(list(processes)) if processes else st.just("")
    kinds: list[st.SearchStrategy[Fault]] = [
        st.builds(RequestsRefused, one, st.sampled_from(list(Reason)), st.integers(1, 5)),
        st.builds(AnswersLost, one, st.integers(1, 5)),
        st.builds(WatchStalled, one, st.integers(1, 60_000)),
    ]
    if processes:
        kinds.append(st.builds(ProcessRestarted, one))
    if nodes:
        node = st.sampled_from(list(nodes))
        kinds.extend(st.builds(fault, node) for fault in NODE_FAULTS)
    return st.one_of(kinds)


def storms(
    *, processes: Sequence[str] = (), nodes: Sequence[str] = (), most: int = 10
) -> st.SearchStrategy[Storm]:
    """Up to `most` faults with pauses between them."""
    fault = faults(processes=processes, nodes=nodes)
    return st.lists(st.tuples(fault, st.sampled_from(PAUSES_MS)), max_size=most)


def rage(cluster: Cluster, storm: Storm) -> None:
    """Let a storm happen, then end it: every machine is back and nothing goes wrong any more.

    What the storm has already done (a stale belief, a node believed lost) is not undone.
    """
    for fault, pause_ms in storm:
        cluster.inject(fault)
        cluster.run(pause_ms)
    for node in sorted(cluster.machines.down()):
        cluster.inject(NodeBooted(node))
        cluster.inject(NodeReconnected(node))
    cluster.inject(FaultsEnded())
    cluster.run(0)


def quiet(
    cluster: Cluster, resources: Sequence[Resource], *, for_ms: int = 600_000
) -> tuple[tuple[Resource, Change], ...]:
    """Let cluster time pass and tell what changed of these resources: nothing, if all is well."""
    before = cluster.store
    cluster.run(for_ms)
    found: list[tuple[Resource, Change]] = []
    for resource in resources:
        changes = cluster.store.table(resource).changes_since(before.table(resource).revision)
        found.extend((resource, change) for change in changes or ())
    return tuple(found)
