"""`kelm start`, `stop`, `status` and `delete`: clusters that run in the background, by name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from kelm.adapters.cli.serve import JOURNAL, SERVE_OPTIONS, apply_options

if TYPE_CHECKING:
    from pathlib import Path

    from kelm.adapters.apiserver.home import Home, Running

SIGNING_KEY: Final = "sa.key"
DATA: Final = "data"
"""Where in its home a fork has what it wrote down; others say it with --data-dir."""
START_S: Final = 60.0
STOP_S: Final = 10.0
LOG_LINES: Final = 15
SERVE: Final = "from kelm.adapters.cli.main import main; main()"
HEAD: Final = ("NAME", "STATUS", "SERVER", "NODES", "PODS", "SPEED", "CLUSTER TIME")


@click.command()
@apply_options(SERVE_OPTIONS)
@click.option("--from", "origin", metavar="NAME", help="Begin as a copy of this running cluster.")
def start(name: str, origin: str | None, **options: Any) -> None:
    """Start a cluster in the background and point kubectl at it."""
    data = _home(name).folder / DATA
    if origin is None and options["data_dir"] is None and data.exists():
        options["data_dir"] = data
    if origin is not None:
        options |= _copied(_home(origin), _home(name), options["data_dir"])
    _started(name, options)


@click.command()
@click.argument("new")
@click.option("-p", "--name", default="kelm", show_default=True, help="The cluster to copy.")
@click.option("--speed", help="Default: that of the cluster.")
def fork(new: str, name: str, speed: str | None) -> None:
    """Start a copy of a running cluster, as it is now, under a NEW name.

    From then on each goes its own way, with its own address, credentials and data.
    """
    options = _copied(_home(name), _home(new, "NEW"), None)
    _started(new, {**options, "speed": speed or options["speed"]})


def _copied(origin: Home, home: Home, data_dir: Path | None) -> dict[str, Any]:
    """Have a running cluster written down for another one; the options that the other starts with.

    The key that signs service accounts' tokens comes along, so that these stay good.
    """
    from kelm.adapters.apiserver.remote import RemoteError, ask

    folder = (data_dir or home.folder / DATA).absolute()
    running = origin.running()
    if home.running() is not None or (folder / JOURNAL).exists():
        raise click.ClickException(f'cluster "{home.name}" exists already')
    home.make()
    try:
        found: Any = ask(origin, "POST", "fork", {"to": str(folder / JOURNAL)})
    except RemoteError as problem:
        raise click.ClickException(str(problem)) from problem
    assert running is not None
    shutil.copy2(origin.folder / SIGNING_KEY, home.folder / SIGNING_KEY)
    return {"data_dir": folder, "nodes": found["nodes"], "speed": running.speed}


def _started(name: str, options: dict[str, Any]) -> None:
    """Start a server in a process of its own, and wait until it serves."""
    from kelm.adapters.apiserver.remote import is_ours

    home = _home(name)
    running = home.running()
    if running is not None and is_ours(home, running):
        click.echo(f'Cluster "{name}" runs already at {running.server}')
        return
    home.make()
    home.stopped()
    arguments = [f"--name={name}"]
    for key, value in options.items():
        if value is not None:
            arguments.append(f"--{key.replace('_', '-')}={value}")
    with home.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _await(lambda: process.poll() is not None or home.running() is not None, START_S)
    if home.running() is None:
        lines = home.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        said = "\n".join(lines) or f"it did not start within {START_S:g} s"
        raise click.ClickException(f'cluster "{name}" did not start:\n{said}')
    # It lives on without this process: nobody is going to wait for it.
    process.returncode = 0
    click.echo(home.log.read_text(errors="replace"), nl=False)
    click.echo(f"It runs in the background; `kelm stop -p {name}` ends it.")


def _await(done: Callable[[], bool], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@click.command()
@click.option("-p", "--name", default="kelm", show_default=True, help="The cluster's name.")
@click.option("--all", "everything", is_flag=True, help="Every cluster.")
def stop(name: str, everything: bool) -> None:
    """Stop a cluster; what it wrote down stays."""
    for home in _homes(name, everything):
        running = home.running()
        if running is None:
            click.echo(f'Cluster "{home.name}" does not run')
        else:
            _stop(home, running)
            click.echo(f'Stopped cluster "{home.name}"')


def _stop(home: Home, running: Running) -> None:
    """End the server if it is the one that was written down: numbers of processes come again."""
    from kelm.adapters.apiserver.remote import is_ours

    if is_ours(home, running):
        os.kill(running.pid, signal.SIGTERM)
        if not _await(lambda: not _is_alive(running.pid), STOP_S):
            os.kill(running.pid, signal.SIGKILL)
    home.stopped()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return done == 0


@click.command()
@click.option("-p", "--name", default="", help="One cluster; all if it is not given.")
def status(name: str) -> None:
    """Show which clusters there are and how they are."""
    homes = _homes(name, not name)
    if not homes:
        click.echo("There are no clusters; `kelm start` makes one.")
        return
    rows: list[tuple[str, ...]] = [HEAD, *(_row(home) for home in homes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo(
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    if name and homes[0].running() is None:
        raise SystemExit(1)


def _row(home: Home) -> tuple[str, ...]:
    from kelm.adapters.apiserver.remote import RemoteError, ask
    from kelm.adapters.cli.spans import told_span

    running = home.running()
    if running is None:
        return (home.name, "Stopped", "", "", "", "", "")
    try:
        found: Any = ask(home, "GET", "status", timeout_s=5.0)
    except RemoteError:
        return (home.name, "Gone", running.server, "", "", "", "")
    elapsed = told_span(int(found["elapsedMs"]) // 1_000 * 1_000)
    counts = (str(found["nodes"]), str(found["pods"]))
    return (home.name, "Running", running.server, *counts, str(found["speed"]), elapsed)


@click.command()
@click.option("-p", "--name", default="kelm", show_default=True, help="The cluster's name.")
@click.option("--all", "everything", is_flag=True, help="Every cluster.")
def delete(name: str, everything: bool) -> None:
    """Delete a cluster: its server, its files, and its entries in the kubeconfig."""
    from pathlib import Path

    from kelm.adapters.apiserver.kubeconfig import default_path, remove

    for home in _homes(name, everything):
        running = home.running()
        remove(Path(running.kubeconfig) if running is not None else default_path(), home.name)
        if running is not None:
            _stop(home, running)
        existed = home.folder.is_dir()
        shutil.rmtree(home.folder, ignore_errors=True)
        said = "Deleted" if existed else "There is no"
        click.echo(f'{said} cluster "{home.name}"')


def _home(name: str, hint: str = "--name") -> Home:
    from kelm.adapters.apiserver.home import Home, is_name

    if not is_name(name):
        said = f'"{name}" is no name: say lower-case letters, digits and dashes'
        raise click.BadParameter(said, param_hint=hint)
    return Home(name)


def _homes(name: str, everything: bool) -> list[Home]:
    from kelm.adapters.apiserver.home import all_homes

    return all_homes() if everything else [_home(name)]
