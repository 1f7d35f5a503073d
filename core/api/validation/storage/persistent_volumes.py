"""Rules of PersistentVolumes.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidatePersistentVolume).
"""

from __future__ import annotations

from collections.abc import Callable
from posixpath import normpath
from typing import Final

from kelm.core.api.validation.difference import difference
from kelm.core.api.validation.fields import (
    IMMUTABLE,
    Rules,
    at,
    complaints,
    has_text,
    no_backsteps,
)
from kelm.core.api.validation.internal.form import form
from kelm.core.api.validation.metadata import metadata, metadata_again
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.pods.affinity import node_selector
from kelm.core.api.validation.pods.volumes import ACCESS_MODES
from kelm.core.api.validation.resources import quantity_at
from kelm.core.api.validation.storage.sources import source_rules
from kelm.core.api.validation.violation import (
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kelm.effects.document import Document, Json, child, elements, text, without

VOLUMES: Final = "persistentvolumes"
SOURCES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd",
    "quobyte", "cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi",
)  # fmt: skip
RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")
MODES: Final = ("Block", "Filesystem")
NOT_INLINE: Final = "may not be specified in the context of inline volumes"
SECRETS: Final = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)


def volume_create(doc: Document) -> Violations:
    return (*metadata(doc, VOLUMES), *volume_spec(child(doc, "spec"), "spec"))


def volume_update(old: Document, new: Document) -> Violations:
    """Where the data is stays; the claim, the class and what the disk is like may change.

    Source: validation.go, ValidatePersistentVolumeUpdate.
    """
    was, spec = child(old, "spec"), child(new, "spec")
    return (*metadata_again(old, new, VOLUMES), *volume_spec(spec, "spec"), *_kept(was, spec))


def _kept(was: Document, spec: Document) -> Rules:
    if "controllerExpandSecretRef" not in child(was, "csi"):
        spec = without(spec, ("csi", "controllerExpandSecretRef"))
    before, after = form("PersistentVolumeSource", was), form("PersistentVolumeSource", spec)
    if before != after:
        why = "spec.persistentvolumesource is immutable after creation"
        lines = difference(before, after)
        yield forbidden("spec.persistentvolumesource", f"{why}\n{lines}")
    if was.get("volumeMode") != spec.get("volumeMode"):
        yield invalid_value("volumeMode", spec.get("volumeMode"), IMMUTABLE)
    yield from _kept_affinity(was.get("nodeAffinity"), spec.get("nodeAffinity"))
    key = "volumeAttributesClassName"
    if was.get(key) is not None and spec.get(key) is None:
        yield forbidden(f"spec.{key}", "update from non-nil value to nil is forbidden")


GENERALLY_AVAILABLE: Final = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
"""What labels of nodes are called since they are no beta."""


def _kept_affinity(was: Json, now: Json) -> Rules:
    """Where a volume can be reached from stays, but for the names of labels.

    Source: validation.go, validatePvNodeAffinity.
    """
    if not isinstance(was, Document):
        return
    shown = form("VolumeNodeAffinity", now) if isinstance(now, Document) else None
    if shown is None or _renamed(form("VolumeNodeAffinity", was), shown) != shown:
        why = f"{IMMUTABLE}, except for updating from beta label to GA"
        yield invalid_value("nodeAffinity", shown, why)


def _renamed(was: Json, now: Json) -> Json:
    """The old value with those names of labels that the new one has in their place."""
    if isinstance(was, Document) and isinstance(now, Document):
        return Document({key: _renamed(value, now.get(key)) for key, value in was.items()})
    if isinstance(was, tuple) and isinstance(now, tuple) and len(was) == len(now):
        return tuple(_renamed(one, two) for one, two in zip(was, now, strict=True))
    return now if isinstance(was, str) and GENERALLY_AVAILABLE.get(was) == now else was


def volume_spec(spec: Document, path: str, *, inline: bool = False) -> Rules:
    """What a volume is: its own object's, or one that an attachment brings along.

    >>> [one.text for one in volume_spec(Document(), "spec", inline=True)][:1]
    ['spec.csi: Required value: has to be specified in the context of inline volumes']
    """
    if inline:
        yield from _only_inline(spec, path)
    yield from _access_modes(spec, path)
    if not inline:
        yield from _capacity(spec, path)
    yield from _policy(spec, path, inline=inline)
    affinity = spec.get("nodeAffinity")
    if isinstance(affinity, Document):
        here = at(path, "nodeAffinity")
        if inline:
            yield forbidden(here, NOT_INLINE)
        elif isinstance(affinity.get("required"), Document):
            yield from node_selector(child(affinity, "required"), at(here, "required"))
        else:
            yield required(at(here, "required"), "must specify required node constraints")
    yield from _sources(spec, path)
    yield from _names(spec, path, inline=inline)


def _only_inline(spec: Document, path: str) -> Rules:
    for key in ("claimRef", "capacity"):
        if spec.get(key):
            yield forbidden(at(path, key), NOT_INLINE)
    if not isinstance(spec.get("csi"), Document):
        yield required(at(path, "csi"), "has to be specified in the context of inline volumes")


