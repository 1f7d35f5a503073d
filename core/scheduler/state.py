"""What the scheduler knows: nodes, where pods are, which wait, which are being bound."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.objects.meta import labels_of
from kelm.core.scheduler.cache.crowd import NOBODY, Crowd
from kelm.core.scheduler.cache.devices import Allotment, Inventory
from kelm.core.scheduler.cache.fleet import Fleet
from kelm.core.scheduler.cache.needs import NO_LABELS, Ask
from kelm.core.scheduler.cache.volumes import Choice, Storage
from kelm.core.scheduler.queue import Queue, Waiting
from kelm.core.store.hash_map import HashMap
from kelm.effects.address import Key, ObjectRef, RequestId, Resource, Uid
from kelm.effects.messages import Cache

replace = msgspec.structs.replace


class Placed(msgspec.Struct, frozen=True):
    """A pod that counts on a node."""

    node: str
    ask: Ask
    live: bool = True
    """Whether it is not being deleted."""


class Asked(msgspec.Struct, frozen=True):
    """A binding under way."""

    key: Key
    uid: Uid
    node: str
    waiting: Waiting


class Nominee(msgspec.Struct, frozen=True):
    """A pod that waits for the pods of a node to leave: the node is kept for it."""

    node: str
    priority: int
    ask: Ask
    key: Key = ""


class Leaving(msgspec.Struct, frozen=True):
    """A pod that is being told to leave its node: first marked, then deleted."""

    victim: ObjectRef
    node: str
    preemptor: Key
    preemptor_uid: Uid
    marked: bool = False


class Held(msgspec.Struct, frozen=True):
    """A pod that has its node, and waits there for its claims to be bound and allocated."""

    key: Key
    node: str
    choices: tuple[Choice, ...]
    waiting: Waiting
    since_ms: int
    devices: tuple[Allotment, ...] = ()


class Telling(msgspec.Struct, frozen=True):
    """A claim or volume of a held pod that is being told; of a claim for devices, which."""

    pod: Uid
    claim: Key = ""
    protecting: bool = False
    """Whether the claim is only protected yet, and gets its devices next."""


class State(msgspec.Struct, frozen=True):
    """`start` is where in the fleet the next look for a node begins."""

    pods: Cache | None = None
    heard_nodes: bool = False
    fleet: Fleet = Fleet()
    crowd: Crowd = NOBODY
    caches: PMap[Resource, Cache] = pmap()
    """What is known of everything that is neither pod nor node."""
    placed: HashMap[Uid, Placed] = HashMap()
    queue: Queue = Queue()
    asked: HashMap[RequestId, Asked] = HashMap()
    nominees: PMap[Uid, Nominee] = pmap()
    leaving: PMap[RequestId, Leaving] = pmap()
    held: PMap[Uid, Held] = pmap()
    telling: PMap[RequestId, Telling] = pmap()
    """Which held pods' claims and volumes are being told."""
    start: int = 0
    arrivals: int = 0
    next_id: RequestId = 1
    wake_at_ms: int | None = None


def namespace_labels(state: State, namespace: str) -> Mapping[str, str]:
    """The labels of a namespace, none where it is not known."""
    namespaces = state.caches.get("namespaces")
    doc = None if namespaces is None else namespaces.get(namespace)
    return NO_LABELS if doc is None else labels_of(doc)


def inventory_of(state: State) -> Inventory:
    """Claims for devices, and what was decided of them."""
    pending = {
        one.uid: one.allocation
        for _, held in (sorted(state.held.items()) if state.held else ())
        for one in held.devices
        if one.allocation is not None
    }
    return Inventory(state.caches, pending)


def storage_of(state: State) -> Storage:
    """Claims and volumes, and what was chosen for them."""
    nodes, taken = {}, {}
    for held in state.held.values():
        for choice in held.choices:
            nodes[choice.claim] = held.node
            if choice.volume:
                taken[choice.volume] = choice.claim
    return Storage(state.caches, nodes, taken)
