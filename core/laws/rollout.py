"""The fences of a rollout: how many pods may be wanted, how many must stay available.

What upstream promises is about what is *wanted*: the sizes of a Deployment's ReplicaSets never add
up to more than replicas + maxSurge. A new ReplicaSet grows when an old one was told to shrink, not
when that one's pods are gone; so for a moment there may be more pods than that, namely those that a
ReplicaSet's controller has still to delete (terminating pods never count). Of its own pods a
ReplicaSet's controller makes no more than it was asked for.

While a size or the allowances change, the loosest of those counts that were asked for since the
Deployment was last complete. Two things bend the first two sentences upstream, too, and are no
breach of it: a lost answer (the write is not in the controller's belief when it decides again) and
users who hand over or relabel pods and ReplicaSets. The third is about rollouts alone: a fault or a
user who deletes pods takes them away, whatever a rollout does. It is a bound on ready pods. On
available ones it holds for a rollout that nothing comes in between: who shrinks a ReplicaSet that
is half way up counts on its pods that are not available yet, but its controller deletes pods on
crowded nodes first and looks no further than at readiness (controller_utils.go,
ActivePodsWithRanks), so with minReadySeconds an available pod may go instead.

Source: kubernetes v1.36, pkg/controller/deployment/rolling.go; util/deployment_util.go
(NewRSNewReplicas, MaxUnavailable); pkg/controller/replicaset/replica_set.go (manageReplicas).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.controllers.shared.pods import is_available
from kelm.core.controllers.workloads.deployment.fenceposts import min_available_of, surge_of
from kelm.core.controllers.workloads.deployment.progress import is_complete
from kelm.core.laws.availability import History
from kelm.core.laws.invariant import Broken, Invariant
from kelm.core.laws.rest import active_pods, owned_sets
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.workloads import (
    RECREATE,
    Deployment,
    ReplicaSet,
    deployment,
    replica_set,
)
from kelm.core.store.store import Store
from kelm.effects.address import Uid


class Fences(msgspec.Struct, frozen=True):
    """The loosest bounds since a Deployment was last complete.

    ready, available: how many pods were so at once since then, at most.
    """

    most: int
    least: int
    ready: int = 0
    available: int = 0


def fences(history: History) -> Iterator[tuple[int, Store, Deployment, Fences]]:
    """Every Deployment at every moment with the bounds that hold for it then."""
    known: dict[Uid, Fences] = {}
    for at_ms, store in history:
        before, known = known, {}
        for doc in store.table("deployments.apps").objects():
            one = deployment(doc)
            most, least = one.replicas + surge_of(one), min_available_of(one)
            last = before.get(one.metadata.uid)
            if last is None:
                found = Fences(most, least)
            else:
                found = msgspec.structs.replace(
                    last, most=max(most, last.most), least=min(least, last.least)
                )
            yield at_ms, store, one, found
            serving = _serving(store, one)
            ready = max(found.ready, len(serving))
            good = max(found.available, _available(serving, one, at_ms))
            known[one.metadata.uid] = (
                Fences(most, least, ready, good)
                if _complete(store, one)
                else Fences(found.most, found.least, ready, good)
            )


def _complete(store: Store, one: Deployment) -> bool:
    seen = one.status.observed_generation >= one.metadata.generation
    sets = owned_sets(store, one)
    settled = all(
        each.status.observed_generation >= each.metadata.generation
        and each.replicas == len(active_pods(store, each.metadata.uid))
        for each in sets
    )
    return seen and settled and is_complete(one, one.status)


def _serving(store: Store, one: Deployment) -> list[Pod]:
    sets = owned_sets(store, one)
    pods = (each for owner in sets for each in active_pods(store, owner.metadata.uid))
    return [each for each in pods if each.ready]


def _available(serving: list[Pod], one: Deployment, now_ms: int) -> int:
    return sum(is_available(each, one.min_ready_seconds, now_ms) for each in serving)


def _wanted(history: History) -> Broken:
    for at_ms, store, one, bounds in fences(history):
        wanted = sum(each.replicas for each in owned_sets(store, one))
        if wanted > bounds.most:
            yield at_ms, f"{one.metadata.key} wants {wanted}, at most {bounds.most} are allowed"


def _kept(history: History) -> Broken:
    for at_ms, store, one, bounds in fences(history):
        least, ready = min(bounds.least, bounds.ready), len(_serving(store, one))
        if ready < least:
            yield at_ms, f"{one.metadata.key} has {ready} ready, {least} must stay"


def _kept_available(history: History) -> Broken:
    for at_ms, store, one, bounds in fences(history):
        least = min(bounds.least, bounds.available)
        found = _available(_serving(store, one), one, at_ms)
        if found < least:
            yield at_ms, f"{one.metadata.key} has {found} available, {least} must stay"


def made_beyond(history: History) -> Iterator[tuple[int, ReplicaSet, int, int]]:
    """Each moment at which a ReplicaSet got one more pod than it was asked for: pods, asked."""
    most: dict[Uid, int] = {}
    had: dict[Uid, int] = {}
    for at_ms, store in history:
        for doc in store.table("replicasets.apps").objects():
            one = replica_set(doc)
            uid = one.metadata.uid
            pods = len(active_pods(store, uid))
            asked = max(one.replicas, most.get(uid, 0))
            if pods > asked and pods > had.get(uid, 0):
                yield at_ms, one, pods, asked
            seen = one.status.observed_generation >= one.metadata.generation
            most[uid] = one.replicas if seen and pods <= one.replicas else asked
            had[uid] = pods


def _made(history: History) -> Broken:
    for at_ms, one, pods, asked in made_beyond(history):
        yield at_ms, f"{one.metadata.key} made pod {pods} and was asked for {asked}"


def _recreated(history: History) -> Broken:
    """New pods beside old ones that have not ended; terminating pods run, too."""
    for at_ms, store in history:
        for doc in store.table("deployments.apps").objects():
            one = deployment(doc)
            if one.strategy != RECREATE:
                continue
            running = [
                each.metadata.name
                for each in owned_sets(store, one)
                if any(p.active or p.terminating for p in _pods(store, each.metadata.uid))
            ]
            if len(running) > 1:
                yield at_ms, f"{one.metadata.key} has pods of {' and '.join(running)}"


def _pods(store: Store, uid: Uid) -> Iterator[Pod]:
    return (pod(doc) for doc in store.table("pods").select("owner", uid))


def missing(history: History) -> Iterator[tuple[int, int, str]]:
    """When, for how long and whose active pods were fewer than a ReplicaSet wants, in ms.

    It does not wait for a pod that is terminating to be gone before it makes another.
    """
    since: dict[Uid, int] = {}
    last_ms = 0
    for at_ms, store in history:
        last_ms = at_ms
        for doc in store.table("replicasets.apps").objects():
            one = replica_set(doc)
            uid = one.metadata.uid
            if len(active_pods(store, uid)) < one.replicas:
                since.setdefault(uid, at_ms)
            elif uid in since:
                yield since[uid], at_ms - since.pop(uid), one.metadata.key
        for uid in [uid for uid in since if not _exists(store, uid)]:
            del since[uid]
    yield from ((at_ms, last_ms - at_ms, uid) for uid, at_ms in since.items())


def _exists(store: Store, uid: Uid) -> bool:
    return any(metadata(doc).uid == uid for doc in store.table("replicasets.apps").objects())


def _at_once(history: History) -> Broken:
    for at_ms, store, one, bounds in fences(history):
        pods = sum(len(active_pods(store, s.metadata.uid)) for s in owned_sets(store, one))
        if pods > bounds.most:
            yield at_ms, f"{one.metadata.key} has {pods} pods, at most {bounds.most} are allowed"


def beyond(history: History) -> Iterator[tuple[int, int]]:
    """When and for how long a Deployment had more active pods than it may want, in ms."""
    since: dict[Uid, int] = {}
    last_ms = 0
    for at_ms, store, one, bounds in fences(history):
        pods = sum(len(active_pods(store, s.metadata.uid)) for s in owned_sets(store, one))
        uid, last_ms = one.metadata.uid, at_ms
        if pods > bounds.most:
            since.setdefault(uid, at_ms)
        elif uid in since:
            yield since[uid], at_ms - since.pop(uid)
    yield from ((at_ms, last_ms - at_ms) for at_ms in since.values())


WANTED = Invariant("a Deployment never wants more than replicas + maxSurge pods", _wanted)
MADE = Invariant("a ReplicaSet never makes more pods than it was asked for", _made)
KEPT = Invariant("a rollout never leaves fewer than replicas - maxUnavailable ready", _kept)
KEPT_AVAILABLE = Invariant(
    "a rollout by itself never leaves fewer than replicas - maxUnavailable available",
    _kept_available,
)
RECREATED = Invariant("a recreation by itself never has old and new pods at once", _recreated)
AT_ONCE = Invariant("a Deployment never has more than replicas + maxSurge active pods", _at_once)
"""This one holds where every process is as fast as the others; see above."""

ROLLOUT: tuple[Invariant, ...] = (WANTED, MADE, KEPT)
