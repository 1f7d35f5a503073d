"""The controller that attaches disks to nodes, and says in their status which are attached.

Keys are `volume/VOLUME` and `node/NODE`. As long as no volume is of a driver that asks for it,
neither pods nor nodes are watched.

Source: kubernetes v1.36, pkg/controller/volume/attachdetach/attach_detach_controller.go,
reconciler/reconciler.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.controllers.volumes.attachments import (
    ATTACHMENTS,
    Place,
    attach_failure,
    attached_volumes,
    attachment_name,
    is_attachable,
    is_attached,
    is_exclusive,
    is_in_use,
    may_detach_ms,
    multi_attach_error,
    users,
    volumes_of,
)
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.storage import CLAIMS, DRIVERS, VOLUMES, driver_of, unique_name, volume
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Create, Delete, List, RecordEvent, Update
from kelm.effects.document import Document, Json, child, children, elements, text, with_value
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

COMPONENT: Final = "attachdetach-controller"
_VOLUME, _NODE = "volume/", "node/"
_FEW: Final = (Watch(VOLUMES), Watch(DRIVERS))
_ALL: Final = (*_FEW, Watch(ATTACHMENTS), Watch("pods"), Watch(CLAIMS), Watch("nodes"))
_AS_GOOD: Final = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND})


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a volume.

    attaching: the nodes whose pods are to be told that it has come.
    told: the last that pods were told of why it does not come.
    unused: the nodes on which nobody wants it any more, and since when.
    mounted: the nodes that said that they use it, when they were last heard of.
    failed: what was told of nodes to which it could not be attached.
    free: whether nothing is attached, as it really is; None where that was not asked.
    """

    attaching: tuple[str, ...] = ()
    told: str = ""
    unused: tuple[tuple[str, int], ...] = ()
    mounted: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    free: bool | None = None


class AttachDetach(msgspec.Struct, frozen=True):
    """The controller."""

    name: str = COMPONENT
    watches: tuple[Watch, ...] = _ALL
    workers: int = 1

    def watches_now(self, caches: Caches) -> tuple[Watch, ...]:
        """Everything once a volume is to be attached, and from then on."""
        if VOLUMES not in caches or DRIVERS not in caches:
            return _FEW
        if "pods" in caches:
            return _ALL
        found = caches[VOLUMES].objects()
        return _ALL if any(is_attachable(each, caches) for each in found) else _FEW

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if any(watch.resource not in caches for watch in _ALL):
            return ()
        if resource == ATTACHMENTS:
            return _of_attachment(change)
        if resource == "pods":
            return _of_pod(caches, change)
        if resource == "nodes":
            return _of_node(caches, change)
        if resource == CLAIMS:
            return _of_claim(caches, change)
        return self.every_key(caches) if resource == DRIVERS else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        if any(watch.resource not in caches for watch in _ALL):
            return ()
        places = [Place.of(doc) for doc in caches[ATTACHMENTS].objects()]
        for doc in caches["pods"].objects():
            places += _places(pod(doc), caches)
        return dict.fromkeys([*map(_key, places), *(_NODE + place.node for place in places)])

    def reconcile(self, sync: Sync) -> Plan:
        if any(watch.resource not in sync.caches for watch in _ALL):
            return Plan()
        kind, _, rest = sync.key.partition("/")
        return _node_status(rest, sync) if f"{kind}/" == _NODE else _moved(rest, sync)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        if not isinstance(command, List) or not isinstance(sync.memory, Known):
            return sync.memory
        name = sync.key.removeprefix(_VOLUME)
        taken = any(Place.of(doc).volume == name for doc in children(answer, "items"))
        return msgspec.structs.replace(sync.memory, free=not taken)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """Whether the volume is free has to be asked anew."""
        if isinstance(sync.memory, Known):
            return msgspec.structs.replace(sync.memory, free=None)
        return sync.memory


def _key(place: Place) -> Key:
    return _VOLUME + place.volume


def _places(one: Pod, caches: Caches) -> list[Place]:
    """Where the volumes of a pod are to be, of those that are attached at all."""
    if not one.spec.node_name:
        return []
    found = []
    for name in volumes_of(one, caches):
        each = caches[VOLUMES].get(name)
        if each is not None and is_attachable(each, caches):
            found.append(Place(one.spec.node_name, name))
    return found


