"""How available each Service was: from a history of stores and of machines that were down.

    series = measure(history, down, until_ms)
    availability(series["default/frontend"], until_ms).fraction

What counts is whether requests were answered at the container, not what the API believed: a Service
loses the part of its requests that proxies send to pods of a crashed machine. Time before the first
answer is no outage, it is starting up.

A history is walked once, at the cost of its changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from kelm.core.laws.series import Series, Window, extended, since, stretches, windows_where
from kelm.core.network.client import ANYWHERE, Client, answered_part
from kelm.core.network.reach import ByStatus, runs
from kelm.core.network.selection import services_of_pod
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.service import SERVICE_NAME, service
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, key_of
from kelm.effects.document import Document

SLICES = "endpointslices.discovery.k8s.io"

History: TypeAlias = Iterable[tuple[int, Store]]
"""Each state of the store with the time from which on it held, oldest first."""
Down: TypeAlias = Iterable[tuple[int, frozenset[str]]]
"""Which machines did not answer, each time with all of them, oldest first."""


class Availability(msgspec.Struct, frozen=True):
    """How available a Service was since it first answered.

    first_answer_ms: None if it never did; then it was not available at all.
    lost_ms: the time for which it was unavailable, partly lost time counted in part.
    outages: when nothing was answered. degraded: when some requests were and others not.
    """

    first_answer_ms: int | None
    measured_ms: int
    lost_ms: float
    worst: float
    outages: tuple[Window, ...]
    degraded: tuple[Window, ...]

    @property
    def fraction(self) -> float:
        """The part of all requests that was answered, from 0 to 1."""
        if self.first_answer_ms is None:
            return 0.0
        return 1.0 - self.lost_ms / self.measured_ms if self.measured_ms else 1.0

    def failed_requests(self, requests_per_second: float) -> int:
        """How many requests would have failed, had they come at this steady rate."""
        return round(self.lost_ms * requests_per_second / 1_000)


def availability(series: Series, until_ms: int) -> Availability:
    """Sum up one Service's history.

    >>> from kelm.core.laws.series import Step
    >>> found = availability((Step(0, 0.0), Step(10, 1.0), Step(60, 0.5), Step(80, 1.0)), 110)
    >>> found.fraction, found.failed_requests(requests_per_second=1000), found.worst
    (0.9, 10, 0.5)
    """
    answered = windows_where(series, until_ms, lambda part: part > 0)
    if not answered:
        whole = sum(w.length_ms for w in windows_where(series, until_ms, lambda part: True))
        outages = windows_where(series, until_ms, lambda part: True)
        return Availability(None, whole, float(whole), 0.0, outages, ())
    first_ms = answered[0].from_ms
    series = since(series, first_ms)
    parts = [(w.length_ms, v) for w, v in stretches(series, until_ms) if v is not None]
    return Availability(
        first_answer_ms=first_ms,
        measured_ms=sum(length_ms for length_ms, _ in parts),
        lost_ms=sum(length_ms * (1.0 - part) for length_ms, part in parts),
        worst=min(part for _, part in parts),
        outages=windows_where(series, until_ms, lambda part: part == 0),
        degraded=windows_where(series, until_ms, lambda part: 0 < part < 1),
    )


def measure(
    history: History,
    down: Down = (),
    clients: Mapping[Key, Client] | None = None,
) -> dict[Key, Series]:
    """The part of its requests that each Service answered, over time, by key.

    Args:
        down: when which machines did not answer; none ever if not given.
        clients: where a Service's requests come from, if not from anywhere in the cluster.
    """
    found: dict[Key, Series] = {}
    before = _Moment(0, Store(), frozenset())
    for moment in _moments(history, down):
        for key in _touched(before, moment):
            client = (clients or {}).get(key, ANYWHERE)
            part = _part(moment, key, client)
            if part is not None or key in found:
                found[key] = extended(found.get(key, ()), moment.at_ms, part)
        before = moment
    return found


class _Moment(msgspec.Struct, frozen=True):
    at_ms: int
    store: Store
    down: frozenset[str]


def _moments(history: History, down: Down) -> Iterator[_Moment]:
    """Both histories as one, in the order of time."""
    failures = list(down)
    store, out, place = Store(), frozenset[str](), 0
    for at_ms, now in history:
        while place < len(failures) and failures[place][0] < at_ms:
            out = failures[place][1]
            yield _Moment(failures[place][0], store, out)
            place += 1
        while place < len(failures) and failures[place][0] == at_ms:
            out = failures[place][1]
            place += 1
        store = now
        yield _Moment(at_ms, store, out)
    for at_ms, out in failures[place:]:
        yield _Moment(at_ms, store, out)


def _touched(before: _Moment, now: _Moment) -> dict[Key, None]:
    """The Services that may answer another part of their requests than a moment ago."""
    services, pods = now.store.table("services"), now.store.table("pods")
    keys: dict[Key, None] = {}
    for key, _, _ in _changes(before, now, "services"):
        keys[key] = None
    for _, old, new in _changes(before, now, SLICES):
        for doc in (old, new):
            name = "" if doc is None else labels_of(doc).get(SERVICE_NAME, "")
            if doc is not None and name:
                keys[key_of(metadata(doc).namespace, name)] = None
    for _, old, new in _changes(before, now, "pods"):
        if old is not None and (new is None or _runs_otherwise(old, new)):
            keys.update(dict.fromkeys(services_of_pod(services, old)))
    for node in sorted(before.down ^ now.down):
        for doc in pods.select("spec.nodeName", node):
            keys.update(dict.fromkeys(services_of_pod(services, doc)))
    return keys


def _runs_otherwise(old: Document, new: Document) -> bool:
    return old.get("status") is not new.get("status") and runs(old) != runs(new)


def _changes(
    before: _Moment, now: _Moment, resource: str
) -> Iterator[tuple[Key, Document | None, Document | None]]:
    old, new = before.store.table(resource), now.store.table(resource)
    if old is new or old.revision == new.revision:
        return
    changes = new.changes_since(old.revision)
    if changes is not None:
        yield from ((change.key, change.old, change.new) for change in changes)
    else:
        yield from _compared(old, new)


def _compared(old: Table, new: Table) -> Iterator[tuple[Key, Document | None, Document | None]]:
    """Differences where the log does not reach back far enough."""
    for key in sorted({*old.slot_of, *new.slot_of}):
        left, right = old.get(key), new.get(key)
        if left is not right:
            yield key, left, right


def _part(moment: _Moment, key: Key, client: Client) -> float | None:
    store = moment.store
    doc = store.get("services", key)
    if doc is None or service(doc).type == "ExternalName":
        return None
    reach = ByStatus(store.table("pods"), moment.down)
    return answered_part(service(doc), store.table(SLICES), store.table("nodes"), reach, client)
