"""Pods as decisions read them, and the questions that many rooms ask of a pod.

Source: kubernetes v1.36, api/core/v1/types.go; pkg/api/v1/pod/util.go.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.views import convert, view, views, whole
from kelm.effects.document import EMPTY, Document, child

QuantityText = str | int | float
ENDED = ("Succeeded", "Failed")
"""Phases of a pod that will never run again."""


class Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A condition of any kind of object."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_update_time: str | None = None
    observed_generation: int = 0

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)


class ContainerPort(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"
    host_port: int = 0
    host_ip: str = msgspec.field(default="", name="hostIP")


class Resources(msgspec.Struct, frozen=True, gc=False):
    requests: dict[str, QuantityText] | None = None
    limits: dict[str, QuantityText] | None = None


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A container's spec. Probes, lifecycle and env stay documents: the node room reads them."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources = Resources()
    image_pull_policy: str = ""
    restart_policy: str | None = None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)


class Toleration(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)


class PodSpec(msgspec.Struct, frozen=True, gc=False):
    """`doc` is the whole spec, for what has no field here (affinity, volumes, probes)."""

    doc: Document
    node_name: str
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...]
    tolerations: tuple[Toleration, ...]
    node_selector: Document
    restart_policy: str
    scheduler_name: str
    priority: int
    termination_grace_period_seconds: int

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return cls(
            doc=doc,
            node_name=doc.get("nodeName") or "",  # type: ignore[arg-type]
            containers=views(Container, doc, "containers"),
            init_containers=views(Container, doc, "initContainers"),
            tolerations=views(Toleration, doc, "tolerations"),
            node_selector=child(doc, "nodeSelector"),
            restart_policy=doc.get("restartPolicy") or "Always",  # type: ignore[arg-type]
            scheduler_name=doc.get("schedulerName") or "default-scheduler",  # type: ignore[arg-type]
            priority=doc.get("priority") or 0,  # type: ignore[arg-type]
            termination_grace_period_seconds=_grace(doc),
        )


def _grace(doc: Document) -> int:
    value = doc.get("terminationGracePeriodSeconds")
    return value if isinstance(value, int) else 30


class ContainerStatus(msgspec.Struct, frozen=True, gc=False):
    """`state` and `last_state` are documents: {"running": {...}} and so on."""

    name: str
    ready: bool
    started: bool | None
    restart_count: int
    state: Document
    last_state: Document

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return cls(
            doc.get("name") or "",  # type: ignore[arg-type]
            doc.get("ready") is True,
            doc.get("started"),  # type: ignore[arg-type]
            doc.get("restartCount") or 0,  # type: ignore[arg-type]
            child(doc, "state"),
            child(doc, "lastState"),
        )


class PodStatus(msgspec.Struct, frozen=True, gc=False):
    """A pod's status. Views of what many pods share (a condition since one second) are shared.

    ended: it will never run again. ready: its condition Ready is True; ready_since: since when it
    is as it is. addresses: where it is reached; the first is `pod_ip`. listed: a Service may list
    it, for it has an address and has not ended.
    """

    phase: str
    reason: str
    pod_ip: str
    host_ip: str
    start_time: str | None
    conditions: tuple[Condition, ...]
    container_statuses: tuple[ContainerStatus, ...]
    init_container_statuses: tuple[ContainerStatus, ...]
    nominated_node_name: str
    qos_class: str
    addresses: tuple[str, ...]
    ended: bool
    listed: bool
    ready: bool
    ready_since: str | None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        phase = doc.get("phase") or ""
        pod_ip = doc.get("podIP") or ""
        conditions = views(Condition, doc, "conditions")
        is_ready, since = False, None
        for condition in conditions:
            if condition.type == "Ready":
                is_ready, since = condition.status == "True", condition.last_transition_time
                break
        addresses = _addresses(doc, pod_ip)  # type: ignore[arg-type]
        ended = phase in ENDED
        return cls(
            phase,  # type: ignore[arg-type]
            doc.get("reason") or "",  # type: ignore[arg-type]
            pod_ip,  # type: ignore[arg-type]
            doc.get("hostIP") or "",  # type: ignore[arg-type]
            doc.get("startTime"),  # type: ignore[arg-type]
            conditions,
            views(ContainerStatus, doc, "containerStatuses"),
            views(ContainerStatus, doc, "initContainerStatuses"),
            doc.get("nominatedNodeName") or "",  # type: ignore[arg-type]
            doc.get("qosClass") or "",  # type: ignore[arg-type]
            addresses,
            ended,
            bool(addresses or pod_ip) and not ended,
            is_ready,
            since,
        )

    def condition(self, condition_type: str) -> Condition | None:
        for condition in self.conditions:
            if condition.type == condition_type:
                return condition
        return None


def _addresses(status: Document, pod_ip: str) -> tuple[str, ...]:
    ips = status.get("podIPs")
    if ips and isinstance(ips, tuple):
        found = [one.get("ip") for one in ips if isinstance(one, Document)]
        return tuple([ip for ip in found if isinstance(ip, str) and ip])
    return (pod_ip,) if pod_ip else ()


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod as decisions read it: its parts are views that are kept with the parts.

    active: neither ended (Succeeded, Failed) nor asked to go. terminating: asked to go, and not
    ended yet. ready: its condition Ready is True.

    Source: pkg/controller/controller_utils.go, IsPodActive, IsPodTerminating;
        pkg/api/v1/pod/util.go, IsPodReady.
    """

    doc: Document
    metadata: Metadata
    status: PodStatus
    active: bool
    terminating: bool
    ready: bool

    @property
    def spec(self) -> PodSpec:
        """The view of its specification, made when it is asked for and kept with the pod."""
        return spec_of(self.doc)


def pod(doc: Document) -> Pod:
    """The pod view of a document."""
    meta, status = metadata(doc), status_of(doc)
    stays = meta.deletion_timestamp is None
    alive = not status.ended
    return Pod(doc, meta, status, alive and stays, alive and not stays, status.ready)


def spec_of(doc: Document) -> PodSpec:
    """The view of a pod's specification. It carries the specification, so the pod keeps it."""
    try:
        seen = doc.view
    except AttributeError:
        seen = None
    if type(seen) is PodSpec:
        return seen
    made = whole(PodSpec, child(doc, "spec"))
    doc.view = made
    return made


def status_of(doc: Document) -> PodStatus:
    """The view of a pod's status: all that many decisions need, and cheaper than the pod's."""
    status = doc.get("status")
    if not isinstance(status, Document):
        status = EMPTY
    try:
        seen = status.view
    except AttributeError:
        seen = None
    return seen if type(seen) is PodStatus else view(PodStatus, status)
