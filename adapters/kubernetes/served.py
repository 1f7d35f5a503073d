"""Which resources an API server serves, and under which path: its discovery, read as data.

Programs name resources as kubectl does (`deployments.apps`); a server may serve fewer than kelm
knows, more (custom resources), or others of the same name in another version.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/types.go (APIResourceList),
api/apidiscovery/v2 (aggregated discovery).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec

from kelm.core.api.resources import resource_info
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, children, strings, text


class Served(msgspec.Struct, frozen=True):
    """One resource in the version that is spoken with this server."""

    resource: Resource
    api_version: str
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or a subresource.

        >>> pods = Served("pods", "v1", "pods", "Pod", True)
        >>> pods.path("default", "web", "status"), pods.path()
        ('/api/v1/namespaces/default/pods/web/status', '/api/v1/pods')
        >>> Served("nodes", "v1", "nodes", "Node", False).path(name="n/1")
        '/api/v1/nodes/n%2F1'
        """
        root = "/apis/" if "/" in self.api_version else "/api/"
        where = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        steps = (self.plural, *(quote(step, safe="") for step in (name, subresource) if step))
        return f"{root}{self.api_version}{where}/{'/'.join(steps)}"


Catalogue = Mapping[Resource, Served]


def from_lists(lists: Iterable[Document]) -> dict[Resource, Served]:
    """What `APIResourceList`s say, the preferred version of each group first.

    >>> listed = Document(groupVersion="apps/v1", resources=(
    ...     Document(name="deployments", kind="Deployment", namespaced=True),
    ...     Document(name="deployments/scale", kind="Scale", namespaced=True)))
    >>> sorted(from_lists([listed]))
    ['deployments.apps']
    """
    found: dict[Resource, Served] = {}
    for one in lists:
        api_version = text(one, "groupVersion")
        for each in children(one, "resources"):
            plural = text(each, "name")
            if "/" not in plural:
                _note(found, api_version, plural, text(each, "kind"), each.get("namespaced"))
    return found


def from_aggregated(groups: Document) -> dict[Resource, Served]:
    """What an `APIGroupDiscoveryList` says.

    >>> one = Document(resource="pods", scope="Namespaced", responseKind=Document(kind="Pod"))
    >>> version = Document(version="v1", resources=(one,))
    >>> group = Document(metadata=Document(), versions=(version,))
    >>> from_aggregated(Document(items=(group,)))["pods"].kind
    'Pod'
    """
    found: dict[Resource, Served] = {}
    for group in children(groups, "items"):
        name = strings(group, "metadata").get("name", "")
        for version in children(group, "versions"):
            word = text(version, "version")
            api_version = f"{name}/{word}" if name else word
            for each in children(version, "resources"):
                kind = text(child(each, "responseKind"), "kind")
                namespaced = each.get("scope") == "Namespaced"
                _note(found, api_version, text(each, "resource"), kind, namespaced)
    return found


def _note(
    found: dict[Resource, Served], api_version: str, plural: str, kind: str, namespaced: object
) -> None:
    """Keep the version that kelm's Programs speak, else the first."""
    group, _, _ = api_version.rpartition("/")
    resource = f"{plural}.{group}" if group else plural
    known = resource_info(resource)
    if resource not in found or (known is not None and known.api_version == api_version):
        found[resource] = Served(resource, api_version, plural, kind, namespaced is True)


def built_in(resource: Resource) -> Served | None:
    """A resource of Kubernetes v1.36 as its API server serves it.

    >>> built_in("deployments.apps").path("default")
    '/apis/apps/v1/namespaces/default/deployments'
    """
    info = resource_info(resource)
    if info is None:
        return None
    return Served(resource, info.api_version, info.plural, info.kind, info.namespaced)
