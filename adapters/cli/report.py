"""What a run comes to: its timeline, the tables kubectl would print, availability, recovery."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
import yaml

from kelm.adapters.cli.spans import told_span
from kelm.adapters.cli.tables import aligned
from kelm.adapters.simulator.cluster import Cluster
from kelm.core.api.printing.table import table
from kelm.core.laws.availability import availability, measure
from kelm.core.laws.convergence import Unsettled
from kelm.core.laws.recovery import Recovery, recoveries, replicas
from kelm.core.objects.meta import metadata
from kelm.core.operations.timeline import Line, timeline
from kelm.effects.document import Document, child, thaw

REQUESTS_PER_SECOND = 10
"""The load with which failed requests are counted."""
SHOWN = (
    ("pods", "PODS"),
    ("deployments.apps", "DEPLOYMENTS"),
    ("statefulsets.apps", "STATEFULSETS"),
    ("daemonsets.apps", "DAEMONSETS"),
    ("horizontalpodautoscalers.autoscaling", "HORIZONTALPODAUTOSCALERS"),
    ("persistentvolumeclaims", "PERSISTENTVOLUMECLAIMS"),
    ("jobs.batch", "JOBS"),
    ("cronjobs.batch", "CRONJOBS"),
    ("services", "SERVICES"),
    ("nodes", "NODES"),
)
ALWAYS = ("pods", "services", "nodes")
"""What is shown even where there is none."""


class ServiceReport(msgspec.Struct, frozen=True):
    """How one Service did, from its first answer to the end."""

    service: str
    availability: float
    failed_requests: int
    longest_outage_ms: int
    first_answer_ms: int | None


class Report(msgspec.Struct, frozen=True):
    """Everything that a run has to tell; times are cluster time since the cluster was ready."""

    converged: bool
    elapsed_ms: int
    now_ms: int
    stuck: tuple[Unsettled, ...]
    timeline: tuple[Line, ...]
    objects: tuple[tuple[str, tuple[Document, ...]], ...]
    services: tuple[ServiceReport, ...]
    recoveries: tuple[Recovery, ...]


def make_report(
    cluster: Cluster, said: list[Line], faults: list[tuple[int, str]], *, converged: bool
) -> Report:
    """Measure a cluster's history and gather what happened."""
    zero_ms, until_ms = cluster.zero_ms, cluster.now_ms
    history = [(zero_ms + at_ms, store) for at_ms, store in cluster.history]
    chosen = {
        metadata(doc).key for doc in cluster.list("services") if child(doc, "spec", "selector")
    }
    measured = measure(history, cluster.down)
    series = {name: found for name, found in measured.items() if name in chosen}
    found_services = []
    for name in sorted(series):
        found = availability(series[name], until_ms)
        longest = max((window.length_ms for window in found.outages), default=0)
        first = found.first_answer_ms
        found_services.append(
            ServiceReport(
                name,
                found.fraction,
                found.failed_requests(REQUESTS_PER_SECOND),
                longest,
                None if first is None else first - zero_ms,
            )
        )
    named = [(zero_ms + at_ms, fault) for at_ms, fault in faults]
    healed = recoveries(named, {**series, **replicas(history)}, until_ms)
    lines = [Line(line.at_ms - zero_ms, line.told, line.bad) for line in timeline(cluster.facts)]
    return Report(
        converged,
        cluster.elapsed_ms,
        until_ms,
        cluster.unsettled(),
        tuple(sorted([*said, *lines], key=lambda line: line.at_ms)),
        tuple((resource, cluster.list(resource)) for resource, _ in SHOWN),
        tuple(found_services),
        healed,
    )


def print_report(report: Report, output: str | None, *, told: bool) -> None:
    """Print a report for a person, or as JSON or YAML for a program."""
    if output in ("json", "yaml"):
        plain = _plain(report)
        if output == "json":
            click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
        else:
            click.echo(yaml.safe_dump(plain, sort_keys=False), nl=False)
        return
    if told:
        for line in report.timeline:
            print_line(line)
    for (resource, docs), (_, title) in zip(report.objects, SHOWN, strict=True):
        if not docs and resource not in ALWAYS:
            continue
        printed = table(resource, docs, report.now_ms, wide=output == "wide")
        _section(title, printed.columns, [tuple(map(str, row)) for row in printed.rows])
    _print_services(report)
    _print_recoveries(report)
    _print_verdict(report)


def print_line(line: Line, *, err: bool = False) -> None:
    """One line of a timeline."""
    told = click.style(line.told, fg="red") if line.bad else line.told
    told = click.style(told, bold=True) if line.told.startswith("> ") else told
    click.echo(f"{told_span(line.at_ms):>10}  {told}", err=err)


def _section(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    click.echo(f"\n{click.style(title, bold=True)}")
    for line in aligned(columns, rows) if rows else ["none"]:
        click.echo(line)


def _print_services(report: Report) -> None:
    rows = [
        (
            one.service,
            f"{one.availability:.3%}",
            str(one.failed_requests),
            told_span(one.longest_outage_ms),
            "never" if one.first_answer_ms is None else told_span(one.first_answer_ms),
        )
        for one in report.services
    ]
    columns = (
        "SERVICE",
        "AVAILABLE",
        f"FAILED REQUESTS ({REQUESTS_PER_SECOND}/S)",
        "LONGEST OUTAGE",
        "FIRST ANSWER",
    )
    _section("AVAILABILITY", columns, rows)


def _print_recoveries(report: Report) -> None:
    if not report.recoveries:
        return
    rows = [
        (
            one.fault,
            told_span(one.at_ms - (report.now_ms - report.elapsed_ms)),
            "nothing got worse" if one.felt_ms is None else told_span(one.felt_ms),
            "not yet" if one.recovered_ms is None else told_span(one.recovered_ms),
            one.last,
        )
        for one in report.recoveries
    ]
    _section("RECOVERY", ("FAULT", "AT", "FELT AFTER", "WHOLE AFTER", "LAST TO RECOVER"), rows)


def _print_verdict(report: Report) -> None:
    spent = told_span(report.elapsed_ms)
    if report.converged:
        click.echo(f"\nConverged: everything is as it was asked for after {spent} of cluster time.")
        return
    click.echo(f"\nNot converged after {spent} of cluster time. Stuck:")
    for one in report.stuck[:10]:
        click.echo(f"  {one}")
    if len(report.stuck) > 10:
        click.echo(f"  and {len(report.stuck) - 10} more")


def _plain(report: Report) -> dict[str, object]:
    zero_ms = report.now_ms - report.elapsed_ms
    return {
        "converged": report.converged,
        "elapsedMs": report.elapsed_ms,
        "stuck": [msgspec.to_builtins(one) for one in report.stuck],
        "timeline": [
            {"atMs": line.at_ms, "told": line.told, "bad": line.bad} for line in report.timeline
        ],
        "objects": [thaw(doc) for _, docs in report.objects for doc in docs],
        "availability": [
            {
                "service": one.service,
                "availability": round(one.availability, 6),
                "failedRequests": one.failed_requests,
                "requestsPerSecond": REQUESTS_PER_SECOND,
                "longestOutageMs": one.longest_outage_ms,
                "firstAnswerMs": one.first_answer_ms,
            }
            for one in report.services
        ],
        "recovery": [
            {
                "fault": one.fault,
                "atMs": one.at_ms - zero_ms,
                "feltAfterMs": one.felt_ms,
                "recoveredAfterMs": one.recovered_ms,
                "last": one.last,
            }
            for one in report.recoveries
        ],
    }
