"""A DaemonSet's rolling update: which old pods go, and which nodes get a new pod beside the old.

Without surge old pods are deleted, as many as may be unavailable, and looking after the nodes
(`manage`) makes new ones there. With surge a node gets its new pod first, and the old one goes
when the new one serves; only so many nodes may have two at a time.

Source: kubernetes v1.36, pkg/controller/daemon/update.go (rollingUpdate).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.controllers.workloads.daemonset.fit import NOT
from kelm.core.controllers.workloads.daemonset.scene import Pods, Scene
from kelm.core.objects.daemon_set import DaemonSet
from kelm.core.objects.int_or_string import resolve
from kelm.core.objects.pod import Pod


class Changes(msgspec.Struct, frozen=True, gc=False):
    """Nodes on which to make a pod, and pods to delete.

    due_nodes, due_pods: how many of them, the first ones, no limit can put off.
    """

    create: tuple[str, ...] = ()
    delete: Pods = ()
    due_nodes: int = 0
    due_pods: int = 0


def surge_count(one: DaemonSet, nodes: int) -> int:
    """How many nodes of so many may have two pods. Source: SurgeCount."""
    return resolve(one.max_surge, nodes, True) if one.rolling else 0


def unavailable_count(one: DaemonSet, nodes: int) -> int:
    """How many nodes of so many may be without. Source: UnavailableCount."""
    return resolve(one.max_unavailable, nodes, True) if one.rolling else 0


def allows_surge(one: DaemonSet) -> bool:
    """Whether a node may ever have two pods. Source: AllowsSurge."""
    return surge_count(one, 1) > 0


def limits(one: DaemonSet, desired: int) -> tuple[int, int]:
    """Surge and unavailability in nodes; one may be without if both came to nothing.

    Source: updatedDesiredNodeCounts.
    """
    surge, unavailable = surge_count(one, desired), unavailable_count(one, desired)
    if desired > 0 and surge == unavailable == 0:
        unavailable = 1
    return surge, unavailable


class Pair(msgspec.Struct, frozen=True, gc=False):
    """The one new and the one old pod of a node; `sure` False: there are more than that."""

    new: Pod | None = None
    old: Pod | None = None
    sure: bool = True


def pair_of(scene: Scene, pods: Pods) -> Pair:
    """Pods on their way out do not count. Source: findUpdatedPodsOnNode."""
    staying = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
    new = [pod for pod in staying if scene.is_new(pod)]
    old = [pod for pod in staying if not scene.is_new(pod)]
    if len(new) > 1 or len(old) > 1:
        return Pair(sure=False)
    return Pair(new[0] if new else None, old[0] if old else None)


def _pairs(scene: Scene) -> Iterator[tuple[str, Pair]]:
    """Every node with a pod, and every node that should have one."""
    for node, fit in scene.fits.items():
        pods = scene.pods_on(node)
        if pods or fit.run:
            yield node, pair_of(scene, pods)
    for node, pods in scene.by_node.items():
        if node not in scene.fits:
            yield node, pair_of(scene, pods)


def rolling_update(scene: Scene) -> Changes:
    """The next changes of a rolling update."""
    surge, unavailable = limits(scene.one, scene.desired)
    return _surging(scene, surge) if surge else _replacing(scene, unavailable)


def _replacing(scene: Scene, max_unavailable: int) -> Changes:
    missing = 0
    due, candidates = [], []
    for _, pair in _pairs(scene):
        new, old = pair.new, pair.old
        if not pair.sure or (new is None) == (old is None):
            missing += 1
        elif new is not None:
            missing += not scene.available(new)
        elif old is not None and scene.available(old):
            candidates.append(old)
        elif old is not None:
            due.append(old)
            missing += 1
    room = max(0, max_unavailable - missing)
    return Changes(delete=(*due, *candidates[:room]), due_pods=len(due))


def _surging(scene: Scene, max_surge: int) -> Changes:
    surging = serving = 0
    due: list[Pod] = []
    astray: list[Pod] = []
    wanted: list[str] = []
    candidates: list[str] = []
    for node, pair in _pairs(scene):
        new, old = pair.new, pair.old
        if not pair.sure:
            surging += 1
            continue
        counted = old or new
        serving += counted is not None and scene.available(counted)
        if old is None:
            continue
        if new is not None:
            if scene.available(new):
                due.append(old)
            else:
                surging += 1
        elif not scene.fits.get(node, NOT).run:
            (astray if scene.available(old) else due).append(old)
        else:
            (candidates if scene.available(old) else wanted).append(node)
    spare = max(0, serving - scene.desired)
    room = max(0, max_surge - surging)
    create, delete = (*wanted, *candidates[:room]), (*due, *astray[:spare])
    return Changes(create, delete, len(wanted), len(due))
