"""`kelm serve`: a cluster behind the Kubernetes API, in the foreground."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kelm.adapters.apiserver.app import App
    from kelm.adapters.apiserver.home import Home
    from kelm.adapters.apiserver.server import Stop

Option = Callable[[Any], Any]
JOURNAL = "journal.db"
SERVE_OPTIONS: tuple[Option, ...] = (
    click.option("-p", "--name", default="kelm", show_default=True, help="The cluster's name."),
    click.option("--nodes", default=3, show_default=True, type=click.IntRange(0, 5_000)),
    click.option("--zones", default=3, show_default=True, type=click.IntRange(0, 26)),
    click.option("--seed", default=0, show_default=True, help="What names are made from."),
    click.option("--speed", default="real", show_default=True, help="real, 10x, max or paused."),
    click.option("--port", default=0, type=click.IntRange(0, 65_535), help="0: any free one."),
    click.option(
        "--authorization",
        type=click.Choice(["allow", "rbac"]),
        default="allow",
        show_default=True,
        help="Whether roles decide who may do what.",
    ),
    click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write everything down here and go on from there next time.",
    ),
    click.option(
        "--outlives",
        type=click.Choice(["kill", "power-cut"]),
        default="kill",
        show_default=True,
        help="What loses nothing that was written to --data-dir; a power cut takes 5 ms a write.",
    ),
    click.option("--kubeconfig", type=click.Path(path_type=Path), help="Default: as kubectl's."),
)


def apply_options(options: tuple[Option, ...]) -> Option:
    """All of these options for one command, in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command()
@apply_options(SERVE_OPTIONS)
def serve(
    name: str,
    nodes: int,
    zones: int,
    seed: int,
    speed: str,
    port: int,
    authorization: str,
    data_dir: Path | None,
    outlives: str,
    kubeconfig: Path | None,
) -> None:
    """Serve a simulated cluster over HTTPS on loopback, for kubectl and everything else."""
    from returns.result import Failure

    from kelm.adapters.apiserver.home import Home, Running, is_name
    from kelm.adapters.apiserver.identity.certificates import certificates
    from kelm.adapters.apiserver.journal import JournalError
    from kelm.adapters.apiserver.kubeconfig import KubeconfigError, add, default_path, entry
    from kelm.adapters.apiserver.pace import read_speed
    from kelm.adapters.apiserver.server import Serving, now_settings
    from kelm.adapters.apiserver.server import serve as serve_cluster
    from kelm.adapters.simulator.cluster import Settings
    from kelm.adapters.simulator.token_key import BadKey
    from kelm.core.api.authorization.decide import Mode

    pace = read_speed(speed)
    if isinstance(pace, Failure):
        raise click.BadParameter(pace.failure(), param_hint="--speed")
    if not is_name(name):
        raise click.BadParameter("lower-case letters, digits and dashes", param_hint="--name")
    home = Home(name)
    home.make()
    files = certificates(home.folder)
    path = (kubeconfig or default_path()).absolute()
    names = tuple(f"zone-{chr(ord('a') + index)}" for index in range(zones))
    settings = now_settings(Settings(nodes=nodes, zones=names, seed=seed))
    mode: Mode = "RBAC" if authorization == "rbac" else "AlwaysAllow"
    journal = None if data_dir is None else data_dir.absolute() / JOURNAL
    serving = Serving(
        settings,
        files,
        home.token(),
        pace.unwrap(),
        port,
        home.port(),
        mode,
        journal,
        outlives == "power-cut",
    )

    def ready(server: str, _app: App, _stop: Stop) -> None:
        add(path, entry(name, server, files.authority.read_bytes(), home.token()))
        _tell(home, server, path, nodes)
        home.write_port(int(server.rpartition(":")[2]))
        home.write(Running(os.getpid(), server, str(path), nodes, str(pace.unwrap())))

    try:
        serve_cluster(serving, ready)
    except (OSError, KubeconfigError, JournalError, BadKey) as problem:
        raise click.ClickException(str(problem)) from problem
    finally:
        home.stopped()


def _tell(home: Home, server: str, kubeconfig: Path, nodes: int) -> None:
    from kelm.core.api.rest.version import VERSION

    click.echo(f'Cluster "{home.name}": Kubernetes {VERSION["gitVersion"]}, {nodes} nodes')
    click.echo(f"Serving {server}")
    click.echo(f'kubectl uses context "{home.name}" now ({kubeconfig}). Type next:')
    click.echo("  kubectl get nodes")
    click.echo("  kubectl create deployment web --image=nginx --replicas=3")
