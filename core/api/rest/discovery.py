"""Discovery: which groups, versions and resources are served, in upstream's two forms.

The plain form is a document a group version; the aggregated one is everything in two documents,
and what clients ask for first.

Source: kubernetes v1.36, apiserver/pkg/endpoints/discovery (group.go, version.go, root.go) and
discovery/aggregated (handler.go); staging/src/k8s.io/api/apidiscovery/v2/types.go.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, TypeAlias

from kelm.core.api.custom.definition import rank_of
from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.core.api.rest.subresources import subresource_of
from kelm.core.api.stored import stored_resource
from kelm.effects.document import EMPTY, Document, Json

Infos: TypeAlias = "tuple[ResourceInfo, ...]"
BUILT_IN: Final[Infos] = tuple(RESOURCES.values())
STORAGE_VERSIONS: Final = {
    "customresourcedefinitions.apiextensions.k8s.io": "v1beta1",
    "mutatingadmissionpolicies.admissionregistration.k8s.io": "v1beta1",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": "v1beta1",
}
"""Where upstream stores another version than the preferred one."""
GROUP_ORDER: Final = (
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)
"""Groups in the order of their priority, by which clients resolve short names."""


def groups(infos: Infos = BUILT_IN) -> tuple[str, ...]:
    """The named groups that are served, in discovery's order."""
    served = {info.group for info in infos if info.group}
    return (*(one for one in GROUP_ORDER if one in served), *sorted(served - set(GROUP_ORDER)))


def versions(group: str, infos: Infos = BUILT_IN) -> tuple[str, ...]:
    """The versions of a group, the preferred one first.

    >>> versions("autoscaling")
    ('v2', 'v1')
    """
    found: dict[str, None] = {}
    custom = False
    for info in infos:
        if info.group == group:
            found.update(dict.fromkeys(served_versions(info)))
            custom = custom or bool(info.versions)
    return tuple(sorted(found, key=rank_of)) if custom else tuple(found)


def _resources(group: str, version: str, infos: Infos) -> list[ResourceInfo]:
    return sorted(
        (info for info in infos if info.group == group and version in served_versions(info)),
        key=lambda info: info.plural,
    )


# -- plain -------------------------------------------------------------------------------------


def api_versions(address: str) -> Document:
    """`/api`: the versions of the core group, and where the server is."""
    where = Document(clientCIDR="0.0.0.0/0", serverAddress=address)
    return Document(kind="APIVersions", versions=versions(""), serverAddressByClientCIDRs=(where,))


def api_groups(infos: Infos = BUILT_IN) -> Document:
    """`/apis`: every named group with its versions."""
    found = tuple(_group(group, infos) for group in groups(infos))
    return Document(kind="APIGroupList", apiVersion="v1", groups=found)


def api_group(group: str, infos: Infos = BUILT_IN) -> Document | None:
    """`/apis/GROUP`, None where there is none of this name."""
    if not group or not versions(group, infos):
        return None
    return Document({"kind": "APIGroup", "apiVersion": "v1", **_group(group, infos)})


def _group(group: str, infos: Infos) -> Document:
    named = tuple(
        Document(groupVersion=f"{group}/{version}", version=version)
        for version in versions(group, infos)
    )
    return Document(name=group, versions=named, preferredVersion=named[0])


def api_resources(group: str, version: str, infos: Infos = BUILT_IN) -> Document | None:
    """`/apis/GROUP/VERSION`: the resources and subresources, None where nothing is served.

    >>> api_resources("policy", "v1")["resources"][1]["name"]
    'poddisruptionbudgets/status'
    """
    found = _resources(group, version, infos)
    if not found:
        return None
    rows = tuple(row for info in found for row in _rows(info))
    if not group:
        return Document(kind="APIResourceList", groupVersion=version, resources=rows)
    return Document(
        kind="APIResourceList",
        apiVersion="v1",
        groupVersion=f"{group}/{version}",
        resources=rows,
    )


def storage_version_hash(info: ResourceInfo) -> str:
    """How clients notice that a resource is stored in another version; "" if it is not stored.

    Source: discovery/storageversionhash.go.

    >>> storage_version_hash(RESOURCES["pods"])
    'xPOwRZ+Yhw8='
    """
    if "watch" not in info.verbs:
        return ""
    resource = stored_resource(info)
    kept = RESOURCES.get(resource, info)
    version = STORAGE_VERSIONS.get(resource, kept.version)
    digest = sha256(f"{kept.group}/{version}/{kept.kind}".encode()).digest()
    return b64encode(digest[:8]).decode()


def _rows(info: ResourceInfo) -> Iterable[Document]:
    row: dict[str, Json] = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": info.verbs,
    }
    kept = storage_version_hash(info)
    stored_as = {"storageVersionHash": kept} if kept else {}
    yield Document({**row, **_nicknames(info), **stored_as})
    for name in sorted(info.subresources):
        found = subresource_of(info, name)
        assert found is not None
        group, _, version = found.api_version.rpartition("/")
        of_another = {"group": group, "version": version} if group else {}
        yield Document(
            {
                "name": f"{info.plural}/{name}",
                "singularName": "",
                "namespaced": info.namespaced,
                **of_another,
                "kind": found.kind or info.kind,
                "verbs": found.verbs,
            }
        )


def _nicknames(info: ResourceInfo) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    if info.short_names:
        fields["shortNames"] = info.short_names
    if info.categories:
        fields["categories"] = info.categories
    return fields


# -- aggregated --------------------------------------------------------------------------------


def aggregated(core: bool, infos: Infos = BUILT_IN) -> Document:
    """`/api` (core) or `/apis` as one document of everything.

    >>> aggregated(core=True)["items"][0]["versions"][0]["version"]
    'v1'
    """
    named = ("",) if core else groups(infos)
    items = tuple(_aggregated_group(group, infos) for group in named)
    return Document(
        kind="APIGroupDiscoveryList",
        apiVersion="apidiscovery.k8s.io/v2",
        metadata=EMPTY,
        items=items,
    )


def _aggregated_group(group: str, infos: Infos) -> Document:
    return Document(
        metadata=Document(name=group) if group else EMPTY,
        versions=tuple(
            _aggregated_version(group, version, infos) for version in versions(group, infos)
        ),
    )


def _aggregated_version(group: str, version: str, infos: Infos) -> Document:
    return Document(
        version=version,
        resources=tuple(_aggregated_row(info) for info in _resources(group, version, infos)),
        freshness="Current",
    )


def _response_kind(kind: str, api_version: str = "") -> Document:
    group, _, version = api_version.rpartition("/")
    return Document(group=group, version=version, kind=kind)


def _aggregated_row(info: ResourceInfo) -> Document:
    row: dict[str, Json] = {
        "resource": info.plural,
        "responseKind": _response_kind(info.kind),
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": info.verbs,
        **_nicknames(info),
    }
    if info.subresources:
        row["subresources"] = tuple(_sub_row(info, name) for name in sorted(info.subresources))
    return Document(row)


def _sub_row(info: ResourceInfo, name: str) -> Document:
    found = subresource_of(info, name)
    assert found is not None
    kind = _response_kind(found.kind or info.kind, found.api_version)
    return Document(subresource=name, responseKind=kind, verbs=found.verbs)
