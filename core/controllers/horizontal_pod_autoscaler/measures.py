"""What to measure for a metric, and what the answers say: values by pod, or one value.

Source: kubernetes v1.36, pkg/controller/podautoscaler/metrics/client.go;
k8s.io/metrics/pkg/client/custom_metrics/versioned_client.go.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec
from returns.result import Failure

from kelm.core.controllers.horizontal_pod_autoscaler.spec import Metric
from kelm.core.controllers.horizontal_pod_autoscaler.targets import resource_of_kind
from kelm.core.objects.quantity import parse_quantity
from kelm.core.objects.selectors.labels import Selector, read_selector
from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Caches
from kelm.effects.commands import ReadMetrics
from kelm.effects.document import Document, child, children, text
from kelm.effects.refusals import Refusal

DEFAULT_WINDOW_MS: Final = 60_000
_UNITS: Final = {"h": 3_600_000.0, "m": 60_000.0, "s": 1_000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_SPAN: Final = re.compile(r"([0-9.]+)(ms|us|ns|h|m|s)")


class PodMeasure(msgspec.Struct, frozen=True, gc=False):
    """What was measured of a pod, in thousandths, when, and over how long."""

    value: int
    at_ms: int
    window_ms: int


ByPod: TypeAlias = "dict[str, PodMeasure]"
Answer: TypeAlias = Document | Refusal


def span_ms(text_: str) -> int:
    """A span of time as Go writes it.

    >>> span_ms("15s"), span_ms("1m0.5s"), span_ms("")
    (15000, 60500, 0)
    """
    return int(sum(float(amount) * _UNITS[unit] for amount, unit in _SPAN.findall(text_)))


def question(
    metric: Metric, namespace: str, selector: Selector, caches: Caches
) -> ReadMetrics | str:
    """The reading that a metric needs, or why there can be none."""
    if metric.type in ("Resource", "ContainerResource"):
        return ReadMetrics("resource", "pods", namespace, label_selector=str(selector))
    chosen = ""
    if metric.selector is not None:
        series = read_selector(metric.selector)
        if isinstance(series, Failure):
            wrong: str = series.failure()
            return wrong
        chosen = str(series.unwrap())
    if metric.type == "Pods":
        return ReadMetrics(
            "custom", "pods", namespace, "", metric.name, str(selector), metric_selector=chosen
        )
    if metric.type == "External":
        return ReadMetrics("external", "", namespace, metric=metric.name, metric_selector=chosen)
    return _about_object(metric, namespace, chosen, caches)


def _about_object(metric: Metric, namespace: str, chosen: str, caches: Caches) -> ReadMetrics | str:
    api_version, kind = text(metric.described, "apiVersion"), text(metric.described, "kind")
    if kind == "Namespace" and "/" not in api_version:
        return ReadMetrics(
            "custom", "namespaces", "", namespace, metric.name, metric_selector=chosen
        )
    resource = resource_of_kind(caches, api_version, kind)
    if resource is None:
        group = api_version.rpartition("/")[0]
        qualified = f"{kind}.{group}" if group else kind
        why = f'no matches for kind "{kind}" in group "{group}"'
        return f"unable to map kind {qualified} to resource: {why}"
    name = text(metric.described, "name")
    return ReadMetrics("custom", resource, namespace, name, metric.name, metric_selector=chosen)


def resource_by_pod(answer: Answer, resource: str, container: str) -> ByPod | str:
    """What pods (or their containers of one name) use of a resource, or why that is not known."""
    if isinstance(answer, Refusal):
        return f"unable to fetch metrics from resource metrics API: {answer.message}"
    items = children(answer, "items")
    if not items:
        return "no metrics returned from resource metrics API"
    found: ByPod = {}
    for item in items:
        value = _used(item, resource, container)
        if value is not None:
            window = span_ms(text(item, "window"))
            found[text(item, "metadata", "name")] = PodMeasure(value, _at_ms(item), window)
    return found


def _used(item: Document, resource: str, container: str) -> int | None:
    total: int | None = None
    for one in children(item, "containers"):
        if container and text(one, "name") != container:
            continue
        amount = child(one, "usage").get(resource)
        if not isinstance(amount, str | int):
            return None
        total = (total or 0) + parse_quantity(amount).at_scale(-3)
    return total


def _at_ms(item: Document) -> int:
    said = text(item, "timestamp")
    return parse_time(said) if said else 0


def custom_by_pod(answer: Answer) -> ByPod | str:
    """What pods say of a metric, or why that is not known."""
    if isinstance(answer, Refusal):
        return f"unable to fetch metrics from custom metrics API: {answer.message}"
    items = children(answer, "items")
    if not items:
        return "no metrics returned from custom metrics API"
    return {
        text(item, "describedObject", "name"): PodMeasure(_value(item), _at_ms(item), _window(item))
        for item in items
    }


def _window(item: Document) -> int:
    seconds = item.get("windowSeconds")
    return seconds * 1_000 if isinstance(seconds, int) else DEFAULT_WINDOW_MS


def _value(item: Document) -> int:
    amount = item.get("value")
    return parse_quantity(amount).at_scale(-3) if isinstance(amount, str | int) else 0


def of_object(answer: Answer) -> int | str:
    """What one object says of a metric, or why that is not known."""
    prefix = "unable to fetch metrics from custom metrics API"
    if isinstance(answer, Refusal):
        return f"{prefix}: {answer.message}"
    items = children(answer, "items")
    if len(items) != 1:
        one = "results when we asked for exactly one"
        return f"{prefix}: the custom metrics API server returned {len(items)} {one}"
    return _value(items[0])


def external_sum(answer: Answer) -> int | str:
    """What all series of an external metric say together, or why that is not known."""
    if isinstance(answer, Refusal):
        return f"unable to fetch metrics from external metrics API: {answer.message}"
    items = children(answer, "items")
    return sum(map(_value, items)) if items else "no metrics returned from external metrics API"
