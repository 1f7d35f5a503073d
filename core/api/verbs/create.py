"""Create: what becomes of a new object between the request and the store.

    type and namespace -> defaults -> admission -> name, uid, first status -> validation ->
    allocation -> storage

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/create.go,
apiserver/pkg/registry/generic/registry/store.go (Create), registry/rest/create.go.
"""

from __future__ import annotations

from typing import Final

from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.admission.admit import admit_create
from kelm.core.api.admission.context import Context, Tables
from kelm.core.api.custom.writing import admitted as admitted_custom
from kelm.core.api.custom.writing import is_custom
from kelm.core.api.defaulting.default import default
from kelm.core.api.defaulting.pod import pod_spec
from kelm.core.api.kinds.daemon_sets import DAEMON_SETS, counted
from kelm.core.api.kinds.first_status import first_status
from kelm.core.api.kinds.jobs import JOBS, selecting
from kelm.core.api.kinds.preparing import put_right
from kelm.core.api.kinds.services import SERVICES, allocated, prepared
from kelm.core.api.kinds.strategies import GENERATION_FIELDS
from kelm.core.api.known import NOTHING, known
from kelm.core.api.quota.charge import charge
from kelm.core.api.resources import ResourceInfo, resource_info
from kelm.core.api.validation.validate import validate_create
from kelm.core.api.validation.violation import invalid
from kelm.core.api.verbs.identity import uid
from kelm.core.api.verbs.metadata import (
    NAMESPACE_LABEL,
    Fields,
    being_deleted,
    created_fields,
    metadata_of,
)
from kelm.core.api.verbs.mould import Mould, Reading, mould_of
from kelm.core.api.verbs.owners import owned_at_first, owning
from kelm.core.api.verbs.request import Answer, Call, Written, decoded, in_namespace, typed
from kelm.core.api.webhooks.attributes import attributes
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.mutating import mutated
from kelm.core.api.webhooks.validating import validated
from kelm.core.objects.names import generated_name, random_suffix
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import EMPTY, Document, text, with_value, without
from kelm.effects.refusals import Cause, Refusal


def create(
    store: Store,
    info: ResourceInfo,
    namespace: str,
    given: Document,
    call: Call,
) -> Written:
    """Store a new object, completed; or say why not."""
    mould = mould_of(given) if call.hearing is None else None
    if mould is not None and mould.fits(store, info.resource, namespace, owned=bool(call.manager)):
        return _of_mould(store, info, mould, call)
    if is_custom(info):
        custom = admitted_custom(store, info, given, call.hearing)
        if isinstance(custom, Refusal):
            return store, custom
        given = custom
    reading = Reading(store)
    filled = _filled_in(info, namespace, given)
    admitted = _let_in(reading, info, filled)
    if isinstance(admitted, Refusal):
        return store, _by_name(store, reading, info, namespace, given, admitted)
    if call.hearing is not None:
        reviewed = _reviewed(store, reading, info, namespace, admitted, call, call.hearing)
        if isinstance(reviewed, Refusal):
            return store, reviewed
        admitted = reviewed
    fields = owned_at_first(store, info, _as_owned(info, filled)) if call.manager else None
    call = owning(info, given, fields, call)
    begun = _begun(store, info, admitted, call)
    if isinstance(begun, Refusal):
        return store, begun
    changed, number, place, name = begun
    doc = _completed(changed, info, admitted, name, number, call)
    violations = validate_create(info.resource, doc)
    if violations:
        return store, invalid(info.kind, info.group, name, violations)
    if info.resource == SERVICES:
        service = allocated(store, doc, call.ranges)
        if isinstance(service, Refusal):
            return store, service
        doc = service
    meta = metadata_of(admitted)
    if info.resource in MOULDED and name != meta.get("name") and admitted is not given:
        given.derived = Mould(info.resource, namespace, reading.read, admitted, fields)
    return _stored(store, changed, info, key_of(place, name), doc, meta)


def _as_owned(info: ResourceInfo, filled: Answer) -> Answer:
    """What whoever creates an object owns of it: a DaemonSet's count of templates, too."""
    if info.resource != DAEMON_SETS or isinstance(filled, Refusal):
        return filled
    return with_value(filled, ("metadata", "annotations"), counted(None, filled))


