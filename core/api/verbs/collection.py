"""Deleting many: every object of a namespace that the selectors choose, one after the other.

Source: kubernetes v1.36, apiserver/pkg/registry/generic/registry/store.go, DeleteCollection.
"""

from __future__ import annotations

from kelm.core.api.custom.choosing import meant, widened
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.delete import Options, delete
from kelm.core.api.verbs.listing import list_objects
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Call, Written
from kelm.core.api.webhooks.others import deleted
from kelm.core.store.store import Store
from kelm.effects.commands import DeleteCollection, List
from kelm.effects.document import Document, children
from kelm.effects.refusals import Reason, Refusal


def delete_collection(
    store: Store, info: ResourceInfo, command: DeleteCollection, call: Call
) -> Written:
    """Delete what a list with these selectors shows; answer with that list.

    The first refusal ends it and is the answer; what was deleted before stays deleted.
    """
    wanted = List(
        command.resource, command.namespace, command.label_selector, command.field_selector
    )
    custom = None if call.hearing is None else call.hearing.converting
    found = list_objects(store, info, wanted if custom is None else widened(wanted))
    if custom is not None and call.hearing is not None and isinstance(found, Document):
        docs = meant(custom, children(found, "items"), command.field_selector, call.hearing)
        found = docs if isinstance(docs, Refusal) else Document({**found, "items": docs})
    if isinstance(found, Refusal):
        return store, found
    options = Options(
        grace_period_seconds=command.grace_period_seconds,
        propagation_policy=command.propagation_policy,
    )
    after = store
    for doc in children(found, "items"):
        meta = metadata_of(doc)
        namespace = str(meta.get("namespace") or "")
        name, before = str(meta["name"]), after
        written = delete(before, info, namespace, name, options, call.now_ms)
        after, answer = deleted(before, written, info, namespace, name, call.hearing)
        if isinstance(answer, Refusal) and answer.reason is not Reason.NOT_FOUND:
            return before, answer
    return after, found if isinstance(found, Document) else Document()
