"""Defaults of volumes and claims.

Source: kubernetes v1.36, pkg/apis/core/v1/defaults.go (SetDefaults_Volume and its siblings).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.defaulting.containers import field_ref, pull_policy
from kelm.core.api.defaulting.fill import filled, unset_filled, with_each, with_made, with_part
from kelm.effects.document import EMPTY, Document, Json, text

FILE_MODE: Final = 0o644
TOKEN_SECONDS: Final = 3600


def _with_mode(source: Document) -> Document:
    return filled(source, (("defaultMode", FILE_MODE),))


def _downward(source: Document) -> Document:
    return _with_mode(with_each(source, "items", _downward_file))


def _downward_file(item: Document) -> Document:
    item = with_part(item, "fieldRef", field_ref)
    return with_part(item, "resourceFieldRef", lambda it: filled(it, (("divisor", "0"),)))


def _projection(source: Document) -> Document:
    source = with_part(
        source,
        "serviceAccountToken",
        lambda token: filled(token, (("expirationSeconds", TOKEN_SECONDS),)),
    )
    return with_part(source, "downwardAPI", lambda files: with_each(files, "items", _downward_file))


def _projected(source: Document) -> Document:
    return _with_mode(with_each(source, "sources", _projection))


def _ephemeral(source: Document) -> Document:
    def template(old: Document) -> Document:
        return with_made(with_part(old, "spec", claim_spec), "metadata", lambda meta: meta)

    return with_part(source, "volumeClaimTemplate", template)


def _image(source: Document) -> Document:
    return filled(source, (("pullPolicy", pull_policy(text(source, "reference"))),))


def host_path(source: Document) -> Document:
    return source if source.get("type") is not None else Document({**source, "type": ""})


def _fields(*defaults: tuple[str, Json]) -> Callable[[Document], Document]:
    return lambda source: filled(source, defaults)


SOURCES: Final[dict[str, Callable[[Document], Document]]] = {
    "secret": _with_mode,
    "configMap": _with_mode,
    "downwardAPI": _downward,
    "projected": _projected,
    "ephemeral": _ephemeral,
    "image": _image,
    "hostPath": host_path,
    "iscsi": _fields(("iscsiInterface", "default")),
    "rbd": _fields(("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")),
    "azureDisk": _fields(
        ("cachingMode", "ReadWrite"), ("kind", "Shared"), ("fsType", "ext4"), ("readOnly", False)
    ),
    "scaleIO": _fields(("storageMode", "ThinProvisioned"), ("fsType", "xfs")),
}


def volume(doc: Document) -> Document:
    """A pod's volume: one without a source is an empty directory.

    >>> volume(Document(name="v"))
    {'name': 'v', 'emptyDir': {}}
    """
    if all(key == "name" or value is None for key, value in doc.items()):
        return Document({**doc, "emptyDir": EMPTY})
    for key, step in SOURCES.items():
        if key in doc:
            doc = with_part(doc, key, step)
    return doc


def claim_spec(spec: Document) -> Document:
    return filled(spec, (("volumeMode", "Filesystem"),))


def claim(doc: Document) -> Document:
    """A PersistentVolumeClaim."""
    return with_made(with_made(doc, "spec", claim_spec), "status", _pending)


def persistent_volume(doc: Document) -> Document:
    full = with_made(doc, "spec", _volume_spec)
    return with_made(full, "status", _pending)


def _volume_spec(spec: Document) -> Document:
    for key, step in SOURCES.items():
        if key in spec and key not in ("secret", "configMap"):
            spec = with_part(spec, key, step)
    spec = filled(spec, (("persistentVolumeReclaimPolicy", "Retain"),))
    return unset_filled(spec, "volumeMode", "Filesystem")


def _pending(status: Document) -> Document:
    return filled(status, (("phase", "Pending"),))
