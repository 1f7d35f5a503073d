"""IP addresses and networks.

Source: kubernetes v1.36, apiserver/pkg/cel/library/ip.go, cidr.go; Go 1.26, net/netip (errors).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

import msgspec

from kelm.core.cel.running.values import EvaluationFault, Value

Address: TypeAlias = "IPv4Address | IPv6Address"
_LOCAL_GROUPS: Final = (ip_network("224.0.0.0/24"), ip_network("ff02::/16"))


class Ip(msgspec.Struct, frozen=True):
    address: Address
    type_name = "net.IP"

    @property
    def text(self) -> str:
        return str(self.address)

    @property
    def size(self) -> int:
        return self.address.max_prefixlen // 8

    def __str__(self) -> str:
        return self.text


class Cidr(msgspec.Struct, frozen=True):
    """A network. Its address may have bits below the prefix."""

    address: Address
    prefix: int
    type_name = "net.CIDR"

    @property
    def text(self) -> str:
        return f"{self.address}/{self.prefix}"

    @property
    def size(self) -> int:
        return (self.prefix + 7) // 8

    def __str__(self) -> str:
        return self.text

    def masked(self) -> Cidr:
        kept = int(self.address) & ~((1 << (self.address.max_prefixlen - self.prefix)) - 1)
        return Cidr(type(self.address)(kept), self.prefix)

    def holds(self, address: Address) -> bool:
        if address.version != self.address.version:
            return False
        shift = address.max_prefixlen - self.prefix
        return int(address) >> shift == int(self.address) >> shift


def _parsed(text: str) -> Address | str:
    """An address, or why a text is none."""
    if "." in text and ":" not in text:
        why = _why_no_ipv4(text)
        if why:
            return f'ParseAddr("{text}"): {why}'
    try:
        return ip_address(text)
    except ValueError:
        said = "unexpected character" if ":" in text else "unable to parse IP"
        at = f' (at "{text}")' if ":" in text else ""
        return f'ParseAddr("{text}"): {said}{at}'


def _why_no_ipv4(text: str) -> str:
    parts = text.split(".")
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            return (
                f'unexpected character (at "{text[len(text) - len(text.lstrip("0123456789.")) :]}")'
            )
        if len(part) > 1 and part[0] == "0":
            return "IPv4 field has octet with leading zero"
        if int(part) > 255:
            return "IPv4 field has value >255"
    if len(parts) < 4:
        return "IPv4 address too short"
    return "IPv4 address too long" if len(parts) > 4 else ""


def _ip(value: Value) -> Ip:
    """The address of a text, or of a network."""
    if isinstance(value, Cidr):
        return Ip(value.address)
    found = _parsed(value)
    if isinstance(found, str):
        said = f'IP Address "{value}" parse error during conversion from string: {found}'
        raise EvaluationFault(said)
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise EvaluationFault(f'IP address "{value}" with zone value is not allowed')
        if found.ipv4_mapped is not None:
            raise EvaluationFault(f'IPv4-mapped IPv6 address "{value}" is not allowed')
    return Ip(found)


def _cidr(text: str) -> Cidr:
    context = "network address parse error during conversion from string: "
    address, slash, bits = text.rpartition("/")
    found = _parsed(address)
    if not slash:
        raise EvaluationFault(f"{context * 2}netip.ParsePrefix(\"{text}\"): no '/'")
    if isinstance(found, str):
        raise EvaluationFault(f'{context * 2}netip.ParsePrefix("{text}"): {found}')
    if not (bits.isascii() and bits.isdigit()) or (len(bits) > 1 and bits[0] == "0"):
        said = f'bad bits after slash: "{bits}"'
        raise EvaluationFault(f'{context * 2}netip.ParsePrefix("{text}"): {said}')
    if int(bits) > found.max_prefixlen:
        said = "prefix length out of range"
        raise EvaluationFault(f'{context * 2}netip.ParsePrefix("{text}"): {said}')
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        raise EvaluationFault(f'{context}IPv4-mapped IPv6 address "{text}" is not allowed')
    return Cidr(found, int(bits))


def _is(parse: Callable[[str], Value]) -> Callable[[str], bool]:
    def asked(text: str) -> bool:
        try:
            parse(text)
        except EvaluationFault:
            return False
        return True

    return asked


def _is_canonical(text: str) -> bool:
    return _ip(text).text == text


def _family(ip: Ip) -> int:
    return ip.address.version


def _is_unspecified(ip: Ip) -> bool:
    return ip.address.is_unspecified


def _is_loopback(ip: Ip) -> bool:
    return ip.address.is_loopback


def _is_link_local_unicast(ip: Ip) -> bool:
    return ip.address.is_link_local


def _is_link_local_multicast(ip: Ip) -> bool:
    return any(ip.address in group for group in _LOCAL_GROUPS)


def _is_global_unicast(ip: Ip) -> bool:
    address = ip.address
    special = address.is_unspecified or address.is_loopback or address.is_multicast
    broadcast = int(address) == 2**32 - 1 and address.version == 4
    return not (special or address.is_link_local or broadcast)


def _contains_ip(network: Cidr, other: Value) -> bool:
    return network.holds(_ip(other).address if isinstance(other, str) else other.address)


def _contains_cidr(network: Cidr, other: Value) -> bool:
    inner = _cidr(other) if isinstance(other, str) else other
    return network.prefix <= inner.prefix and network.holds(inner.address)


def _prefix_length(network: Cidr) -> int:
    return network.prefix


def _masked(network: Cidr) -> Cidr:
    return network.masked()


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "ip": _ip,
    "isIP": _is(_ip),
    "ip.isCanonical": _is_canonical,
    "family": _family,
    "isUnspecified": _is_unspecified,
    "isLoopback": _is_loopback,
    "isLinkLocalUnicast": _is_link_local_unicast,
    "isLinkLocalMulticast": _is_link_local_multicast,
    "isGlobalUnicast": _is_global_unicast,
    "cidr": _cidr,
    "isCIDR": _is(_cidr),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "prefixLength": _prefix_length,
    "masked": _masked,
}
