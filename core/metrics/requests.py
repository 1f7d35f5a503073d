"""The metrics APIs over HTTP: which reading a request asks for.

    /apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=app=web
    /apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits
    /apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/services/web/hits
    /apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue?labelSelector=team=a

Source: k8s.io/metrics v0.36, pkg/client/custom_metrics/versioned_client.go,
pkg/client/external_metrics/client.go (the addresses).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api import refuse
from kelm.core.api.rest.address import Address, Target, target_of
from kelm.core.api.rest.media import negotiate
from kelm.core.api.rest.plan import verb_of
from kelm.core.api.rest.query import flag_of, text_of
from kelm.core.api.rest.request import Ask, HttpRequest
from kelm.core.metrics.served import (
    CUSTOM,
    EXTERNAL,
    GROUP,
    MEASURED,
    VERSIONS,
    metric_info,
)
from kelm.effects.commands import ReadMetrics
from kelm.effects.refusals import Refusal

ALL: Final = "*"
"""The name that stands for every object of a resource."""
OF_NAMESPACE: Final = "metrics"
"""`namespaces/shop/metrics/hits` is a metric of the namespace itself."""


def serves_metrics(group: str, version: str) -> bool:
    """Whether a group version is one of the metrics APIs."""
    return VERSIONS.get(group) == f"{group}/{version}"


def measured(address: Address) -> Target | None:
    """What an address of the metrics APIs names, None where it is none of theirs.

    >>> from kelm.core.api.rest.address import read_address
    >>> where = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits"
    >>> measured(read_address(where)).info.kind
    'MetricValueList'
    """
    if not serves_metrics(address.group, address.version):
        return None
    if address.group == GROUP:
        info = MEASURED.get(address.plural)
    else:
        kind = "MetricValueList" if address.group == CUSTOM else "ExternalMetricValueList"
        info = metric_info(address.group, address.plural, kind, ("get", "list"))
    if info is None or (address.namespace and not info.namespaced):
        return None
    return target_of(address, info)


def is_measured(target: Target) -> bool:
    """Whether a request goes to one of the metrics APIs."""
    return target.info.group in VERSIONS


def reading(target: Target, request: HttpRequest) -> Ask | Refusal:
    """The reading that a request asks for."""
    if verb_of(target, request) not in ("get", "list") or target.rest:
        return refuse.method_not_allowed()
    agent = request.user_agent
    indent = flag_of(request.query, "pretty") or agent.startswith(("curl", "Wget", "Mozilla"))
    media = negotiate(request.accept, indent=indent)
    if isinstance(media, Refusal):
        return media
    command = _command(target, request)
    return command if isinstance(command, Refusal) else Ask(command, target, media)


def _command(target: Target, request: HttpRequest) -> ReadMetrics | Refusal:
    plural, namespace, name, metric = (
        target.info.plural,
        target.namespace,
        target.name,
        target.subresource,
    )
    labels = text_of(request.query, "labelSelector")
    if target.info.group == EXTERNAL:
        named = "" if name or metric else plural
        return _found(named, ReadMetrics("external", "", namespace, "", named, "", "", labels))
    fields = text_of(request.query, "fieldSelector")
    if target.info.group == GROUP:
        alone = bool(name) and target.info.namespaced and not namespace
        found = "" if metric or alone else plural
        return _found(found, ReadMetrics("resource", plural, namespace, name, "", labels, fields))
    if plural == OF_NAMESPACE and not metric:
        plural, name, metric = "namespaces", namespace, name
    which = text_of(request.query, "metricLabelSelector")
    one = "" if name == ALL else name
    command = ReadMetrics("custom", plural, namespace, one, metric, labels, fields, which)
    return _found(metric, command)


def _found(named: str, command: ReadMetrics) -> ReadMetrics | Refusal:
    return command if named else refuse.no_such_resource()
