"""What the kernel shows a container as files: what it may use, and its parameters.

A container's own control group is at /sys/fs/cgroup, in the second version's form; what its
parameters are is under /proc/sys. Both are seen and not written, as a runtime mounts them for
whoever is not privileged. Who asks for a parameter in the pod's `sysctls` finds that value; those
that are safe to ask for have the kernel's defaults otherwise, or the runtime's.

Source: kubernetes v1.36, pkg/kubelet/cm/helpers_linux.go (MilliCPUToQuota, MilliCPUToShares),
pkg/kubelet/sysctl/safe_sysctls.go; opencontainers/cgroups v0.0.4, utils.go
(ConvertCPUSharesToCgroupV2Value); containerd 2 (enable_unprivileged_ports, _icmp); linux,
Documentation/admin-guide/{cgroup-v2.rst,sysctl}.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log2
from typing import Final

from kelm.core.node.files.entries import Directory, Entry, File, Mount, Parts, Tree
from kelm.core.objects.quantity import cpu_milli, whole_units
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, child, children, text

PERIOD_US: Final = 100_000
LEAST_QUOTA_US: Final = 1_000
LEAST_SHARES, MOST_SHARES = 2, 262_144
CGROUP: Final = Mount("/sys/fs/cgroup", "cgroup", read_only=True, kind="cgroup2")
PARAMETERS: Final = Mount("/proc/sys", "proc", read_only=True, kind="proc")
KERNEL_MOUNTS: Final = (CGROUP, PARAMETERS)
"""What every container has mounted beside its volumes."""
DEFAULTS: Final = (
    ("kernel.shm_rmid_forced", "0"),
    ("net.ipv4.ip_local_port_range", "32768\t60999"),
    ("net.ipv4.ip_local_reserved_ports", ""),
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0\t2147483647"),
    ("net.ipv4.tcp_fin_timeout", "60"),
    ("net.ipv4.tcp_keepalive_intvl", "75"),
    ("net.ipv4.tcp_keepalive_probes", "9"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_syncookies", "1"),
)


def kernel_parts(parts: Parts, resources: Document, spec: Document) -> Parts:
    """A pod's files with what the kernel shows to one container of it.

    resources: what the container runs with.
    """
    given = [(text(one, "name"), text(one, "value")) for one in _sysctls(spec)]
    shown = parts.put(CGROUP.part, cgroup_tree(resources))
    return shown.put(PARAMETERS.part, _parameters(tuple(given)))


def _sysctls(spec: Document) -> tuple[Document, ...]:
    return tuple(children(child(spec, "securityContext"), "sysctls"))


def cgroup_tree(resources: Document) -> Tree:
    """The files of the control group of a container with such resources.

    >>> some = Document(requests=Document(cpu="100m"), limits=Document(cpu="2", memory="1Ki"))
    >>> {path[1:]: file.data for path, file in cgroup_tree(some).items() if path != "/"}
    {'cpu.max': b'200000 100000\\n', 'cpu.weight': b'17\\n', 'memory.max': b'1024\\n'}
    """
    requests, limits = child(resources, "requests"), child(resources, "limits")
    limit_milli = _milli(limits)
    memory = limits.get("memory")
    limit_bytes = whole_units(memory) if isinstance(memory, str | int) else 0
    return _cgroup(_milli(requests) or limit_milli, limit_milli, limit_bytes)


def _milli(amounts: Document) -> int:
    cpu = amounts.get("cpu")
    return cpu_milli(cpu) if isinstance(cpu, str | int) else 0


@lru_cache(maxsize=1024)
def _cgroup(request_milli: int, limit_milli: int, limit_bytes: int) -> Tree:
    quota = max(LEAST_QUOTA_US, limit_milli * PERIOD_US // 1_000) if limit_milli else "max"
    return SmallMap(
        {
            "/": Directory(),
            "/cpu.max": File(f"{quota} {PERIOD_US}\n".encode()),
            "/cpu.weight": File(f"{cpu_weight(request_milli)}\n".encode()),
            "/memory.max": File(f"{limit_bytes or 'max'}\n".encode()),
        }
    )


def cpu_weight(request_milli: int) -> int:
    """How much a container weighs beside others that want the processor.

    >>> cpu_weight(0), cpu_weight(100), cpu_weight(1_000), cpu_weight(1_000_000)
    (1, 17, 100, 10000)
    """
    shares = min(MOST_SHARES, max(LEAST_SHARES, request_milli * 1_024 // 1_000))
    if shares in (LEAST_SHARES, MOST_SHARES):
        return 1 if shares == LEAST_SHARES else 10_000
    power = log2(shares)
    return ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


@lru_cache(maxsize=1024)
def _parameters(given: tuple[tuple[str, str], ...]) -> Tree:
    found: dict[str, Entry | None] = {"/": Directory()}
    for name, value in (*DEFAULTS, *given):
        path = parameter_path(name)
        for place, letter in enumerate(path):
            if letter == "/" and place:
                found[path[:place]] = Directory()
        found[path] = File(f"{value}\n".encode())
    return SmallMap(found)


def parameter_path(name: str) -> str:
    """Where a parameter is under /proc/sys; slashes may stand for dots and dots for slashes.

    >>> parameter_path("kernel.shm_rmid_forced"), parameter_path("net/ipv4/conf/eth0.1/mtu")
    ('/kernel/shm_rmid_forced', '/net/ipv4/conf/eth0.1/mtu')
    """
    first = next((letter for letter in name if letter in "./"), "")
    return "/" + (name if first == "/" else name.translate(str.maketrans("./", "/.")))
