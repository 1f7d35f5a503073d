"""Where requests for a group's version go that somebody else serves.

A Service is reached by its cluster IP, through the service proxy. One that is only another name for
something outside of the cluster (`ExternalName`) is left by that name.

Source: kubernetes v1.36, apiserver/pkg/util/proxy/proxy.go (ResolveCluster).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.node.pods.dns import DOMAIN
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, child, children, number, text

USUAL_PORT: Final = 443


class Inside(msgspec.Struct, frozen=True):
    """An address of the cluster's own network."""

    host: str
    port: int


class Outside(msgspec.Struct, frozen=True):
    """A host that is not in the cluster."""

    host: str
    port: int


Backend: TypeAlias = Inside | Outside


def backend(store: Store, api_service: Document) -> Backend | str:
    """Where an APIService's requests go, or why nowhere.

    >>> backend(Store(), Document(spec=Document(service=Document(name="a", namespace="b"))))
    'service "a" not found'
    """
    service = child(api_service, "spec", "service")
    name, namespace = text(service, "name"), text(service, "namespace")
    port = number(service, "port") or USUAL_PORT
    found = store.get("services", key_of(namespace, name))
    if found is None:
        return f'service "{name}" not found'
    if text(found, "spec", "type") == "ExternalName":
        external = text(found, "spec", "externalName")
        inside = external.endswith(f".{DOMAIN}")
        return Inside(external, port) if inside else Outside(external, port)
    if not any(number(one, "port") == port for one in children(found, "spec", "ports")):
        return f'no service port {port} found for service "{name}"'
    address = text(found, "spec", "clusterIP")
    if address in ("", "None"):
        return f'cannot route to service with ClusterIP "{address}"'
    return Inside(address, port)


def group_path(api_service: Document) -> str:
    """Where a group's version has its resources listed."""
    spec = child(api_service, "spec")
    return f"/apis/{text(spec, 'group')}/{text(spec, 'version')}"
