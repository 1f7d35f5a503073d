"""NetworkPolicies as decisions read them: whom they are about, and what their rules let through.

Source: kubernetes v1.36, api/networking/v1/types.go; pkg/apis/networking/v1/defaults.go.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Self, TypeAlias

import msgspec

from kelm.core.objects.meta import Metadata
from kelm.core.objects.selectors.labels import EVERYTHING, Selector, selector_of
from kelm.core.objects.views import view
from kelm.effects.document import Document, child, children, elements, number, text

INGRESS: Final = "Ingress"
EGRESS: Final = "Egress"
LAST_PORT: Final = 65_535
Network: TypeAlias = IPv4Network | IPv6Network


class Ports(msgspec.Struct, frozen=True, gc=False):
    """Ports of a protocol: a range, or by a name that the pod behind gives one of its ports."""

    protocol: str
    first: int = 0
    last: int = LAST_PORT
    name: str = ""


class Block(msgspec.Struct, frozen=True, gc=False):
    """Addresses, without some of them. `inside` None: nobody can read what was written."""

    inside: Network | None
    outside: tuple[Network, ...] = ()

    def has(self, address: str) -> bool:
        """Whether an address is in the block; one of the other family is not.

        >>> block = Block(ip_network("10.0.0.0/8"), (ip_network("10.1.0.0/16"),))
        >>> block.has("10.2.0.1"), block.has("10.1.0.1"), block.has("fd00::1"), block.has("")
        (True, False, False, False)
        """
        if not address or self.inside is None:
            return False
        found = ip_address(address)
        return found in self.inside and not any(found in one for one in self.outside)


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Addresses, or pods: of the policy's own namespace where `namespaces` is None."""

    pods: Selector = EVERYTHING
    namespaces: Selector | None = None
    block: Block | None = None


class Rule(msgspec.Struct, frozen=True, gc=False):
    """Traffic that is let through; no ports are all ports, no peers are everybody."""

    ports: tuple[Ports, ...] = ()
    peers: tuple[Peer, ...] = ()


class NetworkPolicy(msgspec.Struct, frozen=True, gc=False):
    """`ingress`, `egress`: None where the policy says nothing of the direction."""

    name: str
    namespace: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        meta = view(Metadata, child(doc, "metadata"))
        types = elements(spec, "policyTypes")
        ingress = INGRESS in types or not types
        egress = EGRESS in types or (not types and bool(elements(spec, "egress")))
        return cls(
            meta.name,
            meta.namespace,
            selector_of(child(spec, "podSelector")),
            tuple(_rule(one, "from") for one in children(spec, "ingress")) if ingress else None,
            tuple(_rule(one, "to") for one in children(spec, "egress")) if egress else None,
        )

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """The rules for a direction."""
        return self.ingress if direction == INGRESS else self.egress


def network_policy(doc: Document) -> NetworkPolicy:
    """The view of a NetworkPolicy.

    >>> sealed = network_policy(Document(spec=Document(podSelector=Document())))
    >>> sealed.ingress, sealed.egress, sealed.pods.everything
    ((), None, True)
    """
    return view(NetworkPolicy, doc)


def _rule(doc: Document, peers: str) -> Rule:
    return Rule(
        tuple(_ports(one) for one in children(doc, "ports")),
        tuple(_peer(one) for one in children(doc, peers)),
    )


def _ports(doc: Document) -> Ports:
    protocol = text(doc, "protocol", default="TCP")
    port = doc.get("port")
    if isinstance(port, str):
        return Ports(protocol, name=port)
    if isinstance(port, int):
        return Ports(protocol, port, number(doc, "endPort", default=port))
    return Ports(protocol)


def _peer(doc: Document) -> Peer:
    block = doc.get("ipBlock")
    if isinstance(block, Document):
        outside = (_network(str(one)) for one in elements(block, "except"))
        return Peer(block=Block(_network(text(block, "cidr")), tuple(filter(None, outside))))
    pods, namespaces = doc.get("podSelector"), doc.get("namespaceSelector")
    return Peer(
        selector_of(pods) if isinstance(pods, Document) else EVERYTHING,
        selector_of(namespaces) if isinstance(namespaces, Document) else None,
    )


def _network(written: str) -> Network | None:
    """The addresses that somebody wrote, None where that is no block of addresses."""
    try:
        return ip_network(written, strict=False)
    except ValueError:
        return None
