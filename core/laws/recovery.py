"""How long the cluster took to recover from each fault.

A fault is recovered from when everything that it made worse is whole again and stays so, until the
next fault or the end. What is looked at are histories between 0 and 1: the part of requests that a
Service answers, the part of its replicas that a workload has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from kelm.core.laws.availability import History
from kelm.core.laws.series import Series, Window, extended, since, windows_where
from kelm.core.objects.meta import metadata
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document, child, number
from kelm.effects.messages import Change

WORKLOADS: tuple[Resource, ...] = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicasets.apps",
)


class Recovery(msgspec.Struct, frozen=True):
    """What a fault did.

    felt_ms: after how long something got worse, None if nothing did.
    recovered_ms: after how long everything was whole again: 0 if nothing got worse, None if it
        had not recovered when the next fault or the end came.
    last: what took longest.
    """

    fault: str
    at_ms: int
    felt_ms: int | None
    recovered_ms: int | None
    last: str = ""


def recoveries(
    faults: Sequence[tuple[int, str]], histories: Mapping[str, Series], until_ms: int
) -> tuple[Recovery, ...]:
    """The recovery from each fault, in the order given (by time).

    Args:
        faults: when, and what it is called.
        histories: everything that should be whole, by name.

    >>> from kelm.core.laws.series import Step
    >>> web = (Step(0, 1.0), Step(50, 0.5), Step(90, 1.0))
    >>> recoveries([(40, "crash node-1")], {"web": web}, 200)[0]
    Recovery(fault='crash node-1', at_ms=40, felt_ms=10, recovered_ms=50, last='web')
    """
    ends = [*(at_ms for at_ms, _ in faults[1:]), until_ms][: len(faults)]
    return tuple(
        _recovery(name, at_ms, histories, max(end_ms, at_ms))
        for (at_ms, name), end_ms in zip(faults, ends, strict=True)
    )


def _recovery(name: str, at_ms: int, histories: Mapping[str, Series], end_ms: int) -> Recovery:
    bad = [
        (window, thing)
        for thing in sorted(histories)
        for window in _incomplete(histories[thing], at_ms, end_ms)
    ]
    if not bad:
        return Recovery(name, at_ms, None, 0)
    felt_ms = min(window.from_ms for window, _ in bad) - at_ms
    last, thing = max(bad, key=lambda found: (found[0].to_ms, found[0].length_ms))
    whole_ms = None if last.to_ms >= end_ms else last.to_ms - at_ms
    return Recovery(name, at_ms, felt_ms, whole_ms, thing)


def _incomplete(series: Series, from_ms: int, end_ms: int) -> tuple[Window, ...]:
    return windows_where(since(series, from_ms), end_ms, lambda value: value < 1)


def replicas(history: History) -> dict[str, Series]:
    """The part of the replicas it wants that each workload has available, as the API sees it.

    The names are those of kubectl (`deployments.apps default/web`). ReplicaSets of a Deployment
    are left out.
    """
    found: dict[str, Series] = {}
    before = Store()
    for at_ms, store in history:
        for resource in WORKLOADS:
            for key, doc in _changed(before.table(resource), store.table(resource)):
                name, part = f"{resource} {key}", _available_part(doc)
                if part is not None or name in found:
                    found[name] = extended(found.get(name, ()), at_ms, part)
        before = store
    return found


def _changed(old: Table, new: Table) -> Iterator[tuple[Key, Document | None]]:
    if old is new or old.revision == new.revision:
        return
    changes: Iterable[Change] | None = new.changes_since(old.revision)
    keys = [change.key for change in changes] if changes is not None else sorted(new.slot_of)
    for key in dict.fromkeys(keys):
        yield key, new.get(key)


def _available_part(doc: Document | None) -> float | None:
    if doc is None or metadata(doc).controller is not None:
        return None
    status = child(doc, "status")
    wanted = number(doc, "spec", "replicas", default=1)
    wanted = number(status, "desiredNumberScheduled", default=wanted)
    available = number(status, "availableReplicas") + number(status, "numberAvailable")
    return min(1.0, available / wanted) if wanted > 0 else 1.0
