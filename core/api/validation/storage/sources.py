"""Rules of the places that volumes come from: disks of clouds, network file systems.

Pods and PersistentVolumes have the same kinds of them; where they differ is in what a secret is
named by (a pod's is in its own namespace).

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validate*VolumeSource).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kelm.core.api.validation.fields import (
    Rules,
    at,
    complaints,
    has_text,
    no_backsteps,
    whole_number,
)
from kelm.core.api.validation.names import dns1123_label
from kelm.core.api.validation.violation import invalid_value, not_supported, required
from kelm.effects.document import Document, child, elements, flag, strings, text

Rule = Callable[[Document, str], Rules]
HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "glusterfs": ("endpoints", "path"),
    "cinder": ("volumeID",),
    "flexVolume": ("driver",),
    "azureFile": ("secretName", "shareName"),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "scaleIO": ("gateway", "system", "volumeName"),
}
"""Texts without which a source cannot be found."""
MONITORED: Final = {"rbd": ("monitors", "image"), "cephfs": ("monitors",)}
SHOWN: Final = {"gcePersistentDisk": "persistentDisk"}
"""What a source is called where it is faulty, if not as its field."""
WITH_SECRETS: Final = frozenset({"cinder", "storageos", "iscsi"})
PARTITION: Final = "must be between 1 and 255, inclusive"
LUN: Final = "must be between 0 and 255, inclusive"
REGISTRY: Final = "must be a host:port pair or multiple pairs separated by commas"
BAD_NAME: Final = "must be valid format"
QUALIFIED_NAMES: Final = (
    ("iqn", re.compile(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$")),
    ("eui", re.compile(r"^eui.[A-Za-z0-9]{16}$")),
    ("naa", re.compile(r"^naa.[A-Za-z0-9]{32}$")),
)
CACHING: Final = ("None", "ReadOnly", "ReadWrite")
DISKS: Final = ("Dedicated", "Managed", "Shared")
MANAGED_DISK: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/"
    "{disk-id}"
)
BLOB_DISK: Final = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"


def source_rules(kind: str, source: Document, path: str, *, in_pod: bool) -> Rules:
    """What is wrong with a source of a kind that both pods and volumes may have.

    >>> [one.text for one in source_rules("rbd", Document(image="a"), "spec", in_pod=False)]
    ['spec.rbd.monitors: Required value']
    """
    here = at(path, SHOWN.get(kind, kind))
    for key in NEEDED.get(kind, ()):
        yield from has_text(source, here, key)
    for key in MONITORED.get(kind, ()):
        if not source.get(key):
            yield required(at(here, key))
    rule = _OWN_RULES.get(kind)
    if rule is not None:
        yield from rule(source, here)
    if kind in WITH_SECRETS and isinstance(source.get("secretRef"), Document):
        if kind == "iscsi" and in_pod:
            return
        secret, place = child(source, "secretRef"), at(here, "secretRef")
        yield from has_text(secret, place, "name")
        if not in_pod and kind != "iscsi":
            yield from has_text(secret, place, "namespace")
    if not in_pod and kind in _OF_VOLUMES:
        yield from _OF_VOLUMES[kind](source, here)


def host_path(source: Document, path: str) -> Rules:
    where = text(source, "path")
    if not where:
        yield required(at(path, "path"))
        return
    yield from no_backsteps(at(path, "path"), where)
    kind = source.get("type")
    if kind is not None and kind not in HOST_PATH_TYPES:
        yield not_supported(at(path, "type"), str(kind), HOST_PATH_TYPES)


def _nfs(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "server")
    yield from has_text(source, path, "path")
    where = text(source, "path")
    if not where.startswith("/"):
        yield invalid_value(at(path, "path"), where, "must be an absolute path")


def _fc(source: Document, path: str) -> Rules:
    names, ids, here = elements(source, "targetWWNs"), elements(source, "wwids"), "targetWWNs"
    if not names and not ids:
        yield required(at(path, here), "must specify either targetWWNs or wwids, but not both")
    if names and ids:
        why = "targetWWNs and wwids can not be specified simultaneously"
        yield invalid_value(at(path, here), names, why)
    lun = whole_number(source, "lun")
    if names and lun is None:
        yield required(at(path, "lun"), "lun is required if targetWWNs is specified")
    elif names and lun is not None and not 0 <= lun <= 255:
        yield invalid_value(at(path, "lun"), lun, LUN)


def _partition(source: Document, path: str) -> Rules:
    number = whole_number(source, "partition") or 0
    if not 0 <= number <= 255:
        yield invalid_value(at(path, "partition"), number, PARTITION)


def _flocker(source: Document, path: str) -> Rules:
    name, uuid = text(source, "datasetName"), text(source, "datasetUUID")
    if not name and not uuid:
        yield required(path, "one of datasetName and datasetUUID is required")
    if name and uuid:
        why = "datasetName and datasetUUID can not be specified simultaneously"
        yield invalid_value(path, "resource", why)
    if "/" in name:
        yield invalid_value(at(path, "datasetName"), name, "must not contain '/'")


def _quobyte(source: Document, path: str) -> Rules:
    registry = text(source, "registry")
    if not registry:
        yield required(at(path, "registry"), REGISTRY)
    elif len(text(source, "tenant").encode()) >= 65:
        why = "must be a UUID and may not exceed a length of 64 characters"
        yield required(at(path, "tenant"), why)
    else:
        for pair in registry.split(","):
            if not re.fullmatch(r"(\[[^\]\[]*\]|[^:\[\]]*):[^:\[\]]*", pair):
                yield invalid_value(at(path, "registry"), registry, REGISTRY)
    yield from has_text(source, path, "volume")


def _iscsi(source: Document, path: str) -> Rules:
    yield from has_text(source, path, "targetPortal")
    name = text(source, "iqn")
    if not name:
        yield required(at(path, "iqn"))
    else:
        yield from _qualified(name, at(path, "iqn"))
    lun = whole_number(source, "lun") or 0
    if not 0 <= lun <= 255:
        yield invalid_value(at(path, "lun"), lun, LUN)
    authenticates = flag(source, "chapAuthDiscovery") or flag(source, "chapAuthSession")
    if authenticates and not isinstance(source.get("secretRef"), Document):
        yield required(at(path, "secretRef"))
    initiator = source.get("initiatorName")
    if isinstance(initiator, str):
        yield from _qualified(initiator, at(path, "initiatorname"))


def _qualified(name: str, path: str) -> Rules:
    pattern = next((one for prefix, one in QUALIFIED_NAMES if name.startswith(prefix)), None)
    if pattern is None or not pattern.search(name):
        yield invalid_value(path, name, BAD_NAME)


def _flex(source: Document, path: str) -> Rules:
    for key in sorted(strings(source, "options")):
        owner = f".{key.partition('/')[0].lower()}" if "/" in key else f".{key.lower()}"
        if owner.endswith((".kubernetes.io", ".k8s.io")):
            why = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid_value(f"{at(path, 'options')}[{key}]", key, why)


def _azure_disk(source: Document, path: str) -> Rules:
    caching, kind, uri = source.get("cachingMode"), source.get("kind"), text(source, "diskURI")
    if caching is not None and caching not in CACHING:
        yield not_supported(at(path, "cachingMode"), caching, CACHING)
    if kind is not None and kind not in DISKS:
        yield not_supported(at(path, "kind"), kind, DISKS)
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield not_supported(at(path, "diskURI"), uri, (MANAGED_DISK,))
    if kind not in (None, "Managed") and not uri.startswith("https://"):
        yield not_supported(at(path, "diskURI"), uri, (BLOB_DISK,))


def _storage_os(source: Document, path: str) -> Rules:
    name, space = text(source, "volumeName"), text(source, "volumeNamespace")
    yield from has_text(source, path, "volumeName")
    if name:
        yield from complaints(at(path, "volumeName"), name, dns1123_label(name))
    if space:
        yield from complaints(at(path, "volumeNamespace"), space, dns1123_label(space))


def _endpoints_namespace(source: Document, path: str) -> Rules:
    space, here = source.get("endpointsNamespace"), at(path, "endpointsNamespace")
    if space == "":
        why = "if the endpointnamespace is set, it must be a valid namespace name"
        yield invalid_value(here, space, why)
    elif isinstance(space, str):
        yield from complaints(here, space, dns1123_label(space))


def _secret_namespace(source: Document, path: str) -> Rules:
    if source.get("secretNamespace") == "":
        yield required(at(path, "secretNamespace"))


_OWN_RULES: Final[dict[str, Rule]] = {
    "hostPath": host_path,
    "nfs": _nfs,
    "fc": _fc,
    "gcePersistentDisk": _partition,
    "awsElasticBlockStore": _partition,
    "flocker": _flocker,
    "quobyte": _quobyte,
    "iscsi": _iscsi,
    "flexVolume": _flex,
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
}
_OF_VOLUMES: Final[dict[str, Rule]] = {
    "glusterfs": _endpoints_namespace,
    "azureFile": _secret_namespace,
}
SHARED: Final = frozenset({*NEEDED, *MONITORED, *_OWN_RULES})
"""The kinds of which there are rules here."""
