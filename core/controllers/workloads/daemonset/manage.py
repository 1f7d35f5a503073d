"""Looking after the nodes of a DaemonSet: where a pod is missing, and which pods are too many.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (podsShouldBeOnNode, manage).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.controllers.workloads.daemonset.backoff import Backoff
from kelm.core.controllers.workloads.daemonset.rolling import allows_surge
from kelm.core.controllers.workloads.daemonset.scene import Pods, Scene, eldest_first
from kelm.core.objects.pod import Pod


class Found(msgspec.Struct, frozen=True):
    """What a look at all nodes came to.

    ended: nodes and their failed or succeeded pods, all of them to be deleted.
    waiting_until_ms: when a failed pod that has to wait for its deletion is due.
    """

    create: tuple[str, ...] = ()
    delete: Pods = ()
    ended: tuple[tuple[str, Pod], ...] = ()
    waiting_until_ms: int | None = None
    backoffs: Mapping[str, Backoff] = {}


class _Here(msgspec.Struct, frozen=True):
    """What one node came to."""

    create: bool = False
    delete: Pods = ()
    ended: Pods = ()


def manage(scene: Scene, backoffs: Mapping[str, Backoff]) -> Found:
    """Look at every node, and at the pods for nodes that there are not."""
    create: list[str] = []
    delete: list[Pod] = []
    ended: list[tuple[str, Pod]] = []
    kept, waiting = dict(backoffs), []
    for node in scene.fits:
        here = _on_node(scene, node)
        if here.create:
            create.append(node)
        for pod in here.ended:
            backoff = kept.get(node)
            if pod.status.phase == "Failed":
                if backoff is not None and backoff.waits(scene.now_ms):
                    waiting.append(backoff.until_ms)
                    continue
                kept[node] = Backoff.after(backoff, scene.now_ms)
            ended.append((node, pod))
            delete.append(pod)
        delete.extend(here.delete)
    for node, pods in scene.by_node.items():
        if node not in scene.fits:
            # The pod collector looks after bound pods only.
            delete.extend(pod for pod in pods if not pod.spec.node_name)
    return Found(tuple(create), tuple(delete), tuple(ended), min(waiting, default=None), kept)


def _on_node(scene: Scene, node: str) -> _Here:
    fit, pods = scene.fits[node], scene.pods_on(node)
    if fit.run and not pods:
        return _Here(create=True)
    staying = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
    if not fit.stay:
        return _Here(delete=tuple(staying))
    ended = tuple(pod for pod in staying if pod.status.phase in ("Failed", "Succeeded"))
    running = eldest_first(pod for pod in staying if pod not in ended)
    if not allows_surge(scene.one):
        return _Here(delete=tuple(running[1:]), ended=ended)
    if len(running) <= 1:
        return _Here(create=not running and fit.run, ended=ended)
    return _Here(delete=_too_many(scene, running), ended=ended)


def _too_many(scene: Scene, running: list[Pod]) -> Pods:
    """Which of several pods go where there may be a new one beside an old one."""
    new = [pod for pod in running if _has_hash(scene, pod)]
    old = [pod for pod in running if not _has_hash(scene, pod)]
    gone = [*new[1:], *old[1:]]
    if new and old and (not old[0].ready or scene.available(new[0])):
        gone.append(old[0])
    return tuple(gone)


def _has_hash(scene: Scene, pod: Pod) -> bool:
    return (pod.metadata.labels or {}).get("controller-revision-hash") == scene.hashed
