"""Rules of every object's metadata.

Source: kubernetes v1.36, apimachinery/pkg/api/validation/objectmeta.go and
pkg/apis/core/validation/validation.go, ValidateObjectMeta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kelm.core.api.resources import resource_info
from kelm.core.api.validation.addresses import ip_complaints
from kelm.core.api.validation.fields import IMMUTABLE, NEGATIVE, Rules, complaints
from kelm.core.api.validation.labels import label_map
from kelm.core.api.validation.names import (
    Complaints,
    as_prefix,
    dns1123_label,
    dns1123_subdomain,
    path_segment,
    qualified_name,
)
from kelm.core.api.validation.violation import (
    forbidden,
    invalid_value,
    quoted,
    required,
    too_long,
)
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, children, elements, number, strings, text

NameRule = Callable[[str], Complaints]

ANNOTATIONS_BYTES: Final = 256 * 1024
STANDARD_FINALIZERS: Final = ("kubernetes", "orphan", "foregroundDeletion")

NAME_RULES: Final[Mapping[Resource, NameRule]] = {
    "namespaces": dns1123_label,
    "services": dns1123_label,
    "statefulsets.apps": dns1123_label,
    "roles.rbac.authorization.k8s.io": path_segment,
    "rolebindings.rbac.authorization.k8s.io": path_segment,
    "clusterroles.rbac.authorization.k8s.io": path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": path_segment,
    "apiservices.apiregistration.k8s.io": path_segment,
    "certificatesigningrequests.certificates.k8s.io": path_segment,
    "ipaddresses.networking.k8s.io": ip_complaints,
}
"""Resources whose names are no plain DNS names."""


def metadata(doc: Document, resource: Resource, rule: NameRule | None = None) -> Rules:
    """The metadata of a new object, its name by the rule of its resource if none is given."""
    meta = child(doc, "metadata")
    prefix, name = text(meta, "generateName"), text(meta, "name")
    rule = rule or NAME_RULES.get(resource, dns1123_subdomain)
    if prefix:
        yield from complaints("metadata.generateName", prefix, as_prefix(rule, prefix))
    if name:
        yield from complaints("metadata.name", name, rule(name))
    else:
        yield required("metadata.name", "name or generateName is required")
    yield from _namespace(meta, resource)
    if number(meta, "generation") < 0:
        yield invalid_value("metadata.generation", number(meta, "generation"), NEGATIVE)
    if "labels" in meta:
        yield from label_map(meta, "metadata", "labels")
    if "annotations" in meta:
        yield from annotation_map(meta, "metadata")
    if "ownerReferences" in meta:
        yield from _owners(meta)
    if "finalizers" in meta:
        yield from _finalizers(meta)
        yield from _known_finalizers(doc)


def _namespace(meta: Document, resource: Resource) -> Rules:
    namespace, info = text(meta, "namespace"), resource_info(resource)
    if info is not None and not info.namespaced:
        if namespace:
            yield forbidden("metadata.namespace", "not allowed on this type")
    elif namespace:
        yield from complaints("metadata.namespace", namespace, dns1123_label(namespace))
    elif info is not None:
        yield required("metadata.namespace")


def annotation_map(meta: Document, path: str) -> Rules:
    """Keys are names in any case; all together are of bounded size."""
    found = child(meta, "annotations")
    if not found:
        return
    size = 0
    for key, value in sorted(found.items()):
        yield from complaints(f"{path}.annotations", key, qualified_name(key.lower()))
        size += len(key.encode()) + (len(value.encode()) if isinstance(value, str) else 0)
    if size > ANNOTATIONS_BYTES:
        yield too_long(f"{path}.annotations", ANNOTATIONS_BYTES)


def _owners(meta: Document) -> Rules:
    path = "metadata.ownerReferences"
    first = ""
    for owner in children(meta, "ownerReferences"):
        version, kind, name = (text(owner, key) for key in ("apiVersion", "kind", "name"))
        if not version or version.endswith("/"):
            yield invalid_value(f"{path}.apiVersion", version, "version must not be empty")
        for key in ("kind", "name", "uid"):
            if not text(owner, key):
                yield invalid_value(f"{path}.{key}", "", "must not be empty")
        if version == "v1" and kind == "Event":
            yield invalid_value(path, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller") is not True:
            continue
        if first:
            why = (
                'Only one reference can have Controller set to true. Found "true" in references '
                f"for {first} and {kind}/{name}"
            )
            yield invalid_value(path, meta.get("ownerReferences"), why)
        else:
            first = f"{kind}/{name}"


def _finalizers(meta: Document) -> Rules:
    found = elements(meta, "finalizers")
    for finalizer in found:
        yield from complaints("metadata.finalizers", finalizer, qualified_name(str(finalizer)))
    if "orphan" in found and "foregroundDeletion" in found:
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        yield invalid_value("metadata.finalizers", found, why)


JUDGED_AS_ANY_OBJECT: Final = frozenset(
    {"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"}
    | {"coordination.k8s.io"}
)
"""Groups whose finalizers may be words of any kind."""


def _known_finalizers(doc: Document) -> Rules:
    """A finalizer without a domain is one of Kubernetes' own.

    Source: pkg/apis/core/validation/validation.go, validateKubeFinalizerName.
    """
    if text(doc, "apiVersion").partition("/")[0] in JUDGED_AS_ANY_OBJECT:
        return
    for index, name in enumerate(elements(doc, "metadata", "finalizers")):
        yield from _known_finalizer(f"metadata.finalizers[{index}]", str(name))


def _known_finalizer(path: str, name: str) -> Rules:
    if "/" not in name and name not in STANDARD_FINALIZERS:
        why = "name is neither a standard finalizer name nor is it fully qualified"
        yield invalid_value(path, name, why)


def finalizer_name(path: str, name: str) -> Rules:
    yield from complaints(path, name, qualified_name(name))
    yield from _known_finalizer(path, name)


def metadata_update(old: Document, new: Document) -> Rules:
    """The metadata of an object that is to replace another, by the rules of its kind.

    What the system owns (times, generation, version) was put right before this is asked.
    """
    was, meta = child(old, "metadata"), child(new, "metadata")
    if was is meta:
        return
    yield from _metadata_update(was, meta)
    if was.get("finalizers") is not meta.get("finalizers"):
        yield from _known_finalizers(new)


def metadata_again(old: Document, new: Document, resource: Resource) -> Rules:
    """The metadata of a new version where a kind judges it as a new object's; nothing if shared."""
    if child(old, "metadata") is not child(new, "metadata"):
        yield from metadata(new, resource)


