"""Which resources there are and how they are called.

A resource is named as kubectl names it, plural and group (`deployments.apps`). Everything that
differs between resources in *behaviour* is in `strategies.py`; here are only their names.

Source: discovery of a Kubernetes v1.36 API server; kubectl's resolution of names is
apimachinery/pkg/api/meta/restmapper.go and client-go/restmapper/shortcut.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.resource_data import ROWS, Row
from kelm.effects.address import Resource

ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
OTHER_VERSIONS: Final = {"horizontalpodautoscalers.autoscaling": ("v1",)}
"""Versions that are served beside the preferred one."""


class ResourceInfo(msgspec.Struct, frozen=True):
    """One resource's names and what may be asked of it."""

    resource: Resource
    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    subresources: frozenset[str]
    verbs: tuple[str, ...]
    api_version: str
    versions: tuple[str, ...] = ()
    """The served versions of a custom resource; built-in ones are in OTHER_VERSIONS."""
    selectable: tuple[str, ...] = ()
    """The fields that selectors of a custom resource may name, beside its name and namespace."""

    @property
    def qualified_kind(self) -> str:
        """The kind as refusals name it: `Deployment.apps`, `Pod`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def _info(api_version: str, row: Row) -> ResourceInfo:
    group, _, version = api_version.rpartition("/")
    plural, kind, namespaced, short, categories, subresources, verbs = row
    return ResourceInfo(
        resource=f"{plural}.{group}" if group else plural,
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        namespaced=namespaced,
        short_names=tuple(short.split()),
        categories=tuple(categories.split()),
        subresources=frozenset(subresources.split()),
        verbs=tuple(verbs.split()) or ALL_VERBS,
        api_version=api_version,
    )


RESOURCES: Final[dict[Resource, ResourceInfo]] = {
    info.resource: info
    for api_version, rows in ROWS.items()
    for info in (_info(api_version, row) for row in rows)
}
"""Every built-in resource, the core group first."""

_BY_KIND: Final = {(info.group, info.kind): info for info in RESOURCES.values()}


def resource_info(resource: Resource) -> ResourceInfo | None:
    """What is known of a resource, None where there is none of this name.

    >>> info = resource_info("deployments.apps")
    >>> info.kind, info.api_version, info.namespaced
    ('Deployment', 'apps/v1', True)
    """
    return RESOURCES.get(resource)


def of_kind(api_version: str, kind: str) -> ResourceInfo | None:
    """The resource that a manifest's `apiVersion` and `kind` name.

    >>> of_kind("discovery.k8s.io/v1", "EndpointSlice").resource
    'endpointslices.discovery.k8s.io'
    >>> of_kind("apps/v1beta1", "Deployment") is None
    True
    """
    group, _, version = api_version.rpartition("/")
    info = _BY_KIND.get((group, kind))
    return info if info is not None and version in served_versions(info) else None


def served_versions(info: ResourceInfo) -> tuple[str, ...]:
    """The versions under which a resource is served, the preferred one first."""
    return info.versions or (info.version, *OTHER_VERSIONS.get(info.resource, ()))


def find_resource(word: str) -> ResourceInfo | None:
    """The resource that a person means: plural, singular, kind or short name, perhaps a group.

    Where two groups have the word (`events`), the first in discovery's order is meant; a group
    may be shortened (`deploy.apps`, `ing.networking`).

    >>> [find_resource(word).resource for word in ("po", "Deployment", "events", "deploy.apps")]
    ['pods', 'deployments.apps', 'events', 'deployments.apps']
    """
    name, _, group = word.lower().partition(".")
    for info in RESOURCES.values():
        named = name in (info.plural, info.singular) or name in info.short_names
        if named and info.group.startswith(group):
            return info
    return None


def in_category(category: str) -> tuple[ResourceInfo, ...]:
    """The resources of a category such as `all`, in discovery's order."""
    return tuple(info for info in RESOURCES.values() if category in info.categories)
