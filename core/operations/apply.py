"""kubectl apply, as a function of a manifest and the store.

What is not there is created, with the manifest kept in an annotation. What is there is patched
with the difference of three documents: the manifest applied last, the one applied now and the
stored object. So a field that left the manifest leaves the object, and a field that somebody else
set stays.

Source: kubernetes v1.36, kubectl/pkg/cmd/apply (client-side apply), kubectl/pkg/util/apply.go.
"""

from __future__ import annotations

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.patches.strategic_merge import three_way_strategic_patch
from kelm.core.api.resources import ResourceInfo, of_kind
from kelm.core.api.schema.definitions import definition_of
from kelm.core.api.schema.unknown import strict_error
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Create, Patch
from kelm.effects.document import EMPTY, Document, child, freeze, strings, text, with_value

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PATH = ("metadata", "annotations", LAST_APPLIED)


def plan_apply(
    manifest: Document, store: Store, namespace: str = "default"
) -> Result[Command | None, str]:
    """The request that brings the store to a manifest; None if nothing is to be done.

    A field that the kind does not have is refused, as kubectl's default (--validate=strict) does.

    >>> from kelm.effects.document import document
    >>> pod = document({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})
    >>> plan_apply(pod, Store()).unwrap().namespace
    'default'
    >>> plan_apply(document({"apiVersion": "v1", "kind": "Pot"}), Store()).failure()
    'no matches for kind "Pot" in version "v1"'
    """
    api_version, kind = text(manifest, "apiVersion"), text(manifest, "kind")
    info = of_kind(api_version, kind)
    if info is None:
        return Failure(f'no matches for kind "{kind}" in version "{api_version}"')
    name = text(manifest, "metadata", "name")
    if not name:
        return Failure(f"{kind}: metadata.name is required to apply an object")
    unknown = strict_error(manifest)
    if unknown:
        return Failure(f'{kind} "{name}": {unknown}')
    placed = _placed(manifest, info, namespace)
    where = text(placed, "metadata", "namespace")
    stored = store.get(info.resource, key_of(where, name))
    if stored is None:
        return Success(Create(info.resource, where, _annotated(placed)))
    return _difference(info, _annotated(placed), stored).map(
        lambda patch: Patch(info.resource, where, name, patch, "strategic") if patch else None
    )


def _placed(manifest: Document, info: ResourceInfo, namespace: str) -> Document:
    """The manifest with a namespace where its kind has one."""
    if not info.namespaced or text(manifest, "metadata", "namespace"):
        return manifest
    return with_value(manifest, ("metadata", "namespace"), namespace)


def _annotated(manifest: Document) -> Document:
    bare = _bare(manifest)
    written = msgspec.json.encode(bare, order="sorted").decode() + "\n"
    return with_value(bare, _PATH, written)


def _bare(manifest: Document) -> Document:
    """The manifest without an annotation of an earlier apply, which would nest."""
    annotations = child(manifest, "metadata", "annotations")
    kept = Document({key: item for key, item in annotations.items() if key != LAST_APPLIED})
    return with_value(manifest, ("metadata", "annotations"), kept)


def _difference(info: ResourceInfo, manifest: Document, stored: Document) -> Result[Document, str]:
    last = strings(stored, "metadata", "annotations").get(LAST_APPLIED)
    applied = freeze(msgspec.json.decode(last)) if last else EMPTY
    definition = definition_of(info.api_version, info.kind)
    return three_way_strategic_patch(
        applied if isinstance(applied, Document) else EMPTY,
        manifest,
        stored,
        definition,
        overwrite=True,
    )
