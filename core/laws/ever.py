"""What holds at every moment, whatever goes wrong: crashes, partitions, lost answers, restarts.

Source: kubernetes v1.36, pkg/registry/core/pod/storage/storage.go (a pod is bound once);
pkg/registry/core/pod/strategy.go; apimachinery/pkg/api/validation/objectmeta.go (what of an
object's metadata never changes, one controller at most).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kelm.core.laws.availability import History
from kelm.core.laws.invariant import (
    Broken,
    Invariant,
    changed,
    in_each_change,
    in_each_moment,
)
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key
from kelm.effects.document import Document, child, children, number, strings, text, value_at

ENDED = ("Succeeded", "Failed")


def _bound_once(key: Key, old: Document | None, new: Document | None) -> Iterable[str]:
    if old is None or new is None or metadata(old).uid != metadata(new).uid:
        return
    was, now = text(old, "spec", "nodeName"), text(new, "spec", "nodeName")
    if was and was != now:
        yield f"{key} went from {was} to {now or 'none'}"


def _identity(history: History) -> Broken:
    before = Store()
    for at_ms, store in history:
        for table in store.tables:
            for key, old, new in changed(before.table(table.resource), table):
                if old is None or new is None:
                    continue
                was, now = metadata(old), metadata(new)
                if (was.uid, was.creation_timestamp) != (now.uid, now.creation_timestamp):
                    yield at_ms, f"{table.resource} {key} became another object"
                if was.deletion_timestamp is not None and now.deletion_timestamp is None:
                    yield at_ms, f"{table.resource} {key} is no longer being deleted"
                if now.generation < was.generation:
                    yield at_ms, f"{table.resource} {key} went back to {now.generation}"
        before = store


def _one_controller(history: History) -> Broken:
    before = Store()
    for at_ms, store in history:
        for table in store.tables:
            for key, _, new in changed(before.table(table.resource), table):
                owners = metadata(new).owner_references if new is not None else ()
                if sum(1 for owner in owners if owner.controller) > 1:
                    yield at_ms, f"{table.resource} {key}"
        before = store


def _service_addresses(store: Store) -> Iterator[str]:
    given: Counter[str] = Counter()
    for doc in store.table("services").objects():
        given.update(ip for ip in _addresses(doc) if ip != "None")
        ports = (number(port, "nodePort") for port in children(doc, "spec", "ports"))
        protocols = (text(port, "protocol") for port in children(doc, "spec", "ports"))
        given.update(f"{p}/{n}" for p, n in zip(protocols, ports, strict=True) if n)
    yield from (f"{times} have {what}" for what, times in sorted(given.items()) if times > 1)


def _addresses(service: Document) -> tuple[str, ...]:
    value = value_at(service, "spec", "clusterIPs")
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _pod_addresses(history: History) -> Broken:
    before = Table("pods")
    for at_ms, store in history:
        now = store.table("pods")
        if now is not before:
            views = (pod(doc) for doc in now.objects())
            given = Counter(
                one.status.pod_ip
                for one in views
                if one.status.pod_ip and one.status.phase not in ENDED and not _on_host(one.doc)
            )
            yield from ((at_ms, f"{n} have {ip}") for ip, n in sorted(given.items()) if n > 1)
        before = now


def _on_host(doc: Document) -> bool:
    return value_at(doc, "spec", "hostNetwork") is True


def _observed(history: History) -> Broken:
    before = Store()
    for at_ms, store in history:
        for resource in ("deployments.apps", "replicasets.apps"):
            for key, _, new in changed(before.table(resource), store.table(resource)):
                seen = number(child(new or Document(), "status"), "observedGeneration")
                if new is not None and seen > metadata(new).generation:
                    yield at_ms, f"{resource} {key} claims to have seen {seen}"
        before = store


def _selected_labels(key: Key, old: Document | None, new: Document | None) -> Iterable[str]:
    if old is None or new is None:
        return
    was, now = strings(old, "spec", "selector"), strings(new, "spec", "selector")
    if child(old, "spec", "selector") != child(new, "spec", "selector"):
        yield f"{key} selected {was} and selects {now}"


EVER: tuple[Invariant, ...] = (
    Invariant("a pod is bound to one node, once", in_each_change("pods", _bound_once)),
    Invariant("what an object is never changes, and its deletion is never taken back", _identity),
    Invariant("an object has at most one controller", _one_controller),
    Invariant(
        "no two Services share an address or a node port", in_each_moment(_service_addresses)
    ),
    Invariant("no two running pods share an address", _pod_addresses),
    Invariant("nobody has observed a generation that is still to come", _observed),
    Invariant(
        "a ReplicaSet selects the same pods all its life",
        in_each_change("replicasets.apps", _selected_labels),
    ),
)
