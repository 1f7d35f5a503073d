"""`kelm run`: manifests in, a converged cluster out, and what happened on the way.

Exit status 0 when the cluster converged, 1 when it did not (saying what is stuck and why), 2 for
wrong input (one sentence, no traceback).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO

import click
import msgspec

from kelm.adapters.cli.actions.objects import ApplyFiles
from kelm.adapters.cli.actions.parse import Action, ActionError, parse_action
from kelm.adapters.cli.report import Report, make_report, print_line, print_report
from kelm.adapters.cli.spans import parse_span_ms, told_span
from kelm.adapters.manifests.read import Manifest, ManifestError, read_manifests
from kelm.adapters.simulator.cluster import Cluster, Refused, Settings
from kelm.adapters.simulator.inputs import Fault, LoadOffered, NodeDrained
from kelm.adapters.simulator.targets import missing_target
from kelm.core.operations.timeline import Line, timeline
from kelm.core.operations.verbs import EvictPod, Verb
from kelm.effects.commands import Evict
from kelm.effects.refusals import Reason, Refusal

CONVERGED = "converged"
PATIENCE_MS = 60_000
"""After a fault nothing may look wrong for so long: a lost node is noticed after 40 s. A load is
measured every 15 s, and whoever scales for it looks every 15 s."""
LIMIT_MS = 1_800_000
"""How much cluster time a cluster gets to converge after the last thing that was done to it."""


class Step(msgspec.Struct, frozen=True):
    """One `--at`: when, what, and how it was typed."""

    at_ms: int
    action: Action
    typed: str


class SpanType(click.ParamType[int]):
    """A span such as 90s or 10m."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        span_ms = parse_span_ms(str(value))
        if span_ms is None:
            self.fail(f"{value!r} is no span such as 90s, 10m or 1h30m", param, ctx)
        return span_ms


class UntilType(SpanType):
    """A span, or `converged` (None)."""

    name = "SPAN|converged"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        return -1 if value in (CONVERGED, -1) else super().convert(value, param, ctx)


def _steps(typed: tuple[tuple[int, str], ...], namespace: str) -> tuple[Step, ...]:
    steps = [Step(at_ms, parse_action(text, namespace), text) for at_ms, text in typed]
    return tuple(sorted(steps, key=lambda step: step.at_ms))


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(0, 5_000))
@click.option("--zones", default=3, show_default=True, type=click.IntRange(1, 26))
@click.option("--seed", default=0, show_default=True, help="Decides everything left to chance.")
@click.option(
    "--order",
    default="fifo",
    show_default=True,
    type=click.Choice(["fifo", "random"]),
    help="What happens next among what could: in order, or drawn from the seed.",
)
@click.option(
    "--until",
    default=-1,
    type=UntilType(),
    help="Run for a span of cluster time, or until converged (the default).",
)
@click.option(
    "--at",
    "typed",
    multiple=True,
    type=(SpanType(), str),
    metavar="SPAN ACTION",
    help="Do something at a time: --at 30s 'set image deployment/web php=php:8', "
    "--at 60s 'crash node/node-1'.",
)
@click.option("-n", "--namespace", default="default", show_default=True)
@click.option("--no-replace", is_flag=True, help="Do not replace machines that died.")
@click.option(
    "--trace", type=click.Path(dir_okay=False), help="Write every event as a JSON line to a file."
)
@click.option("-o", "--output", type=click.Choice(["wide", "json", "yaml"]))
@click.option("--watch", is_flag=True, help="Tell what happens while it happens.")
def run(
    sources: tuple[str, ...],
    nodes: int,
    zones: int,
    seed: int,
    order: str,
    until: int,
    typed: tuple[tuple[int, str], ...],
    namespace: str,
    no_replace: bool,
    trace: str | None,
    output: str | None,
    watch: bool,
) -> None:
    """Apply manifests to a new cluster and tell what becomes of them.

    Files, folders and - (standard input) are read in order. Nothing real is touched: the cluster,
    its machines and its clock are simulated.
    """
    settings = Settings(
        nodes=nodes,
        zones=tuple(f"zone-{chr(ord('a') + index)}" for index in range(zones)),
        seed=seed,
        order=order,
        replace_machines=not no_replace,
    )
    try:
        manifests = read_manifests(sources, sys.stdin)
        steps = _steps(typed, namespace)
        beside = output in ("json", "yaml")
        live = (lambda line: print_line(line, err=beside)) if watch else None
        with _trace_file(trace) as sink:
            report = _Run(settings, namespace, sink, live).go(manifests, steps, until)
    except (ManifestError, ActionError, Refused) as problem:
        click.echo(f"kelm: {problem}", err=True)
        sys.exit(2)
    print_report(report, output, told=not watch)
    sys.exit(0 if report.converged else 1)


