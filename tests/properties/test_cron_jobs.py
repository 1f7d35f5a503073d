"""A CronJob starts every run once, whatever befalls its controller, and keeps to its policies."""

from __future__ import annotations

from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import AnswersLost, ProcessRestarted, RequestsRefused
from kelm.adapters.testing.storms import rage, storms
from kelm.core.objects.batch import COMPLETE, CRON_JOBS, JOBS, job
from kelm.core.objects.cron_jobs import cron_job
from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.objects.time import parse_time
from kelm.core.schedules.cron import parse_schedule
from kelm.core.schedules.firing import next_time
from kelm.effects.document import Document
from kelm.effects.refusals import Reason

PROCESSES = ("cronjob-controller", "job-controller")
STORMS = storms(processes=PROCESSES, most=6)
SCHEDULES = st.sampled_from(["* * * * *", "*/2 * * * *", "1-59/3 * * * *", "@every 90s"])
SPAN_MS = 20 * 60_000
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def manifest(schedule: str, seconds: int = 5, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox", "command": ["sleep", str(seconds)]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    whole = {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}, **spec}
    meta = {"name": "tick"}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": whole}


def lived(storm: Any, schedule: str, seconds: int = 5, **spec: Any) -> Cluster:
    cluster = Cluster(nodes=2)
    cluster.apply(manifest(schedule, seconds, **spec))
    rage(cluster, storm)
    cluster.run(max(0, SPAN_MS - cluster.elapsed_ms))
    return cluster


def made(cluster: Cluster) -> list[Document]:
    """Every Job that was ever made, in order."""
    changes = cluster.store.table(JOBS).changes_since(0) or ()
    return [each.new for each in changes if each.old is None and each.new is not None]


def runs(cluster: Cluster) -> list[int]:
    """For which times Jobs were made."""
    return [parse_time(annotations_of(doc)[SCHEDULED]) for doc in made(cluster)]


def firings(cluster: Cluster, schedule: str) -> list[int]:
    """When the schedule fired since the CronJob was made."""
    read = parse_schedule(schedule).unwrap()
    found = []
    at_ms = next_time(read, metadata(cluster.get(CRON_JOBS, "tick")).created_ms)
    while at_ms is not None and at_ms <= cluster.now_ms - 1_000:
        found.append(at_ms)
        at_ms = next_time(read, at_ms)
    return found


def most_at_once(cluster: Cluster) -> int:
    """The most Jobs that ran at one moment."""
    going: set[str] = set()
    most = 0
    for change in cluster.store.table(JOBS).changes_since(0) or ():
        going.discard(change.key)
        if change.new is not None and job(change.new).status.finished is None:
            going.add(change.key)
        most = max(most, len(going))
    return most


@settings(max_examples=max(12, settings.default.max_examples // 4))
@given(storm=STORMS, schedule=SCHEDULES)
@example([(AnswersLost("cronjob-controller", 3), 300_000)], "* * * * *")
@example([(RequestsRefused("cronjob-controller", Reason.CONFLICT, 5), 300_000)], "* * * * *")
def test_no_run_is_started_twice_and_the_last_one_is_started(storm, schedule):
    cluster = lived(storm, schedule)
    found, wanted = runs(cluster), firings(cluster, schedule)
    assert len(set(found)) == len(found)
    assert set(found) <= set(wanted)
    assert found == sorted(found)
    assert found[-1] == wanted[-1]
    status = cron_job(cluster.get(CRON_JOBS, "tick")).status
    assert parse_time(status.last_schedule_time or "") == wanted[-1]
    event("all were started" if found == wanted else "some were missed")


@settings(max_examples=max(8, settings.default.max_examples // 8))
@given(schedule=SCHEDULES, at_ms=st.integers(0, 300_000))
@example("* * * * *", 58_105)
def test_a_restart_of_the_controller_misses_no_run(schedule, at_ms):
    cluster = lived([(RequestsRefused("nobody"), at_ms)], schedule)
    again = lived(
        [(RequestsRefused("nobody"), at_ms), (ProcessRestarted("cronjob-controller"), 1)], schedule
    )
    assert runs(cluster) == runs(again) == firings(cluster, schedule)


@settings(max_examples=max(8, settings.default.max_examples // 8))
@given(storm=STORMS, seconds=st.integers(1, 150), policy=st.sampled_from(["Forbid", "Replace"]))
def test_runs_that_may_not_overlap_do_not(storm, seconds, policy):
    cluster = lived(storm, "* * * * *", seconds, concurrencyPolicy=policy)
    assert most_at_once(cluster) <= 1
    assert len(made(cluster)) >= SPAN_MS // 60_000 // (4 if policy == "Forbid" else 2)


@settings(max_examples=max(8, settings.default.max_examples // 8))
@given(storm=STORMS, keep=st.integers(0, 3))
def test_of_the_past_as_much_is_kept_as_was_asked_for(storm, keep):
    cluster = lived(storm, "* * * * *", successfulJobsHistoryLimit=keep)
    cluster.run(30_000)
    done = [doc for doc in cluster.list(JOBS) if job(doc).status.condition(COMPLETE)]
    assert len(done) == keep
    last = cron_job(cluster.get(CRON_JOBS, "tick")).status.last_successful_time
    assert last is not None
    assert parse_time(last) > cluster.now_ms - 120_000


def test_a_suspended_cron_job_rests():
    cluster = lived([], "* * * * *", suspend=True)
    assert made(cluster) == []
