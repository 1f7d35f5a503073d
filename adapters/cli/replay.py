"""`kelm replay`: a recorded incident folded through this version's Programs, or a run again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import IO, Any

import click

from kelm.adapters.cli.connection import fail
from kelm.adapters.cli.controllers import all_controllers
from kelm.adapters.cli.rerun import NoRun, is_of_a_run, rerun
from kelm.adapters.kubernetes.replay import Difference, TraceError, replay
from kelm.core.node.program import Kubelet
from kelm.core.scheduler.program import Scheduler
from kelm.effects.document import document
from kelm.effects.program import Program


def program_of(recorded: Mapping[str, Any]) -> Program[Any] | None:
    """The Program that a trace names."""
    name = str(recorded.get("name", ""))
    if "node" in recorded:
        kubelet: Program[Any] = Kubelet(
            recorded["node"],
            recorded["index"],
            recorded["zone"],
            capacity=document(recorded["capacity"]),
        )
        return kubelet
    known = all_controllers().get(name)
    if known is None and name.endswith("scheduler"):
        return Scheduler(name)
    return known


@click.command("replay")
@click.argument("trace", type=click.File("r"))
def replay_trace(trace: IO[str]) -> None:
    """Fold TRACE (from `kelm record`) through the Programs again, or run one of `kelm run` again.

    Exit status 0: they ask for the same; 1: they do not, and the first difference is told;
    2: TRACE cannot be read.
    """
    try:
        lines = trace.readlines()
        if is_of_a_run(lines):
            same, told = rerun(lines)
            click.echo(told)
            sys.exit(0 if same else 1)
        done = replay(lines, program_of)
    except (TraceError, NoRun, UnicodeDecodeError) as problem:
        fail(f"{trace.name}: {problem}")
    if done.difference is not None:
        _tell(done.difference)
        sys.exit(1)
    click.echo(f"{done.steps} updates of {', '.join(done.processes)}: all as recorded")


def _tell(found: Difference) -> None:
    click.echo(f"line {found.line}: {found.process} does otherwise after {found.heard}")
    click.echo(f"  {found.field}")
    click.echo(f"  recorded: {json.dumps(found.recorded, sort_keys=True)}")
    click.echo(f"  replayed: {json.dumps(found.replayed, sort_keys=True)}")
