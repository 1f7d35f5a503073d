"""metrics.k8s.io: how much processor time and memory pods and nodes use, as metrics-server says it.

Source: kubernetes-sigs/metrics-server v0.8, pkg/api/pod.go, node.go; k8s.io/metrics v0.36,
pkg/apis/metrics/v1beta1/types.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from kelm.core.api import refuse
from kelm.core.api.fields import read_selectors
from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.verbs.listing import chosen
from kelm.core.api.verbs.request import Answer
from kelm.core.metrics.loads import average, value_at
from kelm.core.metrics.samples import RESOLUTION_MS, Sample, sampled_ms, samples
from kelm.core.metrics.served import GROUP, MEASURED, VERSION
from kelm.core.metrics.sharing import Scene, Sharing
from kelm.core.node.pods.local import LocalPod
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.pod import pod, spec_of, status_of
from kelm.core.objects.quantity import Quantity, parse_quantity, unit_quantity
from kelm.core.objects.time import format_time
from kelm.effects.address import Resource, key_of
from kelm.effects.commands import ReadMetrics
from kelm.effects.document import EMPTY, Document, Json
from kelm.effects.refusals import Reason, Refusal

SYSTEM: Final = Sample("", RESOLUTION_MS, 50_000_000, 256 * 2**20)
"""What a machine uses beside its pods."""
CPU, MEMORY = "cpu", "memory"


def read_resource(scene: Scene, command: ReadMetrics) -> Answer:
    """The measures that a command asks for: one object, or a list."""
    info = MEASURED.get(command.resource)
    if info is None:
        return refuse.no_such_resource()
    if command.name:
        return _one(scene, info, command)
    selectors = read_selectors(info, command.label_selector, command.field_selector)
    if isinstance(selectors, Refusal):
        return selectors
    measured, namespace = info.plural, command.namespace if info.namespaced else ""
    found = [
        doc
        for doc in candidates(scene, measured, namespace, selectors[0].equal)
        if chosen(RESOURCES[measured], selectors, doc)
    ]
    items = tuple(_measures(scene, info, sorted(found, key=lambda doc: metadata(doc).key)))
    return Document(kind=f"{info.kind}List", apiVersion=VERSION, metadata=EMPTY, items=items)


def candidates(
    scene: Scene, resource: Resource, namespace: str, equal: tuple[tuple[str, str], ...]
) -> Iterable[Document]:
    """The objects that may be meant: by a label that all of them have, if one is asked for."""
    table = scene.store.table(resource)
    if not namespace:
        return table.objects()
    if equal:
        key, value = equal[0]
        return table.select("label", f"{namespace}/{key}={value}")
    return table.select("namespace", namespace)


def _one(scene: Scene, info: ResourceInfo, command: ReadMetrics) -> Answer:
    namespace = command.namespace if info.namespaced else ""
    key = key_of(namespace, command.name)
    doc = scene.store.get(command.resource, key)
    if doc is None:
        return refuse.not_found(RESOURCES[command.resource], command.name)
    for measure in _measures(scene, info, (doc,)):
        return Document({"kind": info.kind, "apiVersion": VERSION, **measure})
    plural = info.kind.lower()
    message = f'{plural}.{GROUP} "{key}" not found'
    return Refusal(Reason.NOT_FOUND, message, name=key, group=GROUP, kind=plural)


def _measures(scene: Scene, info: ResourceInfo, docs: Iterable[Document]) -> Iterable[Document]:
    at_ms = sampled_ms(scene.now_ms)
    sharing = Sharing(scene, at_ms)
    for doc in docs:
        measure = _node if info.plural == "nodes" else _pod
        found = measure(scene, sharing, doc, at_ms)
        if found is not None:
            window, fields = found
            meta = metadata(doc)
            named: dict[str, Json] = {"name": meta.name}
            if meta.namespace:
                named["namespace"] = meta.namespace
            named["creationTimestamp"] = format_time(scene.now_ms)
            if meta.labels:
                named["labels"] = Document(labels_of(doc))
            yield Document(
                {
                    "metadata": Document(named),
                    "timestamp": format_time(at_ms),
                    "window": span(window),
                    **fields,
                }
            )


Measured: TypeAlias = "tuple[int, dict[str, Json]]"
"""Over how long it was measured, and what."""


def _pod(scene: Scene, sharing: Sharing, doc: Document, at_ms: int) -> Measured | None:
    """A pod's containers; only of pods that run."""
    local = local_pod(scene, doc) if status_of(doc).phase == "Running" else None
    found = () if local is None else used(sharing, doc, local, at_ms)
    if not found:
        return None
    containers = tuple(Document(name=one.container, usage=_usage(one)) for one in found)
    return min(one.window_ms for one in found), {"containers": containers}


