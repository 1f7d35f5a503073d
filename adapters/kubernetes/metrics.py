"""Readings of metrics as HTTP requests to the metrics APIs, and what is said where there are none.

They are served by whoever registered for them (metrics-server, an adapter of a monitoring system),
so a cluster may have all of them or none.

Source: kubernetes v1.36, k8s.io/metrics/pkg/client (the addresses, and the errors of clients);
client-go/rest/request.go.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from returns.result import Failure, Success

from kelm.adapters.kubernetes.requests.calls import Call
from kelm.effects.commands import MetricsApi, ReadMetrics
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

ROOTS: Final[dict[MetricsApi, str]] = {
    "resource": "/apis/metrics.k8s.io/v1beta1",
    "custom": "/apis/custom.metrics.k8s.io/v1beta2",
    "external": "/apis/external.metrics.k8s.io/v1beta1",
}


def metrics_call(command: ReadMetrics) -> Call:
    """The request of a reading.

    >>> hits = ReadMetrics("custom", "pods", "shop", metric="hits", label_selector="app=web")
    >>> metrics_call(hits).path, metrics_call(hits).query
    ('/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits', \
(('labelSelector', 'app=web'),))
    """
    where = f"/namespaces/{quote(command.namespace, safe='')}" if command.namespace else ""
    name = quote(command.name, safe="")
    queries = [
        ("labelSelector", command.label_selector),
        ("fieldSelector", command.field_selector),
        ("metricLabelSelector", command.metric_selector),
    ]
    if command.api == "external":
        steps, queries = [quote(command.metric, safe="")], [("labelSelector", queries[2][1])]
    elif command.api == "custom" and command.resource == "namespaces":
        steps = ["metrics", quote(command.metric, safe="")]
        where = f"/namespaces/{name}"
    elif command.api == "custom":
        steps = [command.resource, name or "*", quote(command.metric, safe="")]
    else:
        steps = [command.resource, name] if name else [command.resource]
    path = f"{ROOTS[command.api]}{where}/{'/'.join(steps)}"
    return Call("GET", path, tuple(pair for pair in queries if pair[1]), repeatable=True)


def read_outcome(command: ReadMetrics, outcome: Outcome) -> Outcome:
    """An outcome with the words of Kubernetes' clients where an API is not there at all."""
    if isinstance(outcome, Success):
        return outcome
    refusal = outcome.failure()
    if refusal.reason is not Reason.NOT_FOUND or "page not found" not in refusal.message:
        return outcome
    if command.api == "custom":
        said = "no custom metrics API (custom.metrics.k8s.io) registered"
    else:
        group = "metrics.k8s.io" if command.api == "resource" else "external.metrics.k8s.io"
        what = command.resource if command.api == "resource" else command.metric
        said = f"the server could not find the requested resource (get {what}.{group})"
    return Failure(Refusal(Reason.NOT_FOUND, said))
