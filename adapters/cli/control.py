"""`kelm clock`, `fault` and `history`: what only a simulated cluster lets one do."""

from __future__ import annotations

from typing import Any

import click

from kelm.adapters.cli.spans import parse_span_ms, told_span

NAMED = click.option("-p", "--name", default="kelm", show_default=True, help="The cluster's name.")
PATIENCE_S = 600.0


def _ask(name: str, method: str, page: str, body: object = None) -> Any:
    from kelm.adapters.apiserver.home import Home, is_name
    from kelm.adapters.apiserver.remote import RemoteError, ask

    if not is_name(name):
        raise click.BadParameter("lower-case letters, digits and dashes", param_hint="--name")
    try:
        return ask(Home(name), method, page, body, timeout_s=PATIENCE_S)
    except RemoteError as problem:
        raise click.ClickException(str(problem)) from problem


@click.group()
def clock() -> None:
    """Let cluster time pass at once, or at another pace."""


@clock.command()
@click.argument("span")
@NAMED
def advance(span: str, name: str) -> None:
    """Let SPAN (5m, 90s, 1h30m) of cluster time pass at once."""
    span_ms = parse_span_ms(span)
    if span_ms is None:
        raise click.BadParameter(f'"{span}" is no span of time: say 90s, 5m or 1h30m')
    _tell(_ask(name, "POST", "clock", {"advanceMs": span_ms}))


@clock.command()
@click.argument("pace")
@NAMED
def speed(pace: str, name: str) -> None:
    """Go on at PACE: real, 10x (any number), max or paused."""
    _tell(_ask(name, "POST", "clock", {"speed": pace}))


def _tell(found: Any) -> None:
    elapsed = told_span(int(found["elapsedMs"]) // 1_000 * 1_000)
    click.echo(f"Cluster time is {elapsed} since its start, at speed {found['speed']}")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True)
@NAMED
def fault(words: tuple[str, ...], name: str) -> None:
    """Have a fault happen: crash node/node-1, partition node/node-2, end faults, ..."""
    from kelm.adapters.cli.actions.parse import ActionError, parse_action
    from kelm.adapters.simulator.inputs import INPUTS
    from kelm.effects.codec import encode

    try:
        action = parse_action(" ".join(words))
    except ActionError as wrong:
        raise click.ClickException(str(wrong)) from wrong
    if not isinstance(action, tuple(INPUTS.values())):
        raise click.ClickException(f'"{" ".join(words)}" is no fault; kubectl does that')
    _ask(name, "POST", "faults", encode(action, "input"))
    click.echo(f"Told the cluster: {' '.join(words)}")


@click.command()
@click.option("-n", "--count", default=200, show_default=True, type=click.IntRange(1, 20_000))
@NAMED
def history(count: int, name: str) -> None:
    """Show what happened, by cluster time since the start."""
    for line in _ask(name, "GET", f"history?count={count}"):
        mark = "!" if line["bad"] else " "
        click.echo(f"{told_span(int(line['elapsedMs'])):>12} {mark} {line['told']}")
