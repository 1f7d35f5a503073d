"""What a Service needs beside what every object needs: its addresses and node ports.

Source: kubernetes v1.36, pkg/registry/core/service/storage/storage.go (beginCreate, beginUpdate).
"""

from __future__ import annotations

from returns.result import Failure

from kelm.core.api.allocation.bands import Ranges
from kelm.core.api.allocation.prepare import prepare_create, prepare_update
from kelm.core.api.allocation.services import allocate
from kelm.core.api.validation.service_addresses import ADDRESSES
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Answer
from kelm.core.store.store import Store
from kelm.effects.document import Document

SERVICES = "services"


def prepared(old: Document | None, new: Document) -> Document:
    """A Service before it is judged: what users leave out, and what only an old type had."""
    return prepare_create(new) if old is None else prepare_update(old, new)


def allocated(store: Store, service: Document, ranges: Ranges) -> Answer:
    """A valid Service with what its type needs, or why there is none of it."""
    chance = str(metadata_of(service).get("uid"))
    services, addresses = store.table(SERVICES), store.table(ADDRESSES)
    found = allocate(service, services, addresses=addresses, ranges=ranges, chance=chance)
    return found.failure() if isinstance(found, Failure) else found.unwrap()
