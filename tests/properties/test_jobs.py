"""A Job ends as it should whatever befalls the cluster, and keeps to its limits on the way.

Which pods fail, and how long each works, is decided by the last letter of their names, so it is as
good as chance and still the same in every run of one seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    NodeCrashed,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.processes import ControlPlane
from kelm.adapters.testing.storms import quiet, rage, storms
from kelm.core.controllers.batch.job.indexes import parse_intervals, total
from kelm.core.controllers.batch.job.seen import is_tracked
from kelm.core.node.containers.image import Image
from kelm.core.node.containers.images import behave, exits
from kelm.core.node.containers.launch import Launch
from kelm.core.objects.batch import COMPLETE, FAILED, JOBS, Job, Uncounted, job
from kelm.core.objects.pod import pod
from kelm.effects.commands import Patch
from kelm.effects.document import document
from kelm.effects.refusals import Reason

HOUR_MS = 3_600_000
PROCESSES = ("job-controller", "job-orphans-controller")
NODES = ("node-1", "node-2")
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
STORMS = storms(processes=PROCESSES, nodes=NODES, most=6)
CALM_NODES = storms(processes=PROCESSES, most=6)


def cluster_with(bad: str, seed: int = 0, order: str = "fifo", works_ms: int = 3_000) -> Cluster:
    """A cluster in which pods fail whose name ends with one of these letters."""

    def run(launch: Launch) -> Any:
        letter = launch.pod[-1]
        longer_ms = 700 * (LETTERS.index(letter) % 4)
        return behave(exits(after_ms=works_ms + longer_ms, code=int(letter in bad)))

    plane = ControlPlane().with_image("worker", Image(run))
    return Cluster(nodes=len(NODES), seed=seed, order=order, control_plane=plane)


def manifest(**spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "worker"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": "work"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"template": template, **spec},
    }


NOT_FOUND_AT_FIRST = [(RequestsRefused("job-controller", Reason.NOT_FOUND, 3), 1)]
"""A controller that took this for the end of its namespace never tried again."""


PLAIN = st.fixed_dictionaries(
    {
        "completions": st.integers(1, 6),
        "parallelism": st.integers(1, 4),
        "backoffLimit": st.integers(0, 4),
        "completionMode": st.sampled_from(["NonIndexed", "Indexed"]),
        "podReplacementPolicy": st.sampled_from(["Failed", "TerminatingOrFailed"]),
    }
)
PER_INDEX = st.fixed_dictionaries(
    {
        "completions": st.integers(1, 5),
        "parallelism": st.integers(1, 3),
        "completionMode": st.just("Indexed"),
        "backoffLimitPerIndex": st.integers(0, 2),
    }
)
QUEUE = st.fixed_dictionaries({"parallelism": st.integers(1, 4)})
SPECS = PLAIN | PER_INDEX | QUEUE
BAD = st.sampled_from(["", LETTERS[:5], LETTERS[:14], LETTERS])


def lived(spec: dict[str, Any], storm: Any, bad: str, order: str = "fifo") -> Cluster:
    """A cluster in which a Job came to its end through a storm."""
    cluster = cluster_with(bad, order=order)
    cluster.apply(manifest(**spec))
    rage(cluster, storm)
    cluster.run_until_converged(2 * HOUR_MS)
    return cluster


def work(cluster: Cluster) -> Job:
    return job(cluster.get(JOBS, "work"))


def statuses(cluster: Cluster) -> Iterator[Job]:
    """The Job at every moment of its life."""
    for change in cluster.store.table(JOBS).changes_since(0) or ():
        assert change.new is not None
        yield job(change.new)


def most_active(cluster: Cluster) -> int:
    """The most pods that were active at one moment."""
    active: set[str] = set()
    most = 0
    for change in cluster.store.table("pods").changes_since(0) or ():
        active.discard(change.key)
        if change.new is not None and pod(change.new).active:
            active.add(change.key)
        most = max(most, len(active))
    return most


@settings(max_examples=max(25, settings.default.max_examples))
@given(spec=SPECS, storm=STORMS, bad=BAD, order=st.sampled_from(["fifo", "random"]))
@example({"completions": 2, "parallelism": 2}, [(NodeCrashed("node-1"), 1)], "", "fifo")
@example({"parallelism": 1}, NOT_FOUND_AT_FIRST, "", "fifo")
def test_a_job_ends_and_then_nothing_moves(spec, storm, bad, order):
    cluster = lived(spec, storm, bad, order)
    ended = work(cluster)
    end = ended.status.finished
    assert end is not None
    event(end.reason)
    for status in (one.status for one in statuses(cluster)):
        if status.finished is not None:
            assert not (status.active or status.terminating)
            assert status.uncounted == Uncounted()
    pods = [pod(doc) for doc in cluster.list("pods")]
    assert not any(is_tracked(one) or one.active for one in pods)
    assert quiet(cluster, (JOBS, "pods")) == ()


@settings(max_examples=max(25, settings.default.max_examples))
@given(spec=SPECS, storm=STORMS, bad=BAD)
@example({"parallelism": 3}, [(AnswersLost("job-controller", 2), 1)], "")
@example({"completions": 3, "parallelism": 2, "backoffLimit": 1}, [], LETTERS)
@example(
    {"completions": 6, "parallelism": 4},
    [(WatchStalled("job-controller", 9_000), 1), (RequestsRefused("job-controller"), 1)],
    "",
)
def test_a_job_keeps_to_its_limits(spec, storm, bad):
    cluster = lived(spec, storm, bad)
    ended = work(cluster)
    status = ended.status
    assert most_active(cluster) <= ended.parallelism
    if ended.completions is not None:
        assert all(one.status.succeeded <= ended.completions for one in statuses(cluster))
    if status.condition(COMPLETE):
        assert status.succeeded >= (ended.completions or 1)
        assert status.failed <= ended.backoff_limit
    elif ended.backoff_limit_per_index is None:
        assert status.condition(FAILED) is not None
        assert ended.backoff_limit < status.failed <= ended.backoff_limit + ended.parallelism


@settings(max_examples=max(20, settings.default.max_examples // 2))
@given(spec=PER_INDEX, storm=STORMS, bad=BAD)
def test_an_index_succeeds_once_and_fails_as_often_as_it_may(spec, storm, bad):
    cluster = lived(spec, storm, bad)
    before = ((), ())
    for one in statuses(cluster):
        done = parse_intervals(one.status.completed_indexes, spec["completions"])
        lost = parse_intervals(one.status.failed_indexes or "", spec["completions"])
        assert one.status.succeeded == total(done)
        assert total(before[0]) <= total(done)
        assert total(before[1]) <= total(lost)
        before = done, lost
    ended = work(cluster)
    assert total(before[0]) + total(before[1]) == spec["completions"]
    assert ended.status.failed <= spec["completions"] * (spec["backoffLimitPerIndex"] + 1)


@settings(max_examples=max(15, settings.default.max_examples // 2))
@given(spec=PLAIN | PER_INDEX, bad=st.sampled_from(["", LETTERS]), at_ms=st.integers(0, 30_000))
def test_a_restart_of_the_controller_changes_nothing(spec, bad, at_ms):
    ends = []
    for restarted in (False, True):
        cluster = cluster_with(bad)
        cluster.apply(manifest(**spec))
        cluster.run(at_ms)
        if restarted:
            cluster.inject(ProcessRestarted("job-controller"))
        cluster.run_until_converged(2 * HOUR_MS)
        status = work(cluster).status
        told = [(one.type, one.status, one.reason, one.message) for one in status.conditions]
        counted = status.succeeded, status.failed, status.completed_indexes, status.failed_indexes
        ends.append((told, counted, len(cluster.list("pods"))))
    assert ends[0] == ends[1]


@settings(max_examples=max(15, settings.default.max_examples // 2))
@given(storm=CALM_NODES, parallelism=st.integers(1, 4))
@example([(RequestsRefused("job-controller", Reason.CONFLICT, 5), 0)], 2)
def test_a_job_without_failures_is_complete_whatever_the_api_does(storm, parallelism):
    cluster = lived({"completions": 6, "parallelism": parallelism}, storm, "")
    status = work(cluster).status
    assert status.condition(COMPLETE) is not None
    assert (status.succeeded, status.failed) == (6, 0)
    assert len(cluster.list("pods")) == 6


def test_a_pod_whose_maker_was_not_told_is_not_made_again():
    """The answer is lost, and the pod is not seen for a minute: upstream would make another."""
    cluster = cluster_with("", works_ms=90_000)
    cluster.apply(manifest(completions=4, parallelism=2, suspend=True))
    cluster.run(5_000)
    cluster.inject(WatchStalled("job-controller", 60_000, "pods"))
    cluster.inject(AnswersLost("job-controller", 1))
    resumed = document({"spec": {"suspend": False}})
    cluster.ask(Patch(JOBS, "default", "work", resumed)).unwrap()
    cluster.run_until_converged(HOUR_MS)
    assert most_active(cluster) == 2
    assert len(cluster.list("pods")) == 4


def test_whichever_answer_is_lost_nothing_is_counted_twice():
    for at_ms in range(0, 9_000, 150):
        cluster = cluster_with("")
        cluster.apply(manifest(completions=3, parallelism=3))
        cluster.run(at_ms)
        cluster.inject(AnswersLost("job-controller", 1))
        cluster.run_until_converged(HOUR_MS)
        assert work(cluster).status.succeeded == 3, at_ms
        assert len(cluster.list("pods")) == 3, at_ms
