"""A NotFound that is not true makes no difference to what a cluster comes to."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.properties.everything import played, shape


@lru_cache(maxsize=1)
def usual() -> tuple[Counter[tuple[str, ...]], Counter[str]]:
    """What the cluster comes to when nobody lies, and who asked how often."""
    cluster, asked = played()
    return shape(cluster), asked


@st.composite
def lies(draw: st.DrawFn) -> tuple[str, int, int]:
    """One of the requests of any process, the loops' rather than the kubelets'."""
    asked = usual()[1]
    loops = sorted(name for name in asked if not name.startswith("kubelet/"))
    process = draw(st.sampled_from([*loops, *loops, "kubelet/node-1"]))
    return process, draw(st.integers(0, asked[process] - 1)), draw(st.integers(1, 3))


@settings(max_examples=max(3, settings.default.max_examples // 12))
@given(lie=lies())
@example(lie=("daemonset-controller", 12, 1))  # pods with an old template stayed
@example(lie=("disk-provisioner", 3, 1))  # a volume that nobody claimed stayed
@example(lie=("endpoint-controller", 16, 1))  # the Endpoints of a Service that was gone stayed
@example(lie=("garbage-collector", 6, 1))  # so did whatever was to be collected
def test_a_notfound_that_is_not_true_changes_nothing_in_the_end(lie):
    process, after, count = lie
    event(process)
    want, _ = usual()
    cluster, _ = played(process, after, count)
    found = shape(cluster)
    assert (want - found, found - want) == (Counter(), Counter())
