"""What is different when a custom object, or the definition of one, is written or deleted.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/registry/customresource/strategy.go,
pkg/controller/finalizer/crd_finalizer.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api import refuse
from kelm.core.api.conditions import with_condition
from kelm.core.api.custom import objects
from kelm.core.api.custom.converting import convert
from kelm.core.api.custom.definition import DEFINITIONS, find_custom, is_established
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.validation.violation import invalid
from kelm.core.api.verbs.delete import Options, delete, failed_precondition, wrong_options
from kelm.core.api.verbs.metadata import metadata_of, versioned
from kelm.core.api.verbs.request import Answer, Written, typed
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, elements, text, with_value
from kelm.effects.refusals import Refusal

TERMINATING: Final = "create not allowed while custom resource definition is terminating"
CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"


def is_custom(info: ResourceInfo) -> bool:
    """Whether this is a custom resource."""
    return bool(info.versions)


def admitted(
    store: Store, info: ResourceInfo, given: Document, hearing: Hearing | None = None
) -> Answer:
    """A new custom object, completed; or why it is not let in."""
    doc = typed(info, given)
    if isinstance(doc, Refusal):
        return doc
    definition = store.get(DEFINITIONS, info.resource)
    if definition is not None and "deletionTimestamp" in metadata_of(definition):
        return refuse.forbidden(info, text(doc, "metadata", "name"), TERMINATING)
    full = objects.prepared(store, info, doc, hearing)
    if isinstance(full, Refusal):
        return full
    doc = objects.without_status(info, full)
    found = objects.faults(store, info, doc)
    if not found:
        return doc
    meta = metadata_of(doc)
    return invalid(info.kind, info.group, str(meta.get("name") or ""), found)


def in_version(store: Store, info: ResourceInfo, doc: Document, hearing: Hearing | None) -> Answer:
    """A stored custom object in the version of a request; anything else as it is."""
    version = hearing.api_version if hearing is not None else ""
    custom = find_custom(store, info.resource) if version and info.versions else None
    if custom is None or not custom.calls_out:
        return doc
    return convert(custom, doc, version, hearing)


def delete_definition(
    store: Store, info: ResourceInfo, name: str, options: Options, now_ms: int
) -> Written:
    """Delete a definition: it is marked, all objects of its kind are deleted, and it goes with the
    last of them that nobody holds. Watches see all three.

    Source: apiextensions-apiserver/pkg/registry/customresourcedefinition/etcd.go (Delete).
    """
    definition = store.get(DEFINITIONS, name)
    if definition is None:
        return delete(store, info, "", name, options, now_ms)
    meta = metadata_of(definition)
    refusal = wrong_options(options) or failed_precondition(info, meta, options)
    if refusal is not None:
        return store, refusal
    if "deletionTimestamp" in meta:
        return delete(store, info, "", name, options, now_ms)
    fields = dict(meta)
    fields["deletionTimestamp"] = format_time(now_ms)
    held = elements(meta, "finalizers")
    fields["finalizers"] = held if CLEANUP in held else (*held, CLEANUP)
    marked = _terminating(Document({**definition, "metadata": Document(fields)}), PENDING, now_ms)
    after, answer = _put(store, name, marked)
    after, _ = _put(after, name, _terminating(answer, BEGUN, now_ms))
    custom = find_custom(after, name)
    if custom is not None:
        after = _without_objects(after, custom.info, now_ms)
    return swept(after, name, now_ms), answer


def _without_objects(store: Store, info: ResourceInfo, now_ms: int) -> Store:
    for doc in tuple(store.table(info.resource).objects()):
        meta = metadata_of(doc)
        place = str(meta.get("namespace") or "")
        store, _ = delete(store, info, place, str(meta["name"]), Options(), now_ms)
    return store


def swept(store: Store, resource: Resource, now_ms: int) -> Store:
    """The store in which a definition has noticed that the last of its objects is gone."""
    definition = store.get(DEFINITIONS, resource)
    if definition is None or len(store.table(resource)):
        return store
    meta = metadata_of(definition)
    held = elements(meta, "finalizers")
    if "deletionTimestamp" not in meta or CLEANUP not in held:
        return store
    others = tuple(one for one in held if one != CLEANUP)
    if not others:
        return store.remove(DEFINITIONS, resource, versioned(definition, store.next_revision))
    freed = with_value(definition, ("metadata", "finalizers"), others)
    ended = COMPLETED if is_established(definition) else NEVER
    return _put(store, resource, _terminating(freed, ended, now_ms))[0]


PENDING: Final = (
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
)
NEVER: Final = ("False", "NeverEstablished", "resource was never established")
BEGUN: Final = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
COMPLETED: Final = ("False", "InstanceDeletionCompleted", "removed all instances")


def _terminating(definition: Document, said: tuple[str, str, str], now_ms: int) -> Document:
    """A definition whose condition says how far the deletion of its objects has come.

    Source: apiextensions-apiserver/pkg/controller/finalizer/crd_finalizer.go.
    """
    status, reason, message = said
    condition = Document(
        type="Terminating",
        status=status,
        lastTransitionTime=format_time(now_ms),
        reason=reason,
        message=message,
    )
    return Document(
        {**definition, "status": with_condition(child(definition, "status"), condition)}
    )


def _put(store: Store, name: str, definition: Document) -> tuple[Store, Document]:
    written = versioned(definition, store.next_revision)
    return store.put(DEFINITIONS, name, written), written
