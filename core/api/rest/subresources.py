"""What may be done with a subresource, and which kind it reads and writes.

Source: discovery of a Kubernetes v1.36 API server.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.resources import ResourceInfo

CHANGED: Final = ("get", "patch", "update")
CONNECTED: Final = ("create", "get")
PROXIED: Final = ("create", "delete", "get", "patch", "update")


class Subresource(msgspec.Struct, frozen=True):
    """Its kind ("" for that of its resource), the kind's group version, and the verbs."""

    kind: str = ""
    api_version: str = ""
    verbs: tuple[str, ...] = CHANGED


_COMMON: Final[dict[str, Subresource]] = {
    "status": Subresource(),
    "approval": Subresource(),
    "ephemeralcontainers": Subresource(),
    "resize": Subresource(),
    "scale": Subresource("Scale", "autoscaling/v1"),
    "finalize": Subresource(verbs=("update",)),
    "binding": Subresource("Binding", "", ("create",)),
    "eviction": Subresource("Eviction", "policy/v1", ("create",)),
    "token": Subresource("TokenRequest", "authentication.k8s.io/v1", ("create",)),
    "log": Subresource(verbs=("get",)),
    "attach": Subresource("PodAttachOptions", "", CONNECTED),
    "exec": Subresource("PodExecOptions", "", CONNECTED),
    "portforward": Subresource("PodPortForwardOptions", "", CONNECTED),
}
CONNECTIONS: Final = frozenset({"attach", "exec", "portforward", "proxy", "log"})
"""These lead to a machine; the API server only passes them on."""


def subresource_of(info: ResourceInfo, name: str) -> Subresource | None:
    """What a resource has under this name, None for nothing.

    >>> from kelm.core.api.resources import RESOURCES
    >>> subresource_of(RESOURCES["deployments.apps"], "scale").kind
    'Scale'
    >>> subresource_of(RESOURCES["configmaps"], "scale") is None
    True
    """
    if name not in info.subresources:
        return None
    if name == "proxy":
        return Subresource(f"{info.kind}ProxyOptions", "", PROXIED)
    return _COMMON.get(name, Subresource())
