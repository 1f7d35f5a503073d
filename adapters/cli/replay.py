"""`kelm replay`: a recorded incident folded through the Programs of this version."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import IO, Any

import click

from kelm.adapters.cli.connection import fail
from kelm.adapters.cli.controllers import all_controllers
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
    """Fold TRACE (from `kelm record`) through the Programs again.

    Exit status 0: they ask for the same; 1: they do not, and the first difference is told;
    2: TRACE cannot be read.
    """
    try:
        done = replay(trace, program_of)
    except (TraceError, UnicodeDecodeError) as problem:
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
