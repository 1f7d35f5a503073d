"""Webhooks of requests that store no object of theirs: deletions, and what is made of a part.

Source: kubernetes v1.36, apiserver/pkg/registry/rest/delete.go
(AdmissionToValidateObjectDeleteFunc), pkg/registry/core/pod/storage/{storage,eviction}.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.webhooks.attributes import Attributes, attributes
from kelm.core.api.webhooks.connecting import Connecting
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.mutating import mutated
from kelm.core.api.webhooks.validating import validated
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

Written: TypeAlias = "tuple[Store, Document | Refusal]"


def deleted(
    store: Store,
    written: Written,
    info: ResourceInfo,
    namespace: str,
    name: str,
    hearing: Hearing | None,
) -> Written:
    """What a deletion has come to, if the webhooks allow it; one that changes nothing is free."""
    if hearing is None or isinstance(written[1], Refusal) or written[0] is store:
        return written
    old = store.get(info.resource, key_of(namespace, name))
    place = (namespace, "" if hearing.of_many and info.resource != "namespaces" else name)
    asked = attributes("DELETE", info, place, None, old)
    refusal = _refusal(store, hearing, asked)
    return written if refusal is None else (store, refusal)


def _refusal(store: Store, hearing: Hearing, asked: Attributes) -> Refusal | None:
    changed = mutated(store, hearing, asked, lambda it: it, lambda it: it)
    return changed if isinstance(changed, Refusal) else validated(store, hearing, asked)


def connection_refused(store: Store, wanted: Connecting, hearing: Hearing | None) -> Refusal | None:
    """Why the webhooks do not let somebody be connected, None where they do."""
    if hearing is None:
        return None
    info, place = RESOURCES[wanted.resource], (wanted.namespace, wanted.name)
    asked = attributes("CONNECT", info, place, wanted.object, None, wanted.subresource)
    return _refusal(store, hearing, asked)


def part_made(
    store: Store,
    info: ResourceInfo,
    place: tuple[str, str],
    subresource: str,
    part: Document,
    hearing: Hearing | None,
    make: Callable[[Document], Written],
) -> Written:
    """What comes of a Binding or an Eviction, as the webhooks leave it."""
    if hearing is None:
        return make(part)
    asked = attributes("CREATE", info, place, part, None, subresource)
    new = mutated(store, hearing, asked, lambda it: it, lambda it: it)
    if isinstance(new, Refusal):
        return store, new
    refusal = validated(store, hearing, msgspec.structs.replace(asked, object=new))
    return make(new) if refusal is None else (store, refusal)


def binding_of(namespace: str, name: str, uid: str, node: str) -> Document:
    """The Binding that gives a pod to a node."""
    meta = Document(name=name, namespace=namespace, **({"uid": uid} if uid else {}))
    target = Document(kind="Node", name=node)
    return Document(kind="Binding", apiVersion="v1", metadata=meta, target=target)


def eviction_of(namespace: str, name: str, uid: str, grace: int | None) -> Document:
    """The Eviction that asks a pod to go."""
    options = Document(
        **({"gracePeriodSeconds": grace} if grace is not None else {}),
        **({"preconditions": Document(uid=uid)} if uid else {}),
    )
    meta = Document(name=name, namespace=namespace)
    return Document(kind="Eviction", apiVersion="policy/v1", metadata=meta, deleteOptions=options)
