"""What is different when a custom object, or the definition of one, is written or deleted.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/registry/customresource/strategy.go,
pkg/controller/finalizer/crd_finalizer.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.custom import definitions, objects
from kelm.core.api.custom.converting import convert
from kelm.core.api.custom.definition import DEFINITIONS, find_custom
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.validation.violation import Violations, invalid
from kelm.core.api.verbs.delete import Options, delete
from kelm.core.api.verbs.metadata import metadata_of, versioned
from kelm.core.api.verbs.request import Answer, Written, typed
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import Resource
from kelm.effects.document import Document, text
from kelm.effects.refusals import Refusal

CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"


def is_custom(info: ResourceInfo) -> bool:
    """Whether this is a custom resource, or the resource of their definitions."""
    return bool(info.versions) or info.resource == DEFINITIONS


def admitted(
    store: Store, info: ResourceInfo, given: Document, hearing: Hearing | None = None
) -> Answer:
    """A new custom object or definition, completed; or why it is not let in."""
    doc = typed(info, given)
    if isinstance(doc, Refusal):
        return doc
    if info.resource == DEFINITIONS:
        doc = definitions.completed(doc)
        found = definitions.faults(store, doc)
    else:
        full = objects.prepared(store, info, doc, hearing)
        if isinstance(full, Refusal):
            return full
        doc = objects.without_status(info, full)
        found = objects.faults(store, info, doc)
    if not found:
        return doc
    meta = metadata_of(doc)
    return invalid(info.kind, info.group, str(meta.get("name") or ""), found)


def changed(
    store: Store, info: ResourceInfo, doc: Document, hearing: Hearing | None = None
) -> Answer:
    """What is to replace an object, completed; or why it cannot be."""
    if info.resource == DEFINITIONS:
        return definitions.completed(doc)
    return objects.prepared(store, info, doc, hearing)


def in_version(store: Store, info: ResourceInfo, doc: Document, hearing: Hearing | None) -> Answer:
    """A stored custom object in the version of a request; anything else as it is."""
    version = hearing.api_version if hearing is not None else ""
    custom = find_custom(store, info.resource) if version and info.versions else None
    if custom is None or not custom.calls_out:
        return doc
    return convert(custom, doc, version, hearing)


def change_faults(store: Store, info: ResourceInfo, new: Document, old: Document) -> Violations:
    """What speaks against a changed object."""
    if info.resource == DEFINITIONS:
        return definitions.faults(store, new)
    return objects.faults(store, info, new, old)


def delete_definition(
    store: Store, info: ResourceInfo, name: str, options: Options, now_ms: int
) -> Written:
    """Delete a definition with all objects of its kind; it waits for those that are held."""
    definition, custom = store.get(DEFINITIONS, name), find_custom(store, name)
    if definition is None or custom is None:
        return delete(store, info, "", name, options, now_ms)
    after = store
    for doc in tuple(store.table(name).objects()):
        meta = metadata_of(doc)
        place = str(meta.get("namespace") or "")
        after, _ = delete(after, custom.info, place, str(meta["name"]), Options(), now_ms)
    if not len(after.table(name)):
        return delete(after, info, "", name, options, now_ms)
    if text(definition, "metadata", "deletionTimestamp"):
        return after, definition
    fields = dict(metadata_of(definition))
    fields["deletionTimestamp"] = format_time(now_ms)
    fields["finalizers"] = (CLEANUP,)
    fields["resourceVersion"] = str(after.next_revision)
    marked = Document({**definition, "metadata": Document(fields)})
    return after.put(DEFINITIONS, name, marked), marked


def swept(store: Store, resource: Resource) -> Store:
    """The store without a definition that has waited for the object that is now gone."""
    definition = store.get(DEFINITIONS, resource)
    if definition is None or len(store.table(resource)):
        return store
    meta = metadata_of(definition)
    if "deletionTimestamp" not in meta or meta.get("finalizers") != (CLEANUP,):
        return store
    return store.remove(DEFINITIONS, resource, versioned(definition, store.next_revision))
