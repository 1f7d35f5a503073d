"""Recorded lives of Jobs and CronJobs, followed change by change (see `workloads_traces`)."""

from __future__ import annotations

import json
import re

from tests.conformance.bindings.workloads_traces import workloads
from tests.conformance.replay.recording import Trace

REST_S = 2.5
"""A Job is looked at a second after its pods changed, and again after its own status did."""
TIME = re.compile(r"<T([+-]\d+)>")
SCHEDULED = re.compile(r'"batch.kubernetes.io/cronjob-scheduled-timestamp": "<T([+-]\d+)>"')


def jobs(trace: Trace) -> list[str]:
    """Every difference between a recorded history of Jobs and ours."""
    return workloads(trace, REST_S)


def cron_jobs(trace: Trace) -> list[str]:
    """The same of CronJobs, whose recorded minutes begin with those of our clock.

    Placeholders tell the time since the start of a recording, which was at no whole minute.
    """
    text = json.dumps(trace)
    run = SCHEDULED.search(text)
    assert run is not None, "no run was recorded, so nobody knows when a minute began"
    late = -int(run[1]) % 60
    put_off = TIME.sub(lambda found: f"<T{int(found[1]) + late:+d}>", text)
    return workloads(json.loads(put_off), REST_S, late)


TRACE_BINDINGS = {"5-job": jobs, "5-cron": cron_jobs}
