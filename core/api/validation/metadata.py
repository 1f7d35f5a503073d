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
    "ipaddresses.networking.k8s.io": ip_complaints,
}
"""Resources whose names are no plain DNS names."""


def metadata(doc: Document, resource: Resource) -> Rules:
    """The metadata of a new object."""
    meta = child(doc, "metadata")
    prefix, name = text(meta, "generateName"), text(meta, "name")
    rule = NAME_RULES.get(resource, dns1123_subdomain)
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
    controllers = []
    for owner in children(meta, "ownerReferences"):
        if not (owner.get("kind") and owner.get("name") and owner.get("uid")):
            yield from _nameless(owner, path)
        version = text(owner, "apiVersion")
        if not version or version.endswith("/"):
            yield invalid_value(f"{path}.apiVersion", version, "version must not be empty")
        if version == "v1" and owner.get("kind") == "Event":
            yield invalid_value(path, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller") is True:
            controllers.append(text(owner, "name"))
    if len(controllers) > 1:
        why = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        yield invalid_value(path, meta.get("ownerReferences"), why)


def _nameless(owner: Document, path: str) -> Rules:
    for key in ("kind", "name", "uid"):
        if not text(owner, key):
            yield invalid_value(f"{path}.{key}", "", f"{key} must not be empty")


def _finalizers(meta: Document) -> Rules:
    found = elements(meta, "finalizers")
    for index, finalizer in enumerate(found):
        yield from finalizer_name(f"metadata.finalizers[{index}]", str(finalizer))
    if "orphan" in found and "foregroundDeletion" in found:
        why = 'finalizer "orphan" and finalizer "foregroundDeletion" cannot be both set'
        yield invalid_value("metadata.finalizers", found, why)


def finalizer_name(path: str, name: str) -> Rules:
    yield from complaints(path, name, qualified_name(name))
    if "/" not in name and name not in STANDARD_FINALIZERS:
        why = "name is neither a standard finalizer name nor is it fully qualified"
        yield invalid_value(path, name, why)


def metadata_update(old: Document, new: Document) -> Rules:
    """The metadata of an object that is to replace another.

    What the system owns (times, generation, version) was put right before this is asked.
    """
    was, meta = child(old, "metadata"), child(new, "metadata")
    if was is meta:
        return
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
    if was.get("labels") is not meta.get("labels") or (
        was.get("annotations") is not meta.get("annotations")
    ):
        yield from label_map(meta, "metadata", "labels")
        yield from annotation_map(meta, "metadata")
    if was.get("ownerReferences") is not meta.get("ownerReferences"):
        yield from _owners(meta)
    if was.get("finalizers") is not meta.get("finalizers"):
        yield from _finalizers(meta)


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
