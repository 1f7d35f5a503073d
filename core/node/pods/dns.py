"""The /etc/resolv.conf of a pod's containers: where its names are looked up, and how.

Source: kubernetes v1.36, pkg/kubelet/network/dns/dns.go (GetPodDNS, appendDNSConfig,
formDNSConfigFitsLimits), pkg/apis/core/validation (MaxDNSNameservers and the like); containerd
writes the file. Differs: a machine's own resolver is the network's gateway, without a search list.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.effects.document import Document, child, children, elements, flag, text

CLUSTER_DNS: Final = "10.96.0.10"
HOST_DNS: Final = "172.18.0.1"
DOMAIN: Final = "cluster.local"
MOST_NAMESERVERS: Final = 3
MOST_SEARCHES: Final = 32
MOST_SEARCH_CHARACTERS: Final = 2_048


class DnsConfig(msgspec.Struct, frozen=True):
    """What a resolver goes by."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def search_domains(namespace: str) -> tuple[str, ...]:
    """The domains under which a pod's short names are looked up.

    >>> search_domains("shop")[0]
    'shop.svc.cluster.local'
    """
    return (f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN)


def dns_config(spec: Document, namespace: str) -> DnsConfig:
    """What a pod's `dnsPolicy` and `dnsConfig` come to.

    A pod of the host's network with the policy ClusterFirst has its machine's resolver.

    >>> own = Document(nameservers=("1.1.1.1",), searches=("a.example",))
    >>> dns_config(Document(dnsPolicy="None", dnsConfig=own), "shop")
    DnsConfig(nameservers=('1.1.1.1',), searches=('a.example',), options=())
    >>> dns_config(Document(hostNetwork=True), "shop").nameservers
    ('172.18.0.1',)
    """
    policy = text(spec, "dnsPolicy", default="ClusterFirst")
    found = DnsConfig()
    if policy == "Default" or (policy == "ClusterFirst" and flag(spec, "hostNetwork")):
        found = DnsConfig((HOST_DNS,))
    elif policy != "None":
        found = DnsConfig((CLUSTER_DNS,), search_domains(namespace), ("ndots:5",))
    own = child(spec, "dnsConfig")
    nameservers = _once((*found.nameservers, *_texts(own, "nameservers")))
    searches = _once((*found.searches, *_texts(own, "searches")))
    return DnsConfig(
        nameservers[:MOST_NAMESERVERS],
        _fitting(searches[:MOST_SEARCHES]),
        _merged(found.options, children(own, "options")),
    )


def _texts(doc: Document, field: str) -> tuple[str, ...]:
    return tuple(str(one) for one in elements(doc, field))


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _fitting(searches: tuple[str, ...]) -> tuple[str, ...]:
    """The first of the domains, as many as a resolver takes on a line."""
    while len(" ".join(searches)) > MOST_SEARCH_CHARACTERS:
        searches = searches[:-1]
    return searches


def _merged(options: tuple[str, ...], own: tuple[Document, ...]) -> tuple[str, ...]:
    """Options by their names; the pod's own win."""
    found = {option.partition(":")[0]: option for option in options}
    for one in own:
        name, value = text(one, "name"), text(one, "value")
        found[name] = f"{name}:{value}" if value else name
    return tuple(found.values())


def resolv_conf(config: DnsConfig) -> str:
    """The file's text.

    >>> resolv_conf(DnsConfig(("1.1.1.1",), ("a", "b"), ("ndots:2", "edns0")))
    'search a b\\nnameserver 1.1.1.1\\noptions ndots:2 edns0\\n'
    """
    lines = [f"search {' '.join(config.searches)}"] if config.searches else []
    lines += [f"nameserver {address}" for address in config.nameservers]
    if config.options:
        lines.append(f"options {' '.join(config.options)}")
    return "".join(f"{line}\n" for line in lines)


def read_resolv_conf(content: str) -> DnsConfig:
    """What a resolver makes of the file: the last `search` counts, all else adds up.

    >>> read_resolv_conf("search a\\nsearch b c\\n# no\\nnameserver 1.1.1.1\\noptions ndots:2")
    DnsConfig(nameservers=('1.1.1.1',), searches=('b', 'c'), options=('ndots:2',))
    """
    found = DnsConfig()
    for line in content.splitlines():
        name, *words = line.split() or [""]
        if name == "nameserver":
            found = msgspec.structs.replace(found, nameservers=(*found.nameservers, *words[:1]))
        elif name == "search":
            found = msgspec.structs.replace(found, searches=tuple(words))
        elif name == "options":
            found = msgspec.structs.replace(found, options=(*found.options, *words))
    return found
