"""The scale subresource: one number of many kinds, under one form.

Source: kubernetes v1.36, pkg/registry/apps/deployment/storage/storage.go (ScaleREST,
scaleUpdatedObjectInfo) and its likes for the other kinds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.custom.definition import find_custom
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.validation.violation import invalid, invalid_value
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Answer, Call, Written, misnamed
from kelm.core.api.verbs.update import replace
from kelm.core.api.webhooks.attributes import attributes
from kelm.core.api.webhooks.mutating import mutated
from kelm.core.api.webhooks.validating import validated
from kelm.core.objects.selectors.labels import map_selector, selector_of
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import (
    Document,
    Json,
    Path,
    child,
    number,
    text,
    value_at,
    with_value,
)
from kelm.effects.refusals import Reason, Refusal

SHOWN_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


class Paths(msgspec.Struct, frozen=True):
    """Where an object has the parts of its Scale. `selector` None: a LabelSelector in its spec."""

    wanted: Path = ("spec", "replicas")
    seen: Path = ("status", "replicas")
    selector: Path | None = None


PLAIN: Final = Paths()


def scale_paths(store: Store, info: ResourceInfo) -> Paths:
    """Where the objects of a resource have their Scale: a custom resource's definition says it.

    Source: apiextensions-apiserver/pkg/registry/customresource/etcd.go (splitReplicasPath).
    """
    custom = find_custom(store, info.resource) if info.versions else None
    if custom is None:
        return PLAIN
    scale = custom.storage.scale
    return Paths(
        _path(text(scale, "specReplicasPath")),
        _path(text(scale, "statusReplicasPath")),
        _path(text(scale, "labelSelectorPath")),
    )


def _path(dotted: str) -> Path:
    """The steps of a path.

    >>> _path(".spec.replicas"), _path("")
    (('spec', 'replicas'), ())
    """
    return tuple(dotted.removeprefix(".").split(".")) if dotted else ()


def read_scale(store: Store, info: ResourceInfo, doc: Document) -> Answer:
    """The Scale of an object; a custom one may lack the number that it is about."""
    paths = scale_paths(store, info)
    if paths is not PLAIN and value_at(doc, *paths.wanted) is None:
        field = "." + ".".join(paths.wanted)
        why = f'Internal error occurred: the spec replicas field "{field}" does not exist'
        return Refusal(Reason.INTERNAL_ERROR, why)
    return scale_of(doc, paths)


def scale_of(doc: Document, paths: Paths = PLAIN) -> Document:
    """The Scale of a workload.

    >>> from kelm.effects.document import document
    >>> web = document({"kind": "Deployment", "metadata": {"name": "web", "generation": 2},
    ...     "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}})
    >>> scale = scale_of(web)
    >>> scale["metadata"], scale["spec"], scale["status"]
    ({'name': 'web'}, {'replicas': 2}, {'replicas': 0, 'selector': 'app=web'})
    """
    meta = metadata_of(doc)
    replicas = number(doc, *paths.wanted)
    shown = {field: meta[field] for field in SHOWN_METADATA if field in meta}
    status: dict[str, Json] = {"replicas": number(doc, *paths.seen)}
    written = _selector_text(doc, paths.selector)
    if written:
        status["selector"] = written
    return Document(
        kind="Scale",
        apiVersion="autoscaling/v1",
        metadata=Document(shown),
        spec=Document(replicas=replicas) if replicas else Document(),
        status=Document(status),
    )


def _selector_text(doc: Document, path: Path | None) -> str:
    if path is not None:
        return text(doc, *path) if path else ""
    selector = child(doc, "spec", "selector")
    if doc.get("kind") == "ReplicationController":
        return str(map_selector(selector))
    return str(selector_of(selector))


def update_scale(
    store: Store, info: ResourceInfo, namespace: str, name: str, scale: Document, call: Call
) -> Written:
    """Set the replicas of a workload to those of a Scale."""
    key = key_of(namespace, name)
    old = store.get(info.resource, key)
    if old is None:
        return store, refuse.not_found(info, name)
    wrong = misnamed(namespace, name, scale)
    if wrong is not None:
        return store, wrong
    paths = scale_paths(store, info)
    hearing, before = call.hearing, scale_of(old, paths)
    asked = attributes("UPDATE", info, (namespace, name), scale, before, "scale")
    if hearing is not None:
        changed = mutated(store, hearing, asked, lambda it: it, lambda it: it)
        if isinstance(changed, Refusal):
            return store, changed
        scale = changed
    scaled = _scaled(info, old, scale, paths.wanted)
    if isinstance(scaled, Refusal):
        return store, scaled
    after, answer = replace(store, info, key, old, scaled, call, "scale")
    if isinstance(answer, Refusal):
        return store, answer
    if hearing is not None:
        version = metadata_of(old)["resourceVersion"]
        shown = with_value(scale_of(answer, paths), ("metadata", "resourceVersion"), version)
        refusal = validated(store, hearing, msgspec.structs.replace(asked, object=shown))
        if refusal is not None:
            return store, refusal
    return after, scale_of(answer, paths)


def _scaled(info: ResourceInfo, old: Document, scale: Document, wanted: Path) -> Answer:
    meta, asked = metadata_of(old), metadata_of(scale)
    name, replicas = str(meta["name"]), number(scale, "spec", "replicas")
    if replicas < 0:
        violation = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        return invalid("Scale", "autoscaling", name, (violation,))
    uid, stored = asked.get("uid"), meta["uid"]
    if uid and uid != stored:
        resource = info.resource.replace(info.plural, f"{info.plural}/scale", 1)
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored}"
        message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
        plural = f"{info.plural}/scale"
        return Refusal(Reason.CONFLICT, message, name=name, group=info.group, kind=plural)
    doc = with_value(old, wanted, replicas)
    version = asked.get("resourceVersion") or meta["resourceVersion"]
    return with_value(doc, ("metadata", "resourceVersion"), version)
