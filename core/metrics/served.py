"""What the metrics APIs serve, as discovery says it.

The two resources of metrics.k8s.io are always there. A custom metric is a resource of its own
(`pods/hits`), and so is an external one: they are those that were offered as loads.

Source: kubernetes-sigs/metrics-server v0.8, pkg/api/install.go;
kubernetes-sigs/custom-metrics-apiserver v1.33, pkg/dynamicmapper, pkg/registry.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.resources import ResourceInfo
from kelm.core.metrics.loads import OUTSIDE, Loads

GROUP: Final = "metrics.k8s.io"
VERSION: Final = "metrics.k8s.io/v1beta1"
CUSTOM: Final = "custom.metrics.k8s.io"
CUSTOM_VERSION: Final = "custom.metrics.k8s.io/v1beta2"
EXTERNAL: Final = "external.metrics.k8s.io"
EXTERNAL_VERSION: Final = "external.metrics.k8s.io/v1beta1"
VERSIONS: Final = {GROUP: VERSION, CUSTOM: CUSTOM_VERSION, EXTERNAL: EXTERNAL_VERSION}


def metric_info(
    group: str, plural: str, kind: str, verbs: tuple[str, ...], *, namespaced: bool = True
) -> ResourceInfo:
    """A resource of one of the metrics APIs."""
    version = VERSIONS[group]
    return ResourceInfo(
        resource=f"{plural}.{group}",
        group=group,
        version=version.rpartition("/")[2],
        plural=plural,
        singular="",
        kind=kind,
        namespaced=namespaced,
        short_names=(),
        categories=(),
        subresources=frozenset(),
        verbs=verbs,
        api_version=version,
    )


MEASURED: Final = {
    "nodes": metric_info(GROUP, "nodes", "NodeMetrics", ("get", "list"), namespaced=False),
    "pods": metric_info(GROUP, "pods", "PodMetrics", ("get", "list")),
}
"""What metrics.k8s.io serves, by the plural of what is measured."""


def metric_infos(loads: Loads) -> tuple[ResourceInfo, ...]:
    """Everything that the metrics APIs serve now.

    >>> from kelm.core.metrics.loads import Load
    >>> queue = Loads().offered("external", "shop", "queue", Load("queue", ((0, 1),)))
    >>> [info.resource for info in metric_infos(queue)]
    ['nodes.metrics.k8s.io', 'pods.metrics.k8s.io', 'queue.external.metrics.k8s.io']
    """
    found = dict.fromkeys(MEASURED.values())
    for target in sorted(loads.of):
        resource = target.partition("/")[0]
        for load in loads.of[target]:
            if resource == OUTSIDE:
                kind = "ExternalMetricValueList"
                found[metric_info(EXTERNAL, load.metric, kind, ("get",))] = None
            elif load.metric not in ("cpu", "memory"):
                for one in dict.fromkeys((resource, "pods")):
                    plural = f"{one}/{load.metric}"
                    found[metric_info(CUSTOM, plural, "MetricValueList", ("get",))] = None
    return tuple(found)
