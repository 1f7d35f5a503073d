"""The controller that binds claims and volumes: which change touches which of them.

Claims and volumes are both keys here, `claim/namespace/name` and `volume/name`: a change of one
asks to look at the other half, too.

Source: kubernetes v1.36, pkg/controller/volume/persistentvolume/pv_controller_base.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.volumes.asking import COMPONENT
from kelm.core.controllers.volumes.claims import claim_names, reconcile_claim
from kelm.core.controllers.volumes.volumes import reconcile_volume
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.objects.storage import CLAIMS, CLASSES, VOLUMES, claim, volume
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.document import Document, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

_CLAIM, _VOLUME = "claim/", "volume/"


class VolumeBinding(msgspec.Struct, frozen=True):
    """Binds claims to volumes, and says what becomes of volumes whose claims are gone."""

    workers: int = 1

    @property
    def name(self) -> str:
        return COMPONENT

    @property
    def watches(self) -> tuple[Watch, ...]:
        return Watch(CLAIMS), Watch(VOLUMES), Watch(CLASSES), Watch("pods")

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == CLAIMS:
            return _of_claim(change)
        if resource == VOLUMES:
            return _of_volume(caches, change)
        if resource == CLASSES:
            return _pending(caches)
        return _of_pod(change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        claims = [_CLAIM + metadata(doc).key for doc in caches[CLAIMS].objects()]
        return [*claims, *(_VOLUME + metadata(doc).key for doc in caches[VOLUMES].objects())]

    def reconcile(self, sync: Sync) -> Plan:
        if sync.key.startswith(_CLAIM):
            return reconcile_claim(sync.key.removeprefix(_CLAIM), sync)
        return reconcile_volume(sync.key.removeprefix(_VOLUME), sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _of_claim(change: Change) -> list[Key]:
    """The claim, and the volumes that it has or had."""
    docs = [doc for doc in (change.old, change.new) if doc is not None]
    names = {claim(doc).volume_name for doc in docs} - {""}
    return [_CLAIM + change.key, *(_VOLUME + name for name in sorted(names))]


def _of_volume(caches: Caches, change: Change) -> list[Key]:
    """The volume, the claims it names, and all that wait for one if it is free."""
    found = [_VOLUME + change.key]
    for doc in (change.old, change.new):
        ref = volume(doc).claim_ref if doc is not None else Document()
        if ref:
            found.append(_CLAIM + key_of(text(ref, "namespace"), text(ref, "name")))
    if change.new is not None and volume(change.new).phase == "Available":
        found.extend(_pending(caches))
    return list(dict.fromkeys(found))


def _pending(caches: Caches) -> list[Key]:
    return [
        _CLAIM + metadata(doc).key
        for doc in caches[CLAIMS].objects()
        if text(doc, "status", "phase") != "Bound"
    ]


def _of_pod(change: Change) -> list[Key]:
    """The claims of a pod that has come: some may wait for their first consumer."""
    if change.old is not None or change.new is None:
        return []
    one = pod(change.new)
    namespace = one.metadata.namespace
    return [_CLAIM + key_of(namespace, name) for name in claim_names(one)]


VOLUME_BINDING = VolumeBinding()
