"""The next step of a StatefulSet: which pods to make, to mend and to delete, in which order.

A set makes one step at a time. With `OrderedReady` it walks its ordinals upwards and stops at the
first pod that does not serve yet (making it, if it is missing); only when all serve does it take
pods away, the highest first, one at a time; and only when none is left to be taken away does it
replace pods of an old revision, again the highest first. With `Parallel` the pods of the first two
walks are not waited for. Replacing waits in both: a pod that does not serve stops it.

That is why taking a bad template back does not free a pod that is stuck with it: the upward walk
stops there, and replacing is never reached. A user has to delete the pod.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set_control.go (updateStatefulSet).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from kelm.core.controllers.shared.pods import is_available
from kelm.core.controllers.shared.slow_start import batch_sizes
from kelm.core.controllers.workloads.statefulset.identity import (
    ordinal_of,
    revision_of,
    starts_current,
)
from kelm.core.controllers.workloads.statefulset.status import Revisions, is_running_and_ready
from kelm.core.objects.int_or_string import resolve
from kelm.core.objects.pod import ENDED, Pod
from kelm.core.objects.stateful_set import StatefulSet

BURST = 500
"""How many pods of a parallel set are made or deleted at once at most. Source: MaxBatchSize."""


class Make(msgspec.Struct, frozen=True, gc=False):
    """Create the pod with this ordinal, of the current revision or of the update's."""

    ordinal: int
    revision: str


class Store(msgspec.Struct, frozen=True, gc=False):
    """See that a pending pod has its volume claims, owned as the policy says."""

    pod: Pod


class Mend(msgspec.Struct, frozen=True, gc=False):
    """See that a serving pod has its labels, its volumes, and its claims their owners."""

    pod: Pod


class Condemn(msgspec.Struct, frozen=True, gc=False):
    """See that the claims of a pod that is no longer wanted have the owners for that."""

    pod: Pod


class Remove(msgspec.Struct, frozen=True, gc=False):
    """Delete a pod. `ordinal` says which; the pod may not be seen yet."""

    ordinal: int
    pod: Pod | None


Action: TypeAlias = Make | Store | Mend | Condemn | Remove
Group: TypeAlias = tuple[Action, ...]
IsStale: TypeAlias = Callable[[int], bool]


class Step(msgspec.Struct, frozen=True, gc=False):
    """Groups of actions; a group's actions are done together, one group after the other.

    replaced: how many pods are deleted because of their revision.
    """

    groups: tuple[Group, ...] = ()
    replaced: int = 0


class Place(msgspec.Struct, frozen=True, gc=False):
    """An ordinal of the set and its pod, None while there is none."""

    ordinal: int
    pod: Pod | None
    revision: str


class Walk(msgspec.Struct, frozen=True):
    """What a step is decided from."""

    one: StatefulSet
    places: tuple[Place, ...]
    condemned: tuple[Pod, ...]
    revisions: Revisions
    now_ms: int
    is_stale: IsStale

    def unavailable(self, pod: Pod | None) -> bool:
        return (
            pod is None
            or pod.metadata.deletion_timestamp is not None
            or not is_available(pod, self.one.min_ready_seconds, self.now_ms)
        )

    @property
    def first_unavailable(self) -> Pod | None:
        """The lowest pod that does not serve, a wanted one before a condemned one."""
        rest = (*(place.pod for place in self.places), *reversed(self.condemned))
        return next((pod for pod in rest if self.unavailable(pod)), None)


def walk(
    one: StatefulSet, pods: Iterable[Pod], revisions: Revisions, now_ms: int, is_stale: IsStale
) -> Walk:
    """Sort the pods of a set: by their places, and those to go, the highest first.

    is_stale: whether the missing pod of an ordinal must wait for an old pod's claims to go.
    """
    by_ordinal = {ordinal: pod for pod in pods if (ordinal := ordinal_of(pod)) >= 0}
    condemned = sorted((n for n in by_ordinal if not one.has(n)), reverse=True)
    places = tuple(
        place(one, ordinal, by_ordinal.get(ordinal), revisions)
        for ordinal in range(one.start, one.start + one.replicas)
    )
    gone = tuple(by_ordinal[ordinal] for ordinal in condemned)
    return Walk(one, places, gone, revisions, now_ms, is_stale)


def place(one: StatefulSet, ordinal: int, pod: Pod | None, revisions: Revisions) -> Place:
    if pod is not None:
        return Place(ordinal, pod, revision_of(pod))
    current = starts_current(one, ordinal)
    return Place(ordinal, None, revisions.current if current else revisions.update)


