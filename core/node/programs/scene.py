"""From what a kubelet knows of a container to what a program in it sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kelm.core.node.containers.expansion import expand
from kelm.core.node.containers.launching import launch_of
from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import (
    EMPTY_TREE,
    Directory,
    Entry,
    File,
    Mount,
    Parts,
)
from kelm.core.node.files.host_files import HOST
from kelm.core.node.files.kernel_files import KERNEL_MOUNTS, kernel_parts
from kelm.core.node.files.promises import opened, page_promise
from kelm.core.node.files.volumes import WRITABLE, Facts, volume_tree
from kelm.core.node.host.machine import Machine, pod_ip
from kelm.core.node.pods.dns import dns_config, resolv_conf
from kelm.core.node.pods.hosts import pod_hosts, shared_hosts
from kelm.core.node.pods.local import ContainerRun, LocalPod, runs_with
from kelm.core.node.pods.runs import files_at
from kelm.core.node.pods.sources import SERVICES, lookup_in
from kelm.core.node.programs.inside import Inside
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, child, children, elements, flag, number, text

FOLDERS: Final = """
    /bin /dev /etc /home /lib /opt /proc /root /sbin /sys /tmp /usr /usr/bin /usr/local
    /usr/local/bin /var /var/log /var/run /run
"""


def inside_of(
    machine: Machine, pod: LocalPod, index: int, now_ms: int, starting: ContainerRun | None = None
) -> Inside:
    """What a program in the container with this index sees; `starting` is a run that begins now."""
    recipe, run = pod.recipe.containers[index], starting or pod.runs[index]
    spec = pod.recipe.spec
    container = container_of(spec, recipe.name)
    launch = launch_of(pod, recipe, run)
    address = address_of(machine, pod)
    hostname = machine.node if pod.recipe.host_network else text(spec, "hostname") or pod.name
    base = base_files(pod, hostname, address)
    base.update(machine.images.find(recipe.image).files)
    message_path = text(container, "terminationMessagePath") or "/dev/termination-log"
    base[message_path] = File(b"", 0o666)
    mounts = (*KERNEL_MOUNTS, *mounts_of(spec, container, run.variables))
    parts = files_now(machine, pod, index, mounts, now_ms)
    disk = Disk(parts, f"root/{recipe.name}", base, mounts, now_ms)
    disk.promised = lambda promise: opened(pod.promises, promise, now_ms)
    disk.user, disk.groups = identity(spec, container)
    disk.read_only = flag(child(container, "securityContext"), "readOnlyRootFilesystem")
    disk.mounted = (message_path, "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
    since_ms = run.started_ms if starting is None else now_ms
    inside = Inside(launch, disk, since_ms, now_ms)
    inside.hostname = hostname
    inside.pod_ip, inside.host_ip = address, machine.host_ip
    inside.node, inside.uid = machine.node, pod.uid
    inside.message_path = message_path
    inside.page = lambda path: opened(pod.promises, page_promise(path), now_ms)
    inside.capabilities = capabilities(container, disk.user)
    inside.gains_privileges = may_gain(container)
    inside.tools = machine.images.find(recipe.image).tools
    inside.services = pod.sources.get(SERVICES)
    policy = text(container, "terminationMessagePolicy")
    inside.message_from_log = policy == "FallbackToLogsOnError"
    return inside


def files_now(
    machine: Machine, pod: LocalPod, index: int, mounts: tuple[Mount, ...], now_ms: int
) -> Parts:
    """All that a container with these mounts finds at a time: written, or given by volumes or by
    the kernel."""
    parts = with_volumes(machine, pod, mounts, parts_at(pod, now_ms))
    return kernel_parts(parts, runs_with(pod, index), pod.recipe.spec)


def address_of(machine: Machine, pod: LocalPod) -> str:
    """A pod's address: its machine's where it has no network of its own."""
    return machine.host_ip if pod.recipe.host_network else pod_ip(machine.index, pod.address)


def parts_at(pod: LocalPod, now_ms: int) -> Parts:
    """A pod's files at a time, its machine's among them where it has a volume of them."""
    parts = files_at(pod, now_ms)
    if not pod.recipe.mounts_host:
        return parts
    written = parts.get(HOST, EMPTY_TREE)
    return parts.put(HOST, SmallMap({**pod.host.at(now_ms), **written}))


def identity(spec: Document, container: Document) -> tuple[int, tuple[int, ...]]:
    """The user and the groups that a container's programs run as.

    >>> identity(Document(securityContext=Document(runAsUser=1000, fsGroup=5)), Document())
    (1000, (0, 5))
    """
    pod, own = child(spec, "securityContext"), child(container, "securityContext")
    user = number(own, "runAsUser", default=number(pod, "runAsUser"))
    group = number(own, "runAsGroup", default=number(pod, "runAsGroup"))
    more = [one for one in elements(pod, "supplementalGroups") if isinstance(one, int)]
    if "fsGroup" in pod:
        more.append(number(pod, "fsGroup"))
    return user, (group, *more)


def capabilities(container: Document, user: int) -> frozenset[str]:
    """What root may do in a container beyond what every runtime lets it; others may nothing.

    >>> context = Document(capabilities=Document(add=("NET_ADMIN",)))
    >>> sorted(capabilities(Document(securityContext=context), 0))
    ['NET_ADMIN']
    >>> sorted(capabilities(Document(securityContext=Document(privileged=True)), 0))
    ['ALL']
    """
    context = child(container, "securityContext")
    if user:
        return frozenset()
    if flag(context, "privileged"):
        return frozenset(["ALL"])
    added = elements(child(context, "capabilities"), "add")
    return frozenset([str(one).removeprefix("CAP_") for one in added])


def may_gain(container: Document) -> bool:
    """Whether a program may get more rights than who starts it, as one with the setuid bit does.

    >>> may_gain(Document(securityContext=Document(allowPrivilegeEscalation=False)))
    False
    """
    return child(container, "securityContext").get("allowPrivilegeEscalation") is not False


def container_of(spec: Document, name: str) -> Document:
    """A container's document by name."""
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for one in children(spec, field):
            if text(one, "name") == name:
                return one
    return Document()


