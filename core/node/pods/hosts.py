"""The /etc/hosts of a machine, and the ones that a kubelet makes for its pods.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (managedHostsFileContent,
nodeHostsFileContent, hostsEntriesFromHostAliases).
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.files.entries import Directory, Entry, File
from kelm.core.node.files.host_files import HostFiles
from kelm.core.node.pods.dns import DOMAIN
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, children, elements, text

LOCAL: Final = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
MORE_LOCAL: Final = (
    "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
)


def machine_files(node: str) -> HostFiles:
    """What a machine has among its files from the beginning.

    >>> machine_files("node-1").tree["/etc/hostname"].data
    b'node-1\\n'
    """
    found: dict[str, Entry | None] = {
        path: Directory() for path in ("/etc", "/home", "/opt", "/usr", "/var", "/var/log")
    }
    found["/tmp"] = Directory(0o1777)
    found["/etc/hostname"] = File(f"{node}\n".encode())
    found["/etc/hosts"] = File(LOCAL.encode())
    return HostFiles(SmallMap(found))


def pod_hosts(spec: Document, namespace: str, hostname: str, address: str) -> str:
    """The one of a pod with a network of its own."""
    subdomain = text(spec, "subdomain")
    names = hostname
    if subdomain:
        names = f"{hostname}.{subdomain}.{namespace}.svc.{DOMAIN}\t{hostname}"
    own = f"{address}\t{names}\n" if address else ""
    return f"# Kubernetes-managed hosts file.\n{LOCAL}{MORE_LOCAL}{own}{_aliases(spec)}"


def shared_hosts(spec: Document) -> str:
    """The one of a pod in its machine's network: the machine's, and its own aliases.

    >>> aliases = (Document(ip="1.2.3.4", hostnames=("a", "b")),)
    >>> shared_hosts(Document(hostAliases=aliases)).splitlines()[-2:]
    ['# Entries added by HostAliases.', '1.2.3.4\\ta\\tb']
    """
    head = "# Kubernetes-managed hosts file (host network).\n"
    return head + LOCAL + _aliases(spec)


def _aliases(spec: Document) -> str:
    lines = [
        "\t".join([text(one, "ip"), *(str(name) for name in elements(one, "hostnames"))])
        for one in children(spec, "hostAliases")
    ]
    return "\n".join(["", "# Entries added by HostAliases.", *lines, ""]) if lines else ""
