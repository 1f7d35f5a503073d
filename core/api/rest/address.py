"""What the path of a request means: the grammar of the Kubernetes API's addresses.

    /api/v1/namespaces/default/pods/web-1/log
    /apis/apps/v1/deployments

A path is read without knowing which resources there are; `resolve` then says whether there is
such a resource, and under which of its served versions.

Source: kubernetes v1.36, apiserver/pkg/endpoints/request/requestinfo.go (NewRequestInfo).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.custom.definition import (
    CustomVersion,
    catalogue,
    find_custom,
    info_of,
)
from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.core.store.store import Store

EMPTY_STORE: Final = Store()
BUILT_IN_GROUPS: Final = frozenset(info.group for info in RESOURCES.values())
OF_NAMESPACES: Final = frozenset({"status", "finalize"})
"""Behind `namespaces/NAME` these are subresources; everything else is a resource in it."""


class Address(msgspec.Struct, frozen=True):
    """Where a request goes. `plural` is empty where it is a group version as a whole.

    watch: the path has the old `/watch/` prefix.
    rest: what follows a subresource (`proxy` hands it on).
    """

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    watch: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The resource's name as kubectl has it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Target(msgspec.Struct, frozen=True):
    """An address whose resource exists; `version` is the one that was asked for."""

    info: ResourceInfo
    api_version: str
    namespace: str
    name: str
    subresource: str
    rest: str = ""
    watch: bool = False
    custom: CustomVersion | None = None
    """What its definition says of a custom resource in this version."""


def read_address(path: str) -> Address | None:
    """The parts of a path below /api or /apis, None where it is too short or something else.

    >>> read_address("/apis/apps/v1/namespaces/shop/deployments/web/scale")
    Address(group='apps', version='v1', plural='deployments', namespace='shop', name='web', \
subresource='scale', rest='', watch=False)
    >>> read_address("/api/v1/namespaces/shop").plural, read_address("/healthz")
    ('namespaces', None)
    """
    if path.startswith("//"):
        return None
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) >= 2:
        group, version, steps = "", steps[1], steps[2:]
    elif steps[0] == "apis" and len(steps) >= 3:
        group, version, steps = steps[1], steps[2], steps[3:]
    else:
        return None
    watch = len(steps) > 1 and steps[0] == "watch"
    if watch:
        steps = steps[1:]
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces" and steps[2] not in OF_NAMESPACES:
        namespace, steps = steps[1], steps[2:]
    plural, name, subresource = (*steps[:3], "", "", "")[:3]
    rest = "/".join(steps[3:])
    return Address(group, version, plural, namespace, name, subresource, rest, watch)


def resolve(address: Address, store: Store = EMPTY_STORE) -> Target | None:
    """The resource that an address names, None where nothing is served there.

    `store` has the definitions of custom resources.

    >>> resolve(read_address("/apis/apps/v1/deployments")).info.kind
    'Deployment'
    >>> resolve(read_address("/apis/apps/v1/namespaces/shop/nodes")) is None
    True
    >>> resolve(read_address("/api/v1/pods/one")) is None
    True
    """
    info = info_of(store, address.resource)
    if info is None or address.version not in served_versions(info):
        return None
    if address.namespace and not info.namespaced:
        return None
    if address.subresource and address.subresource not in info.subresources:
        return None
    if address.rest and address.subresource != "proxy":
        return None
    if address.name and info.namespaced and not address.namespace:
        return None
    return target_of(address, info, _custom(store, info, address.version))


def target_of(address: Address, info: ResourceInfo, custom: CustomVersion | None = None) -> Target:
    """An address of a resource that exists."""
    return Target(
        info,
        address.api_version,
        address.namespace,
        address.name,
        address.subresource,
        address.rest,
        address.watch,
        custom,
    )


def _custom(store: Store, info: ResourceInfo, version: str) -> CustomVersion | None:
    found = find_custom(store, info.resource) if info.versions else None
    return None if found is None else found.version(version)


def segment_fault(name: str) -> str:
    """Why a name cannot stand in an address, "" where it can.

    Source: apimachinery/pkg/api/validation/path/name.go, IsValidPathSegmentName.

    >>> segment_fault(".."), segment_fault("a%b"), segment_fault("a.b")
    ("may not be '..'", "may not contain '%'", '')
    """
    if name in (".", ".."):
        return f"may not be '{name}'"
    return ";".join(f"may not contain '{one}'" for one in "/%" if one in name)


def is_built_in(group: str) -> bool:
    """Whether a group is one that every API server has, in whatever version.

    >>> is_built_in(""), is_built_in("apps"), is_built_in("example.com")
    (True, True, False)
    """
    return group in BUILT_IN_GROUPS


def serves(group: str, version: str, store: Store = EMPTY_STORE) -> bool:
    """Whether anything is served under a group version.

    >>> serves("apps", "v1"), serves("autoscaling", "v1"), serves("apps", "v1beta1")
    (True, True, False)
    """
    return any(
        info.group == group and version in served_versions(info) for info in catalogue(store)
    )
