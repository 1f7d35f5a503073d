"""What a pod asks of a node: amounts, ports, taints it bears, nodes it wants.

The effective request of a resource is the larger of what all containers and sidecars need together
and of the peak while the init containers run one after the other, each beside the sidecars that
were started before it; the pod's overhead comes on top.

Source: kubernetes v1.36, component-helpers/resource/helpers.go (PodRequests),
pkg/scheduler/framework/types.go (nonzero requests for scoring).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from kelm.core.objects.pod import Container, Pod, PodSpec, QuantityText, Toleration
from kelm.core.objects.quantity import cpu_milli, whole_units
from kelm.core.scheduler.cache.claims import ClaimRef, claims_of
from kelm.core.scheduler.cache.devices import DeviceClaim, device_claims_of
from kelm.core.scheduler.cache.disks import Disk, disks_of
from kelm.core.scheduler.cache.resizing import as_granted, tells, told
from kelm.core.scheduler.cache.terms import SOLITARY, Social, social_of
from kelm.effects.address import Uid
from kelm.effects.document import EMPTY, Document, child, children, flag, text

DEFAULT_CPU_MILLI = 100
DEFAULT_MEMORY_BYTES = 200 * 2**20
"""What a container that asks for nothing counts as when nodes are compared."""
USUAL = MappingProxyType({"cpu": DEFAULT_CPU_MILLI, "memory": DEFAULT_MEMORY_BYTES})
NOTHING: Mapping[str, int] = MappingProxyType({})
NO_LABELS: Mapping[str, str] = MappingProxyType({})
COUNTED = frozenset({"cpu", "memory", "ephemeral-storage"})
POD_LEVEL = frozenset({"cpu", "memory"})
Amounts = dict[str, int]
Port = tuple[str, str, int]


class Needs(msgspec.Struct, frozen=True):
    """`amounts` in milli-cpu for cpu, whole units for the rest; zero amounts are left out.

    `images` are the images of all containers, with their tags; `containers` counts them.
    """

    amounts: Mapping[str, int]
    scored_cpu: int
    scored_memory: int
    ports: tuple[Port, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    node_selector: Document = EMPTY
    affinity: Document = EMPTY
    node_name: str = ""
    images: tuple[str, ...] = ()
    containers: int = 0
    claims: tuple[ClaimRef, ...] = ()
    disks: tuple[Disk, ...] = ()
    features: frozenset[str] = frozenset()
    """What a node must declare that it can do."""


class Ask(msgspec.Struct, frozen=True):
    """A pod as the scheduler sees it: what it needs, and who it is to other pods.

    Pods of one template ask for the same and share one of these.
    """

    needs: Needs
    namespace: str = ""
    labels: Mapping[str, str] = NO_LABELS
    social: Social = SOLITARY
    owner: tuple[str, str] = ("", "")
    """Kind and name of the controller that made it."""

    name: str = ""
    """Only of pods that have claims: some are named after the pod."""

    devices: tuple[DeviceClaim, ...] = ()
    uid: Uid = ""
    """Only of pods that claim devices, which are given to a pod and to no namesake."""

    def claim_name(self, one: ClaimRef) -> str:
        """The name of one of the pod's claims."""
        return f"{self.name}-{one.name}" if one.generated else one.name

    @property
    def is_social(self) -> bool:
        """Whether it wants anything of other pods."""
        return self.social is not SOLITARY


def amount(name: str, value: QuantityText) -> int:
    """A quantity in the unit in which the scheduler counts a resource.

    >>> amount("cpu", "1500m"), amount("memory", "1Ki")
    (1500, 1024)
    """
    return cpu_milli(value) if name == "cpu" else whole_units(value)


def is_extended(name: str) -> bool:
    """Whether a resource is an extended one: of a domain other than Kubernetes' own.

    Source: pkg/apis/core/v1/helper/helpers.go, IsExtendedResourceName.

    >>> is_extended("example.com/gpu"), is_extended("cpu"), is_extended("hugepages-2Mi")
    (True, False, False)
    """
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def is_scalar(name: str) -> bool:
    """Whether the scheduler counts a resource beside CPU, memory, storage and places.

    Source: pkg/scheduler/util/utils.go, IsScalarResourceName.
    """
    return (
        "kubernetes.io/" in name
        or name.startswith(("hugepages-", "attachable-volumes-"))
        or is_extended(name)
    )


def is_counted(name: str) -> bool:
    """Whether the scheduler counts what is asked of a resource at all."""
    return name in COUNTED or is_scalar(name)


def _requests(container: Container, usual: Mapping[str, int]) -> Amounts:
    asked = (container.resources.requests or {}).items()
    return {**usual, **{name: amount(name, value) for name, value in asked}}


def _add(total: Amounts, more: Mapping[str, int]) -> Amounts:
    return {name: total.get(name, 0) + more.get(name, 0) for name in sorted({*total, *more})}


def _peak(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in sorted({*one, *other})}


def pod_requests(spec: PodSpec, usual: Mapping[str, int] = NOTHING) -> Amounts:
    """The effective request of a pod, by resource; `usual` is what a container asks at least.

    What the pod asks for as a whole goes before the sum of its containers.
    """
    total: Amounts = {}
    for container in spec.containers:
        total = _add(total, _requests(container, usual))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            sidecars = _add(sidecars, _requests(container, usual))
            total = _add(total, _requests(container, usual))
            peak = _peak(peak, sidecars)
        else:
            peak = _peak(peak, _add(sidecars, _requests(container, usual)))
    effective = _peak(total, peak)
    for name, value in child(spec.doc, "resources", "requests").items():
        if name in POD_LEVEL or name.startswith("hugepages-"):
            effective[name] = amount(name, value)  # type: ignore[arg-type]
    overhead = child(spec.doc, "overhead")
    more = {name: amount(name, value) for name, value in overhead.items()}  # type: ignore[arg-type]
    return _add(effective, more)


