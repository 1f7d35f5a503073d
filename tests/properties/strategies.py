"""Worlds and storms drawn by Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ImagePullFailed,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.operations.verbs import Cordon, Pause, Remove, Restart, Scale, SetImage, Undo
from kelm.effects.address import ObjectRef
from kelm.effects.commands import TerminateInstance
from kelm.effects.refusals import Reason
from tests.properties.deeds import Drain, HitPod, Reapply
from tests.properties.specs import NODES, Spec, World

ORDERS = st.sampled_from(["fifo", "random"])
SEEDS = st.integers(0, 2**32)
HITS = ("delete", "kill", "crash", "evict", "stray", "restore")
PROCESSES = sorted(Cluster(nodes=NODES).simulator.processes)
ANYONE = st.sampled_from([*PROCESSES, ""])
NODE = st.integers(1, NODES + 1).map(lambda number: f"node-{number}")
NODE_REFS = NODE.map(lambda name: ObjectRef("nodes", "", name))

SURGES = st.sampled_from([None, 0, 1, 2, 4, "0%", "10%", "25%", "50%", "100%"])
GONE = st.sampled_from([0, 1, 2, "0%", "25%", "50%", "100%"])
NAMES = (("web", "default"), ("api", "default"), ("job", "default"), ("till", "shop"))


def _moving(surge: int | str | None, gone: int | str) -> int | str:
    """An allowance for unavailable pods that validation takes together with this surge."""
    return 1 if str(surge).rstrip("%") == "0" and str(gone).rstrip("%") == "0" else gone


@st.composite
def specs(draw: st.DrawFn, name: str, namespace: str, pre_stop_seconds: int = 0) -> Spec:
    surge = draw(SURGES)
    return Spec(
        name,
        namespace,
        replicas=draw(st.integers(0, 5)),
        surge=surge,
        unavailable=_moving(surge, draw(GONE)),
        min_ready_seconds=draw(st.sampled_from([0, 0, 5, 30])),
        deadline_seconds=draw(st.sampled_from([60, 600])),
        history_limit=draw(st.sampled_from([0, 1, 10])),
        pre_stop_seconds=pre_stop_seconds or draw(st.sampled_from([0, 0, 20])),
    )


@st.composite
def worlds(draw: st.DrawFn, most: int = 3) -> World:
    """Worlds of up to `most` Deployments, perhaps one of them in a namespace of its own."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=most, unique=True))
    drawn = tuple(draw(specs(*pair)) for pair in names)
    return World(drawn, seed=draw(SEEDS), order=draw(ORDERS))


SPAN_MS = st.sampled_from([1, 100, 3_000, 60_000])
COUNT = st.integers(1, 5)
LOSSES = st.builds(AnswersLost, ANYONE, COUNT)
faults_but_losses = st.one_of(
    st.builds(NodeCrashed, NODE),
    st.builds(NodeBooted, NODE),
    st.builds(NodePartitioned, NODE),
    st.builds(NodeReconnected, NODE),
    st.builds(ImagePullFailed, st.just("nginx:2"), SPAN_MS),
    st.builds(RequestsRefused, ANYONE, st.sampled_from(list(Reason)), COUNT),
    st.builds(WatchStalled, st.sampled_from(PROCESSES), SPAN_MS),
    st.builds(ProcessRestarted, st.sampled_from(PROCESSES)),
)

FAULTS = faults_but_losses | LOSSES


def rollouts(world: World) -> st.SearchStrategy[object]:
    """What changes what a Deployment wants."""
    refs = st.sampled_from([spec.ref for spec in world.specs])
    images = st.integers(1, 4).map(lambda number: (("c", f"nginx:{number}"),))
    return st.one_of(
        st.builds(Scale, refs, st.integers(0, 6)),
        st.builds(SetImage, refs, images),
        st.builds(Undo, refs),
        st.builds(Restart, refs),
        st.builds(Pause, refs, st.booleans()),
    )


def removals(world: World) -> st.SearchStrategy[object]:
    """What takes something away, or hands it over."""
    refs = st.sampled_from([spec.ref for spec in world.specs])
    propagations = st.sampled_from(["Background", "Foreground", "Orphan"])
    return st.one_of(
        st.builds(HitPod, st.sampled_from(HITS), st.integers(0, 9)),
        st.builds(Remove, refs, st.none(), propagations),
        st.builds(Reapply, st.integers(0, 9)),
        st.just(Remove(ObjectRef("namespaces", "", "shop"))),
        st.builds(Cordon, NODE_REFS, st.booleans()),
        st.builds(Drain, NODE),
        st.builds(Remove, NODE_REFS),
        st.builds(TerminateInstance, st.just("default"), NODE),
    )


PAUSES_MS = st.sampled_from([1, 10, 500, 5_000, 50_000, 400_000])


POOL = ("node-pool/default",)
machine_troubles = st.tuples(
    st.one_of(
        st.builds(NodeCrashed, NODE),
        st.builds(NodeBooted, NODE),
        st.builds(NodePartitioned, NODE),
        st.builds(NodeReconnected, NODE),
        st.builds(TerminateInstance, st.just("default"), NODE),
        st.builds(Remove, NODE_REFS),
        st.builds(AnswersLost, st.sampled_from(POOL), COUNT),
        st.builds(RequestsRefused, st.sampled_from(POOL), st.sampled_from(list(Reason)), COUNT),
        st.builds(WatchStalled, st.sampled_from(POOL), SPAN_MS),
        st.builds(ProcessRestarted, st.sampled_from(POOL)),
    ),
    PAUSES_MS,
)
"""What makes a node pool's life hard, and how long nothing else does."""


@st.composite
def storms(draw: st.DrawFn, world: World, longest: int = 8) -> list[tuple[object, int]]:
    """What happens, each with how long nothing else does."""
    deeds = st.one_of(FAULTS, FAULTS, rollouts(world), removals(world))
    return draw(st.lists(st.tuples(deeds, PAUSES_MS), min_size=1, max_size=longest))


@st.composite
def stories(draw: st.DrawFn, longest: int = 8) -> tuple[World, list[tuple[object, int]]]:
    """A world and a storm over it."""
    world = draw(worlds())
    return world, draw(storms(world, longest))


@st.composite
def without_faults(draw: st.DrawFn) -> tuple[World, list[tuple[object, int]]]:
    """A world and what its users do, while nothing goes wrong."""
    world = draw(worlds())
    deeds = st.one_of(rollouts(world), removals(world))
    return world, draw(st.lists(st.tuples(deeds, PAUSES_MS), min_size=1, max_size=8))
