"""One seed, one history: equal traces, replay without a difference, whatever the hash seed.

It fails when anything walks a set of strings or an unsorted PMap.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import example, given, settings

from kelm import Cluster
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.adapters.simulator.trace import digest, follow, read_lines
from kelm.effects.refusals import Reason
from tests.properties.specs import World
from tests.properties.story import Story
from tests.properties.strategies import stories
from tests.properties.telling import telling

pytestmark = pytest.mark.timeout(900)

FEW = settings(max_examples=max(8, settings.default.max_examples // 4))


def lived(world: World, storm) -> Story:
    story = Story(world)
    story.storm(storm)
    story.cluster.run(30_000)
    story.cluster.close()
    return story


@FEW
@given(drawn=stories())
@example(
    drawn=(World(), [(RequestsRefused("default-scheduler", Reason.UNAUTHORIZED, 1), 1)]),
)
def test_two_runs_of_one_seed_are_equal_and_replay(drawn):
    world, storm = drawn
    one, other = lived(world, storm), lived(world, storm)
    assert one.trace == other.trace
    fresh = Cluster(nodes=world.nodes, seed=world.seed, order=world.order)
    assert follow(fresh.simulator, list(read_lines(one.trace))[1:]) is None


@FEW
@given(drawn=stories())
def test_what_happens_to_a_fork_does_not_happen_to_its_origin(drawn):
    world, storm = drawn
    with telling(Story(world)) as story:
        cluster = story.cluster
        cluster.run(700)
        before, kept = digest(cluster.store), cluster.store
        twin, calm = cluster.fork(), cluster.fork()
        story.cluster = twin
        story.storm(storm)
        twin.run(20_000)
        assert digest(cluster.store) == before
        cluster.run(20_000)
        calm.run(20_000)
        alone = Story(world).cluster
        alone.run(700)
        alone.run(20_000)
        assert digest(calm.store) == digest(alone.store), "a fork had another future"
        assert digest(cluster.store) == digest(alone.store), "a fork changed its origin's future"
        assert digest(kept) == before, "a store changed under its reader"


@FEW
@given(drawn=stories())
def test_no_store_changes_under_its_readers(drawn):
    world, storm = drawn
    with telling(Story(world)) as story:
        kept = []
        for deed, pause_ms in storm:
            store = story.cluster.store
            kept.append((store, digest(store), [repr(table) for table in store.tables]))
            story.storm([(deed, pause_ms)])
        story.cluster.run(30_000)
        for store, said, tables in kept:
            assert digest(store) == said, "a document changed under its reader"
            assert [repr(table) for table in store.tables] == tables


def test_the_hash_seed_makes_no_difference():
    found = set()
    for seed in ("0", "1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.properties.elsewhere"],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
