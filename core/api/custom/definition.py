"""Custom resources: what a CustomResourceDefinition says, read once per version of it.

A definition's name is the name of its resource (`gadgets.example.com`), so the table of
definitions is the catalogue: finding a custom resource is one look-up.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/v1/types.go,
apimachinery/pkg/version/helpers.go (CompareKubeAwareVersionStrings).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from kelm.core.api.custom.selectable import paths_of
from kelm.core.api.resources import ALL_VERBS, RESOURCES, ResourceInfo
from kelm.core.store.store import Store
from kelm.effects.address import Resource
from kelm.effects.document import EMPTY, Document, child, children, flag, text

if TYPE_CHECKING:
    from kelm.core.api.custom.rules.compiled import Rules

DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


class CustomVersion(msgspec.Struct, frozen=True):
    """One version of a custom resource. `schema` is its openAPIV3Schema."""

    name: str
    served: bool
    storage: bool
    schema: Document
    status: bool
    scale: Document
    columns: tuple[Document, ...]
    deprecation: str
    rules: Rules | None = None
    """The compiled rules of the schema, None where it has none."""
    selectable: tuple[str, ...] = ()
    """The fields that field selectors may name."""


class CustomResource(msgspec.Struct, frozen=True):
    """A custom resource, its versions in the order of discovery."""

    info: ResourceInfo
    versions: tuple[CustomVersion, ...]
    keeps_unknown: bool = False
    conversion: Document = EMPTY

    @property
    def calls_out(self) -> bool:
        """Whether a webhook converts between the versions."""
        return text(self.conversion, "strategy") == "Webhook"

    def version(self, name: str) -> CustomVersion | None:
        return next((one for one in self.versions if one.name == name), None)

    @property
    def storage(self) -> CustomVersion:
        return next((one for one in self.versions if one.storage), self.versions[0])


def custom_resource(definition: Document) -> CustomResource | None:
    """What a definition defines, None where no version is served.

    >>> from kelm.effects.document import document
    >>> names = {"plural": "gadgets", "kind": "Gadget"}
    >>> one = {"name": "v1", "served": True, "storage": True}
    >>> spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [one]}
    >>> custom_resource(document({"spec": spec})).info.resource
    'gadgets.example.com'
    """
    try:
        known = definition.derived
    except AttributeError:
        known = None
    if isinstance(known, CustomResource):
        return known
    found = _read(child(definition, "spec"), child(definition, "status", "acceptedNames"))
    if found is not None:
        definition.derived = found
    return found


def _read(spec: Document, accepted: Document) -> CustomResource | None:
    """What a specification defines, under the names that were accepted."""
    versions = sorted(map(_version, children(spec, "versions")), key=lambda one: rank_of(one.name))
    served = tuple(one.name for one in versions if one.served)
    storage = next((one for one in versions if one.storage), None)
    if not served or storage is None:
        return None
    names = accepted if accepted.get("plural") else child(spec, "names")
    group = text(spec, "group")
    subresources = {"status"} if any(one.status for one in versions) else set()
    if any(one.scale for one in versions):
        subresources.add("scale")
    kind, plural = text(names, "kind"), text(names, "plural")
    info = ResourceInfo(
        resource=f"{plural}.{group}",
        group=group,
        version=storage.name,
        plural=plural,
        singular=text(names, "singular") or kind.lower(),
        kind=kind,
        namespaced=text(spec, "scope") != "Cluster",
        short_names=_texts(names, "shortNames"),
        categories=_texts(names, "categories"),
        subresources=frozenset(subresources),
        verbs=ALL_VERBS,
        api_version=f"{group}/{storage.name}",
        versions=served,
        selectable=tuple(path for one in versions if one.served for path in one.selectable),
    )
    return CustomResource(
        info, tuple(versions), flag(spec, "preserveUnknownFields"), child(spec, "conversion")
    )


def _texts(doc: Document, field: str) -> tuple[str, ...]:
    found = doc.get(field)
    return tuple(map(str, found)) if isinstance(found, tuple) else ()


def _version(doc: Document) -> CustomVersion:
    warning = ""
    if flag(doc, "deprecated"):
        warning = text(doc, "deprecationWarning") or "deprecated"
    return CustomVersion(
        text(doc, "name"),
        flag(doc, "served"),
        flag(doc, "storage"),
        child(doc, "schema", "openAPIV3Schema"),
        "status" in child(doc, "subresources"),
        child(doc, "subresources", "scale"),
        children(doc, "additionalPrinterColumns"),
        warning,
        _rules(child(doc, "schema", "openAPIV3Schema")),
        paths_of(doc),
    )


def _rules(schema: Document) -> Rules | None:
    """Compile a schema's rules. Most have none, and need nothing of expressions."""
    if not has_rules(schema):
        return None
    from kelm.core.api.custom.rules.compiled import compile_rules

    return compile_rules(schema)


def has_rules(schema: Document) -> bool:
    """Whether there are rules anywhere in a schema, what it combines left out."""
    if schema.get("x-kubernetes-validations"):
        return True
    parts = (schema.get("items"), schema.get("additionalProperties"))
    inner = (*parts, *child(schema, "properties").values())
    return any(has_rules(one) for one in inner if isinstance(one, Document))


def rank_of(version: str) -> tuple[int, int, int, int, str]:
    """Released versions before betas before alphas, newer ones first, then all others by name.

    >>> sorted(["v1alpha1", "foo", "v2beta1", "v1", "v10", "v1beta2"], key=rank_of)
    ['v10', 'v1', 'v2beta1', 'v1beta2', 'v1alpha1', 'foo']
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        return 1, 0, 0, 0, version
    major, stage, minor = match.groups()
    ranks = {None: 0, "beta": 1, "alpha": 2}
    return 0, ranks[stage], -int(major), -int(minor or 0), version


def condition_of(definition: Document, kind: str) -> Document:
    """What is said of a definition under a heading, empty where nothing is."""
    conditions = children(definition, "status", "conditions")
    return next((one for one in conditions if one.get("type") == kind), EMPTY)


def is_established(definition: Document) -> bool:
    """Whether the names of a definition were accepted at some time: it is served since."""
    return text(condition_of(definition, "Established"), "status") == "True"


def find_custom(store: Store, resource: Resource) -> CustomResource | None:
    """The custom resource of a name, None where there is none that is served."""
    definition = store.get(DEFINITIONS, resource)
    if definition is None or not is_established(definition):
        return None
    return custom_resource(definition)


def info_of(store: Store, resource: Resource) -> ResourceInfo | None:
    """What is known of a resource, built in or custom."""
    info = RESOURCES.get(resource)
    if info is not None:
        return info
    custom = find_custom(store, resource)
    return None if custom is None else custom.info


def custom_resources(store: Store) -> tuple[CustomResource, ...]:
    """All custom resources, by name."""
    table = store.table(DEFINITIONS)
    found = (find_custom(store, key) for key in table.sorted_keys())
    return tuple(one for one in found if one is not None)


def catalogue(store: Store) -> tuple[ResourceInfo, ...]:
    """Every resource that is served, the built-in ones first."""
    return (*RESOURCES.values(), *(custom.info for custom in custom_resources(store)))
