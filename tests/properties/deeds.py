"""What users do to a cluster in the middle of a storm, as data: a history of these shrinks.

Most are the library's own verbs and commands. What names a pod names it by its place among the
pods there are at that moment, so that a shorter history still makes sense.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from kelm import Cluster, Refused
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ContainerCrashed,
    Fault,
    FaultsEnded,
    ImagePullFailed,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.objects.meta import Metadata
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import Cordon, Pause, Remove, Restart, Scale, SetImage, Undo, Verb
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command, Delete, Evict, Patch, TerminateInstance
from kelm.effects.document import document
from kelm.effects.refusals import Reason


class HitPod(msgspec.Struct, frozen=True):
    """Do something to the pod at this place (modulo their number) among all that there are.

    stray: take its label away, so that its owner lets it go. restore: give the label back.
    """

    how: Literal["delete", "kill", "crash", "evict", "stray", "restore"]
    place: int


class Drain(msgspec.Struct, frozen=True):
    """Cordon a node and evict every pod on it."""

    node: str


class Reapply(msgspec.Struct, frozen=True):
    """Apply one of the world's manifests once more, by its place."""

    place: int


Deed: TypeAlias = Fault | Verb | Command | HitPod | Drain | Reapply


def do(cluster: Cluster, deed: Deed, manifests: tuple[dict[str, Any], ...]) -> list[str]:
    """Have a deed done; how a person would type it (`#` where `kelm run --at` has no words)."""
    try:
        return list(_done(cluster, deed, manifests))
    except Refused as refused:
        return [f"# refused: {refused}"]


def _done(cluster: Cluster, deed: Deed, manifests: tuple[dict[str, Any], ...]) -> Iterator[str]:
    if isinstance(deed, HitPod):
        yield from _hit(cluster, deed)
    elif isinstance(deed, Drain):
        yield from _drain(cluster, deed.node)
    elif isinstance(deed, Reapply):
        manifest = manifests[deed.place % len(manifests)]
        cluster.apply(manifest)
        yield f"# apply {manifest['kind']} {manifest['metadata']['name']} again"
    elif isinstance(deed, Verb):
        cluster.do(deed)
        yield typed_verb(deed)
    elif isinstance(deed, Delete | TerminateInstance):
        cluster.ask(deed)
        yield f"# {deed}"
    else:
        assert isinstance(deed, Fault)
        cluster.inject(deed)
        yield typed_fault(deed)


def _hit(cluster: Cluster, deed: HitPod) -> Iterator[str]:
    docs = cluster.list("pods")
    if not docs:
        return
    meta = pod(docs[deed.place % len(docs)]).metadata
    name, namespace = meta.name, meta.namespace
    if deed.how == "crash":
        cluster.inject(ContainerCrashed(namespace, name))
        yield f"crash pod/{name} -n {namespace}"
    elif deed.how == "evict":
        cluster.ask(Evict(namespace, name))
        yield f"# evict {namespace}/{name}"
    elif deed.how in ("stray", "restore"):
        labels = meta.labels or {}
        app, was = labels.get("app", ""), labels.get("was")
        if deed.how == "stray" and was is None:
            cluster.ask(_label(meta, {"app": "stray", "was": app}))
            yield f"# label pod {name} app=stray"
        elif deed.how == "restore" and was is not None:
            cluster.ask(_label(meta, {"app": was, "was": None}))
            yield f"# label pod {name} app={was}"
    else:
        grace = 0 if deed.how == "kill" else None
        cluster.do(Remove(ObjectRef("pods", namespace, name), grace))
        forced = "" if grace is None else f" --grace-period={grace}"
        yield f"delete pod/{name} -n {namespace}{forced}"


def _label(meta: Metadata, labels: dict[str, str | None]) -> Patch:
    patch = document({"metadata": {"labels": labels}})
    return Patch("pods", meta.namespace, meta.name, patch)


def _drain(cluster: Cluster, node: str) -> Iterator[str]:
    cluster.do(Cordon(ObjectRef("nodes", "", node)))
    yield f"cordon {node}"
    for doc in cluster.store.table("pods").select("spec.nodeName", node):
        meta = pod(doc).metadata
        cluster.ask(Evict(meta.namespace, meta.name))
        yield f"# evict {meta.namespace}/{meta.name}"


def typed_verb(verb: Verb) -> str:
    """A verb as `kelm run --at` reads it."""
    ref = verb.ref
    target = f"{ref.resource.partition('.')[0]}/{ref.name}"
    space = f" -n {ref.namespace}" if ref.namespace else ""
    if isinstance(verb, SetImage):
        pairs = " ".join(f"{name}={image}" for name, image in verb.images)
        return f"set image {target} {pairs}{space}"
    if isinstance(verb, Scale):
        return f"scale {target} --replicas={verb.replicas}{space}"
    if isinstance(verb, Restart):
        return f"rollout restart {target}{space}"
    if isinstance(verb, Undo):
        return f"rollout undo {target}{space} --to-revision={verb.to_revision}"
    if isinstance(verb, Pause):
        return f"rollout {'resume' if verb.resume else 'pause'} {target}{space}"
    if isinstance(verb, Cordon):
        return f"{'uncordon' if verb.undo else 'cordon'} {ref.name}"
    cascade = f" --cascade={verb.propagation.lower()}" if verb.propagation else ""
    return f"delete {target}{space}{cascade}"


def typed_fault(fault: Fault) -> str:
    """A fault as `kelm run --at` reads it; some it has no words for."""
    if isinstance(fault, NodeCrashed | NodeBooted | NodePartitioned | NodeReconnected):
        return f"{NODE_WORDS[type(fault)]} node/{fault.node}"
    if isinstance(fault, ImagePullFailed):
        return f"fail image {fault.image} for {fault.for_ms}ms"
    if isinstance(fault, WatchStalled) and not fault.resource:
        return f"stall {fault.process} for {fault.for_ms}ms"
    if isinstance(fault, ProcessRestarted):
        return f"restart {fault.process}"
    if isinstance(fault, AnswersLost):
        return f"lose answers{_of(fault.process)} {fault.count}"
    if isinstance(fault, RequestsRefused) and fault.reason is Reason.INTERNAL_ERROR:
        return f"refuse requests{_of(fault.process)} {fault.count}"
    return "end faults" if isinstance(fault, FaultsEnded) else f"# {fault}"


NODE_WORDS = {
    NodeCrashed: "crash",
    NodeBooted: "boot",
    NodePartitioned: "partition",
    NodeReconnected: "reconnect",
}


def _of(process: str) -> str:
    return f" of {process}" if process else ""
