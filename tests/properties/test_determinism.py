"""One seed, one history: equal traces, replay without a difference, whatever the hash seed.

It fails when anything walks a set of strings or an unsorted PMap.
"""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.adapters.simulator.trace import digest, follow, read_lines
from kelm.effects.laws import broken_laws
from kelm.effects.refusals import Reason
from tests.properties.lives import Overheard
from tests.properties.worlds import NODES, SERVICE, STORM, deployment, rage

FEW = settings(max_examples=max(8, settings.default.max_examples // 4))


def lived(storm, seed: int, order: str) -> tuple[Cluster, list[str]]:
    lines: list[str] = []
    cluster = Cluster(nodes=NODES, seed=seed, order=order)
    cluster.record(lines.append)
    cluster.apply(deployment(), SERVICE)
    rage(cluster, storm)
    cluster.run(30_000)
    cluster.close()
    return cluster, lines


@FEW
@given(storm=STORM, seed=st.integers(0, 99), order=st.sampled_from(["fifo", "random"]))
@example(
    storm=[(RequestsRefused("default-scheduler", Reason.UNAUTHORIZED, 1), 1)], seed=0, order="fifo"
)
def test_two_runs_of_one_seed_are_equal_and_replay(storm, seed, order):
    _, one = lived(storm, seed, order)
    _, other = lived(storm, seed, order)
    assert one == other
    fresh = Cluster(nodes=NODES, seed=seed, order=order)
    assert follow(fresh.simulator, list(read_lines(one))[1:]) is None


@FEW
@given(storm=STORM, seed=st.integers(0, 99))
def test_what_happens_to_a_fork_does_not_happen_to_its_origin(storm, seed):
    cluster = Cluster(nodes=NODES, seed=seed, order="random")
    cluster.apply(deployment(), SERVICE)
    cluster.run(700)
    before, kept = digest(cluster.store), cluster.store
    twin = cluster.fork()
    rage(twin, storm)
    assert digest(cluster.store) == before
    cluster.run(5_000)
    again = cluster.fork()
    cluster.run(20_000)
    again.run(20_000)
    assert digest(cluster.store) == digest(again.store)
    assert digest(kept) == before, "a store changed under its reader"


@FEW
@given(storm=STORM, seed=st.integers(0, 99))
def test_every_write_is_in_the_history_once_and_versions_only_grow(storm, seed):
    cluster, _ = lived(storm, seed, "random")
    revisions: list[int] = []
    for table in cluster.store.tables:
        changes = table.changes_since(0)
        assert changes is not None
        revisions += [change.revision for change in changes]
    assert len(revisions) == len(set(revisions))
    assert max(revisions) <= cluster.store.revision
    at_ms = [at for at, _ in cluster.history]
    assert at_ms == sorted(set(at_ms))


@FEW
@given(storm=STORM, seed=st.integers(0, 99))
def test_the_simulator_keeps_a_platforms_promises(storm, seed):
    cluster = Cluster(nodes=NODES, seed=seed, order="random")
    heard = Overheard(cluster)
    cluster.apply(deployment(), SERVICE)
    rage(cluster, storm)
    for life in heard.lives():
        assert broken_laws(life) == ()


SCRIPT = """
from kelm import Cluster
from kelm.adapters.simulator.inputs import NodeCrashed
from kelm.adapters.simulator.trace import digest
from tests.properties.worlds import SERVICE, deployment
cluster = Cluster(nodes=5, seed=3, order="random")
cluster.apply(deployment(6), SERVICE)
cluster.run(30_000)
cluster.inject(NodeCrashed("node-1"))
cluster.run(400_000)
print(digest(cluster.store))
"""


def test_the_hash_seed_makes_no_difference():
    found = set()
    for seed in ("0", "1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
