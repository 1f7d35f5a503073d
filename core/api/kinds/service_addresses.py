"""The IPAddress of every address that a Service has: made with it, and gone with it.

Services and their addresses are written in one step here: upstream makes the address first, then
the Service, and takes the address back where the Service is refused.

Source: kubernetes v1.36, pkg/registry/core/service/ipallocator/ipallocator.go (createIPAddress,
release), pkg/registry/core/service/storage/alloc.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import family
from kelm.core.api.resources import RESOURCES
from kelm.core.api.validation.service_addresses import ADDRESSES
from kelm.core.api.verbs.create import create
from kelm.core.api.verbs.delete import Options, delete
from kelm.core.api.verbs.request import Call
from kelm.core.store.store import Store
from kelm.effects.document import Document, elements, text

SERVICES: Final = "services"
FAMILY: Final = "ipaddress.kubernetes.io/ip-family"
MANAGED_BY: Final = "ipaddress.kubernetes.io/managed-by"
ALLOCATOR: Final = "ipallocator.k8s.io"
_MANAGER: Final = "kube-apiserver"


def address_of(address: str, service: Document) -> Document:
    """The IPAddress of an address that a Service has."""
    parent = Document(
        resource=SERVICES,
        namespace=text(service, "metadata", "namespace"),
        name=text(service, "metadata", "name"),
    )
    labels = Document({FAMILY: family(address), MANAGED_BY: ALLOCATOR})
    return Document(
        apiVersion="networking.k8s.io/v1",
        kind="IPAddress",
        metadata=Document(name=address, labels=labels),
        spec=Document(parentRef=parent),
    )


def addresses_of(service: Document | None) -> tuple[str, ...]:
    """The addresses that a Service has; one without (headless, an ExternalName) has none."""
    listed = () if service is None else elements(service, "spec", "clusterIPs")
    return tuple(str(one) for one in listed if one not in ("None", ""))


def with_addresses(before: Store, store: Store, call: Call) -> Store:
    """A store in which Services were written, with the IPAddresses that go with them."""
    if SERVICES not in store.number_of or store.table(SERVICES) is before.table(SERVICES):
        return store
    for change in store.table(SERVICES).changes_since(before.revision) or ():
        had, has = addresses_of(change.old), addresses_of(change.new)
        for address in had:
            if address not in has:
                store = delete(store, RESOURCES[ADDRESSES], "", address, Options(), call.now_ms)[0]
        for address in has:
            if address not in had and change.new is not None:
                manager = _MANAGER if call.manager else ""
                made = Call(call.now_ms, call.ranges, manager=manager)
                doc = address_of(address, change.new)
                store = create(store, RESOURCES[ADDRESSES], "", doc, made)[0]
    return store
