"""custom.metrics.k8s.io and external.metrics.k8s.io: what objects and the outside say of a metric.

A pod's value is what its containers report and its share of its loads; another object's is the
load that it was given. External series belong to nobody; their loads have labels.

Source: k8s.io/metrics v0.36, pkg/apis/custom_metrics/v1beta2/types.go,
pkg/apis/external_metrics/v1beta1/types.go; kubernetes-sigs/custom-metrics-apiserver v1.33,
pkg/provider/errors.go (refusals).
"""

from __future__ import annotations

from collections.abc import Iterable

from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.custom.definition import info_of
from kelm.core.api.fields import read_selectors
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.listing import chosen
from kelm.core.api.verbs.request import Answer
from kelm.core.metrics.loads import OUTSIDE, value_at
from kelm.core.metrics.resource import candidates, local_pod
from kelm.core.metrics.samples import reported, sampled_ms
from kelm.core.metrics.served import CUSTOM_VERSION, EXTERNAL_VERSION
from kelm.core.metrics.sharing import Scene, Sharing
from kelm.core.objects.meta import metadata
from kelm.core.objects.quantity import milli_quantity
from kelm.core.objects.selectors.text import parse_selector
from kelm.core.objects.time import format_time
from kelm.effects.address import key_of
from kelm.effects.commands import ReadMetrics
from kelm.effects.document import EMPTY, Document, Json, strings
from kelm.effects.refusals import Reason, Refusal


def read_custom(scene: Scene, command: ReadMetrics) -> Answer:
    """A metric of an object, or of all that the selectors choose."""
    info = info_of(scene.store, command.resource)
    if info is None:
        return refuse.no_such_resource()
    docs = _described(scene, info, command)
    if isinstance(docs, Refusal):
        return docs
    at_ms = sampled_ms(scene.now_ms)
    sharing, items = Sharing(scene, at_ms), []
    for doc in docs:
        value = _value(scene, sharing, info, doc, command.metric, at_ms)
        if value is not None:
            items.append(_item(info, doc, command, value, at_ms))
    if not items:
        return metric_not_found(info, command)
    return Document(
        kind="MetricValueList", apiVersion=CUSTOM_VERSION, metadata=EMPTY, items=tuple(items)
    )


def metric_not_found(info: ResourceInfo, command: ReadMetrics) -> Refusal:
    """Nobody knows the metric of this resource, or of this object."""
    named = f" {command.name}" if command.name else ""
    message = f"the server could not find the metric {command.metric} for {info.resource}{named}"
    return Refusal(Reason.NOT_FOUND, message)


def _described(
    scene: Scene, info: ResourceInfo, command: ReadMetrics
) -> Iterable[Document] | Refusal:
    namespace = command.namespace if info.namespaced else ""
    if command.name:
        doc = scene.store.get(info.resource, key_of(namespace, command.name))
        return () if doc is None else (doc,)
    selectors = read_selectors(info, command.label_selector, command.field_selector)
    if isinstance(selectors, Refusal):
        return selectors
    found = candidates(scene, info.resource, namespace, selectors[0].equal)
    return sorted(
        (doc for doc in found if chosen(info, selectors, doc)), key=lambda doc: metadata(doc).key
    )


def _value(
    scene: Scene, sharing: Sharing, info: ResourceInfo, doc: Document, metric: str, at_ms: int
) -> int | None:
    """The value of an object's metric in thousandths, None where it has none."""
    if info.resource != "pods":
        loads = scene.loads.at(info.resource, metadata(doc).key)
        own = [value_at(load.steps, at_ms) for load in loads if load.metric == metric]
        return sum(own) if own else None
    local = local_pod(scene, doc)
    said = None if local is None else reported(local, metric, at_ms)
    shared = [
        value_at(load.steps, at_ms) // among
        for load, among in (sharing.of(doc, metric) if local is not None else ())
    ]
    return said if not shared else (said or 0) + sum(shared)


def _item(
    info: ResourceInfo, doc: Document, command: ReadMetrics, value: int, at_ms: int
) -> Document:
    meta = metadata(doc)
    described: dict[str, Json] = {"kind": info.kind}
    if meta.namespace:
        described["namespace"] = meta.namespace
    described |= {"name": meta.name, "apiVersion": f"{info.group}/{info.version}"}
    return Document(
        describedObject=Document(described),
        metric=Document(name=command.metric, selector=None),
        timestamp=format_time(at_ms),
        value=str(milli_quantity(value)),
    )


def read_external(scene: Scene, command: ReadMetrics) -> Answer:
    """Every series of an external metric that the selector chooses."""
    read = parse_selector(command.metric_selector)
    if isinstance(read, Failure):
        return refuse.bad_request(read.failure())
    selector, at_ms = read.unwrap(), sampled_ms(scene.now_ms)
    items = tuple(
        Document(
            metricName=command.metric,
            metricLabels=load.labels,
            timestamp=format_time(at_ms),
            value=str(milli_quantity(value_at(load.steps, at_ms))),
        )
        for load in scene.loads.at(OUTSIDE, key_of(command.namespace, command.metric))
        if selector.matches(strings(load.labels)) and load.steps[0][0] <= at_ms
    )
    return Document(
        kind="ExternalMetricValueList", apiVersion=EXTERNAL_VERSION, metadata=EMPTY, items=items
    )
