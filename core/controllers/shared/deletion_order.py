"""Which pods go first when there are too many.

What is lost least is deleted first: a pod without a node before one that has one, Pending before
Unknown before Running, unready before ready, a lower deletion cost, a node with more pods of the
same kind, the more recently ready, the more often restarted, the younger.

Ages are compared by their order of magnitude (powers of two of nanoseconds) and then by uid:
among pods of about the same age the choice is arbitrary on purpose, so that scaling down does not
always empty the same node. This makes the comparison of two pods no total order (a < b by uid, b <
c by restarts, c < a by uid can happen), which is why it is a comparison here and not a sort key.
What can be a key is one: `_coarse` decides nearly always, and only ties are compared in pairs.

Source: kubernetes v1.36, pkg/controller/controller_utils.go (ActivePods, ActivePodsWithRanks,
getPodsRankedByRelatedPodsOnSameNode); pkg/controller/replicaset/replica_set.go (getPodsToDelete).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from functools import cmp_to_key

from kelm.core.controllers.shared.pods import ready_since_ms
from kelm.core.objects.pod import ContainerStatus, Pod
from kelm.core.objects.time import parse_time

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"

_COST = re.compile(r"-[0-9]+|0|[1-9][0-9]*")
_PHASES = {"Unknown": 1, "Running": 2}
_MAX_INT32 = 2**31 - 1
_NEVER = -(2**62)
"""A time that nobody wrote, before every other."""


def deletion_cost(one: Pod) -> int:
    """What a pod's annotation says it costs to delete it; 0 where it says nothing sensible.

    Source: pkg/apis/core/helper/helpers.go, GetDeletionCostFromPodAnnotations.
    """
    annotations = one.metadata.annotations
    given = annotations.get(DELETION_COST) if annotations else None
    if given is None or not _COST.fullmatch(given):
        return 0
    cost = int(given)
    return cost if -_MAX_INT32 - 1 <= cost <= _MAX_INT32 else 0


def ranks_by_node(pods: Iterable[Pod], related: Iterable[Pod]) -> tuple[int, ...]:
    """For each pod, how many active related pods are on its node."""
    on_node: dict[str, int] = {}
    for one in related:
        if one.active:
            node = one.spec.node_name
            on_node[node] = on_node.get(node, 0) + 1
    return tuple(on_node.get(one.spec.node_name, 0) for one in pods)


def pods_to_delete(
    pods: Sequence[Pod], related: Iterable[Pod], count: int, now_ms: int
) -> tuple[Pod, ...]:
    """The `count` pods that are missed least; all of them in the order given.

    related: the pods that share a purpose with these, such as all pods of one Deployment.
    """
    if count >= len(pods):
        return tuple(pods[:count])
    return _least_missed(pods, ranks_by_node(pods, related), count, now_ms)


def in_deletion_order(pods: Sequence[Pod], ranks: Sequence[int], now_ms: int) -> tuple[Pod, ...]:
    """All pods, first those to be deleted first.

    Source: controller_utils.go, ActivePodsWithRanks.
    """
    return _least_missed(pods, ranks, len(pods), now_ms)


def _least_missed(
    pods: Sequence[Pod], ranks: Sequence[int], count: int, now_ms: int
) -> tuple[Pod, ...]:
    def compare(a: Pod, b: Pod) -> int:
        return _compare_fine(a, b, now_ms)

    groups: dict[tuple[int, ...], list[Pod]] = {}
    for one, rank in zip(pods, ranks, strict=True):
        groups.setdefault(_coarse(one, rank, now_ms), []).append(one)
    chosen: list[Pod] = []
    for coarse in sorted(groups):
        missing = count - len(chosen)
        if missing <= 0:
            break
        chosen.extend(heapq.nsmallest(missing, groups[coarse], key=cmp_to_key(compare)))
    return tuple(chosen)


def _coarse(one: Pod, rank: int, now_ms: int) -> tuple[int, ...]:
    """All that a tuple can say of the order, smallest first."""
    since = ready_since_ms(one)
    return (
        1 if one.spec.node_name else 0,
        _PHASES.get(one.status.phase, 0),
        1 if one.ready else 0,
        deletion_cost(one),
        -rank,
        0 if not one.ready or since is None else 2 + magnitude(now_ms - since),
    )


def magnitude(age_ms: int) -> int:
    """The power of two of an age in nanoseconds; -1 for no age.

    >>> magnitude(0), magnitude(1), magnitude(2)
    (-1, 19, 20)
    """
    return (age_ms * 1_000_000).bit_length() - 1 if age_ms > 0 else -1


def _compare_fine(a: Pod, b: Pod, now_ms: int) -> int:
    """Two pods that are equal so far: by uid unless equally long ready, restarts, creation."""
    if a.ready and ready_since_ms(a) != ready_since_ms(b):
        return -1 if a.metadata.uid < b.metadata.uid else 1
    return _by_restarts(a, b) or _by_creation(a, b, now_ms)


def _by_restarts(a: Pod, b: Pod) -> int:
    main_a, sidecar_a = _restarts(a)
    main_b, sidecar_b = _restarts(b)
    return (main_b - main_a) or (sidecar_b - sidecar_a)


def _restarts(one: Pod) -> tuple[int, int]:
    """The most restarts of a container, and of a restartable init container."""
    restartable = [c.name for c in one.spec.init_containers if c.restart_policy == "Always"]
    sidecars = [s for s in one.status.init_container_statuses if s.name in restartable]
    return _most(one.status.container_statuses), _most(sidecars)


def _most(statuses: Iterable[ContainerStatus]) -> int:
    return max((status.restart_count for status in statuses), default=0)


def _by_creation(a: Pod, b: Pod, now_ms: int) -> int:
    at, bt = _created(a), _created(b)
    if at == bt:
        return 0
    if _NEVER in (at, bt):
        return -1 if at == _NEVER else 1
    difference = magnitude(now_ms - at) - magnitude(now_ms - bt)
    return difference or (-1 if a.metadata.uid < b.metadata.uid else 1)


def _created(one: Pod) -> int:
    created = one.metadata.creation_timestamp
    return parse_time(created) if created else _NEVER


def in_plain_order(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The simpler order of controllers without ranks: times exactly, no costs, no ranks.

    Source: controller_utils.go, ActivePods.
    """
    return tuple(sorted(pods, key=_plain))


def _plain(one: Pod) -> tuple[int, ...]:
    since = ready_since_ms(one)
    created = _created(one)
    return (
        1 if one.spec.node_name else 0,
        _PHASES.get(one.status.phase, 0),
        1 if one.ready else 0,
        (_NEVER if since is None else -since) if one.ready else 0,
        *(-restarts for restarts in _restarts(one)),
        _NEVER if created == _NEVER else -created,
    )
