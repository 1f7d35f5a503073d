"""APIServices: which there are from the beginning, and whether one can be used.

Source: kubernetes v1.36, pkg/controlplane/apiserver/aggregator.go (priorities, registration),
cmd/kube-apiserver/app/server.go, kube-aggregator/pkg/controllers/status and autoregister,
pkg/controlplane/controller/crdregistration/crdregistration_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.custom.definition import custom_resource, is_established
from kelm.core.api.resources import RESOURCES, served_versions
from kelm.core.objects.service import SERVICE_NAME
from kelm.effects.address import key_of
from kelm.effects.document import Document, child, children, flag, number, text
from kelm.effects.messages import Cache

API_SERVICES: Final = "apiservices.apiregistration.k8s.io"
MANAGED: Final = "kube-aggregator.kubernetes.io/automanaged"
GROUP_PRIORITIES: Final = {
    "": 18_000,
    "apps": 17_800,
    "events.k8s.io": 17_750,
    "authentication.k8s.io": 17_700,
    "authorization.k8s.io": 17_600,
    "autoscaling": 17_500,
    "batch": 17_400,
    "certificates.k8s.io": 17_300,
    "networking.k8s.io": 17_200,
    "policy": 17_100,
    "rbac.authorization.k8s.io": 17_000,
    "storage.k8s.io": 16_800,
    "apiextensions.k8s.io": 16_700,
    "admissionregistration.k8s.io": 16_700,
    "scheduling.k8s.io": 16_600,
    "coordination.k8s.io": 16_500,
    "node.k8s.io": 16_300,
    "resource.k8s.io": 16_200,
    "discovery.k8s.io": 16_200,
    "flowcontrol.apiserver.k8s.io": 16_100,
}
VERSION_PRIORITIES: Final = {
    ("", "v1"): 1,
    ("autoscaling", "v2"): 30,
    ("flowcontrol.apiserver.k8s.io", "v1"): 21,
    ("resource.k8s.io", "v1"): 21,
}
USUAL_VERSION: Final = 15
OF_CUSTOM: Final = (1_000, 100)
"""The priorities of a group and a version that custom resources make."""


class Registration(msgspec.Struct, frozen=True):
    """What an APIService says. `managed`: "onstart" for what is built in, "true" for what comes
    and goes with custom resources.
    """

    group: str
    version: str
    managed: str
    priorities: tuple[int, int]

    @property
    def name(self) -> str:
        return f"{self.version}.{self.group}"

    def document(self) -> Document:
        """The object to create."""
        group_priority, version_priority = self.priorities
        labels = Document({MANAGED: self.managed})
        spec = Document(
            group=self.group,
            version=self.version,
            groupPriorityMinimum=group_priority,
            versionPriority=version_priority,
        )
        return Document(
            apiVersion="apiregistration.k8s.io/v1",
            kind="APIService",
            metadata=Document(name=self.name, labels=labels),
            spec=spec,
        )


def built_in() -> tuple[Registration, ...]:
    """What this API server serves itself, by name.

    >>> [one.name for one in built_in()][:3]
    ['v1.', 'v1.admissionregistration.k8s.io', 'v1.apiextensions.k8s.io']
    """
    found = {
        (info.group, version) for info in RESOURCES.values() for version in served_versions(info)
    }
    return tuple(
        Registration(
            group,
            version,
            "onstart",
            (
                GROUP_PRIORITIES[group],
                VERSION_PRIORITIES.get((group, version), USUAL_VERSION),
            ),
        )
        for group, version in sorted(found, key=lambda one: f"{one[1]}.{one[0]}")
        if group in GROUP_PRIORITIES
    )


def of_definitions(definitions: Iterable[Document]) -> dict[str, Registration]:
    """What custom resources add, by name."""
    found = {}
    for definition in definitions:
        custom = custom_resource(definition) if is_established(definition) else None
        for one in () if custom is None else custom.versions:
            if one.served and custom is not None:
                made = Registration(custom.info.group, one.name, "true", OF_CUSTOM)
                found[made.name] = made
    return found


LOCAL: Final = ("True", "Local", "Local APIServices are always available")
PASSED: Final = ("True", "Passed", "all checks passed")


def availability(service: Document, services: Cache, slices: Cache) -> tuple[str, str, str]:
    """Status, reason and message of an APIService's condition Available, before it is asked.

    `PASSED` is said of one that is to be asked whether it answers.
    """
    backend = child(service, "spec").get("service")
    if not isinstance(backend, Document):
        return LOCAL
    name, namespace = text(backend, "name"), text(backend, "namespace")
    called = f'service/{name} in "{namespace}"'
    found = services.get(key_of(namespace, name))
    if found is None:
        return "False", "ServiceNotFound", f"{called} is not present"
    if text(found, "spec", "type") != "ClusterIP":
        return PASSED
    wanted = number(backend, "port") or 443
    ports = [one for one in children(found, "spec", "ports") if number(one, "port") == wanted]
    if not ports:
        return "False", "ServicePortError", f"{called} is not listening on port {wanted}"
    held = tuple(slices.select("label", f"{namespace}/{SERVICE_NAME}={name}"))
    if not held:
        return "False", "EndpointsNotFound", f"cannot find endpointslices for {called}"
    port_name = text(ports[0], "name")
    if not any(_has_address(one, port_name) for one in held):
        missing = f'endpointslices for {called} have no addresses with port name "{port_name}"'
        return "False", "MissingEndpoints", missing
    return PASSED


def _has_address(piece: Document, port_name: str) -> bool:
    if not any(text(port, "name") == port_name for port in children(piece, "ports")):
        return False
    return any(
        flag(one, "conditions", "ready", default=True) for one in children(piece, "endpoints")
    )
