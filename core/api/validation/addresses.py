"""Rules of IP addresses and networks.

Source: kubernetes v1.36, apimachinery/pkg/util/validation/ip.go and
pkg/apis/core/validation/validation.go, ValidateEndpointIP.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from kelm.core.api.allocation.bands import parse_address
from kelm.core.api.validation.fields import Rules, complaints
from kelm.core.api.validation.names import Complaints
from kelm.core.api.validation.violation import invalid_value

NOT_AN_IP: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_PADDED = re.compile(r"0+(?=[0-9])")


@lru_cache(maxsize=65_536)
def ip_complaints(value: str) -> Complaints:
    """What is wrong with an address as the API writes it.

    >>> ip_complaints("10.0.0.1"), ip_complaints("001.2.3.4")
    ((), ('must not have leading 0s',))
    """
    address = parse_address(value)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return ("must not be an IPv4-mapped IPv6 address",)
    if address is not None:
        return ()
    trimmed = ".".join(_PADDED.sub("", part) for part in value.split("."))
    padded = trimmed != value and parse_address(trimmed) is not None
    return ("must not have leading 0s",) if padded else (NOT_AN_IP,)


@lru_cache(maxsize=65_536)
def endpoint_complaints(value: str) -> Complaints:
    """Why no traffic may be sent to an address."""
    address = parse_address(value)
    if address is None:
        return ip_complaints(value)
    if address.is_unspecified:
        return (f"may not be unspecified ({value})",)
    if address.is_loopback:
        return ("may not be in the loopback range (127.0.0.0/8, ::1/128)",)
    if address.is_link_local:
        return ("may not be in the link-local range (169.254.0.0/16, fe80::/10)",)
    if _is_link_local_multicast(address):
        return ("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",)
    return ()


def ip(path: str, value: str) -> Rules:
    """An address as the API writes it."""
    return complaints(path, value, ip_complaints(value))


def endpoint_ip(path: str, value: str) -> Rules:
    """An address to which traffic may be sent."""
    return complaints(path, value, endpoint_complaints(value))


def _is_link_local_multicast(address: IPv4Address | IPv6Address) -> bool:
    packed = address.packed
    if address.version == 4:
        return packed[:3] == b"\xe0\x00\x00"
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02


def cidr(path: str, value: str) -> Rules:
    """A network as the API writes it."""
    base, slash, length = value.partition("/")
    address = parse_address(base)
    if (
        not slash
        or address is None
        or not length.isdecimal()
        or int(length) > address.max_prefixlen
    ):
        yield invalid_value(path, value, NOT_A_CIDR)
        return
    whole = ip_network(value, strict=False)
    if whole.network_address != address:
        why = f"must not have bits set beyond the prefix length (e.g. {whole})"
        yield invalid_value(path, value, why)
