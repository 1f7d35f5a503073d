"""The pass over all nodes, every five seconds: who is lost, and whose pods must go.

A pass notes heartbeats, writes the status of nodes that fell silent, counts zones, takes NoExecute
taints off nodes that answer and queues those that do not. Between passes the queues are worked
off as each zone's ration allows. A pass with nothing due costs two look-ups a node and says
nothing.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go
(monitorNodeHealth, processTaintBaseEviction, handleDisruption, doNoExecuteTaintingPass).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.controllers.nodes.lifecycle import events
from kelm.core.controllers.nodes.lifecycle.health import (
    Health,
    condition,
    is_renewed,
    lost,
    observed,
    patience_ends_ms,
    ready_status,
)
from kelm.core.controllers.nodes.lifecycle.ration import Ration
from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.controllers.nodes.lifecycle.taints import (
    EXECUTE_BY_READY,
    NOT_READY_EXECUTE,
    UNREACHABLE_EXECUTE,
    TaintId,
    swap_patch,
    taint_ids,
)
from kelm.core.controllers.nodes.lifecycle.zones import (
    Count,
    Disruption,
    Zone,
    ZoneState,
    disruption,
    eviction_rate,
    is_excluded,
    zone_of,
    zone_state,
)
from kelm.effects.commands import Command, Patch, Update
from kelm.effects.document import Document
from kelm.effects.messages import Cache

LEASE_NAMESPACE = "kube-node-lease/"
TAINTING_PERIOD_MS = 100
"""How long a node that was just found silent waits for its NoExecute taint at least."""

_FULL = ZoneState.FULL_DISRUPTION
_EXECUTE_TAINTS: frozenset[TaintId] = frozenset({NOT_READY_EXECUTE, UNREACHABLE_EXECUTE})


class Seen(msgspec.Struct, frozen=True):
    """One node as the last pass saw it.

    `patience_ends_ms`: it is lost if nothing is heard until then. `calm`: nothing but its silence
    can give it work.
    """

    health: Health
    patience_ends_ms: int
    zone: Zone
    ready: str
    counts: bool
    calm: bool


class ZoneRecord(msgspec.Struct, frozen=True):
    """One zone.

    `queue` are the nodes that wait for their ration, `swaps` those that have the other NoExecute
    taint and wait for nothing. `ration_before` is the ration before `last_tainted` took from it.
    """

    state: ZoneState
    ration: Ration
    queue: tuple[str, ...] = ()
    swaps: tuple[str, ...] = ()
    last_tainted: str = ""
    ration_before: Ration | None = None


class Monitor(msgspec.Struct, frozen=True):
    """What the passes remember. The mappings are made anew by each pass and never changed."""

    first_ms: int
    next_ms: int
    nodes: Mapping[str, Seen] = {}
    zones: Mapping[Zone, ZoneRecord] = {}


class _Pass:
    """The notes of one pass; they do not outlive the call."""

    __slots__ = ("commands", "counts", "nodes", "now_ms", "queues", "settings", "swaps")

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self.settings, self.now_ms = settings, now_ms
        self.commands: list[Command] = []
        self.nodes: dict[str, Seen] = {}
        self.counts: dict[Zone, list[int]] = {}
        self.queues: dict[Zone, list[str]] = {}
        self.swaps: dict[Zone, list[str]] = {}


def run_pass(
    monitor: Monitor | None, nodes: Cache, leases: Cache, settings: Settings, now_ms: int
) -> tuple[Monitor, tuple[Command, ...]]:
    """Look at every node once."""
    before = monitor or Monitor(now_ms, now_ms)
    notes = _Pass(settings, now_ms)
    for node in nodes.objects():
        _look(notes, before.nodes, node, leases)
    for name, seen in before.nodes.items():
        if name not in notes.nodes:
            notes.commands.append(events.removing(seen.health.node))
    zones, turn = _zones(notes, before.zones)
    if _is_dark(zones.values()):
        _give_up_nobody(notes)
    elif turn is Disruption.LEFT:
        notes.nodes = {name: _heard(seen, notes) for name, seen in notes.nodes.items()}
    period_ms = settings.monitor_period_ms
    next_ms = now_ms + period_ms - (now_ms - before.first_ms) % period_ms
    return Monitor(before.first_ms, next_ms, notes.nodes, zones), tuple(notes.commands)


def _look(notes: _Pass, before: Mapping[str, Seen], node: Document, leases: Cache) -> None:
    name: str = node["metadata"]["name"]  # type: ignore[index, call-overload, assignment]
    seen = before.get(name)
    lease = leases.get(LEASE_NAMESPACE + name)
    if seen is None or seen.health.node is not node or seen.health.lease is not lease:
        seen = _noticed(notes, seen, node, lease)
    if not seen.calm or notes.now_ms > seen.patience_ends_ms:
        seen = _attended(notes, seen, name, is_new=name not in before)
    notes.nodes[name] = seen
    if seen.counts:
        count = notes.counts.setdefault(seen.zone, [0, 0])
        count[seen.ready != "True"] += 1


def _noticed(notes: _Pass, seen: Seen | None, node: Document, lease: Document | None) -> Seen:
    """A node that is new or changed, or whose lease did."""
    if seen is not None and seen.health.node is node:
        return _beaten(notes, seen, lease)
    health = observed(seen.health if seen else None, node, lease, notes.now_ms)
    ends_ms = patience_ends_ms(health, notes.settings)
    if seen is None:
        notes.commands.append(events.registered(node))
    ready = ready_status(node)
    calm = ready == "True" and not _execute_taints(node)
    return Seen(health, ends_ms, zone_of(node), ready, not is_excluded(node), calm)


def _beaten(notes: _Pass, seen: Seen, lease: Document | None) -> Seen:
    """A node of which only the lease changed: the usual case, so it looks at nothing else."""
    old = seen.health
    probe_ms = notes.now_ms if is_renewed(old.lease, lease) else old.probe_ms
    return Seen(
        Health(old.node, lease or old.lease, probe_ms),
        seen.patience_ends_ms - old.probe_ms + probe_ms,
        seen.zone,
        seen.ready,
        seen.counts,
        seen.calm,
    )


def _execute_taints(node: Document) -> tuple[TaintId, ...]:
    """The NoExecute taints of this controller that a node has."""
    return tuple(one for one in taint_ids(node) if one in _EXECUTE_TAINTS)


def _attended(notes: _Pass, seen: Seen, name: str, *, is_new: bool) -> Seen:
    """A node with something due: silence to be written down, taints to be set or taken off."""
    node, now_ms, ready = seen.health.node, notes.now_ms, seen.ready
    if now_ms > seen.patience_ends_ms:
        update = lost(node, now_ms)
        if update is not None:
            notes.commands.append(Update("nodes", "", name, update, subresource="status"))
        ready = "Unknown"
    present = _execute_taints(node)
    if ready == "True" and present:
        notes.commands.append(swap_patch(node, (), present, now_ms))
    elif ready in EXECUTE_BY_READY:
        _mark(notes, seen, name, ready, present, is_new=is_new)
    calm = ready == "True" and not present
    return Seen(seen.health, seen.patience_ends_ms, seen.zone, ready, seen.counts, calm)


def _mark(
    notes: _Pass, seen: Seen, name: str, ready: str, present: tuple[TaintId, ...], *, is_new: bool
) -> None:
    """Swap the opposite taint soon; what has none of the two waits for its ration."""
    wanted, opposite = EXECUTE_BY_READY[ready]
    if opposite in present:
        notes.swaps.setdefault(seen.zone, []).append(name)
    elif wanted not in present:
        notes.queues.setdefault(seen.zone, []).append(name)
    elif is_new:
        notes.commands.append(swap_patch(seen.health.node, (), (wanted,), notes.now_ms))
        notes.queues.setdefault(seen.zone, []).append(name)


def _zones(
    notes: _Pass, before: Mapping[Zone, ZoneRecord]
) -> tuple[dict[Zone, ZoneRecord], Disruption]:
    """The zones after this pass, with their queues and rations, and what it means for all."""
    settings, now_ms = notes.settings, notes.now_ms
    counts = {zone: Count(ready, silent) for zone, (ready, silent) in notes.counts.items()}
    states = {
        zone: zone_state(count, settings.unhealthy_zone_threshold) for zone, count in counts.items()
    }
    turn = disruption({zone: record.state for zone, record in before.items()}, states)
    is_dark = bool(states) and all(state is _FULL for state in states.values())
    found: dict[Zone, ZoneRecord] = {}
    for zone in {**states, **notes.queues, **notes.swaps}:
        old = before.get(zone)
        ration = old.ration if old else Ration(settings.eviction_rate)
        state = states.get(zone, ZoneState.INITIAL)
        if is_dark:
            ration = ration.at_rate(0.0, now_ms)
        elif turn is Disruption.LEFT or old is None or old.state is not state:
            rate = eviction_rate(state, counts.get(zone, Count()).nodes, settings)
            ration = ration.at_rate(rate, now_ms)
        queue, swaps = notes.queues.get(zone, ()), notes.swaps.get(zone, ())
        found[zone] = ZoneRecord(state, ration, tuple(queue), () if is_dark else tuple(swaps))
    return found, turn


def _is_dark(zones: Iterable[ZoneRecord]) -> bool:
    """Whether no zone answers, of those whose nodes count."""
    states = [record.state for record in zones if record.state is not ZoneState.INITIAL]
    return bool(states) and all(state is _FULL for state in states)


def _give_up_nobody(notes: _Pass) -> None:
    """Every node is silent: take the NoExecute taints off all of them."""
    written = {c.name for c in notes.commands if isinstance(c, Update | Patch)}
    for name, seen in notes.nodes.items():
        present = _execute_taints(seen.health.node)
        if present and name not in written:
            notes.commands.append(swap_patch(seen.health.node, (), present, notes.now_ms))


def _heard(seen: Seen, notes: _Pass) -> Seen:
    """After a silence of all, every node has its whole grace again."""
    health = Health(seen.health.node, seen.health.lease, notes.now_ms)
    ends_ms = patience_ends_ms(health, notes.settings)
    return Seen(health, ends_ms, seen.zone, seen.ready, seen.counts, seen.calm)


def ration_out(monitor: Monitor, nodes: Cache, now_ms: int) -> tuple[Monitor, tuple[Command, ...]]:
    """Taint the nodes at the heads of the queues whose zones allow it now."""
    commands: list[Command] = []
    zones = dict(monitor.zones)
    for zone, record in monitor.zones.items():
        patches = (_execute_patch(nodes.get(name), now_ms) for name in record.swaps)
        commands.extend(patch for patch in patches if patch is not None)
        record = msgspec.structs.replace(record, swaps=())
        while record.queue and record.ration.allows(now_ms):
            name, *later = record.queue
            record = msgspec.structs.replace(record, queue=tuple(later))
            patch = _execute_patch(nodes.get(name), now_ms)
            if patch is not None:
                commands.append(patch)
                record = msgspec.structs.replace(
                    record,
                    ration=record.ration.taken(now_ms),
                    last_tainted=name,
                    ration_before=record.ration,
                )
        zones[zone] = record
    return msgspec.structs.replace(monitor, zones=zones), tuple(commands)


def after_refusal(monitor: Monitor, name: str, now_ms: int) -> Monitor:
    """Look at all nodes again as soon as may be; what a node could not take is given back."""
    zones = {
        zone: msgspec.structs.replace(record, ration=record.ration_before, ration_before=None)
        if record.last_tainted == name and record.ration_before
        else record
        for zone, record in monitor.zones.items()
    }
    return msgspec.structs.replace(monitor, next_ms=now_ms, zones=zones)


def _execute_patch(node: Document | None, now_ms: int) -> Command | None:
    """The NoExecute taint that a queued node needs now, if it still does."""
    if node is None or condition(node, "Ready") is None:
        return None
    taints = EXECUTE_BY_READY.get(ready_status(node))
    if taints is None or taints[0] in taint_ids(node):
        return None
    return swap_patch(node, taints[:1], taints[1:], now_ms)


def next_look_ms(monitor: Monitor, now_ms: int) -> int:
    """When the monitor has something to do again: a pass, or a node that may be tainted."""
    soon_ms = now_ms + TAINTING_PERIOD_MS
    turns = [
        max(record.ration.next_ms, soon_ms)
        for record in monitor.zones.values()
        if record.queue and record.ration.rate > 0
    ]
    if any(record.swaps for record in monitor.zones.values()):
        turns.append(soon_ms)
    return min((monitor.next_ms, *turns))
