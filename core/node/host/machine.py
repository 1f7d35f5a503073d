"""One machine: its name, its place, what it offers, and the addresses that follow from its number.

Pods get addresses of 10.244.0.0/16 and on (a /24 for each machine), machines of 172.18.0.0/15:
all machines of a cluster have different numbers, so no two addresses are equal.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from kelm.core.node.containers.images import Images
from kelm.core.objects.quantity import cpu_milli, whole_units
from kelm.effects.document import Document

POD_ADDRESSES = 250
"""How many pods of a machine can have an address of their own."""

CAPACITY = Document({"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"})


class Machine(msgspec.Struct, frozen=True):
    """The configuration of a kubelet.

    index: this machine's number in its cluster, 0 to 32,767; no other machine has it.
    capacity: what it offers, as quantities; `allocatable` is the same unless it is given.
    boots: how often it has lost power and come up again. Containers do not survive that; they do
        survive a restart of the kubelet alone, which is the same value started anew.
    sandbox_ms: how long it takes to prepare a pod before its first image is pulled.
    """

    node: str
    index: int = 0
    zone: str = ""
    labels: Document = Document()
    annotations: Document = Document()
    taints: tuple[Document, ...] = ()
    capacity: Document = CAPACITY
    allocatable: Document | None = None
    images: Images = Images()
    seed: int = 0
    boots: int = 0
    sandbox_ms: int = 500

    @property
    def offered(self) -> Document:
        return self.capacity if self.allocatable is None else self.allocatable

    @property
    def host_ip(self) -> str:
        return host_ip(self.index)

    @property
    def max_pods(self) -> int:
        return min(POD_ADDRESSES, _amount(self.offered, "pods", POD_ADDRESSES))

    @property
    def cpu_milli(self) -> int:
        value = self.offered.get("cpu")
        return cpu_milli(value) if isinstance(value, str | int | float) else 0

    @property
    def memory_bytes(self) -> int:
        return _amount(self.offered, "memory", 0)


def _amount(amounts: Document, name: str, otherwise: int) -> int:
    value = amounts.get(name)
    return whole_units(value) if isinstance(value, str | int | float) else otherwise


@lru_cache(maxsize=8192)
def host_ip(index: int) -> str:
    """A machine's address.

    >>> host_ip(0), host_ip(300)
    ('172.18.0.2', '172.18.1.46')
    """
    number = index + 2
    return f"172.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def pod_cidr(index: int) -> str:
    """The addresses of a machine's pods.

    >>> pod_cidr(0), pod_cidr(300)
    ('10.244.0.0/24', '10.245.44.0/24')
    """
    return f"{_network(index)}.0/24"


def pod_ip(index: int, number: int) -> str:
    """The address of a machine's pod with a number of 1 or more; "" for number 0.

    >>> pod_ip(0, 1)
    '10.244.0.2'
    """
    return f"{_network(index)}.{number + 1}" if number else ""


@lru_cache(maxsize=8192)
def _network(index: int) -> str:
    return f"10.{128 + (116 + (index >> 8)) % 128}.{index & 255}"


def free_number(taken: int, last: int) -> int:
    """The next free address after the last one given, so that addresses are not reused at once.

    taken: a bit for every number in use.
    """
    number = last
    for _ in range(POD_ADDRESSES):
        number = number % POD_ADDRESSES + 1
        if not taken >> number & 1:
            return number
    return 0


def number_of(index: int, ip: str) -> int:
    """The number of a machine's pod with this address, 0 if no pod of its has it.

    >>> number_of(0, "10.244.0.2"), number_of(1, "10.244.0.2")
    (1, 0)
    """
    network, _, last = ip.rpartition(".")
    return int(last) - 1 if network == _network(index) and last.isdigit() else 0
