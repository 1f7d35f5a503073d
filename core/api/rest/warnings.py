"""What to tell whoever wrote an object that is accepted, and not quite right.

Warnings are about the object as it is stored now; deprecated versions of kinds are `answer`'s.

Source: kubernetes v1.36, pkg/api/{service,persistentvolume}/, pkg/registry/*/*/strategy.go
(WarningsOnCreate, WarningsOnUpdate), pkg/registry/batch/job/storage/storage.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kelm.core.api.validation.violation import quoted
from kelm.effects.address import Resource
from kelm.effects.commands import Command, Create, Delete, DeleteCollection, Patch, Update
from kelm.effects.document import Document, child, elements, text

Warnings = Iterator[str]
PODS_STAY: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
    "to remove them or set propagationPolicy=Orphan to suppress this warning"
)
TOKENS: Final = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
    "prevent possible logging of tokens in volume attributes"
)
RECYCLED: Final = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
    "recommended approach is to use dynamic provisioning."
)
DRIVERS: Final = "csidrivers.storage.k8s.io"
NO_PLUGINS: Final = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
"""Sources of volumes that nothing mounts any more."""


def warnings_before(command: Command) -> tuple[str, ...]:
    """What to tell whoever asks, whatever comes of it.

    >>> warnings_before(Delete("jobs.batch", "shop", "pi"))[0][:24]
    'child pods are preserved'
    >>> warnings_before(Delete("jobs.batch", "shop", "pi", propagation_policy="Orphan"))
    ()
    """
    if isinstance(command, Delete | DeleteCollection) and command.resource == "jobs.batch":
        return () if command.propagation_policy else (PODS_STAY,)
    return ()


def warnings_after(command: Command, doc: Document) -> tuple[str, ...]:
    """What to tell whoever wrote an object that is now as `doc`."""
    if not isinstance(command, Create | Update | Patch) or command.subresource:
        return ()
    if command.resource == DRIVERS:
        return tuple(_driver(doc)) if isinstance(command, Create) else ()
    rule = _RULES.get(command.resource)
    return () if rule is None else tuple(rule(doc))


def _service(doc: Document) -> Warnings:
    spec = child(doc, "spec")
    kind, outside = text(spec, "type"), elements(spec, "externalIPs")
    if "service.kubernetes.io/topology-aware-hints" in child(doc, "metadata", "annotations"):
        yield (
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
            "service.kubernetes.io/topology-mode instead"
        )
    headless = kind == "ClusterIP" and text(spec, "clusterIP") == "None"
    if headless:
        yield from _ignored_without_address(spec)
    elif outside and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if kind == "ExternalName" and outside:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if kind != "ExternalName" and text(spec, "externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if text(spec, "trafficDistribution") == "PreferClose":
        yield (
            f"spec.trafficDistribution: {quoted('PreferClose')} is deprecated; use "
            f"{quoted('PreferSameZone')}"
        )


def _ignored_without_address(spec: Document) -> Warnings:
    if text(spec, "loadBalancerIP"):
        yield "spec.loadBalancerIP is ignored for headless services"
    if elements(spec, "externalIPs"):
        yield "spec.externalIPs is ignored for headless services"
    if text(spec, "sessionAffinity") != "None":
        yield "spec.SessionAffinity is ignored for headless services"


def _driver(doc: Document) -> Warnings:
    spec = child(doc, "spec")
    if elements(spec, "tokenRequests") and spec.get("serviceAccountTokenInSecrets") is None:
        yield TOKENS


def _volume(doc: Document) -> Warnings:
    spec = child(doc, "spec")
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle":
        yield RECYCLED
    for key, words in NO_PLUGINS.items():
        if isinstance(spec.get(key), Document):
            yield f"spec.{'storageOS' if key == 'storageos' else key}: {words}"


_RULES: Final[dict[Resource, Callable[[Document], Warnings]]] = {
    "services": _service,
    "persistentvolumes": _volume,
}
