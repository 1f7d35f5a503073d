"""Custom objects as they are written: in their storage version, pruned, defaulted, judged.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/registry/customresource/strategy.go,
pkg/apiserver/customresource_handler.go (schemaCoercingDecoder), conversion/nop_converter.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api import refuse
from kelm.core.api.custom.converting import convert
from kelm.core.api.custom.definition import CustomResource, CustomVersion, find_custom
from kelm.core.api.custom.judging.embedded import coerced, embedded_faults, mistyped
from kelm.core.api.custom.list_types import list_faults
from kelm.core.api.custom.pruning import prune_object, unknown_fields
from kelm.core.api.custom.structural import NEW, defaulted, violations, without_nulls
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.schema.decode import decode
from kelm.core.api.schema.definitions import kubernetes
from kelm.core.api.validation.violation import ErrorType, Violations, invalid, invalid_value
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.store.store import Store
from kelm.effects.document import EMPTY, Document, text
from kelm.effects.refusals import Refusal

METADATA: Final = "meta.v1.ObjectMeta"


def prepared(
    store: Store, info: ResourceInfo, doc: Document, hearing: Hearing | None = None
) -> Document | Refusal:
    """An object that was sent, as it is stored if nothing is wrong with it."""
    custom = find_custom(store, info.resource)
    if custom is None:
        return doc
    wrong = next(mistyped(doc, _sent(custom, doc).schema, ""), None)
    if wrong is not None:
        version = text(doc, "apiVersion").rpartition("/")[2] or custom.info.version
        of = f'{info.kind} in version "{version}" cannot be handled as a {info.kind}'
        return refuse.bad_request(f"{of}: {wrong.text}")
    full = _complete(custom, doc)
    if not custom.calls_out or full.get("apiVersion") == info.api_version:
        return Document({**full, "apiVersion": info.api_version, "kind": info.kind})
    faults = tuple(violations(full, _sent(custom, doc).schema, ""))
    if faults:
        return invalid(info.kind, info.group, text(doc, "metadata", "name"), faults)
    new = convert(custom, full, info.api_version, hearing)
    return new if isinstance(new, Refusal) else _complete(custom, new)


def _complete(custom: CustomResource, doc: Document) -> Document:
    """An object with all that its version's schema says of it, and nothing else."""
    version = _sent(custom, doc)
    if not custom.keeps_unknown:
        doc = prune_object(doc, version.schema)
    doc = coerced(doc, version.schema)
    full = without_nulls(defaulted(doc, version.schema), version.schema)
    assert isinstance(full, Document)
    return full


def unknown(store: Store, info: ResourceInfo, doc: Document) -> tuple[str, ...]:
    """The fields of an object that its schema does not name, its metadata included."""
    custom = find_custom(store, info.resource)
    return () if custom is None else all_unknown(doc, _sent(custom, doc).schema)


def all_unknown(doc: Document, schema: Document) -> tuple[str, ...]:
    """The same for an object of this schema.

    >>> all_unknown(Document(metadata=Document(name="a", nick="b")), Document())
    ('metadata.nick',)
    """
    of_metadata = decode(metadata_of(doc), kubernetes()[METADATA]).unknown
    return (*(f"metadata.{path}" for path in of_metadata), *unknown_fields(doc, schema))


def _sent(custom: CustomResource, doc: Document) -> CustomVersion:
    name = text(doc, "apiVersion").rpartition("/")[2]
    return custom.version(name) or custom.storage


BLOCKING: Final = frozenset(
    {
        ErrorType.NOT_SUPPORTED,
        ErrorType.REQUIRED,
        ErrorType.TOO_LONG,
        ErrorType.TOO_MANY,
        ErrorType.TYPE_INVALID,
    }
)
"""What must be right before rules are asked: they rely on it."""
NOT_ASKED: Final = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def faults(
    store: Store, info: ResourceInfo, doc: Document, old: Document | None = None
) -> Violations:
    """What a custom object's schema and its rules have against it.

    What a new version shares with the old one is not held against it again.
    """
    custom = find_custom(store, info.resource)
    if custom is None:
        return ()
    version = custom.storage
    found = tuple(violations(doc, version.schema, "", NEW if old is None else old))
    found = (*found, *embedded_faults(doc, version.schema, ""))
    if old is None or not any(list_faults(old, version.schema)):
        found = (*found, *list_faults(doc, version.schema))
    if version.rules is None:
        return found
    if any(one.type in BLOCKING for one in found):
        return (*found, invalid_value("<nil>", None, NOT_ASKED))
    from kelm.core.api.custom.rules.evaluate import rule_violations

    return (*found, *rule_violations(version.rules, doc, old))


def raises_generation(info: ResourceInfo, old: Document, new: Document) -> bool:
    """Whether a change is one of what a custom object asks for: of all but metadata and status."""
    ignored = {"metadata", "apiVersion", "kind"}
    if "status" in info.subresources:
        ignored.add("status")
    return any(old.get(key) != new.get(key) for key in (old.keys() | new.keys()) - ignored)


def without_status(info: ResourceInfo, doc: Document) -> Document:
    """A new object; where the status is a subresource it begins without one."""
    if "status" not in info.subresources or "status" not in doc:
        return doc
    return Document({key: value for key, value in doc.items() if key != "status"}) or EMPTY
