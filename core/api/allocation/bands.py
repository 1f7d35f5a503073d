"""Ranges of addresses and ports, and which of them are kept for those who ask by name.

The low band of a range is for people who name an address or port themselves; a fresh one is
drawn from the rest first, and from the low band only when the rest is used up.

Source: kubernetes v1.36, pkg/registry/core/service/ipallocator/ipallocator.go and
pkg/registry/core/service/portallocator/allocator.go (calculateRangeOffset).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import msgspec

from kelm.core.objects.names import fnv1a_32

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

LARGEST_BITMAP: Final = 2**16
"""Of a huge range only so many addresses are ever walked through."""


class PortRange(msgspec.Struct, frozen=True):
    """`size` ports from `base` on."""

    base: int = 30_000
    size: int = 2_768

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.base <= port < self.base + self.size

    def __str__(self) -> str:
        return f"{self.base}-{self.base + self.size - 1}"


class Ranges(msgspec.Struct, frozen=True):
    """What a cluster has to give: one service network, or one of each family; node ports."""

    service_cidrs: tuple[str, ...] = ("10.96.0.0/12",)
    node_ports: PortRange = PortRange()


def static_ports(size: int) -> int:
    """How many ports from the base on are not handed out while there are others.

    >>> static_ports(2768), static_ports(16)
    (86, 0)
    """
    return _band(size, 32, 128)


def static_addresses(cidr: str) -> int:
    """How many addresses from the base on are not handed out while there are others.

    >>> static_addresses("10.96.0.0/12"), static_addresses("192.168.1.0/27")
    (256, 16)
    """
    return _band(network(cidr).num_addresses, 16, 256)


def _band(size: int, share: int, most: int) -> int:
    return 0 if size <= 16 else min(max(16, size // share), most)


@lru_cache(maxsize=64)
def network(cidr: str) -> Network:
    return ip_network(cidr, strict=False)


def usable_addresses(cidr: str) -> int:
    """How many addresses can be handed out: not the base, nor an IPv4 broadcast address.

    >>> usable_addresses("10.96.0.0/12"), usable_addresses("192.168.1.0/32")
    (1048574, 0)
    """
    whole = network(cidr)
    return max(0, whole.num_addresses - (2 if whole.version == 4 else 1))


def is_allocatable(cidr: str, text: str) -> bool:
    """Whether an address may be handed out at all."""
    whole, address = network(cidr), parse_address(text)
    if address is None or address.version != whole.version:
        return False
    return 0 < int(address) - int(whole.network_address) <= usable_addresses(cidr)


def parse_address(text: str) -> Address | None:
    """An address, None for what is none. Leading zeros are wrong."""
    try:
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def address_at(cidr: str, offset: int) -> str:
    return str(network(cidr).network_address + offset)


def family(cidr_or_address: str) -> str:
    """IPv4 or IPv6.

    >>> family("10.96.0.0/12"), family("fd00::1")
    ('IPv4', 'IPv6')
    """
    return "IPv6" if ":" in cidr_or_address else "IPv4"


def draw(size: int, static: int, chance: str, is_free: Callable[[int], bool]) -> int | None:
    """A free number below `size`, from the upper band if any is free there; None if none is.

    `chance` says which: the same chance and the same free numbers give the same answer.

    >>> draw(100, 16, "a", lambda number: number in (3, 40)), draw(100, 16, "b", lambda _: False)
    (40, None)
    """
    for low, high in ((static, min(size, static + LARGEST_BITMAP)), (0, static)):
        width = high - low
        start = fnv1a_32(chance.encode()) % width if width > 0 else 0
        for step in range(width):
            number = low + (start + step) % width
            if is_free(number):
                return number
    return None