def _of_attachment(change: Change) -> list[Key]:
    """The volume, and the node of which it is said."""
    doc = change.new if change.new is not None else change.old
    if doc is None:
        return []
    place = Place.of(doc)
    return [_key(place), _NODE + place.node]


def _of_pod(caches: Caches, change: Change) -> list[Key]:
    docs = [doc for doc in (change.old, change.new) if doc is not None]
    places = [place for doc in docs for place in _places(pod(doc), caches)]
    return list(dict.fromkeys(map(_key, places)))


def _of_claim(caches: Caches, change: Change) -> list[Key]:
    """The volume of a claim that was just bound: pods may use it already."""
    old, new = change.old, change.new
    if new is None or (old is not None and text(old, "spec", "volumeName")):
        return []
    name = text(new, "spec", "volumeName")
    return [_VOLUME + name] if name else []


def _of_node(caches: Caches, change: Change) -> list[Key]:
    """What is attached to a node that goes, comes back, or is taken out of service."""
    old, new = change.old, change.new
    if old is not None and new is not None:
        same = child(old, "spec").get("taints") == child(new, "spec").get("taints")
        if same and _says(old) == _says(new) and _uses(old) == _uses(new):
            return []
    places = [Place.of(doc) for doc in caches[ATTACHMENTS].objects()]
    here = [_key(place) for place in places if place.node == change.key]
    return [*here, _NODE + change.key] if here else []


def _says(node: Document) -> list[tuple[Json, Json]]:
    return [(one.get("type"), one.get("status")) for one in children(node, "status", "conditions")]


def _uses(node: Document) -> tuple[Json, ...]:
    return elements(node, "status", "volumesInUse")


def _moved(name: str, sync: Sync) -> Plan:
    """Detach a volume where nobody uses it, attach it where somebody does."""
    caches = sync.caches
    known = sync.memory if isinstance(sync.memory, Known) else Known()
    each = caches[VOLUMES].get(name)
    there = {
        place.node: doc
        for doc in caches[ATTACHMENTS].objects()
        if (place := Place.of(doc)).volume == name
    }
    known = _heard(each, there, known, sync)
    wanted = users(each, caches) if each is not None and is_attachable(each, caches) else {}
    known, detach, again_at_ms = _detached(there, wanted, known, sync)
    known, told = _arrived(name, there, wanted, known)
    known, failed = _failed(name, there, wanted, known)
    told += failed
    missing = [node for node in wanted if node not in there]
    if each is not None and missing and is_exclusive(volume(each)):
        plan = _attached_once(each, missing, there, wanted, known, sync)
        again = [at_ms for at_ms in (again_at_ms, plan.again_at_ms) if at_ms is not None]
        batches = _full((detach, told, *plan.batches))
        return Plan(batches, plan.memory, min(again, default=None), tolerated=_AS_GOOD)
    attach: Batch = ()
    if each is not None and missing:
        attach = tuple(_attachment(each, node) for node in missing)
        known = msgspec.structs.replace(known, attaching=(*known.attaching, *missing))
    memory = None if known == Known() else known
    return Plan(_full((detach, told, attach)), memory, again_at_ms, tolerated=_AS_GOOD)


def _heard(each: Document | None, there: dict[str, Document], known: Known, sync: Sync) -> Known:
    """What the nodes say of their using a volume; of a node that is gone what it said last."""
    unique = unique_name(each) if each is not None else ""
    mounted = []
    for name in there:
        node = sync.caches["nodes"].get(name)
        if name in known.mounted if node is None else is_in_use(node, unique):
            mounted.append(name)
    return msgspec.structs.replace(known, mounted=tuple(mounted))


def _failed(
    name: str, there: dict[str, Document], wanted: dict[str, list[Pod]], known: Known
) -> tuple[Known, Batch]:
    """Tell pods why their volume could not be attached, and again when there is another reason."""
    failures = {node: attach_failure(doc) for node, doc in there.items() if node in wanted}
    failed = tuple((node, why) for node, why in failures.items() if why)
    told: list[Command] = []
    for node, why in failed:
        if (node, why) not in known.failed:
            words = f'AttachVolume.Attach failed for volume "{name}" : {why}'
            told += _events(wanted[node], WARNING, "FailedAttachVolume", words)
    return msgspec.structs.replace(known, failed=failed), tuple(told)