def _by_name(
    store: Store,
    tables: Tables,
    info: ResourceInfo,
    namespace: str,
    given: Document,
    refusal: Refusal,
) -> Refusal:
    """The refusal by the name that the object would have got: upstream names before it admits.

    Source: apiserver/pkg/endpoints/handlers/create.go.
    """
    meta = metadata_of(given)
    if meta.get("name") or not meta.get("generateName"):
        return refusal
    name = _named(store, info, namespace, meta, None)[2]
    named = Document({**given, "metadata": Document({**meta, "name": name})})
    again = _admitted(tables, info, namespace, named)
    return again if isinstance(again, Refusal) else refusal


MOULDED: Final = frozenset({"pods"})
"""Resources of which many equal objects are asked for with one document.

Of what they become under a name nothing is judged but the name, and a generated one is as good as
the last: same beginning, five letters.
"""


def _of_mould(store: Store, info: ResourceInfo, mould: Mould, call: Call) -> Written:
    """Store one more of what was accepted before."""
    admitted, call = mould.object, owning(info, mould.object, mould.fields, call)
    begun = _begun(store, info, admitted, call)
    if isinstance(begun, Refusal):
        return store, begun
    changed, number, place, name = begun
    doc = _completed(changed, info, admitted, name, number, call)
    return _stored(store, changed, info, key_of(place, name), doc, metadata_of(admitted))


def _begun(
    store: Store, info: ResourceInfo, admitted: Document, call: Call
) -> tuple[Store, int, str, str] | Refusal:
    """Give the object its number, namespace and name, and charge it to the namespace's quotas."""
    meta = metadata_of(admitted)
    place = str(meta.get("namespace") or "")
    changed, number, name = _named(store, info, place, meta, call.hearing)
    charged = charge(changed, info, place, name, admitted, call.now_ms)
    return charged if isinstance(charged, Refusal) else (charged, number, place, name)


def _stored(
    store: Store, changed: Store, info: ResourceInfo, key: str, doc: Document, given: Document
) -> Written:
    if given.get("resourceVersion") not in (None, "", "0"):
        return store, refuse.failed("resourceVersion should not be set on objects to be created")
    generated = not given.get("name")
    taken = None if generated else store.get(info.resource, key)
    if taken is not None:
        name = str(metadata_of(doc)["name"])
        return store, refuse.already_exists(info, name, being_deleted=being_deleted(taken))
    return changed.put(info.resource, key, doc), doc


def _admitted(tables: Tables, info: ResourceInfo, namespace: str, given: Document) -> Answer:
    """The object after defaulting and admission, or why it is not let in."""
    doc = _filled_in(info, namespace, given)
    return _let_in(tables, info, doc)


def _filled_in(info: ResourceInfo, namespace: str, given: Document) -> Answer:
    """The object with its kind, namespace and defaults."""
    doc = typed(info, given)
    if isinstance(doc, Refusal):
        return doc
    doc = in_namespace(info, namespace, doc)
    return doc if isinstance(doc, Refusal) else _filled(info, doc)


def _let_in(tables: Tables, info: ResourceInfo, doc: Answer) -> Answer:
    """The object after admission, or why it is not let in."""
    if isinstance(doc, Refusal):
        return doc
    if info.namespaced:
        refusal = closed_namespace(tables, info, metadata_of(doc))
        if refusal is not None:
            return refusal
    admitted = admit_create(info.resource, doc, Context(tables))
    return admitted.failure() if isinstance(admitted, Failure) else admitted.unwrap()


def _filled(info: ResourceInfo, doc: Document) -> Answer:
    """The object in normal form with its defaults.

    A pod whose specification is known was made from a template by a program of ours: only the
    specification has defaults, and they are known too.
    """
    spec = doc.get("spec")
    if info.resource == "pods" and isinstance(spec, Document) and known(spec) is not NOTHING:
        full = pod_spec(spec)
        return doc if full is spec else Document({**doc, "spec": full})
    read = decoded(doc, None)
    return read if isinstance(read, Refusal) else default(info.resource, read)


def closed_namespace(tables: Tables, info: ResourceInfo, meta: Document) -> Refusal | None:
    """Why nothing new may come into a namespace: it is not there, or on its way out.

    Source: apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go.
    """
    name = str(meta.get("namespace"))
    namespace = tables.table("namespaces").get(name)
    if namespace is None:
        return refuse.not_found(NAMESPACES, name)
    if text(namespace, "status", "phase") != "Terminating":
        return None
    why = f"unable to create new content in namespace {name} because it is being terminated"
    cause = Cause(
        "NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace"
    )
    wanted = str(meta.get("name") or meta.get("generateName") or "Unknown!")
    return refuse.forbidden(info, wanted, why, (cause,))