def any_metadata_update(old: Document, new: Document) -> Rules:
    """The same by the rules of every kind, which are asked first: those of new objects, too.

    Source: apiserver/pkg/registry/rest/update.go, validateCommonFields.
    """
    was, meta = child(old, "metadata"), child(new, "metadata")
    if was is meta:
        return
    prefix = text(meta, "generateName")
    if prefix:
        yield from complaints("metadata.generateName", prefix, as_prefix(path_segment, prefix))
    yield from _changed_maps_and_owners(was, meta)
    if was.get("finalizers") is not meta.get("finalizers"):
        yield from _finalizers(meta)
    yield from _metadata_update(was, meta)


def _metadata_update(was: Document, meta: Document) -> Rules:
    if was.get("deletionTimestamp"):
        yield from _new_finalizers(elements(was, "finalizers"), elements(meta, "finalizers"))
    if number(meta, "generation") < number(was, "generation"):
        why = "must not be decremented"
        yield invalid_value("metadata.generation", number(meta, "generation"), why)
    for key in ("name", "namespace", "uid"):
        if text(was, key) != text(meta, key):
            yield invalid_value(f"metadata.{key}", text(meta, key), IMMUTABLE)
    for key in ("creationTimestamp", "deletionTimestamp"):
        if meta.get(key) and was.get(key) != meta.get(key):
            yield invalid_value(f"metadata.{key}", meta.get(key), IMMUTABLE)
    yield from _changed_maps_and_owners(was, meta)


def _changed_maps_and_owners(was: Document, meta: Document) -> Rules:
    if any(was.get(key) is not meta.get(key) for key in ("labels", "annotations")):
        yield from label_map(meta, "metadata", "labels")
        yield from annotation_map(meta, "metadata")
    if was.get("ownerReferences") is not meta.get("ownerReferences"):
        yield from _owners(meta)


def _new_finalizers(old: tuple[object, ...], new: tuple[object, ...]) -> Rules:
    added = sorted({str(item) for item in new if item not in old})
    if added:
        listed = ", ".join(quoted(item) for item in added)
        why = (
            "no new finalizers can be added if the object is being deleted, found new finalizers "
            f"[]string{{{listed}}}"
        )
        yield forbidden("metadata.finalizers", why)


def annotation_of(meta: Document, key: str) -> str | None:
    """An annotation's value, None where there is none."""
    return strings(meta, "annotations").get(key) if "annotations" in meta else None
