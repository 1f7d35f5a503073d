"""`kelm scheduler run`: kelm's scheduler on a real cluster."""

from __future__ import annotations

from typing import Any

import click

from kelm.adapters.cli.connection import (
    connection_options,
    metrics_of,
    run_job,
    settings_of,
    source_of,
)
from kelm.adapters.cli.controllers import lease_of
from kelm.core.scheduler.program import Scheduler


@click.group()
def scheduler() -> None:
    """kelm's scheduler, on a real cluster."""


@scheduler.command("run")
@connection_options
@click.option(
    "--name",
    default="default-scheduler",
    show_default=True,
    help="The spec.schedulerName of the pods to schedule.",
)
@click.option("--lease", default="", metavar="[NAMESPACE/]NAME", help="The Lease to lead by.")
@click.option("--no-leader-elect", is_flag=True, help="Run without asking who leads.")
def run_scheduler(name: str, lease: str, no_leader_elect: bool, **given: Any) -> None:
    """Give pods nodes on a real API server until stopped."""
    source = source_of(given)
    from kelm.adapters.kubernetes.run import Job

    job = Job(
        source,
        (Scheduler(name),),
        settings_of(given, 100.0, 200),
        lease=None if no_leader_elect else lease_of(lease, f"kelm-scheduler-{name}"),
        metrics=metrics_of(given),
    )
    run_job(job, verbose=given["verbose"])
