"""Namespaces die in two steps: they are closed, and go once the controller has emptied them.

Source: kubernetes v1.36, pkg/registry/core/namespace/storage/storage.go (REST.Delete) and
apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go.
"""

from __future__ import annotations

from kelm.core.api import refuse
from kelm.core.api.kinds.strategies import IMMORTAL_NAMESPACES
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.delete import (
    Options,
    child_finalizers,
    collected_finalizers,
    delete,
    failed_precondition,
    wrong_options,
)
from kelm.core.api.verbs.metadata import Fields, metadata_of
from kelm.core.api.verbs.request import Written
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.document import Document, child


def delete_namespace(
    store: Store, info: ResourceInfo, name: str, options: Options, now_ms: int
) -> Written:
    """Close a namespace; once it is empty, remove it."""
    if name in IMMORTAL_NAMESPACES:
        return store, refuse.forbidden(info, name, "this namespace may not be deleted")
    old = store.get(info.resource, name)
    if old is None:
        return store, refuse.not_found(info, name)
    refusal = wrong_options(options) or failed_precondition(info, metadata_of(old), options)
    if refusal is not None:
        return store, refusal
    if metadata_of(old).get("deletionTimestamp") is None:
        return _close(store, info, name, old, options, now_ms)
    if child_finalizers(old):
        return store, old
    return delete(store, info, "", name, options, now_ms)


def _close(
    store: Store, info: ResourceInfo, name: str, old: Document, options: Options, now_ms: int
) -> Written:
    meta = metadata_of(old)
    fields: Fields = dict(meta)
    fields["resourceVersion"] = str(store.next_revision)
    fields["deletionTimestamp"] = format_time(now_ms)
    held = meta.get("finalizers")
    texts = tuple(str(one) for one in held) if isinstance(held, tuple) else ()
    kept = collected_finalizers(texts, options, orphans=False)
    if kept:
        fields["finalizers"] = kept
    else:
        fields.pop("finalizers", None)
    status = Document({**child(old, "status"), "phase": "Terminating"})
    new = Document({**old, "metadata": Document(fields), "status": status})
    return store.put(info.resource, name, new), new
