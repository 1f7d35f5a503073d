"""Which fields a write sets and which it takes away, as upstream sees it.

Upstream compares Go structures. In those a part that is no pointer is always there: a Deployment
has a `spec.template` even before anybody writes one, so nobody ever owns the template itself, only
what is in it. `strategy.rollingUpdate` is a pointer: whoever writes it owns it as well as its
fields. What is always there is data, taken from Go's types.

Source: kubernetes v1.36, staging/src/k8s.io/api/*/types.go; sigs.k8s.io/structured-merge-diff
(typed/compare.go, typed/tofieldset.go).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.patches.apply.field_set import merges, merges_items, of_items, step_of
from kelm.core.api.patches.apply.field_trees import LEAF, Tree, node
from kelm.core.api.patches.same import same
from kelm.core.api.patches.strategic.rules import Items, Place
from kelm.core.api.schema.definitions import Field, Type, kubernetes
from kelm.effects.document import EMPTY, Document, Json

OF_EVERY_KIND: Final = frozenset({"metadata", "spec", "status"})
OF_CUSTOM_KINDS: Final = frozenset({"metadata"})
_WORDS: Final = """
apiextensions.v1.CustomResourceDefinitionSpec names
apiextensions.v1.CustomResourceDefinitionStatus acceptedNames conditions
apps.v1.DaemonSetSpec template updateStrategy
apps.v1.DeploymentSpec strategy template
apps.v1.ReplicaSetSpec template
apps.v1.StatefulSetSpec template updateStrategy
autoscaling.v2.HorizontalPodAutoscalerSpec scaleTargetRef
batch.v1.CronJobSpec jobTemplate
batch.v1.JobSpec template
batch.v1.JobTemplateSpec metadata spec
core.v1.Event source
core.v1.NodeDaemonEndpoints kubeletEndpoint
core.v1.NodeStatus daemonEndpoints nodeInfo
core.v1.PersistentVolumeClaimSpec resources
core.v1.PodSpec containers
core.v1.PodTemplate template
core.v1.PodTemplateSpec metadata spec
core.v1.ServiceStatus loadBalancer
events.v1.Event deprecatedSource
flowcontrol.v1.FlowSchemaSpec priorityLevelConfiguration
networking.v1.IngressStatus loadBalancer
resource.v1.ResourceClaimSpec devices
resource.v1.ResourceClaimTemplateSpec metadata spec
resource.v1.ResourceSliceSpec pool
storage.v1.CSINodeSpec drivers
storage.v1.VolumeAttachmentSpec source
"""
ALWAYS_THERE: Final = {
    name: frozenset(fields) for name, *fields in (line.split() for line in _WORDS.split("\n")[1:-1])
}
"""Fields that are there in a type's empty Go structure, where such a structure always is."""
NONE_THERE: Final[frozenset[str]] = frozenset()


class Changes(msgspec.Struct, frozen=True):
    """Fields that were set (added or changed), and fields that are gone."""

    taken: Tree
    removed: Tree


def changes(old: Document, new: Document, place: Place) -> Changes:
    """What is different in an object; `old` is empty where it was made.

    >>> from kelm.core.api.patches.strategic.rules import root
    >>> from kelm.core.api.schema.definitions import definition_of
    >>> web = Document(spec=Document(strategy=Document(rollingUpdate=Document(maxSurge=1))))
    >>> changes(EMPTY, web, root(definition_of("apps/v1", "Deployment"))).taken
    {'f:spec': {'f:strategy': {'f:rollingUpdate': {'.': {}, 'f:maxSurge': {}}}}}
    """
    custom = place.type is None or place.type.name not in kubernetes()
    there = OF_CUSTOM_KINDS
    if not custom and place.type is not None:
        there = OF_EVERY_KIND | ALWAYS_THERE.get(place.type.name, NONE_THERE)
    taken, removed = _objects(old, new, place, there)
    return Changes(taken or EMPTY, removed or EMPTY)


_Both = tuple[Tree | None, Tree | None]


def _objects(old: Document, new: Document, place: Place, there: frozenset[str]) -> _Both:
    taken: dict[str, Json] = {}
    removed: dict[str, Json] = {}
    for key, value in new.items():
        had = key in old
        before = old.get(key)
        if had and before is value:
            continue
        field, inner = place.field(key)
        within = _within(inner.type, key in there)
        if had:
            more, less = _parts(before, value, field, inner, within)
        else:
            more, less = _whole(value, field, inner, within, itself=key not in there), None
        if more is not None:
            taken[f"f:{key}"] = more
        if less is not None:
            removed[f"f:{key}"] = less
    for key, value in old.items():
        if key not in new:
            field, inner = place.field(key)
            within = _within(inner.type, key in there)
            less = _whole(value, field, inner, within, itself=key not in there)
            if less is not None:
                removed[f"f:{key}"] = less
    return node(taken, itself=False), node(removed, itself=False)


def _within(of: Type | None, there: bool) -> frozenset[str]:
    """What is always there in a part, if the part is."""
    if not there or of is None or of.kind != "object":
        return NONE_THERE
    found = ALWAYS_THERE.get(of.name, NONE_THERE)
    return found


def _parts(before: Json, after: Json, field: Field, place: Place, there: frozenset[str]) -> _Both:
    """The difference of a part that was there and is."""
    if isinstance(before, Document) and isinstance(after, Document) and merges(field, place):
        return _objects(before, after, place, there)
    if isinstance(before, tuple) and isinstance(after, tuple) and merges_items(field, place):
        return _lists(before, after, field, place.items())
    return (None, None) if same(before, after) else (LEAF, None)


def _lists(before: Items, after: Items, field: Field, place: Place) -> _Both:
    old = {step_of(item, field): item for item in before}
    new = {step_of(item, field): item for item in after}
    inner = of_items(field, place)
    taken: dict[str, Json] = {}
    removed: dict[str, Json] = {}
    for step, item in new.items():
        if step in old:
            more, less = _parts(old[step], item, inner, place, NONE_THERE)
        else:
            more, less = _whole(item, inner, place, NONE_THERE, itself=True), None
        if more is not None:
            taken[step] = more
        if less is not None:
            removed[step] = less
    for step, item in old.items():
        if step not in new:
            removed[step] = _whole(item, inner, place, NONE_THERE, itself=True)
    return node(taken, itself=False), node(removed, itself=False)


def _whole(
    value: Json, field: Field, place: Place, there: frozenset[str], *, itself: bool
) -> Tree | None:
    """All of a part that only one of the two objects has."""
    branches: dict[str, Json] = {}
    if isinstance(value, Document) and merges(field, place):
        for key, part in value.items():
            inner_field, inner = place.field(key)
            within = _within(inner.type, key in there)
            found = _whole(part, inner_field, inner, within, itself=key not in there)
            if found is not None:
                branches[f"f:{key}"] = found
        return node(branches, itself=itself)
    if isinstance(value, tuple) and merges_items(field, place):
        inner_place = place.items()
        of_item = of_items(field, inner_place)
        for item in value:
            branches[step_of(item, field)] = _whole(
                item, of_item, inner_place, NONE_THERE, itself=True
            )
        return node(branches, itself=itself)
    return LEAF
