"""An operator: a ConfigMap annotated `example.com/replicate: "true"` is copied to every namespace.

The whole operator is one value with one decision, `reconcile`. Everything else that an operator
needs (a queue of keys, back-off, never deciding on a cache that lacks its own writes) is in
`kelm.core.runtime.queue`, for every controller alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of, split_key
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import Document, child, text
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

WANTED = "example.com/replicate"
SOURCE = "example.com/replicated-from"


def is_source(doc: Document | None) -> bool:
    """Whether a ConfigMap asks to be copied and is not on its way out."""
    if doc is None or metadata(doc).deletion_timestamp is not None:
        return False
    return text(doc, "metadata", "annotations", WANTED) == "true"


class ReplicatedConfig(msgspec.Struct, frozen=True):
    """The operator; its keys are those of the ConfigMaps to copy."""

    name: str = "replicated-config"
    watches: tuple[Watch, ...] = (Watch("configmaps"), Watch("namespaces"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        """A changed source or copy asks for its source; a changed namespace for every source."""
        if resource == "namespaces":
            yield from self.every_key(caches)
            return
        for doc in (change.old, change.new):
            if doc is not None and WANTED in child(doc, "metadata", "annotations"):
                yield change.key
            if doc is not None and (source := text(doc, "metadata", "annotations", SOURCE)):
                yield source

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for doc in caches["configmaps"].objects():
            if is_source(doc):
                yield metadata(doc).key
            elif source := text(doc, "metadata", "annotations", SOURCE):
                yield source

    def reconcile(self, sync: Sync) -> Plan:
        """Decide from what is: which copies are missing, wrong, or left over."""
        config_maps = sync.caches["configmaps"]
        found = config_maps.get(sync.key)
        source = found if found is not None and is_source(found) else None
        home, name = split_key(sync.key)
        commands: list[Command] = []
        if source is not None:
            for namespace in active(sync.caches["namespaces"]):
                there = config_maps.get(key_of(namespace, name))
                if namespace != home:
                    commands.extend(kept_equal(source, there, sync.key, namespace))
        else:
            for there in copies(config_maps, sync.key):
                meta = metadata(there)
                commands.append(Delete("configmaps", meta.namespace, name, uid=meta.uid))
        return Plan((tuple(commands),) if commands else (), tolerated=SOMEBODY_WAS_FASTER)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """Nothing to remember: what was refused is seen again at the next look."""
        return None


SOMEBODY_WAS_FASTER = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND})


def kept_equal(
    source: Document, there: Document | None, key: Key, namespace: str
) -> Iterator[Command]:
    """What makes a namespace's copy equal to its source."""
    if there is None:
        yield Create("configmaps", namespace, copy(source, key, namespace))
    elif is_copy_of(there, key) and there.get("data") != source.get("data"):
        repaired = Document({**there, "data": source.get("data")})
        yield Update("configmaps", namespace, metadata(there).name, repaired)


def active(namespaces: Cache) -> Iterator[str]:
    """The namespaces that take new objects."""
    for doc in namespaces.objects():
        if metadata(doc).deletion_timestamp is None:
            yield metadata(doc).name


def is_copy_of(doc: Document, source: Key) -> bool:
    """Never touch a namesake that a user wrote."""
    return text(doc, "metadata", "annotations", SOURCE) == source


def copies(config_maps: Cache, source: Key) -> Iterator[Document]:
    """Every copy of a source, wherever it is."""
    return (doc for doc in config_maps.objects() if is_copy_of(doc, source))


def copy(source: Document, key: Key, namespace: str) -> Document:
    """What a copy looks like."""
    name = metadata(source).name
    annotations = Document({SOURCE: key})
    meta = Document(name=name, namespace=namespace, annotations=annotations)
    return Document(apiVersion="v1", kind="ConfigMap", metadata=meta, data=source.get("data"))
