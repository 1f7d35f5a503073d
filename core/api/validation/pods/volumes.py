"""Rules of a pod's volumes, and of claims.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateVolumes,
validateVolumeSource).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kelm.core.api.validation.fields import (
    Rules,
    at,
    complaints,
    has_text,
    items,
    relative_path,
    whole_number,
)
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.pods.env import VOLUME_FIELDS, field_reference, resource_reference
from kelm.core.api.validation.resources import quantity_at
from kelm.core.api.validation.storage.sources import source_rules
from kelm.core.api.validation.violation import (
    Violation,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, text

SOURCES: Final = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs",
    "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte",
    "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO",
    "csi", "ephemeral", "image",
)  # fmt: skip
PROJECTIONS: Final = (
    "secret", "downwardAPI", "configMap", "serviceAccountToken", "clusterTrustBundle",
    "podCertificate",
)  # fmt: skip
MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"

Volumes = Mapping[str, Document]


def volumes(spec: Document, path: str) -> tuple[list[Violation], Volumes]:
    """What is wrong with a pod's volumes, and those that may be mounted, by name."""
    found: list[Violation] = []
    good: dict[str, Document] = {}
    for here, volume in items(spec, path, "volumes"):
        wrong = [*_source(volume, here)]
        name = text(volume, "name")
        if name:
            wrong.extend(complaints(at(here, "name"), name, dns1123_label(name)))
        else:
            wrong.append(required(at(here, "name")))
        if name in good:
            wrong.append(duplicate(at(here, "name"), name))
        if not wrong:
            good[name] = volume
        found.extend(wrong)
    return found, good


def _source(volume: Document, path: str) -> Rules:
    present = [key for key in SOURCES if isinstance(volume.get(key), Document)]
    if not present:
        yield required(path, "must specify a volume type")
        return
    rule = _SOURCE_RULES.get(present[0])
    if rule is not None:
        yield from rule(child(volume, present[0]), at(path, present[0]))
    yield from source_rules(present[0], child(volume, present[0]), path, in_pod=True)
    for key in present[1:]:
        yield forbidden(at(path, key), "may not specify more than 1 volume type")


def _empty_dir(source: Document, path: str) -> Rules:
    limit = quantity_at(source, "sizeLimit")
    if limit is not None and limit.unscaled < 0:
        why = "SizeLimit field must be a valid resource quantity"
        yield forbidden(at(path, "sizeLimit"), why)


def _mode(source: Document, path: str, key: str) -> Rules:
    mode = whole_number(source, key)
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid_value(at(path, key), mode, MODE)


def _keys_to_paths(source: Document, path: str) -> Rules:
    for here, item in items(source, path, "items"):
        yield from has_text(item, here, "key")
        yield from _file_path(item, here)
        yield from _mode(item, here, "mode")


def _file_path(item: Document, path: str) -> Rules:
    where = text(item, "path")
    if where:
        yield from relative_path(at(path, "path"), where)
        if where.startswith(".."):
            yield invalid_value(at(path, "path"), where, "must not start with '..'")
    else:
        yield required(at(path, "path"))


def _secret(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "secretName")
    yield from _mode(source, path, "defaultMode")
    yield from _keys_to_paths(source, path)


def _config_map(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "name")
    yield from _mode(source, path, "defaultMode")
    yield from _keys_to_paths(source, path)


def _downward(source: Document, path: str) -> Rules:
    yield from _mode(source, path, "defaultMode")
    for here, item in items(source, path, "items"):
        yield from _downward_file(item, here)


def _downward_file(item: Document, path: str) -> Rules:
    yield from _file_path(item, path)
    field = isinstance(item.get("fieldRef"), Document)
    resource = isinstance(item.get("resourceFieldRef"), Document)
    if field:
        yield from field_reference(child(item, "fieldRef"), at(path, "fieldRef"), VOLUME_FIELDS)
        if resource:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield invalid_value(path, "resource", why)
    elif resource:
        reference = child(item, "resourceFieldRef")
        yield from resource_reference(reference, at(path, "resourceFieldRef"), in_volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(item, path, "mode")


def _projected(source: Document, path: str) -> Rules:
    yield from _mode(source, path, "defaultMode")
    taken: set[str] = set()
    for here, projection in items(source, path, "sources"):
        present = [key for key in PROJECTIONS if isinstance(projection.get(key), Document)]
        if not present:
            yield required(here, "must specify one of the following: " + ", ".join(PROJECTIONS[:4]))
            continue
        place = at(here, present[0])
        yield from _projection(present[0], child(projection, present[0]), place, taken)
        for key in present[1:]:
            yield forbidden(at(here, key), "may not specify more than 1 volume type")


def _projection(kind: str, source: Document, path: str, taken: set[str]) -> Rules:
    if kind in ("secret", "configMap"):
        yield from has_text(source, path, "name")
        yield from _keys_to_paths(source, path)
    elif kind == "downwardAPI":
        for here, item in items(source, path, "items"):
            yield from _downward_file(item, here)
    elif kind == "serviceAccountToken":
        yield from _token(source, path)
    paths = [text(item, "path") for _, item in items(source, path, "items")]
    for where in [*paths, text(source, "path")]:
        if where and where in taken:
            yield invalid_value(path, where, f"conflicting duplicate paths: {where}")
        taken.add(where)


def _token(source: Document, path: str) -> Rules:
    seconds = whole_number(source, "expirationSeconds") or 0
    if seconds < 600:
        yield invalid_value(
            at(path, "expirationSeconds"),
            seconds,
            "may not specify a duration less than 10 minutes",
        )
    elif seconds > 1 << 32:
        yield invalid_value(
            at(path, "expirationSeconds"),
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        )
    yield from has_text(source, path, "path")


def _claim(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "claimName")


def _ephemeral(source: Document, path: str) -> Rules:
    template = source.get("volumeClaimTemplate")
    here = at(path, "volumeClaimTemplate")
    if not isinstance(template, Document):
        yield required(here)
        return
    yield from claim_spec(child(template, "spec"), at(here, "spec"))


ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def claim_spec(spec: Document, path: str) -> Rules:
    """What a claim asks for.

    Source: validation.go, ValidatePersistentVolumeClaimSpec.
    """
    modes = elements(spec, "accessModes")
    if not modes:
        yield required(at(path, "accessModes"), "at least 1 access mode is required")
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield not_supported(at(path, "accessModes"), mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        yield forbidden(at(path, "accessModes"), why)
    asked = at(path, "resources[storage]")
    storage = quantity_at(child(spec, "resources", "requests"), "storage")
    if storage is None:
        yield required(asked)
    elif storage.unscaled <= 0:
        yield invalid_value(asked, str(storage), "must be greater than zero")
    class_name = text(spec, "storageClassName")
    if class_name:
        here = at(path, "storageClassName")
        yield from complaints(here, class_name, dns1123_subdomain(class_name))
    mode_name = spec.get("volumeMode")
    if mode_name is not None and mode_name not in ("Block", "Filesystem"):
        yield not_supported(at(path, "volumeMode"), str(mode_name), ("Block", "Filesystem"))


def _csi(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "driver")


_SOURCE_RULES: Final[dict[str, Callable[[Document, str], Rules]]] = {
    "emptyDir": _empty_dir,
    "secret": _secret,
    "configMap": _config_map,
    "downwardAPI": _downward,
    "projected": _projected,
    "persistentVolumeClaim": _claim,
    "ephemeral": _ephemeral,
    "csi": _csi,
}
