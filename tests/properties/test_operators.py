"""The operator of docs/operators.md keeps its promise, whatever happens; so does a user's image."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import AnswersLost, ProcessRestarted, WatchStalled
from kelm.adapters.simulator.processes import ControlPlane
from kelm.adapters.testing.storms import Storm, quiet, rage, storms
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import document

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "replicated_config.py"
NAMES = ("default", "a", "b")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


operator = load(EXAMPLE)


def source(value: str) -> Any:
    return document(
        {
            "metadata": {"name": "motd", "annotations": {operator.WANTED: "true"}},
            "data": {"motd": value},
        }
    )


def namespace(name: str) -> Create:
    return Create("namespaces", "", document({"metadata": {"name": name}}))


CHANGES = st.one_of(
    st.builds(lambda v: Create("configmaps", "default", source(v)), st.sampled_from("xyz")),
    st.builds(
        lambda ns, v: Patch("configmaps", ns, "motd", document({"data": {"motd": v}})),
        st.sampled_from(NAMES),
        st.sampled_from("xyz"),
    ),
    st.builds(lambda ns: Delete("configmaps", ns, "motd"), st.sampled_from(NAMES)),
    st.builds(namespace, st.sampled_from(NAMES[1:])),
    st.builds(lambda ns: Delete("namespaces", "", ns), st.sampled_from(NAMES[1:])),
)


def kept(cluster: Cluster) -> bool:
    """Every active namespace has the source's data, or none has a copy where there is no source."""
    wanted = cluster.get("configmaps", "motd", "default")
    active = [doc["metadata"]["name"] for doc in cluster.list("namespaces")]  # type: ignore[index,call-overload]
    copies = [cluster.get("configmaps", "motd", str(name)) for name in active if name != "default"]
    if wanted is None:
        return all(found is None for found in copies)
    return all(found is not None and found["data"] == wanted["data"] for found in copies)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    storm=storms(processes=("replicated-config",)),
    changes=st.lists(CHANGES, max_size=8),
    seed=st.integers(0, 2**32),
    order=st.sampled_from(["fifo", "random"]),
)
@example(
    storm=[(WatchStalled("replicated-config", 5_000), 1), (AnswersLost("replicated-config", 2), 1)],
    changes=[Delete("namespaces", "", "a"), namespace("a")],
    seed=0,
    order="fifo",
)
@example(
    storm=[
        (WatchStalled("replicated-config", 5_000), 1_000),
        (ProcessRestarted("replicated-config"), 1),
    ],
    changes=[Delete("configmaps", "default", "motd")],
    seed=0,
    order="fifo",
)
@example(storm=[], changes=[Delete("configmaps", "default", "motd")], seed=0, order="fifo")
def test_copies_are_what_their_source_is_whatever_happens(
    storm: Storm, changes: list[Any], seed: int, order: str
):
    plane = ControlPlane().with_controller(operator.ReplicatedConfig())
    cluster = Cluster(nodes=0, seed=seed, order=order, control_plane=plane, keep_history=False)
    for change in (namespace("a"), namespace("b"), Create("configmaps", "default", source("x"))):
        cluster.ask(change)
    cluster.run(1_000)
    for number, change in enumerate(changes):
        cluster.later(change, 700 * number)
    rage(cluster, storm)
    cluster.run(2_000_000)
    assert kept(cluster)
    assert quiet(cluster, ("configmaps", "namespaces")) == ()