def local_pod(scene: Scene, doc: Document) -> LocalPod | None:
    """A pod as its machine knows it."""
    state = scene.kubelets(spec_of(doc).node_name)
    local = None if state is None else state.pods.get(metadata(doc).key)
    return local if local is not None and local.uid == metadata(doc).uid else None


def used(sharing: Sharing, doc: Document, local: LocalPod, at_ms: int) -> tuple[Sample, ...]:
    """What a pod's containers use, their share of its loads included, within their limits."""
    found = []
    first = local.recipe.containers[local.recipe.init_count].name
    loads = {metric: sharing.of(doc, metric) for metric in (CPU, MEMORY)}
    for one in samples(local, at_ms):
        cpu, memory = one.cpu_nano, one.memory_bytes
        for load, among in loads[CPU]:
            if one.container == (load.container or first):
                cpu += average(load.steps, at_ms - one.window_ms, at_ms) // among
        for load, among in loads[MEMORY]:
            if one.container == (load.container or first):
                memory += value_at(load.steps, at_ms) // 1_000 // among
        limits = _limits(doc, one.container)
        cpu, memory = min(cpu, limits.get(CPU, cpu)), min(memory, limits.get(MEMORY, memory))
        found.append(msgspec.structs.replace(one, cpu_nano=cpu, memory_bytes=memory))
    return tuple(found)


def _limits(doc: Document, container: str) -> dict[str, int]:
    """What a container may use at most: billionths of a processor, bytes."""
    spec, scales = pod(doc).spec, {CPU: -9, MEMORY: 0}
    for one in (*spec.containers, *spec.init_containers):
        if one.name == container and one.resources.limits:
            return {
                name: parse_quantity(one.resources.limits[name]).at_scale(scale)
                for name, scale in scales.items()
                if name in one.resources.limits
            }
    return {}


def _node(scene: Scene, sharing: Sharing, doc: Document, at_ms: int) -> Measured | None:
    """A node: the system and all containers; nothing of one that does not answer."""
    name = metadata(doc).name
    state = scene.kubelets(name)
    if state is None:
        return None
    cpu, memory = SYSTEM.cpu_nano, SYSTEM.memory_bytes
    for key in sorted(state.pods):
        own = scene.store.get("pods", key)
        if own is not None and metadata(own).uid == state.pods[key].uid:
            for one in used(sharing, own, state.pods[key], at_ms):
                cpu, memory = cpu + one.cpu_nano, memory + one.memory_bytes
    whole = Sample(name, RESOLUTION_MS, cpu, memory)
    return RESOLUTION_MS, {"usage": _usage(whole)}


def _usage(one: Sample) -> Document:
    memory = unit_quantity(one.memory_bytes // 1024 * 1024, "BinarySI")
    return Document(cpu=str(Quantity(one.cpu_nano, -9)), memory=str(memory))


def span(span_ms: int) -> str:
    """A window as Go writes a duration of less than a minute.

    >>> span(15_000), span(12_340)
    ('15s', '12.34s')
    """
    seconds, rest = divmod(span_ms, 1_000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{seconds}{fraction}s"
