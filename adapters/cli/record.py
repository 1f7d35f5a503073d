"""`kelm record`: run Programs on a real cluster and write down what they hear and ask."""

from __future__ import annotations

from typing import IO, Any

import click

from kelm.adapters.cli.connection import (
    connection_options,
    metrics_of,
    run_job,
    settings_of,
    source_of,
)
from kelm.adapters.cli.controllers import chosen, lease_of
from kelm.adapters.cli.run import SpanType
from kelm.core.scheduler.program import Scheduler
from kelm.effects.program import Program


def programs_of(names: tuple[str, ...]) -> tuple[Program[Any], ...]:
    """Controllers by name, and `scheduler`."""
    others = tuple(name for name in names if name != "scheduler")
    found: tuple[Program[Any], ...] = chosen(others) if others or not names else ()
    return (*found, Scheduler()) if "scheduler" in names else found


@click.command("record")
@click.argument("names", nargs=-1, metavar="[NAME...|all] [scheduler]")
@connection_options
@click.option("--trace", required=True, type=click.File("w"), help="Where to write.")
@click.option("--for", "span", type=SpanType(), help="Stop after so long; else when stopped.")
@click.option(
    "--dry-run", is_flag=True, help="Send writes with dryRun=All: watch beside whoever really acts."
)
@click.option("--lease", default="", metavar="[NAMESPACE/]NAME", help="The Lease to lead by.")
@click.option("--no-leader-elect", is_flag=True, help="Run without asking who leads.")
def record(
    names: tuple[str, ...],
    trace: IO[str],
    span: int | None,
    dry_run: bool,
    lease: str,
    no_leader_elect: bool,
    **given: Any,
) -> None:
    """Run Programs and write every message they hear and every command they give to --trace.

    `kelm replay` folds the trace through `update` again, without a cluster.
    """
    programs = programs_of(names)
    source = source_of(given)
    from kelm.adapters.kubernetes.run import Job
    from kelm.adapters.kubernetes.trace import Recorder

    leads = not (no_leader_elect or dry_run)
    job = Job(
        source,
        programs,
        settings_of(given, 100.0, 200),
        lease=lease_of(lease, "kelm-controllers") if leads else None,
        metrics=metrics_of(given),
        observer=Recorder(trace.write, programs),
        dry_run=dry_run,
        for_ms=span,
    )
    run_job(job, verbose=given["verbose"])
