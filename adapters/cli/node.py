"""`kelm node run`: simulated machines that join a real cluster and run pods as image programs."""

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
from kelm.core.node.host.machine import CAPACITY
from kelm.core.node.program import Kubelet
from kelm.core.objects.quantity import is_quantity
from kelm.effects.document import Document
from kelm.effects.program import Program, Watch

FEW = 4
"""So many machines watch their own pods; more share one watch of all pods and nodes."""
MOST = 32_768


def machines(
    count: int, first: int, prefix: str, zones: tuple[str, ...], capacity: Document
) -> tuple[Program[Any], ...]:
    """The kubelets of machines `first` to `first + count - 1`, their zones in turn."""
    return tuple(
        Kubelet(
            f"{prefix}{number}",
            number,
            zones[number % len(zones)] if zones else "",
            capacity=capacity,
        )
        for number in range(first, first + count)
    )


def one_for_all(watch: Watch) -> Watch:
    """Every machine's watch as a part of one watch on everything."""
    return Watch(watch.resource) if watch.field else watch


def capacity_of(typed: tuple[str, ...]) -> Document:
    """What a machine offers: the default, with what was asked for."""
    offered = dict(CAPACITY)
    for one in typed:
        name, _, quantity = one.partition("=")
        if not name or not is_quantity(quantity):
            fail(f"--capacity {one}: it is a resource and a quantity, such as cpu=8 or memory=32Gi")
        offered[name] = quantity
    return Document(offered)


@click.group()
def node() -> None:
    """Simulated machines, on a real cluster."""


@node.command("run")
@connection_options
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, MOST))
@click.option(
    "--first",
    default=1,
    show_default=True,
    type=click.IntRange(0, MOST),
    help="The number of the first machine; no two machines may have the same.",
)
@click.option("--prefix", default="node-", show_default=True, help="Names begin with this.")
@click.option("--zones", default="", metavar="ZONE,...", help="Zones, given in turn.")
@click.option(
    "--capacity",
    multiple=True,
    metavar="RESOURCE=QUANTITY",
    help="What each offers: --capacity cpu=8 --capacity pods=250.",
)
def run_nodes(
    count: int,
    first: int,
    prefix: str,
    zones: str,
    capacity: tuple[str, ...],
    **given: Any,
) -> None:
    """Register machines that exist only as numbers, and run the pods that are bound to them.

    Containers start, become ready, crash, restart and write logs as programs chosen by their
    image's name; stopping this command is switching the machines off.
    """
    if first + count > MOST:
        fail(f"--first {first} --count {count}: there are numbers for {MOST} machines")
    named = tuple(zone.strip() for zone in zones.split(",") if zone.strip())
    kubelets = machines(count, first, prefix, named, capacity_of(capacity))
    source = source_of(given)
    from kelm.adapters.kubernetes.platform import unchanged
    from kelm.adapters.kubernetes.run import Job

    job = Job(
        source,
        kubelets,
        settings_of(given, 500.0, 1_000),
        metrics=metrics_of(given),
        widen=one_for_all if count > FEW else unchanged,
    )
    run_job(job, verbose=given["verbose"])
