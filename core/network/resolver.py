"""How a container looks up names: by its own /etc/hosts first, then as its /etc/resolv.conf says.

Only the cluster's own DNS knows the names of Services and pods; any other name server is outside,
and knows none.

Source: the manuals resolv.conf(5) and hosts(5).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import Trouble
from kelm.core.node.pods.dns import CLUSTER_DNS, HOST_DNS, read_resolv_conf, search_domains
from kelm.core.store.small_map import SmallMap

RESOLVER_FILES: Final = ("/etc/resolv.conf", "/etc/hosts")
NDOTS: Final = 1
CLUSTER_NDOTS: Final = 5
NO_HOSTS: Final[SmallMap[str, str]] = SmallMap()
_ADDRESS: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


class Resolver(msgspec.Struct, frozen=True):
    """What one container goes by.

    hosts: addresses by name. ndots: a name with so many dots is tried as it is first.
    """

    searches: tuple[str, ...] = ()
    ndots: int = CLUSTER_NDOTS
    hosts: SmallMap[str, str] = NO_HOSTS
    nameservers: tuple[str, ...] = (CLUSTER_DNS,)

    @property
    def knows_cluster(self) -> bool:
        """Whether the names of Services and pods can be found."""
        return CLUSTER_DNS in self.nameservers

    @property
    def knows_machines(self) -> bool:
        """Whether the names of the machines can be found: the cluster's DNS asks theirs."""
        return self.knows_cluster or HOST_DNS in self.nameservers


def is_address(name: str) -> bool:
    """Whether a host is an IP address and no name.

    >>> is_address("10.0.0.1"), is_address("fd00::1"), is_address("web")
    (True, True, False)
    """
    return _ADDRESS.fullmatch(name) is not None


def resolver_in(namespace: str) -> Resolver:
    """The resolver of a pod of which nothing else is said."""
    return Resolver(search_domains(namespace))


def resolver_of(disk: Disk) -> Resolver:
    """The resolver of the container with these files."""
    resolv_conf, hosts_file = (_text(disk, path) for path in RESOLVER_FILES)
    config = read_resolv_conf(resolv_conf)
    ndots = NDOTS
    for option in config.options:
        name, _, value = option.partition(":")
        if name == "ndots" and value.isdigit():
            ndots = int(value)
    return Resolver(config.searches, ndots, read_hosts(hosts_file), config.nameservers)


def _text(disk: Disk, path: str) -> str:
    data = disk.read(path)
    return "" if isinstance(data, Trouble) else data.decode("utf-8", "replace")


def read_hosts(content: str) -> SmallMap[str, str]:
    """Addresses by name; of two lines with a name the first counts, IPv4 before IPv6.

    >>> found = read_hosts("::1 localhost\\n127.0.0.1\\tlocalhost\\n1.2.3.4 a b # c\\n5.6.7.8 b")
    >>> found["localhost"], found["b"], found.get("c")
    ('127.0.0.1', '1.2.3.4', None)
    """
    lines = [line.partition("#")[0].split() for line in content.splitlines()]
    found: dict[str, str] = {}
    for wants_v6 in (False, True):
        for address, *names in filter(None, lines):
            if (":" in address) is wants_v6 and is_address(address):
                for name in names:
                    found.setdefault(name.lower(), address)
    return SmallMap(found)


def candidates(name: str, resolver: Resolver) -> tuple[str, ...]:
    """The full names that a resolver tries, in order.

    >>> candidates("web", resolver_in("shop"))[0], candidates("web.", resolver_in("shop"))
    ('web.shop.svc.cluster.local', ('web',))
    """
    if name.endswith("."):
        return (name[:-1],)
    searched = tuple(f"{name}.{domain}" for domain in resolver.searches)
    return (*searched, name) if name.count(".") < resolver.ndots else (name, *searched)