def mounts_of(
    spec: Document, container: Document, variables: Mapping[str, str]
) -> tuple[Mount, ...]:
    """The volumes of a container at their paths."""
    volumes = {text(one, "name"): one for one in children(spec, "volumes")}
    found = []
    for mount in children(container, "volumeMounts"):
        name = text(mount, "name")
        volume = volumes.get(name, Document())
        memory = text(volume, "emptyDir", "medium") == "Memory"
        kind = "tmpfs" if memory or "secret" in volume or "projected" in volume else "ext4"
        path = "/" + text(mount, "mountPath").strip("/")
        expression = text(mount, "subPathExpr")
        root = expand(expression, variables) if expression else text(mount, "subPath")
        fixed = not any(field in volume for field in WRITABLE)
        only = flag(mount, "readOnly") or fixed
        part = f"volume/{name}"
        if "hostPath" in volume:
            part, root = HOST, f"{text(volume, 'hostPath', 'path')}/{root}"
        found.append(Mount(path, part, root.strip("/"), only, kind))
    return tuple(found)


def facts_of(machine: Machine, pod: LocalPod) -> Facts:
    """What a pod's volumes are made from."""
    spec = pod.recipe.spec
    metadata = Document(
        name=pod.name,
        namespace=pod.namespace,
        uid=pod.uid,
        labels=pod.labels,
        annotations=pod.annotations,
    )
    status = Document(hostIP=machine.host_ip, podIP=address_of(machine, pod))
    doc = Document(metadata=metadata, spec=spec, status=status)
    group = child(spec, "securityContext").get("fsGroup")
    return Facts(
        doc,
        lookup_in(pod.sources, pod.namespace),
        machine.offered,
        only_user(spec),
        group if isinstance(group, int) else None,
        lambda image: SmallMap({**machine.images.find(image).files}),
    )


def only_user(spec: Document) -> int | None:
    """The user of all containers of a pod, None where one has none or they have several.

    Source: kubernetes v1.36, pkg/volume/util/util.go (FsUserFrom).

    >>> containers = (Document(name="a"), Document(securityContext=Document(runAsUser=2)))
    >>> only_user(Document(containers=containers)) is None
    True
    >>> only_user(Document(containers=containers[1:]))
    2
    """
    common = child(spec, "securityContext").get("runAsUser")
    users = {
        child(one, "securityContext").get("runAsUser", common)
        for field in ("initContainers", "containers", "ephemeralContainers")
        for one in children(spec, field)
    }
    user = users.pop() if len(users) == 1 else None
    return user if isinstance(user, int) else None


def with_volumes(machine: Machine, pod: LocalPod, mounts: tuple[Mount, ...], parts: Parts) -> Parts:
    """A pod's files with what its volumes hold by themselves."""
    mounts = tuple([mount for mount in mounts if mount not in KERNEL_MOUNTS])
    if not mounts:
        return parts
    volumes = {text(one, "name"): one for one in children(pod.recipe.spec, "volumes")}
    facts = facts_of(machine, pod)
    for mount in mounts:
        volume = volumes.get(mount.part.removeprefix("volume/"))
        found = volume_tree(volume, facts) if volume is not None else ""
        if isinstance(found, str):
            continue
        written = parts.get(mount.part, EMPTY_TREE)
        parts = parts.put(mount.part, SmallMap({**found, **written}))
    return with_sub_paths(mounts, parts)


def with_sub_paths(mounts: tuple[Mount, ...], parts: Parts) -> Parts:
    """A pod's files with the directories of volumes that are mounted and not there yet.

    Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (makeMounts, SafeMakeDir).
    """
    for mount in mounts:
        tree, path = parts.get(mount.part, EMPTY_TREE), ""
        for step in mount.root.split("/") if mount.root else ():
            path = f"{path}/{step}"
            if tree.get(path) is None:
                tree = tree.put(path, Directory(0o750))
        parts = parts.put(mount.part, tree)
    return parts


def unmountable(machine: Machine, pod: LocalPod) -> str:
    """Why a pod's volumes cannot be mounted, "" if they can."""
    facts = facts_of(machine, pod)
    for volume in children(pod.recipe.spec, "volumes"):
        if text(volume, "name").startswith("kube-api-access-"):
            continue
        found = volume_tree(volume, facts)
        if isinstance(found, str):
            name = text(volume, "name")
            return f'MountVolume.SetUp failed for volume "{name}" : {found}'
    return ""


def base_files(pod: LocalPod, hostname: str, address: str) -> dict[str, Entry]:
    """The files of an image's root that every program may count on."""
    found: dict[str, Entry] = {path: Directory() for path in FOLDERS.split()}
    found["/tmp"] = Directory(0o1777)
    found["/etc/hostname"] = File(f"{hostname}\n".encode())
    hosts = pod_hosts(pod.recipe.spec, pod.namespace, hostname, address)
    if pod.recipe.host_network:
        hosts = shared_hosts(pod.recipe.spec)
    found["/etc/hosts"] = File(hosts.encode())
    resolver = resolv_conf(dns_config(pod.recipe.spec, pod.namespace))
    found["/etc/resolv.conf"] = File(resolver.encode())
    found["/dev/termination-log"] = File(b"", 0o666)
    return found
