"""What every verb is given and gives back, and the checks that come before any of them.

A verb is a function of a store. It answers with the store as it is afterwards and with a document
or a refusal; after a refusal the store is the very one it was given.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/rest.go, create.go, update.go.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.api import refuse
from kelm.core.api.allocation.bands import Ranges
from kelm.core.api.allocation.services import DEFAULT_RANGES
from kelm.core.api.resources import ResourceInfo, of_kind, served_versions
from kelm.core.api.schema.decode import decode_kind
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.store.store import Store
from kelm.effects.document import EMPTY, Document, Json
from kelm.effects.refusals import Refusal

Answer: TypeAlias = Document | Refusal
Written: TypeAlias = tuple[Store, Answer]

UNNAMED_MANAGER: Final = "unknown"


class Call(msgspec.Struct, frozen=True):
    """What a write needs to know beside its object.

    manager: who writes; "" for somebody who owns nothing of what they make.
    owners: the `managedFields` to store with the object; None where an apply did not say.
    hearing: what webhooks have said so far; None where none is to be asked.
    """

    now_ms: int
    ranges: Ranges = DEFAULT_RANGES
    manager: str = ""
    owners: tuple[Json, ...] | None = None
    hearing: Hearing | None = None


SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'


def typed(info: ResourceInfo, doc: Document) -> Answer:
    """The object with its kind and version, which must be the resource's where they are given."""
    kind, api_version = doc.get("kind"), doc.get("apiVersion")
    if kind == info.kind and api_version == info.api_version:
        return doc
    kind, api_version = kind or info.kind, api_version or info.api_version
    group, _, version = str(api_version).rpartition("/")
    if kind == info.kind and group == info.group and version in served_versions(info):
        return Document({"apiVersion": api_version, "kind": kind, **doc})
    return refuse.bad_request(_foreign(info, str(kind), str(api_version)))


def _foreign(info: ResourceInfo, kind: str, api_version: str) -> str:
    version = api_version.rpartition("/")[2]
    refused = f'{kind} in version "{version}" cannot be handled as a {info.kind}'
    if of_kind(api_version, kind) is None:
        return f'{refused}: no kind "{kind}" is registered for version "{api_version}" {SCHEME}'
    expected = info.api_version
    if api_version != expected:
        return (
            f"the API version in the data ({api_version}) does not match the expected API version "
            f"({expected})"
        )
    return f"{refused}: converting ({version}.{kind}) to ({info.kind}): unknown conversion"


def decoded(doc: Document, stored: Document | None) -> Answer:
    """The object in normal form; a value of the wrong type is refused.

    Fields that no type has stay, unlike upstream.
    What is shared with the stored object is not read again.
    """
    api_version, kind = str(doc["apiVersion"]), str(doc["kind"])
    found = decode_kind(doc, api_version, kind, stored, keep_unknown=True)
    if found.mismatch is not None:
        version = api_version.rpartition("/")[2]
        return refuse.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: {found.mismatch.decoder}'
        )
    return found.document


def in_namespace(info: ResourceInfo, namespace: str, doc: Document) -> Answer:
    """The object with the namespace of its request."""
    meta = metadata_of(doc)
    given = meta.get("namespace") or ""
    if not info.namespaced:
        return _without_namespace(doc, meta) if given else doc
    wanted = namespace or given
    if not wanted:
        return refuse.bad_request("an empty namespace may not be set during creation")
    if given == wanted:
        return doc
    if given:
        return refuse.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return Document({**doc, "metadata": Document({**meta, "namespace": wanted})})


def _without_namespace(doc: Document, meta: Document) -> Document:
    rest = Document({key: value for key, value in meta.items() if key != "namespace"})
    return Document({**doc, "metadata": rest})


def misnamed(namespace: str, name: str, doc: Document) -> Refusal | None:
    """The refusal of an object that is not the one of its request's address."""
    meta = doc.get("metadata")
    meta = meta if isinstance(meta, Document) else EMPTY
    given = meta.get("name") or ""
    if not given:
        return refuse.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if given != name:
        return refuse.bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )
    elsewhere = meta.get("namespace") or namespace
    if namespace and elsewhere != namespace:
        return refuse.bad_request(
            f"the namespace of the object ({elsewhere}) does not match the namespace on the "
            f"request ({namespace})"
        )
    return None
