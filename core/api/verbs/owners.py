"""The owners of an object's fields, as the verbs that write it have them.

Upstream compares what was sent, with its defaults, and not what the server then makes of it: an
address that was allocated, a volume that was admitted, belongs to nobody.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/{create,update}.go; the resources'
strategies (GetResetFields).
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from kelm.core.api.custom.places import place_of
from kelm.core.api.kinds.daemon_sets import DAEMON_SETS
from kelm.core.api.kinds.services import SERVICES
from kelm.core.api.patches.apply.field_trees import Tree, at, minus, one_path
from kelm.core.api.patches.apply.managers import Manager, entry_of, in_order
from kelm.core.api.patches.apply.tracking import (
    Entries,
    created,
    entries_of,
    first_fields,
    known_entries,
    updated,
)
from kelm.core.api.patches.strategic.rules import Refused
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.metadata import NAMESPACE_LABEL, metadata_of
from kelm.core.api.verbs.request import UNNAMED_MANAGER, Answer, Call
from kelm.core.store.store import Store
from kelm.effects.document import EMPTY, Document, child, with_value, without
from kelm.effects.refusals import Refusal

REPLICAS: Final = ("f:spec", "f:replicas")
METADATA: Final = ("metadata", "managedFields")
WIPED: Final = ("deletionTimestamp", "deletionGracePeriodSeconds")
"""What is taken off a new object before anything else (registry/rest/meta.go)."""


def owned_at_first(store: Store, info: ResourceInfo, filled: Answer) -> Tree | None:
    """What whoever makes an object owns: all that it sets, but its status.

    Nothing of an object whose lists lack their keys: it has other troubles.
    """
    if isinstance(filled, Refusal):
        return None
    doc = without(filled, ("status",)) if "status" in info.subresources else filled
    for field in WIPED:
        doc = without(doc, ("metadata", field))
    if info.resource == "namespaces" and metadata_of(doc).get("name"):
        name = metadata_of(doc)["name"]
        doc = with_value(doc, ("metadata", "labels", NAMESPACE_LABEL), name)
    try:
        place = place_of(store, info, str(doc["apiVersion"]), str(doc["kind"]))
        return first_fields(doc, place)
    except Refused:
        return EMPTY


def owning(info: ResourceInfo, given: Document, fields: Tree | None, call: Call) -> Call:
    """The call with the managedFields of a new object, where whoever makes it has a name."""
    if call.owners is not None or not call.manager or fields is None:
        return call
    manager = Manager(call.manager, "Update", info.api_version)
    entries = created(known_entries(None, given), fields, manager, call.now_ms)
    return structs.replace(call, owners=entries)


def owned(
    store: Store,
    info: ResourceInfo,
    old: Document,
    given: Document,
    filled: Document,
    new: Document,
    call: Call,
    subresource: str = "",
) -> Document:
    """The new version of an object with the owners of its fields.

    given: what was sent; it may come with managedFields of its own.
    filled: the same with its defaults, before the server wrote anything into it.
    """
    if call.owners is not None:
        return with_value(new, METADATA, call.owners)
    before = metadata_of(old).get("managedFields")
    if before is None and not metadata_of(given).get("managedFields"):
        return new
    if subresource == "scale":
        return _with_owners(new, _scaled(old, new, call))
    entries = known_entries(old, given, subresource)
    manager = Manager(call.manager or UNNAMED_MANAGER, "Update", info.api_version, subresource)
    place = place_of(store, info, str(new["apiVersion"]), str(new["kind"]))
    seen = _as_sent(info, filled, new)
    try:
        return _with_owners(new, updated(entries, old, seen, manager, place, call.now_ms))
    except Refused:
        return _with_owners(new, ())


def _as_sent(info: ResourceInfo, filled: Document, new: Document) -> Document:
    """A new version without what the server wrote into it by itself."""
    if info.resource == SERVICES:
        return with_value(new, ("spec",), filled.get("spec"))
    if info.resource != DAEMON_SETS:
        return new
    annotations = metadata_of(filled).get("annotations")
    if annotations is None:
        return without(new, ("metadata", "annotations"))
    return with_value(new, ("metadata", "annotations"), annotations)


def _scaled(old: Document, new: Document, call: Call) -> Entries:
    """The owners after a scale: the replicas are the scaler's, and nobody says since when.

    Source: apimachinery/pkg/util/managedfields/scalehandler.go (ToParent).
    """
    entries = entries_of(old)
    if child(old, "spec").get("replicas") == child(new, "spec").get("replicas"):
        return entries
    path = one_path(*REPLICAS)
    kept = []
    for entry in entries:
        fields = child(entry, "fieldsV1")
        left = minus(fields, path) if at(fields, *REPLICAS) else fields
        if left:
            kept.append(entry if left is fields else Document({**entry, "fieldsV1": left}))
    scaler = Manager(call.manager or UNNAMED_MANAGER, "Update", str(new["apiVersion"]), "scale")
    return in_order((*kept, entry_of(scaler, path, None)))


def _with_owners(doc: Document, owners: Entries) -> Document:
    if owners == metadata_of(doc).get("managedFields"):
        return doc
    if not owners:
        return without(doc, METADATA)
    return with_value(doc, METADATA, owners)
