"""`kelm`: the command line. Each command is a module of its own; here they are only listed."""

from __future__ import annotations

import click

from kelm import __version__
from kelm.adapters.cli.run import run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kelm")
def main() -> None:
    """Kubernetes as a pure function: clusters that start in a blink, in virtual time."""


main.add_command(run)