def _access_modes(spec: Document, path: str) -> Rules:
    modes, here = elements(spec, "accessModes"), at(path, "accessModes")
    if not modes:
        yield required(here)
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield not_supported(here, mode, ACCESS_MODES)
    others = [mode for mode in modes if mode in ACCESS_MODES and mode != "ReadWriteOncePod"]
    if others and "ReadWriteOncePod" in modes:
        yield forbidden(here, "may not use ReadWriteOncePod with other access modes")


def _capacity(spec: Document, path: str) -> Rules:
    amounts, here = child(spec, "capacity"), at(path, "capacity")
    if not amounts:
        yield required(here)
    if set(amounts) != {"storage"}:
        yield not_supported(here, spec.get("capacity"), ("storage",))
    for name in sorted(amounts):
        amount = quantity_at(amounts, name)
        if amount is None:
            continue
        if amount.unscaled < 0:
            value = amount.at_scale(0)
            yield invalid_value(f"{here}[{name}]", value, "must be a valid resource quantity")
        if amount.unscaled <= 0:
            yield invalid_value(f"{here}[{name}]", str(amount), "must be greater than zero")


def _policy(spec: Document, path: str, *, inline: bool) -> Rules:
    policy, here = text(spec, "persistentVolumeReclaimPolicy"), "persistentVolumeReclaimPolicy"
    if not policy:
        return
    if inline and policy != "Retain":
        yield forbidden(at(path, here), "may only be Retain in the context of inline volumes")
    elif not inline and policy not in RECLAIM_POLICIES:
        yield not_supported(at(path, here), policy, RECLAIM_POLICIES)


def _sources(spec: Document, path: str) -> Rules:
    present = [key for key in SOURCES if isinstance(spec.get(key), Document)]
    for index, key in enumerate(present):
        if index and key != "flexVolume":
            shown = at(path, "cephFS" if key == "cephfs" else key)
            yield forbidden(shown, "may not specify more than 1 volume type")
            continue
        rule = _SOURCE_RULES.get(key)
        if rule is not None:
            yield from rule(child(spec, key), at(path, key))
        yield from source_rules(key, child(spec, key), path, in_pod=False)
        if key == "local" and not isinstance(spec.get("nodeAffinity"), Document):
            yield required(at(path, "nodeAffinity"), "Local volume requires node affinity")
    if not present:
        yield required(path, "must specify a volume type")
    root = text(spec, "hostPath", "path")
    if (
        root
        and normpath(root) == "/"
        and (text(spec, "persistentVolumeReclaimPolicy") == "Recycle")
    ):
        why = "may not be 'recycle' for a hostPath mount of '/'"
        yield forbidden(at(path, "persistentVolumeReclaimPolicy"), why)


def _names(spec: Document, path: str, *, inline: bool) -> Rules:
    name, here = text(spec, "storageClassName"), at(path, "storageClassName")
    if name and inline:
        yield forbidden(here, NOT_INLINE)
    elif name:
        yield from complaints(here, name, dns1123_subdomain(name))
    mode, here = spec.get("volumeMode"), at(path, "volumeMode")
    if mode is not None and inline and mode != "Filesystem":
        why = "may not specify volumeMode other than Filesystem in the context of inline volumes"
        yield forbidden(here, why)
    elif mode is not None and not inline and mode not in MODES:
        yield not_supported(here, mode, MODES)
    kind, here = spec.get("volumeAttributesClassName"), at(path, "volumeAttributesClassName")
    if not isinstance(kind, str):
        return
    if kind:
        yield from complaints(here, kind, dns1123_subdomain(kind))
    else:
        yield required(here, "an empty string is disallowed")
    if not isinstance(spec.get("csi"), Document):
        why = "has to be specified when using volumeAttributesClassName"
        yield required(at(path, "csi"), why)


def csi_driver_name(name: str, path: str) -> Rules:
    """A driver's name: a DNS name in any case, and short."""
    if not name:
        yield required(path)
        return
    if len(name.encode()) > 63:
        yield too_long(path, 63)
    yield from complaints(path, name, dns1123_subdomain(name.lower()))


def _csi(source: Document, path: str) -> Rules:
    yield from csi_driver_name(text(source, "driver"), at(path, "driver"))
    yield from has_text(source, path, "volumeHandle")
    for key in SECRETS:
        if isinstance(source.get(key), Document):
            yield from _secret(child(source, key), at(path, key))


def _secret(reference: Document, path: str) -> Rules:
    for key, rule in (("name", dns1123_subdomain), ("namespace", dns1123_label)):
        value = text(reference, key)
        if value:
            yield from complaints(at(path, key), value, rule(value))
        else:
            yield required(at(path, key))


def _local(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "path")
    yield from no_backsteps(at(path, "path"), text(source, "path"))


_SOURCE_RULES: Final[dict[str, Callable[[Document, str], Rules]]] = {
    "local": _local,
    "csi": _csi,
}
