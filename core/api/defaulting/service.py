"""Defaults of Services and of the addresses behind them.

Source: kubernetes v1.36, pkg/apis/core/v1/defaults.go (SetDefaults_Service) and
pkg/apis/discovery/v1/defaults.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.defaulting.fill import absent, filled, with_each, with_made, with_part
from kelm.core.api.defaulting.pod import with_metadata
from kelm.core.api.defaulting.tidy import tidy
from kelm.effects.document import Document, child, elements, value_at

AFFINITY_SECONDS: Final = 10_800


def service(doc: Document) -> Document:
    return with_ingress_modes(with_made(with_metadata(doc), "spec", service_spec))


def with_ingress_modes(doc: Document) -> Document:
    """A Service with the way in which traffic comes from each address of its load balancer."""
    if child(doc, "spec").get("type") != "LoadBalancer":
        return doc
    return with_part(doc, "status", lambda it: with_part(it, "loadBalancer", _load_balancer))


def _load_balancer(status: Document) -> Document:
    return with_each(
        status, "ingress", lambda it: filled(it, (("ipMode", "VIP"),)) if it.get("ip") else it
    )


def service_spec(spec: Document) -> Document:
    spec = filled(tidy(spec), (("sessionAffinity", "None"), ("type", "ClusterIP")))
    spec = with_each(_with_affinity(spec), "ports", _service_port)
    if is_externally_accessible(spec):
        spec = filled(spec, (("externalTrafficPolicy", "Cluster"),))
    if spec["type"] in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec = filled(spec, (("internalTrafficPolicy", "Cluster"),))
    if spec["type"] == "LoadBalancer":
        spec = filled(spec, (("allocateLoadBalancerNodePorts", True),))
    return spec


def is_externally_accessible(spec: Document) -> bool:
    """Whether traffic from outside may come to a Service.

    Source: pkg/api/v1/service/util.go, ExternallyAccessible.
    """
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (
        kind == "ClusterIP" and bool(elements(spec, "externalIPs"))
    )


def _with_affinity(spec: Document) -> Document:
    affinity = spec["sessionAffinity"]
    if affinity == "None" and "sessionAffinityConfig" in spec:
        rest = {key: value for key, value in spec.items() if key != "sessionAffinityConfig"}
        return Document(rest)
    timeout = value_at(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    if affinity != "ClientIP" or timeout is not None:
        return spec
    client = Document(clientIP=Document(timeoutSeconds=AFFINITY_SECONDS))
    return Document({**spec, "sessionAffinityConfig": client})


def _service_port(port: Document) -> Document:
    full = filled(port, (("protocol", "TCP"),))
    if not absent(full, "targetPort") and full["targetPort"] != 0:
        return full
    return Document({**full, "targetPort": full.get("port", 0)})


def endpoints(doc: Document) -> Document:
    def subset(it: Document) -> Document:
        return with_each(it, "ports", lambda port: filled(port, (("protocol", "TCP"),)))

    return with_each(with_metadata(doc), "subsets", subset)


def endpoint_slice(doc: Document) -> Document:
    return with_each(with_metadata(doc), "ports", _endpoint_port)


def _endpoint_port(port: Document) -> Document:
    named = port if port.get("name") is not None else Document({**port, "name": ""})
    return filled(named, (("protocol", "TCP"),))
