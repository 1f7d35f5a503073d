"""Rules of where containers mount their pod's volumes.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateVolumeMounts,
ValidateVolumeDevices).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, items, relative_path
from kelm.core.api.validation.pods.volumes import Volumes
from kelm.core.api.validation.violation import (
    forbidden,
    invalid_value,
    not_found,
    not_supported,
    required,
)
from kelm.effects.document import Document, flag, text

NOT_A_BLOCK: Final = (
    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
)


def volume_mounts(container: Document, path: str, known: Volumes) -> Rules:
    devices = [device for _, device in items(container, path, "volumeDevices")]
    taken: set[str] = set()
    for here, mount in items(container, path, "volumeMounts"):
        name, where = text(mount, "name"), text(mount, "mountPath")
        if not name:
            yield required(at(here, "name"))
        if name not in known:
            yield not_found(at(here, "name"), name)
        if not where:
            yield required(at(here, "mountPath"))
        if where in taken:
            yield invalid_value(at(here, "mountPath"), where, "must be unique")
        taken.add(where)
        for device in devices:
            yield from _both(device, name, where, here)
        yield from _sub_paths(mount, here, at(path, "volumeMounts"))
        yield from _propagation(container, mount, here)
    yield from _volume_devices(container, path, known)


def _both(device: Document, name: str, where: str, path: str) -> Rules:
    if text(device, "name") == name:
        yield invalid_value(at(path, "name"), name, "must not already exist in volumeDevices")
    if text(device, "devicePath") == where:
        why = "must not already exist as a path in volumeDevices"
        yield invalid_value(at(path, "mountPath"), where, why)


def _sub_paths(mount: Document, here: str, mounts: str) -> Rules:
    plain, expression = text(mount, "subPath"), text(mount, "subPathExpr")
    if plain:
        yield from relative_path(at(mounts, "subPath"), plain)
    if not expression:
        return
    if plain:
        why = "subPathExpr and subPath are mutually exclusive"
        yield invalid_value(at(here, "subPathExpr"), expression, why)
    yield from relative_path(at(mounts, "subPathExpr"), expression)


def _propagation(container: Document, mount: Document, path: str) -> Rules:
    how = mount.get("mountPropagation")
    if how is None:
        return
    known = ("Bidirectional", "HostToContainer", "None")
    if how not in known:
        yield not_supported(at(path, "mountPropagation"), str(how), known)
    elif how == "Bidirectional" and not flag(container, "securityContext", "privileged"):
        why = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(at(path, "mountPropagation"), why)


def _volume_devices(container: Document, path: str, known: Volumes) -> Rules:
    taken: set[str] = set()
    for here, device in items(container, path, "volumeDevices"):
        name, where = text(device, "name"), text(device, "devicePath")
        if not name:
            yield required(at(here, "name"))
        elif name not in known:
            yield not_found(at(here, "name"), name)
        elif not known[name].keys() & {"persistentVolumeClaim", "ephemeral"}:
            yield invalid_value(at(here, "name"), name, NOT_A_BLOCK)
        if not where:
            yield required(at(here, "devicePath"))
        elif where in taken:
            yield invalid_value(at(here, "devicePath"), where, "must be unique")
        taken.add(where)
