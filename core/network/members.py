"""The pods behind one Service, followed from reconcile to reconcile at the cost of what changed.

A Service with a thousand pods is looked at again for every pod that becomes ready. So the caller
remembers what it made of each pod (`Members`), and only the pods that changed since are looked at:
the caches tell which. After a restart, a new version of the Service or too many changes the whole
selection is walked; what is known of an unchanged pod is kept then too. Both ways end in the same
members.

Also here, because it is found on the way: the time of the oldest change that a write will publish.

Source: kubernetes v1.36, endpointslice/util/trigger_time_tracker.go for the trigger time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

import msgspec

from kelm.core.network.selection import selected_pods, selects
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.service import Service, zone_of
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import Document, child
from kelm.effects.messages import Cache

T = TypeVar("T")
Make: TypeAlias = "Callable[[Pod, str | None], T]"
"""What a pod means to the caller, from its view and its node's zone (None: there is no node)."""

NO_ZONE = ""


class Member(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One selected pod: the version looked at, its node's zone, and what the caller makes of it.

    ready_since: when its readiness last changed, as the API wrote it.
    """

    doc: Document
    zone: str | None
    ready_since: str
    item: T


class Members(msgspec.Struct, Generic[T], frozen=True):
    """All selected pods of a Service by name, as of certain revisions of the caches."""

    service: Document
    pods_revision: int
    nodes_revision: int
    by_name: Mapping[str, Member[T]]


class Followed(msgspec.Struct, Generic[T], frozen=True):
    """The members now; `changed` names, in order, those of which the caller makes something else.

    trigger_time: what to publish as the time of the change; "" where no time changed.
    """

    members: Members[T]
    changed: dict[str, None]
    trigger_time: str


def follow(
    known: Members[T] | None, one: Service, pods: Cache, nodes: Cache | None, make: Make[T]
) -> Followed[T]:
    """Bring the members of a Service up to date.

    nodes: None where the caller does not care on which nodes the pods are.
    """
    names = None
    if known is not None and known.service is one.doc:
        names = _names_changed(known, one.metadata.namespace, pods, nodes)
    if names is None:
        by_name = _walk(known, one, pods, nodes, make)
    else:
        assert known is not None
        by_name = _apply(known, one, pods, nodes, make, names)
    before: Mapping[str, Member[T]] = {} if known is None else known.by_name
    changed = _changed(before, by_name, names)
    trigger = _trigger_time(before, by_name, names) if known else _created(one)
    revision = 0 if nodes is None else nodes.revision
    return Followed(Members(one.doc, pods.revision, revision, by_name), changed, trigger)


def _names_changed(
    known: Members[T], namespace: str, pods: Cache, nodes: Cache | None
) -> list[str] | None:
    """Names of pods to look at again, in order; None where walking all is simpler."""
    enough = 2 * len(known.by_name) + 64
    if pods.revision - known.pods_revision > 32 * enough:
        return None
    changes = pods.changes_since(known.pods_revision)
    if changes is None or len(changes) > enough:
        return None
    prefix = f"{namespace}/"
    found = {change.key[len(prefix) :]: None for change in changes if change.key.startswith(prefix)}
    if nodes is not None and nodes.revision != known.nodes_revision:
        moved = _nodes_changed(nodes, known.nodes_revision, enough)
        if moved is None:
            return None
        for node in moved:
            for doc in pods.select("spec.nodeName", node):
                name = child(doc, "metadata").get("name")
                if isinstance(name, str) and name in known.by_name:
                    found[name] = None
    return list(found)


def _nodes_changed(nodes: Cache, revision: int, enough: int) -> list[str] | None:
    """Nodes that came, went, or are in another zone now."""
    if nodes.revision - revision > 32 * enough:
        return None
    changes = nodes.changes_since(revision)
    if changes is None or len(changes) > enough:
        return None
    return [
        change.key
        for change in changes
        if (change.old is None) != (change.new is None)
        or zone_of(change.old) != zone_of(change.new)
    ]


def _zone(nodes: Cache | None, one: Pod) -> str | None:
    if nodes is None:
        return NO_ZONE
    node = nodes.get(one.spec.node_name)
    return None if node is None else zone_of(node)


def _apply(
    known: Members[T],
    one: Service,
    pods: Cache,
    nodes: Cache | None,
    make: Make[T],
    names: list[str],
) -> Mapping[str, Member[T]]:
    if not names:
        return known.by_name
    by_name = dict(known.by_name)
    for name in names:
        doc = pods.get(f"{one.metadata.namespace}/{name}")
        if doc is None or not selects(one, doc):
            by_name.pop(name, None)
        else:
            by_name[name] = _member(pod(doc), nodes, make, by_name.get(name))
    return by_name


def _walk(
    known: Members[T] | None, one: Service, pods: Cache, nodes: Cache | None, make: Make[T]
) -> Mapping[str, Member[T]]:
    old: Mapping[str, Member[T]] = {} if known is None else known.by_name
    same_service = known is not None and known.service is one.doc
    by_name: dict[str, Member[T]] = {}
    for doc in selected_pods(pods, one):
        view = pod(doc)
        seen = old.get(view.metadata.name)
        if (
            same_service
            and seen is not None
            and seen.doc is doc
            and seen.zone == _zone(nodes, view)
        ):
            by_name[view.metadata.name] = seen
        else:
            by_name[view.metadata.name] = _member(view, nodes, make, seen)
    return by_name


def _member(view: Pod, nodes: Cache | None, make: Make[T], seen: Member[T] | None) -> Member[T]:
    zone = _zone(nodes, view)
    item = make(view, zone)
    ready = view.status.condition("Ready")
    since = (ready.last_transition_time if ready else None) or ""
    if seen is not None and seen.item == item:
        item = seen.item
    return Member(view.doc, zone, since, item)


def _changed(
    before: Mapping[str, Member[T]], after: Mapping[str, Member[T]], names: list[str] | None
) -> dict[str, None]:
    if names is not None:
        return {name: None for name in names if _item(before, name) is not _item(after, name)}
    gone = {name: None for name in before if name not in after}
    come = {name: None for name, new in after.items() if _item(before, name) is not new.item}
    return {**gone, **come}


def _item(members: Mapping[str, Member[T]], name: str) -> T | None:
    found = members.get(name)
    return None if found is None else found.item


def _created(one: Service) -> str:
    created = one.metadata.creation_timestamp
    return format_time(parse_time(created)) if created else ""


def _trigger_time(
    before: Mapping[str, Member[T]], after: Mapping[str, Member[T]], names: Iterable[str] | None
) -> str:
    """The earliest of those times of readiness that have advanced since the last reconcile.

    Source: trigger_time_tracker.go, ComputeEndpointLastChangeTriggerTime.
    """
    earliest: int | None = None
    for name in after if names is None else names:
        new, old = after.get(name), before.get(name)
        if new is None or not new.ready_since or (old and old.ready_since == new.ready_since):
            continue
        at_ms = parse_time(new.ready_since)
        if old is not None and old.ready_since and parse_time(old.ready_since) >= at_ms:
            continue
        earliest = at_ms if earliest is None or at_ms < earliest else earliest
    return "" if earliest is None else format_time(earliest)