def next_step(seen: Walk, *, max_unavailable: bool = False) -> Step:
    """Decide the step.

    max_unavailable: whether `rollingUpdate.maxUnavailable` counts (upstream's feature gate
        MaxUnavailableStatefulSet); otherwise pods are replaced one at a time.
    """
    if seen.one.leaving:
        return Step()
    groups, stopped = _ordered(seen) if not seen.one.parallel else (_parallel(seen), False)
    if stopped or not seen.one.rolling:
        return Step(tuple(groups))
    replacing = tuple(_replaced(seen) if max_unavailable else _replaced_one(seen))
    groups.extend((each,) for each in replacing)
    return Step(tuple(groups), replaced=len(replacing))


def _ordered(seen: Walk) -> tuple[list[Group], bool]:
    """The groups of both walks, and whether they stopped on their way."""
    groups: list[Group] = []
    for place in seen.places:
        actions, stop = at_place(seen, place)
        groups.extend((each,) for each in actions)
        if stop:
            return groups, True
    groups.extend((Condemn(pod),) for pod in seen.condemned)
    first = seen.first_unavailable
    for pod in seen.condemned:
        if pod.metadata.deletion_timestamp is not None:
            return groups, True
        serves = is_running_and_ready(pod) and not seen.unavailable(pod)
        if serves or pod is first:
            groups.append((Remove(ordinal_of(pod), pod),))
        return groups, True
    return groups, False


def _parallel(seen: Walk) -> list[Group]:
    made = [tuple(at_place(seen, place)[0]) for place in seen.places]
    groups = _slowly(made)
    groups.extend(_slowly([(Condemn(pod),) for pod in seen.condemned]))
    staying = [pod for pod in seen.condemned if pod.metadata.deletion_timestamp is None]
    groups.extend(_slowly([(Remove(ordinal_of(pod), pod),) for pod in staying]))
    return groups


def _slowly(found: list[Group]) -> list[Group]:
    """Few at first, then more and more together; groups in which nothing is done fall away."""
    groups, done = [], 0
    for size in batch_sizes(len(found)):
        for start in range(done, done + size, BURST):
            part = found[start : min(start + BURST, done + size)]
            groups.append(tuple(action for actions in part for action in actions))
        done += size
    return [group for group in groups if group]


def at_place(seen: Walk, place: Place) -> tuple[list[Action], bool]:
    """What to do about one wanted pod, and whether an ordered walk ends with it.

    Source: processReplica.
    """
    pod = place.pod
    if pod is None:
        stale = seen.is_stale(place.ordinal)
        return ([] if stale else [Make(place.ordinal, place.revision)]), True
    leaving = pod.metadata.deletion_timestamp is not None
    if pod.status.phase in ENDED:
        return ([] if leaving else [Remove(place.ordinal, pod)]), True
    actions: list[Action] = [Store(pod)] if pod.status.phase == "Pending" else []
    waiting = not pod.status.phase or not is_running_and_ready(pod) or seen.unavailable(pod)
    if waiting and not seen.one.parallel:
        return actions, True
    return [*actions, Mend(pod)], False


def _replaced_one(seen: Walk) -> Iterator[Remove]:
    """The one pod to be replaced next, if nothing has to be waited for."""
    for place in reversed(seen.places[seen.one.partition or 0 :]):
        if _is_old(seen, place):
            yield Remove(place.ordinal, place.pod)
            return
        if seen.unavailable(place.pod):
            return


def _replaced(seen: Walk) -> Iterator[Remove]:
    """As many pods as may be missing besides those that are.

    Source: updateStatefulSetAfterInvariantEstablished.
    """
    missing = sum(seen.unavailable(place.pod) for place in seen.places)
    room = max_unavailable_of(seen.one) - missing
    for place in reversed(seen.places[seen.one.partition or 0 :]):
        if room <= 0:
            return
        if _is_old(seen, place):
            yield Remove(place.ordinal, place.pod)
            room -= 1


def _is_old(seen: Walk, place: Place) -> bool:
    staying = place.pod is None or place.pod.metadata.deletion_timestamp is None
    return staying and place.revision != seen.revisions.update


def max_unavailable_of(one: StatefulSet) -> int:
    """How many pods may be missing during an update: 1 at least, percentages rounded down.

    Source: getStatefulSetMaxUnavailable.
    """
    allowed = one.max_unavailable
    return max(1, resolve(1 if allowed is None else allowed, one.replicas, False))
