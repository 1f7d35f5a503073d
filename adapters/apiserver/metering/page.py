"""The page `/metrics`, in Prometheus' text format.

prometheus_client writes it, and is imported when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from kelm.adapters.apiserver.metering.requests import BUCKETS, Labels, Requests
from kelm.core.api.custom.definition import info_of
from kelm.core.api.rest.version import VERSION
from kelm.core.api.tokens.bearers import Use
from kelm.core.store.store import Store
from kelm.effects.document import text

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
LABELS: Final = Labels._fields
RUNNING_LABELS: Final = tuple(name for name in LABELS if name != "dry_run")


def page(requests: Requests, store: Store, started_s: float) -> bytes:
    """Everything that is counted, and how many objects of each resource are stored."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Now(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _requests(requests)
            yield from _tokens(requests)
            yield from _objects(store)
            yield from _process(started_s)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Now())
    return bytes(generate_latest(registry))


def _requests(requests: Requests) -> Iterator[Metric]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    counts = CounterMetricFamily(
        "apiserver_request", "Requests by verb, resource and code.", labels=(*LABELS, "code")
    )
    for (labels, code), count in sorted(requests.counts.items()):
        counts.add_metric((*labels, str(code)), count)
    yield counts
    latency = HistogramMetricFamily(
        "apiserver_request_duration_seconds", "How long requests took.", labels=LABELS
    )
    for labels, times in sorted(requests.times.items()):
        bounds = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")
        buckets = list(zip(bounds, map(float, accumulate(times.counts)), strict=True))
        latency.add_metric(labels, buckets, times.total_s)
    yield latency
    running = GaugeMetricFamily(
        "apiserver_longrunning_requests", "Open watches and connections.", labels=RUNNING_LABELS
    )
    for labels, count in sorted(requests.running.items()):
        running.add_metric((labels.verb, *labels[2:]), count)
    yield running


TOKENS: Final[dict[str, tuple[str, tuple[Use, ...]]]] = {
    "serviceaccount_legacy_tokens": ("Uses of tokens out of Secrets.", ("manual", "auto")),
    "serviceaccount_valid_tokens": ("Uses of pods' tokens in time.", ("valid",)),
    "serviceaccount_stale_tokens": ("Uses of tokens that should have been renewed.", ("stale",)),
    "serviceaccount_legacy_manual_token_uses": ("Of those made by hand.", ("manual",)),
    "serviceaccount_legacy_auto_token_uses": ("Of those made automatically.", ("auto",)),
    "serviceaccount_invalid_legacy_auto_token_uses": ("Of those marked as invalid.", ("invalid",)),
}
"""Source: kubernetes v1.36, pkg/serviceaccount/metrics.go."""


def _tokens(requests: Requests) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    for name, (words, uses) in TOKENS.items():
        value = sum(requests.tokens[use] for use in uses)
        yield CounterMetricFamily(name, words, value=value)


def _objects(store: Store) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    by_name = GaugeMetricFamily(
        "apiserver_storage_objects", "Stored objects by resource.", labels=("resource",)
    )
    by_group = GaugeMetricFamily(
        "apiserver_resource_objects", "Stored objects.", labels=("group", "resource")
    )
    for resource in sorted(store.resources()):
        info = info_of(store, resource)
        if info is not None:
            count = len(store.table(resource))
            by_name.add_metric((resource,), count)
            by_group.add_metric((info.group, info.plural), count)
    yield by_name
    yield by_group


def _process(started_s: float) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    start = "When the server started, in seconds since 1970."
    yield GaugeMetricFamily("process_start_time_seconds", start, value=started_s)
    fields = ("major", "minor", "gitVersion", "platform")
    names = ("major", "minor", "git_version", "platform")
    build = GaugeMetricFamily("kubernetes_build_info", "Which version is served.", labels=names)
    build.add_metric([text(VERSION, field) for field in fields], 1)
    yield build