def _full(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    return tuple(batch for batch in batches if batch)


def _detached(
    there: dict[str, Document], wanted: dict[str, list[Pod]], known: Known, sync: Sync
) -> tuple[Known, Batch, int | None]:
    """Take the volume from nodes on which nobody uses it, or see when it may be taken."""
    since, unused = dict(known.unused), dict[str, int]()
    commands: list[Command] = []
    again_ms: list[int] = []
    for node, attachment in there.items():
        meta = metadata(attachment)
        if node in wanted or meta.deletion_timestamp is not None:
            continue
        unused[node] = since.get(node, sync.now_ms)
        may_ms = may_detach_ms(
            sync.caches["nodes"].get(node), used=node in known.mounted, since_ms=unused[node]
        )
        if may_ms is None:
            continue
        if sync.now_ms < may_ms:
            again_ms.append(may_ms)
        else:
            commands.append(Delete(ATTACHMENTS, "", meta.name, meta.uid))
    known = msgspec.structs.replace(known, unused=tuple(unused.items()))
    return known, tuple(commands), min(again_ms, default=None)


def _arrived(
    name: str, there: dict[str, Document], wanted: dict[str, list[Pod]], known: Known
) -> tuple[Known, Batch]:
    """Tell pods once that their volume has come."""
    come = [one for one in known.attaching if one in there and is_attached(there[one])]
    words = f'AttachVolume.Attach succeeded for volume "{name}"'
    pods = [one for node in come for one in wanted.get(node, ())]
    left = tuple(one for one in known.attaching if one not in come and one in wanted)
    known = msgspec.structs.replace(known, attaching=left)
    return known, _events(pods, NORMAL, "SuccessfulAttachVolume", words)


def _attached_once(
    each: Document,
    missing: list[str],
    there: dict[str, Document],
    wanted: dict[str, list[Pod]],
    known: Known,
    sync: Sync,
) -> Plan:
    """Attach a volume to the first node that wants it, if it is attached to none.

    Whether it is is asked of the API itself: a belief may lack what was asked for a moment ago.
    """
    if not there and known.free is None:
        return Plan(((List(ATTACHMENTS),),), known, sync.now_ms)
    name, attaching, asked = metadata(each).name, known.attaching, Batch()
    if not there and known.free:
        first, *missing = missing
        asked, attaching = (_attachment(each, first),), (*attaching, first)
    elif not there:
        return Plan(memory=msgspec.structs.replace(known, free=None))
    told: list[Command] = []
    words = ""
    for node in missing:
        words = multi_attach_error(name, node, wanted)
        told += _events(wanted[node], WARNING, "FailedAttachVolume", words)
    memory = msgspec.structs.replace(known, attaching=attaching, told=words, free=None)
    return Plan(_full((asked, tuple(told) if words != known.told else ())), memory)


def _attachment(each: Document, node: str) -> Create:
    attachment = Document(
        apiVersion="storage.k8s.io/v1",
        kind="VolumeAttachment",
        metadata=Document(name=attachment_name(each, node)),
        spec=Document(
            attacher=driver_of(each),
            nodeName=node,
            source=Document(persistentVolumeName=metadata(each).name),
        ),
    )
    return Create(ATTACHMENTS, "", attachment)


def _node_status(name: str, sync: Sync) -> Plan:
    node = sync.caches["nodes"].get(name)
    if node is None:
        return Plan()
    wanted = attached_volumes(name, sync.caches)
    if children(node, "status", "volumesAttached") == wanted:
        return Plan()
    status = {**child(node, "status"), "volumesAttached": wanted}
    if not wanted:
        del status["volumesAttached"]
    new = with_value(node, ("status",), Document(status))
    return Plan(((Update("nodes", "", name, new, subresource="status"),),))


def _events(
    pods: list[Pod], severity: Severity, reason: str, words: str
) -> tuple[RecordEvent, ...]:
    return tuple(event(one.doc, "pods", COMPONENT, severity, reason, words) for one in pods)