def tagged(image: str) -> str:
    """An image's name with its tag.

    Source: plugins/imagelocality/image_locality.go, normalizedImageName.

    >>> tagged("nginx"), tagged("registry:5000/nginx"), tagged("nginx:1.25")
    ('nginx:latest', 'registry:5000/nginx:latest', 'nginx:1.25')
    """
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


def _images(spec: PodSpec) -> tuple[str, ...]:
    volumes = (text(one, "image", "reference") for one in children(spec.doc, "volumes"))
    containers = (one.image for one in (*spec.init_containers, *spec.containers))
    return tuple(tagged(image) for image in (*containers, *volumes) if image)


def host_ports(containers: Iterable[Container]) -> tuple[Port, ...]:
    """The host's ports that containers take: protocol, address, number."""
    return tuple(
        (port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port)
        for container in containers
        for port in container.ports
        if port.host_port > 0
    )


def needs_of(spec_doc: Document) -> Needs:
    """Everything that a pod's spec asks of a node."""
    spec = PodSpec.decode(spec_doc)
    sidecars = [one for one in spec.init_containers if one.restart_policy == "Always"]
    amounts = pod_requests(spec)
    scored = pod_requests(spec, USUAL)
    return Needs(
        amounts={n: value for n, value in amounts.items() if value > 0 and is_counted(n)},
        scored_cpu=scored.get("cpu", 0),
        scored_memory=scored.get("memory", 0),
        ports=host_ports((*spec.containers, *sidecars)),
        tolerations=spec.tolerations,
        node_selector=spec.node_selector,
        affinity=child(spec_doc, "affinity", "nodeAffinity"),
        node_name=spec.node_name,
        images=_images(spec),
        containers=len(spec.init_containers) + len(spec.containers),
        claims=claims_of(spec_doc),
        disks=disks_of(spec_doc),
        features=features_of(spec_doc),
    )


def features_of(spec_doc: Document) -> frozenset[str]:
    """The features of nodes without which a pod cannot run as it says.

    Source: component-helpers/nodedeclaredfeatures/features (restartallcontainers,
    usernamespaceshostnetwork), InferForScheduling.

    >>> sorted(features_of(Document(hostNetwork=True, hostUsers=False)))
    ['UserNamespacesHostNetworkSupport']
    """
    found = set()
    containers = (*children(spec_doc, "containers"), *children(spec_doc, "initContainers"))
    rules = (rule for one in containers for rule in children(one, "restartPolicyRules"))
    if any(text(rule, "action") == "RestartAllContainers" for rule in rules):
        found.add("RestartAllContainersOnContainerExits")
    if flag(spec_doc, "hostNetwork") and spec_doc.get("hostUsers") is False:
        found.add("UserNamespacesHostNetworkSupport")
    return frozenset(found)


def gates(spec_doc: Document) -> tuple[str, ...]:
    """The names of the gates that still keep a pod from being scheduled."""
    return tuple(text(gate, "name") for gate in children(spec_doc, "schedulingGates"))


class Asks:
    """What pods ask for, for as long as one message: pods of one template share it."""

    def __init__(self) -> None:
        self._needs: dict[int, tuple[Document, Needs]] = {}
        self._asks: dict[tuple[int, int, str], tuple[object, Ask]] = {}

    def of(self, view: Pod) -> Ask:
        """A pod as the scheduler sees it; on its node it takes what was granted to it."""
        spec, meta = child(view.doc, "spec"), view.metadata
        if "nodeName" in spec and tells(view.doc) and told(view.doc):
            spec = as_granted(view.doc)
        labels, controller = meta.labels, meta.controller
        known = self._needs.get(id(spec))
        if known is None:
            known = self._needs[id(spec)] = (spec, needs_of(spec))
        needs = known[1]
        who = controller.uid if controller else ""
        if needs.claims and any(one.generated for one in needs.claims):
            who = meta.uid or meta.name
        devices = device_claims_of(view.doc) if "resourceClaims" in spec else ()
        if devices:
            who = f"{meta.uid} {devices}"
        key = (id(spec), id(labels), who)
        held = self._asks.get(key)
        if held is None or held[1].namespace != meta.namespace:
            owner = (controller.kind, controller.name) if controller else ("", "")
            social = social_of(spec, meta.namespace, labels or NO_LABELS)
            name = meta.name if needs.claims or devices else ""
            uid = meta.uid if devices else ""
            ask = Ask(needs, meta.namespace, labels or NO_LABELS, social, owner, name, devices, uid)
            held = self._asks[key] = (labels, ask)
        return held[1]

    def relabelled(self, ask: Ask, labels: dict[str, str] | None) -> Ask:
        """The same pod under other labels. What it wants of others was settled when it came."""
        key = (id(ask), id(labels), "")
        held = self._asks.get(key)
        if held is None:
            made = msgspec.structs.replace(ask, labels=labels or NO_LABELS)
            held = self._asks[key] = ((ask, labels), made)
        return held[1]
