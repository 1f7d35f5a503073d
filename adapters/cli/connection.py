"""The options of every command that meets a real cluster, and how its errors are told."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kelm.adapters.kubernetes.run import Job
    from kelm.adapters.kubernetes.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
MISSING = "this needs a client library: pip install 'kelm[kubernetes]'"


class Connection(click.ParamType[str]):
    """Groups what `connection_options` gives a command."""


def connection_options(command: F) -> F:
    """--kubeconfig, --context and their like."""
    options = (
        click.option("--kubeconfig", default="", help="A kubeconfig; else KUBECONFIG, else "
                     "~/.kube/config, else the pod's service account."),
        click.option("--context", default="", help="A context of the kubeconfig."),
        click.option("--insecure-skip-tls-verify", is_flag=True,
                     help="Do not check the server's certificate."),
        click.option("--qps", type=click.FloatRange(min=0.1), help="Requests a second."),
        click.option("--burst", type=click.IntRange(1), help="Requests at once."),
        click.option("--metrics", default="", metavar="[ADDRESS]:PORT",
                     help="Serve Prometheus metrics here."),
        click.option("-v", "--verbose", is_flag=True),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def source_of(given: dict[str, Any]) -> Any:
    """Where the credentials are."""
    try:
        from kelm.adapters.kubernetes.credentials import Source
    except ModuleNotFoundError:
        fail(MISSING)
    return Source(given["kubeconfig"], given["context"], given["insecure_skip_tls_verify"])


def settings_of(given: dict[str, Any], qps: float, burst: int) -> Settings:
    """The limits of this command, or those that were asked for."""
    from kelm.adapters.kubernetes.settings import Settings

    wanted = given["qps"] or qps
    return Settings(qps=wanted, burst=given["burst"] or max(burst, round(2 * wanted)))


def metrics_of(given: dict[str, Any]) -> tuple[str, int] | None:
    """Where metrics are served."""
    typed = given["metrics"]
    if not typed:
        return None
    address, _, port = typed.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        fail(f"--metrics {typed}: it is ADDRESS:PORT or :PORT")
    return address or "0.0.0.0", int(port)


def fail(told: str, status: int = 2) -> Any:
    """Say one line and end."""
    click.echo(f"kelm: {told}", err=True)
    sys.exit(status)


def run_job(job: Job, *, verbose: bool) -> None:
    """Run a job to its end, and end with its status."""
    import asyncio  # costs a tenth of a second, which `kelm --help` need not pay

    from kelm.adapters.kubernetes.run import run
    from kelm.adapters.kubernetes.trouble import NoAccess

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncio", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        status = asyncio.run(run(job))
    except NoAccess as problem:
        fail(str(problem))
    sys.exit(status)
