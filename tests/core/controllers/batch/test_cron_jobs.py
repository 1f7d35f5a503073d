"""CronJobs in a cluster, as their users see them."""

from __future__ import annotations

from typing import Any

from kelm import Cluster, Refused
from kelm.core.objects.batch import CRON_JOBS, JOBS
from kelm.core.objects.cron_jobs import CronJobStatus, cron_job
from kelm.core.objects.meta import annotations_of, metadata
from kelm.effects.commands import Delete, List, Patch
from kelm.effects.document import children, document, text

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def manifest(schedule: str, seconds: int = 5, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox", "command": ["sleep", str(seconds)]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    whole = {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}, **spec}
    meta = {"name": "tick"}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta, "spec": whole}


def started(schedule: str, seconds: int = 5, **spec: Any) -> Cluster:
    """A cluster that was switched on at midnight, UTC, on 1 January 2026."""
    cluster = Cluster(nodes=1)
    cluster.apply(manifest(schedule, seconds, **spec))
    return cluster


def status(cluster: Cluster) -> CronJobStatus:
    return cron_job(cluster.get(CRON_JOBS, "tick")).status


def stamps(cluster: Cluster) -> list[str]:
    """For which times there are Jobs."""
    return [annotations_of(doc)[SCHEDULED] for doc in cluster.list(JOBS)]


def events(cluster: Cluster) -> list[str]:
    found = children(cluster.ask(List("events")).unwrap(), "items")
    about = [one for one in found if text(one, "involvedObject", "kind") == "CronJob"]
    return [text(one, "reason") for one in about]


def test_a_schedule_is_by_the_clocks_of_its_zone() -> None:
    cluster = started("30 6 * * *", timeZone="Asia/Kolkata")
    cluster.run(24 * 3_600_000)
    assert stamps(cluster) == ["2026-01-01T06:30:00+05:30"]
    assert status(cluster).last_schedule_time == "2026-01-01T01:00:00Z"


def test_a_run_that_would_overlap_waits_for_the_one_before() -> None:
    cluster = started("* * * * *", seconds=80, concurrencyPolicy="Forbid")
    cluster.run(160_000)
    assert stamps(cluster) == ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]
    assert "JobAlreadyActive" in events(cluster)
    (first, second) = (metadata(doc) for doc in cluster.list(JOBS))
    assert first.creation_timestamp == "2026-01-01T00:01:00Z"
    assert second.creation_timestamp == "2026-01-01T00:02:22Z"


def test_a_run_that_would_overlap_takes_the_place_of_the_one_before() -> None:
    cluster = started("* * * * *", seconds=80, concurrencyPolicy="Replace")
    cluster.run(160_000)
    assert stamps(cluster) == ["2026-01-01T00:02:00Z"]
    assert [text(one, "name") for one in status(cluster).active] == ["tick-29453762"]


def test_what_is_too_late_is_not_started() -> None:
    cluster = started("0 * * * *", suspend=True, startingDeadlineSeconds=600)
    cluster.run(3_600_000 + 900_000)
    cluster.ask(Patch(CRON_JOBS, "default", "tick", document({"spec": {"suspend": False}})))
    cluster.run(60_000)
    assert stamps(cluster) == []
    cluster.run(3_600_000)
    assert stamps(cluster) == ["2026-01-01T02:00:00Z"]


def test_of_many_missed_runs_the_last_is_started() -> None:
    cluster = started("* * * * *", suspend=True)
    cluster.run(3 * 3_600_000)
    cluster.ask(Patch(CRON_JOBS, "default", "tick", document({"spec": {"suspend": False}})))
    cluster.run(10_000)
    assert stamps(cluster) == ["2026-01-01T03:00:00Z"]
    assert "TooManyMissedTimes" in events(cluster)


def test_a_job_that_vanished_is_active_no_more() -> None:
    cluster = started("* * * * *", seconds=600)
    cluster.run(90_000)
    cluster.ask(Delete(JOBS, "default", "tick-29453761", propagation_policy="Background"))
    cluster.run(10_000)
    assert status(cluster).active == ()
    assert "MissingJob" in events(cluster)


def test_a_new_schedule_counts_from_now_on() -> None:
    cluster = started("0 12 * * *")
    cluster.run(1_800_000)
    cluster.ask(Patch(CRON_JOBS, "default", "tick", document({"spec": {"schedule": "45 * * * *"}})))
    cluster.run(600_000)
    assert stamps(cluster) == []
    cluster.run(600_000)
    assert stamps(cluster) == ["2026-01-01T00:45:00Z"]


def test_a_zone_that_is_none_is_refused() -> None:
    try:
        started("* * * * *", timeZone="Mars/Olympus")
    except Refused as refused:
        assert "unknown time zone Mars/Olympus" in str(refused)
    else:
        raise AssertionError("it was accepted")
