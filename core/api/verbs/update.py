"""Update: an object is replaced, or its status is.

An update says which version it was made from, or that any will do; it cannot touch what belongs
to the system or, outside of the status subresource, the status. One that changes nothing writes
nothing, and one that removes the last finalizer of a deleted object removes the object.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/update.go,
apiserver/pkg/registry/generic/registry/store.go (Update), registry/rest/update.go.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from kelm.core.api import refuse
from kelm.core.api.admission.admit import admit_update, refused_update
from kelm.core.api.admission.context import Context
from kelm.core.api.custom import objects as custom_objects
from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.custom.naming import with_storage_version
from kelm.core.api.custom.writing import is_custom
from kelm.core.api.defaulting.default import default, default_status
from kelm.core.api.kinds.daemon_sets import DAEMON_SETS, counted
from kelm.core.api.kinds.first_status import phase_dated
from kelm.core.api.kinds.pod_parts import PARTS, narrowed, part_violations
from kelm.core.api.kinds.preparing import put_right
from kelm.core.api.kinds.services import SERVICES, allocated, prepared
from kelm.core.api.kinds.signing_requests import status_of as verdict_of
from kelm.core.api.kinds.strategies import (
    CREATED_BY_UPDATE,
    FIRST_STATUS,
    LABELLED_BY_TEMPLATE,
    VERSION_REQUIRED,
    raises_generation,
)
from kelm.core.api.quota.charge import charge_update
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.validation.metadata import any_metadata_update
from kelm.core.api.validation.validate import validate_status_update, validate_update
from kelm.core.api.validation.violation import Violations, invalid, invalid_value
from kelm.core.api.verbs.create import create
from kelm.core.api.verbs.metadata import (
    NAMESPACE_LABEL,
    Fields,
    gone_without_finalizers,
    keep,
    metadata_of,
    status_fields,
    updated_fields,
    versioned,
)
from kelm.core.api.verbs.owners import owned
from kelm.core.api.verbs.request import Answer, Call, Written, decoded, misnamed, typed
from kelm.core.api.webhooks.attributes import Attributes, attributes
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.mutating import mutated
from kelm.core.api.webhooks.validating import validated
from kelm.core.objects.signing_requests import SIGNING_REQUESTS
from kelm.core.objects.storage import CLAIMS
from kelm.core.store.store import Store
from kelm.effects.address import Key, key_of
from kelm.effects.document import EMPTY, Document, Json, child, elements, with_value
from kelm.effects.refusals import Refusal

NOT_DECODED: Final = frozenset({"leases.coordination.k8s.io"})
"""Written by every node every few seconds: what is in them is not read again."""


def update(
    store: Store,
    info: ResourceInfo,
    namespace: str,
    name: str,
    given: Document,
    call: Call,
    subresource: str = "",
) -> Written:
    """Replace an object (or its status, or a namespace's finalizers) by what was sent."""
    doc = typed(info, given)
    if isinstance(doc, Refusal):
        return store, doc
    wrong = misnamed(namespace, name, doc)
    if wrong is not None:
        return store, wrong
    key = key_of(namespace, name)
    old = store.get(info.resource, key)
    if old is None:
        if info.resource in CREATED_BY_UPDATE and not subresource:
            return create(store, info, namespace, given, call)
        return store, refuse.not_found(info, name)
    asked, stored = metadata_of(doc).get("uid"), metadata_of(old)["uid"]
    if asked and asked != stored:
        return store, refuse.wrong_uid(info, key, name, str(asked), str(stored))
    return replace(store, info, key, old, doc, call, subresource)


def replace(
    store: Store,
    info: ResourceInfo,
    key: Key,
    old: Document,
    doc: Document,
    call: Call,
    subresource: str = "",
) -> Written:
    """Put a new version of an object in place of the stored one, if rules and webhooks allow."""
    hearing = call.hearing
    if hearing is None or subresource == "scale":
        return _replaced(store, info, key, old, doc, call, subresource)
    asked = attributes("UPDATE", info, _place(old), None, old, subresource)
    changed = _mutated(store, asked, doc, hearing)
    if isinstance(changed, Refusal):
        return store, changed
    after, answer = _replaced(store, info, key, old, changed, call, subresource)
    if isinstance(answer, Refusal):
        return store, answer
    refusal = validated(store, hearing, structs.replace(asked, object=_unwritten(answer, old)))
    return (after, answer) if refusal is None else (store, refusal)


def _place(doc: Document) -> tuple[str, str]:
    meta = metadata_of(doc)
    return str(meta.get("namespace") or ""), str(meta["name"])


def _mutated(store: Store, asked: Attributes, doc: Document, hearing: Hearing) -> Answer:
    """What was sent, completed, as the mutating webhooks leave it."""
    info, old = asked.info, asked.old

    def read(sent: Document) -> Answer:
        if is_custom(info):
            return custom_objects.prepared(store, info, sent, hearing)
        found = sent if info.resource in NOT_DECODED else decoded(sent, old)
        return found if isinstance(found, Refusal) else default(info.resource, found)

    first = read(doc)
    if isinstance(first, Refusal):
        return first
    return mutated(store, hearing, structs.replace(asked, object=first), read, lambda it: it)


def _unwritten(new: Document, old: Document) -> Document:
    """A new version as validating webhooks see it: with the version that it replaces."""
    return with_value(new, ("metadata", "resourceVersion"), metadata_of(old)["resourceVersion"])


def _replaced(
    store: Store,
    info: ResourceInfo,
    key: Key,
    old: Document,
    doc: Document,
    call: Call,
    subresource: str,
) -> Written:
    """Put a new version of an object in place of the stored one, if the rules allow."""
    stale = outdated(info, old, doc)
    if stale is not None:
        return store, stale
    sent = custom_objects.prepared(store, info, doc, call.hearing) if is_custom(info) else doc
    if isinstance(sent, Refusal):
        return store, sent
    doc = sent
    if subresource in ("status", "approval"):
        return _replace_status(store, info, key, old, doc, call, subresource)
    read = doc if info.resource in NOT_DECODED else decoded(doc, old)
    if isinstance(read, Refusal):
        return store, read
    filled = default(info.resource, read)
    if subresource in PARTS:
        filled = narrowed(subresource, old, filled)
    new = _merged(info, old, admit_update(info.resource, old, filled), subresource)
    new = owned(store, info, old, doc, filled, new, call, subresource)
    violations = _violations(store, info, old, new, subresource)
    if violations:
        return store, _invalid(info, old, violations)
    if info.resource == SERVICES:
        service = allocated(store, new, call.ranges)
        if isinstance(service, Refusal):
            return store, service
        new = service
    refusal = refused_update(info.resource, old, new, Context(store))
    if refusal is not None:
        return store, refusal
    charged = charge_update(store, info, old, new, call.now_ms, subresource)
    if isinstance(charged, Refusal):
        return store, charged
    return write(charged, info, key, old, new)


def _violations(
    store: Store, info: ResourceInfo, old: Document, new: Document, subresource: str
) -> Violations:
    """What is wrong with a new version, or with the part of it that a subresource changes.

    Metadata is judged twice, as upstream does it: for every object, and again with its kind; the
    message says it once, the causes twice.
    """
    found = tuple(any_metadata_update(old, new))
    if subresource in PARTS:
        return (*found, *part_violations(subresource, old, new))
    found = (*found, *validate_update(info.resource, old, new))
    return (*found, *custom_objects.faults(store, info, new, old)) if is_custom(info) else found


def _invalid(info: ResourceInfo, old: Document, violations: Violations) -> Refusal:
    return invalid(info.kind, info.group, str(metadata_of(old)["name"]), violations)


def outdated(info: ResourceInfo, old: Document, doc: Document) -> Refusal | None:
    """The conflict of an update that was made from another version than the stored one."""
    before = metadata_of(old)
    asked = metadata_of(doc).get("resourceVersion")
    if asked and asked == before["resourceVersion"]:
        return None
    name = str(before["name"])
    if not asked or asked == "0":
        if info.resource not in VERSION_REQUIRED and not info.versions:
            return None
        violation = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
        return invalid(info.plural, info.group, name, (violation,))
    return refuse.modified(info, name)


def write(store: Store, info: ResourceInfo, key: Key, old: Document, new: Document) -> Written:
    """Store an accepted new version, which still carries the old one's resourceVersion."""
    if "deletionTimestamp" in metadata_of(old) and _is_last(info, old, new):
        return store.remove(info.resource, key, versioned(old, store.next_revision)), new
    if new == old:
        return store, old
    written = versioned(new, store.revision + 1)
    return store.put(info.resource, key, written), written


def _is_last(info: ResourceInfo, old: Document, new: Document) -> bool:
    if not gone_without_finalizers(old, new):
        return False
    return info.resource != "namespaces" or not child(new, "spec").get("finalizers")


def _merged(info: ResourceInfo, old: Document, doc: Document, subresource: str) -> Document:
    """What was asked for, with everything that an update leaves alone as it was."""
    before = metadata_of(old)
    fields = updated_fields(before, metadata_of(doc))
    new: Fields = dict(put_right(info.resource, doc))
    if "status" in info.subresources:
        keep(new, "status", old)
    if info.resource == SIGNING_REQUESTS:
        keep(new, "spec", old)
    if info.resource == "namespaces":
        _keep_namespace(new, fields, old, subresource)
    if info.resource == DAEMON_SETS:
        fields["annotations"] = counted(old, doc)
    new["metadata"] = _unless_equal(before, fields)
    merged = Document(new)
    if info.resource == SERVICES:
        return prepared(old, merged)
    if info.resource == DEFINITIONS:
        stored = elements(merged, "status", "storedVersions")
        path = ("status", "storedVersions")
        merged = with_value(merged, path, with_storage_version(stored, merged))
    custom = info.versions and custom_objects.raises_generation(info, old, merged)
    if custom or raises_generation(info.resource, old, merged):
        generation = fields.get("generation")
        fields["generation"] = (generation if isinstance(generation, int) else 0) + 1
        merged = Document({**merged, "metadata": Document(fields)})
    return merged


def _keep_namespace(new: Fields, fields: Fields, old: Document, subresource: str) -> None:
    """A namespace keeps its label, and its finalizers but for their own subresource.

    Source: pkg/registry/core/namespace/strategy.go.
    """
    labels = fields.get("labels")
    labels = labels if isinstance(labels, Document) else EMPTY
    fields["labels"] = Document({**labels, NAMESPACE_LABEL: fields["name"]})
    if subresource != "finalize":
        held = child(old, "spec").get("finalizers")
        new["spec"] = Document({**child(Document(new), "spec"), "finalizers": held})


def _replace_status(
    store: Store,
    info: ResourceInfo,
    key: Key,
    old: Document,
    doc: Document,
    call: Call,
    subresource: str,
) -> Written:
    """Replace the status (or what a subresource is of it), and the metadata that comes with it.

    Labels and annotations that are not sent are taken off, here as with a real API server: who
    means the status alone sends a patch, as a kubelet does.
    """
    if info.resource in LABELLED_BY_TEMPLATE:
        doc = default(info.resource, doc)
    before, given = metadata_of(old), metadata_of(doc)
    meta = (
        before
        if given is before
        else _unless_equal(before, status_fields(info.resource, before, given))
    )
    status = doc.get("status")
    if status is None:
        status = FIRST_STATUS.get(info.resource, EMPTY)
    if info.resource == "pods":
        status = _with_class(old, status)
    if info.resource == "persistentvolumes":
        status = phase_dated(old, status, call.now_ms)
    if info.resource == SIGNING_REQUESTS:
        status = verdict_of(old, status, subresource, call.now_ms)
    new = default_status(info.resource, Document({**old, "metadata": meta, "status": status}))
    violations = (
        *any_metadata_update(old, new),
        *validate_status_update(info.resource, old, new, subresource),
    )
    if info.versions:
        violations = (*violations, *custom_objects.faults(store, info, new, old))
    if violations:
        return store, _invalid(info, old, violations)
    if info.resource == CLAIMS:
        charged = charge_update(store, info, old, new, call.now_ms, subresource)
        store = store if isinstance(charged, Refusal) else charged
    return write(store, info, key, old, owned(store, info, old, doc, doc, new, call, subresource))


def _unless_equal(before: Document, fields: Fields) -> Document:
    """New metadata, or the old document where nothing changed: what is shared is not judged."""
    return before if fields == before else Document(fields)


def _with_class(old: Document, status: Json) -> Json:
    """A pod's status; the class that nobody repeats stays.

    Source: pkg/registry/core/pod/strategy.go, podStatusStrategy.PrepareForUpdate.
    """
    if not isinstance(status, Document) or status.get("qosClass"):
        return status
    qos_class = child(old, "status").get("qosClass")
    return Document({**status, "qosClass": qos_class}) if qos_class else status
