"""Which kinds of objects there are, the custom ones included, for the controllers of all kinds.

Source: kubernetes v1.36, pkg/controller/garbagecollector (GetDeletableResources),
apimachinery/pkg/api/meta/restmapper.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, child, children, flag, text

CUSTOM_DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
KindName: TypeAlias = tuple[str, str]
"""apiVersion and kind."""

_UNSEEN = frozenset({"events", "events.events.k8s.io"})
"""What garbage collection ignores: there is much of it, and nobody owns it."""


class Kind(msgspec.Struct, frozen=True, gc=False):
    """One kind's resource. `is_custom`: its objects know no strategic merge patches."""

    resource: Resource
    plural: str
    group: str
    version: str
    namespaced: bool
    verbs: tuple[str, ...]
    is_custom: bool = False

    def key(self, namespace: str, name: str) -> Key:
        """The key of the object of this kind that `namespace` refers to by this name."""
        return key_of(namespace if self.namespaced else "", name)


class Kinds(msgspec.Struct, frozen=True):
    """All kinds. The mapping is made once and never changed."""

    by_name: Mapping[KindName, Kind]

    @property
    def all(self) -> tuple[Kind, ...]:
        """Each resource once."""
        found = {kind.resource: kind for kind in self.by_name.values()}
        return tuple(found.values())

    def watched(self) -> tuple[Resource, ...]:
        """The resources whose objects may own, be owned and be collected."""
        needed = {"delete", "list", "watch"}
        return tuple(
            kind.resource
            for kind in self.all
            if needed <= set(kind.verbs) and kind.resource not in _UNSEEN
        )


def _built_in(info: ResourceInfo) -> Kind:
    return Kind(info.resource, info.plural, info.group, info.version, info.namespaced, info.verbs)


BUILT_IN: Final = Kinds(
    {
        (f"{info.group}/{version}" if info.group else version, info.kind): _built_in(info)
        for info in RESOURCES.values()
        for version in served_versions(info)
    }
)


def with_custom(definitions: Iterable[Document]) -> Kinds:
    """The built-in kinds and those of these CustomResourceDefinitions."""
    found = dict(BUILT_IN.by_name)
    for definition in definitions:
        found.update(_custom(child(definition, "spec")))
    return Kinds(found)


def _custom(spec: Document) -> dict[KindName, Kind]:
    group, plural = text(spec, "group"), text(spec, "names", "plural")
    verbs = BUILT_IN.by_name["v1", "ConfigMap"].verbs
    namespaced = text(spec, "scope") != "Cluster"
    versions = [text(one, "name") for one in children(spec, "versions") if flag(one, "served")]
    return {
        (f"{group}/{version}", text(spec, "names", "kind")): Kind(
            f"{plural}.{group}", plural, group, versions[0], namespaced, verbs, is_custom=True
        )
        for version in versions
    }
