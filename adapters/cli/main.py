"""`kelm`: the command line. Each command is a module of its own; here they are only listed."""

from __future__ import annotations

import click

from kelm import __version__
from kelm.adapters.cli.clusters import delete, fork, start, status, stop
from kelm.adapters.cli.control import clock, fault, history
from kelm.adapters.cli.controllers import controllers
from kelm.adapters.cli.node import node
from kelm.adapters.cli.record import record
from kelm.adapters.cli.replay import replay_trace
from kelm.adapters.cli.run import run
from kelm.adapters.cli.scheduler import scheduler
from kelm.adapters.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kelm")
def main() -> None:
    """Kubernetes as a pure function: clusters that start in a blink, in virtual time."""


main.add_command(run)
for command in (controllers, scheduler, node, record, replay_trace):
    main.add_command(command)
for command in (serve, start, fork, stop, status, delete, clock, fault, history):
    main.add_command(command)
