"""`kelm controllers run`: kelm's controllers as the controller manager of a real cluster."""

from __future__ import annotations

from typing import Any

import click

from kelm.adapters.cli.connection import (
    connection_options,
    fail,
    metrics_of,
    run_job,
    settings_of,
    source_of,
)
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.controllers.services.address_repair import AddressRepair
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.scheduler.program import Scheduler
from kelm.effects.program import Program

NAMESPACE = "kube-system"


def all_controllers() -> dict[str, Program[Any]]:
    """Every controller by its name.

    The scheduler is none of them, nor is what a real API server does itself.
    """
    plane = ControlPlane()
    mine = [one for one in plane.controllers if not isinstance(one, AddressRepair)]
    programs: list[Program[Any]] = [ControllerProgram(one) for one in mine]
    programs += [one for one in plane.programs if not isinstance(one, Scheduler)]
    return {program.name: program for program in programs}


def chosen(names: tuple[str, ...]) -> tuple[Program[Any], ...]:
    """The controllers that a person named: whole names, or the word before `-controller`."""
    known = all_controllers()
    if not names or "all" in names:
        return tuple(known.values())
    short = {name.removesuffix("-controller"): name for name in known}
    found: dict[str, Program[Any]] = {}
    for name in names:
        whole = short.get(name, name)
        if whole not in known:
            fail(f'there is no controller "{name}"; there are {", ".join(sorted(short))}')
        found[whole] = known[whole]
    return tuple(found.values())


def lease_of(typed: str, default: str) -> tuple[str, str]:
    """The Lease to lead by: NAME or NAMESPACE/NAME."""
    namespace, _, name = (typed or default).rpartition("/")
    return namespace or NAMESPACE, name


@click.group()
def controllers() -> None:
    """kelm's controllers, on a real cluster."""


@controllers.command("list")
def list_controllers() -> None:
    """Name the controllers there are."""
    for name in sorted(all_controllers()):
        click.echo(name)


@controllers.command("run")
@click.argument("names", nargs=-1, metavar="[NAME...|all]")
@connection_options
@click.option("--lease", default="", metavar="[NAMESPACE/]NAME", help="The Lease to lead by.")
@click.option("--no-leader-elect", is_flag=True, help="Run without asking who leads.")
def run_controllers(
    names: tuple[str, ...], lease: str, no_leader_elect: bool, **given: Any
) -> None:
    """Run controllers against a real API server until stopped.

    They do what kube-controller-manager does: run one of the two. With several names of a
    cluster's own controllers switched off there (--controllers=-NAME), kelm's take their place.
    """
    source = source_of(given)
    from kelm.adapters.kubernetes.run import Job

    job = Job(
        source,
        chosen(names),
        settings_of(given, 100.0, 200),
        lease=None if no_leader_elect else lease_of(lease, "kelm-controllers"),
        metrics=metrics_of(given),
    )
    run_job(job, verbose=given["verbose"])