def _namespaces() -> ResourceInfo:
    info = resource_info("namespaces")
    assert info is not None
    return info


NAMESPACES: Final = _namespaces()


def _reviewed(
    store: Store,
    tables: Tables,
    info: ResourceInfo,
    namespace: str,
    admitted: Document,
    call: Call,
    hearing: Hearing,
) -> Answer:
    """The object as the mutating webhooks leave it, if the validating ones let it in.

    Those are shown what would be stored, with its name and uid; quotas are asked after them.
    """
    meta = metadata_of(admitted)
    place = (str(meta.get("namespace") or ""), str(meta.get("name") or ""))

    def read(doc: Document) -> Answer:
        if is_custom(info):
            return admitted_custom(store, info, doc, hearing)
        return _filled(info, doc)

    def admit(doc: Document) -> Answer:
        return _admitted(tables, info, namespace, doc)

    asked = attributes("CREATE", info, place, admitted)
    new = mutated(store, hearing, asked, read, admit)
    if isinstance(new, Refusal):
        return new
    changed, number, name = _named(store, info, place[0], metadata_of(new), hearing)
    doc = _completed(changed, info, new, name, number, call)
    violations = validate_create(info.resource, doc)
    if violations:
        return invalid(info.kind, info.group, name, violations)
    full = allocated(store, doc, call.ranges) if info.resource == SERVICES else doc
    if isinstance(full, Refusal):
        return full
    shown = without(full, ("metadata", "resourceVersion"))
    refusal = validated(store, hearing, attributes("CREATE", info, place, shown))
    return new if refusal is None else refusal


def _named(
    store: Store, info: ResourceInfo, namespace: str, meta: Document, hearing: Hearing | None
) -> tuple[Store, int, str]:
    """The object's name, fresh if it asks for one, and the number of its uid.

    A request that waits for webhooks keeps the number that it got at first.
    Upstream gives up after eight clashes; here every number makes another name.
    """
    name, base = str(meta.get("name") or ""), str(meta.get("generateName") or "")
    store, number = store.fresh() if hearing is None else (store, hearing.number)
    if name or not base:
        return store, number, name
    table = store.table(info.resource)
    while True:
        name = generated_name(base, random_suffix(store.seed, number))
        if table.get(key_of(namespace, name)) is None:
            return store, number, name
        store, number = store.fresh()


def _completed(
    store: Store, info: ResourceInfo, doc: Document, name: str, number: int, call: Call
) -> Document:
    """The object as it is to be stored: metadata of the system's, and its first status."""
    doc = put_right(info.resource, doc)
    meta = metadata_of(doc)
    fields = created_fields(
        meta,
        name=name,
        namespace=str(meta.get("namespace") or ""),
        uid=uid(store.seed, number),
        created=format_time(call.now_ms),
        version=str(store.next_revision),
    )
    if info.resource in GENERATION_FIELDS or info.versions:
        fields["generation"] = 1
    if call.owners:
        fields["managedFields"] = call.owners
    if info.resource == "namespaces":
        doc = _new_namespace(doc, fields, name)
    elif info.resource == SERVICES:
        doc = prepared(None, doc)
    elif info.resource == JOBS:
        doc = selecting(doc, fields)
    elif info.resource == DAEMON_SETS:
        fields["annotations"] = counted(None, doc)
    status = first_status(info, doc, call.now_ms)
    if status is None:
        return Document({**doc, "metadata": Document(fields)})
    return Document({**doc, "metadata": Document(fields), "status": status})


def _new_namespace(doc: Document, fields: Fields, name: str) -> Document:
    """A namespace carries its name as a label, and waits for its contents when deleted.

    Source: pkg/registry/core/namespace/strategy.go, pkg/apis/core/v1/defaults.go.
    """
    labels = fields.get("labels")
    labels = labels if isinstance(labels, Document) else EMPTY
    if name:
        fields["labels"] = Document({**labels, NAMESPACE_LABEL: name})
    spec = doc.get("spec")
    spec = spec if isinstance(spec, Document) else EMPTY
    finalizers = spec.get("finalizers")
    held = finalizers if isinstance(finalizers, tuple) else ()
    if "kubernetes" in held:
        return doc
    return Document({**doc, "spec": Document({**spec, "finalizers": (*held, "kubernetes")})})