def _trace_file(path: str | None) -> AbstractContextManager[IO[str] | None]:
    """Where the trace goes; `-` is standard output."""
    if path is None:
        return nullcontext()
    if path == "-":
        return nullcontext(sys.stdout)
    try:
        return open(path, "w", encoding="utf-8")
    except OSError as problem:
        raise ActionError(f"--trace {path}: {problem.strerror}") from problem


class _Run:
    """One run: the cluster, and what was done to it."""

    def __init__(
        self,
        settings: Settings,
        namespace: str,
        trace: IO[str] | None,
        live: Callable[[Line], None] | None,
    ) -> None:
        self.cluster = Cluster(settings)
        self.namespace = namespace
        self.live = live
        self.said: list[Line] = []
        self._shown = 0
        self.faults: list[tuple[int, str]] = []
        self.expecting = False
        if trace is not None:
            self.cluster.record(trace.write)
        self.cluster.tell()

    def go(self, manifests: tuple[Manifest, ...], steps: tuple[Step, ...], until: int) -> Report:
        self._apply(manifests)
        for step in steps:
            if until >= 0 and step.at_ms > until:
                raise ActionError(f"--at {told_span(step.at_ms)} is after --until")
            self._run_until(step.at_ms)
            self._do(step)
        if until >= 0:
            self._run_until(until)
            converged = self.cluster.settled()
        else:
            converged = self._settle()
        self._show()
        self.cluster.close()
        return make_report(self.cluster, self.said, self.faults, converged=converged)

    def _run_until(self, at_ms: int) -> None:
        """Let time pass, a second at a time where somebody is watching."""
        while self.cluster.elapsed_ms < at_ms:
            left_ms = at_ms - self.cluster.elapsed_ms
            self.cluster.run(left_ms if self.live is None else min(left_ms, 1_000))
            self._show()

    def _settle(self) -> bool:
        """Wait until the cluster has converged and every fault has been felt and healed."""
        patience_ms = PATIENCE_MS if self.faults or self.expecting else 0
        limit_ms = self.cluster.elapsed_ms + LIMIT_MS
        while self.cluster.elapsed_ms < limit_ms:
            until_ms = self.cluster.elapsed_ms + patience_ms
            if self.cluster.settle(LIMIT_MS) and self.cluster.elapsed_ms >= until_ms:
                return True
            if self.cluster.elapsed_ms < until_ms:
                self._run_until(until_ms)
            patience_ms = 0
        return False

    def _show(self) -> None:
        """Print what has been said and done since the last time, to whoever watches."""
        if self.live is None:
            return
        lines = list(timeline(self.cluster.facts))
        for line in lines[self._shown :]:
            self.live(Line(line.at_ms - self.cluster.zero_ms, line.told, line.bad))
        self._shown = len(lines)

    def _note(self, what: str) -> None:
        line = Line(self.cluster.elapsed_ms, f"> {what}")
        self.said.append(line)
        if self.live is not None:
            self._show()
            self.live(line)

    def _apply(self, manifests: tuple[Manifest, ...]) -> None:
        sources = ", ".join(dict.fromkeys(manifest.source for manifest in manifests))
        objects = "object" if len(manifests) == 1 else "objects"
        self._note(f"apply {len(manifests)} {objects} from {sources}")
        for manifest in manifests:
            self.cluster.apply_manifest(manifest, self.namespace)

    def _do(self, step: Step) -> None:
        action = step.action
        if isinstance(action, ApplyFiles):
            self._apply(read_manifests(action.sources, sys.stdin))
            return
        self._note(step.typed)
        if isinstance(action, EvictPod):
            self._evict(action)
        elif isinstance(action, Verb):
            self.cluster.do(action)
        elif isinstance(action, Fault):
            absurd = missing_target(action, self.cluster)
            if absurd:
                raise ActionError(f"--at {told_span(step.at_ms)} {step.typed!r}: {absurd}")
            if isinstance(action, LoadOffered | NodeDrained):
                self.expecting = True
            else:
                self.faults.append((self.cluster.elapsed_ms, step.typed))
            self.cluster.inject(action)

    def _evict(self, action: EvictPod) -> None:
        """Ask for an eviction; that a disruption budget says no is part of the story."""
        ref = action.ref
        command = Evict(ref.namespace, ref.name, "", action.grace_period_seconds)
        outcome = self.cluster.ask(command)
        refusal = outcome.swap().value_or(None)
        if isinstance(refusal, Refusal):
            if refusal.reason is not Reason.TOO_MANY_REQUESTS:
                raise Refused(refusal.message)
            self._note(f"refused: {refusal.message}")
