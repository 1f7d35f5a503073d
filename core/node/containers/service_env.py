"""The variables with which a container finds the Services of its namespace.

Source: kubernetes v1.36, pkg/kubelet/envvars/envvars.go; pkg/kubelet/kubelet_pods.go
(getServiceEnvVarMap).
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.objects.meta import metadata
from kelm.effects.document import Document, children, number, text

Variables = list[tuple[str, str]]


def service_variables(service: Document) -> Variables:
    """The variables of one Service, in order; none for one without a cluster IP.

    >>> spec = Document(clusterIP="1.2.3.4", ports=(Document(port=80),))
    >>> service_variables(Document(metadata=Document(name="web"), spec=spec))[:2]
    [('WEB_SERVICE_HOST', '1.2.3.4'), ('WEB_SERVICE_PORT', '80')]
    """
    ip = text(service, "spec", "clusterIP")
    if ip in ("", "None"):
        return []
    name = _variable(metadata(service).name)
    ports = children(service, "spec", "ports")
    found = [(f"{name}_SERVICE_HOST", ip)]
    if ports:
        found.append((f"{name}_SERVICE_PORT", str(number(ports[0], "port"))))
    found += [
        (f"{name}_SERVICE_PORT_{_variable(text(port, 'name'))}", str(number(port, "port")))
        for port in ports
        if text(port, "name")
    ]
    return found + _link_variables(name, ip, ports)


def _link_variables(name: str, ip: str, ports: tuple[Document, ...]) -> Variables:
    """The family of variables that Docker's links had."""
    host = f"[{ip}]" if ":" in ip else ip
    found: Variables = []
    for index, port in enumerate(ports):
        protocol, value = text(port, "protocol", default="TCP"), number(port, "port")
        prefix = f"{name}_PORT_{value}_{protocol.upper()}"
        url = f"{protocol.lower()}://{host}:{value}"
        if index == 0:
            found.append((f"{name}_PORT", url))
        found += [
            (prefix, url),
            (f"{prefix}_PROTO", protocol.lower()),
            (f"{prefix}_PORT", str(value)),
            (f"{prefix}_ADDR", ip),
        ]
    return found


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def environment_of_services(
    services: Iterable[Document], namespace: str, *, links: bool
) -> dict[str, str]:
    """What a pod of a namespace is told of Services.

    Always `kubernetes` of the namespace `default`; with `links` all of the pod's own namespace,
    and of two with one name its own.
    """
    chosen: dict[str, Document] = {}
    for service in services:
        meta = metadata(service)
        if text(service, "spec", "clusterIP") in ("", "None"):
            continue
        if meta.namespace == namespace and links:
            chosen[meta.name] = service
        elif meta.namespace == "default" and meta.name == "kubernetes":
            chosen.setdefault(meta.name, service)
    return {key: value for one in chosen.values() for key, value in service_variables(one)}
