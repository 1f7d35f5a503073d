"""Which processes a cluster runs: the controller manager's loops, the scheduler, the kubelets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from kelm.adapters.simulator.authority import SIGNING_COMMANDS, Authority
from kelm.adapters.simulator.inputs import (
    ContainerCrashed,
    ConversationEnded,
    FilesChanged,
    ImagePullFailed,
    Input,
    LoadOffered,
    NodeDrained,
)
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import Host, Machines, kubelet_name
from kelm.adapters.simulator.measuring import Measuring
from kelm.core.api.webhooks.programs import Decide
from kelm.core.controllers.access.cluster_role_aggregation import ClusterRoleAggregation
from kelm.core.controllers.access.service_account import CERTIFICATE, RootCA, ServiceAccounts
from kelm.core.controllers.access.service_account_tokens import ServiceAccountTokens
from kelm.core.controllers.api.resource_quota import ResourceQuotaController
from kelm.core.controllers.api.validating_admission_policy_status import (
    ValidatingAdmissionPolicyStatus,
)
from kelm.core.controllers.batch.cron_job.controller import CronJobController
from kelm.core.controllers.batch.job.controller import JobController
from kelm.core.controllers.batch.job.orphans import JobOrphans
from kelm.core.controllers.batch.ttl_after_finished import TTLAfterFinished
from kelm.core.controllers.certificates.approver import CertificateApprover
from kelm.core.controllers.certificates.cleaner import CertificateCleaner
from kelm.core.controllers.certificates.signer import SIGNERS
from kelm.core.controllers.deletion.garbage_collector.program import GarbageCollectorProgram
from kelm.core.controllers.deletion.namespaces.controller import NamespaceDeletion
from kelm.core.controllers.deletion.pod_gc import PodGC
from kelm.core.controllers.disruption.controller import DisruptionController
from kelm.core.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscaling
from kelm.core.controllers.nodes.cloud import CloudNodeLifecycle
from kelm.core.controllers.nodes.lifecycle.controller import NodeLifecycle
from kelm.core.controllers.nodes.taint_eviction import TaintEviction
from kelm.core.controllers.nodes.ttl import NodeTTL
from kelm.core.controllers.resource_claim.controller import ResourceClaims
from kelm.core.controllers.services.address_repair import AddressRepair
from kelm.core.controllers.services.endpoints.controller import EndpointsController
from kelm.core.controllers.services.endpointslice.controller import EndpointSliceController
from kelm.core.controllers.services.mirroring.controller import EndpointSliceMirroring
from kelm.core.controllers.services.service_cidrs import ServiceCIDRs
from kelm.core.controllers.volumes.attaching import AttachDetach
from kelm.core.controllers.volumes.controller import VolumeBinding
from kelm.core.controllers.volumes.ephemeral import EphemeralVolumes
from kelm.core.controllers.volumes.protection import ClaimProtection, VolumeProtection
from kelm.core.controllers.workloads.daemonset.controller import DaemonSetController
from kelm.core.controllers.workloads.deployment.controller import DeploymentController
from kelm.core.controllers.workloads.replicaset.controller import (
    REPLICATION_CONTROLLERS,
    ReplicaSetController,
)
from kelm.core.controllers.workloads.statefulset.controller import StatefulSetController
from kelm.core.infrastructure.attaching import Attacher
from kelm.core.infrastructure.disks import DRIVER, STANDARD, Disks
from kelm.core.infrastructure.load_balancers import LoadBalancers
from kelm.core.infrastructure.resizing import Resizing
from kelm.core.node.containers.image import Image
from kelm.core.node.containers.images import Images
from kelm.core.node.host import faults
from kelm.core.node.host.machine import CAPACITY
from kelm.core.node.program import Kubelet
from kelm.core.objects.storage import CLASSES, DRIVERS
from kelm.core.operations.drain import Drain, Options
from kelm.core.runtime.controller import Controller
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.scheduler.program import Scheduler
from kelm.core.store.small_map import SmallMap
from kelm.core.store.store import Store
from kelm.effects.address import Key, key_of
from kelm.effects.commands import Command, Create, Get
from kelm.effects.document import Document, text
from kelm.effects.messages import Outcome
from kelm.effects.program import Program

CONTROLLERS: tuple[Controller, ...] = (
    DeploymentController(),
    ReplicaSetController(),
    REPLICATION_CONTROLLERS,
    StatefulSetController(),
    DaemonSetController(),
    EndpointSliceController(),
    EndpointsController(),
    EndpointSliceMirroring(),
    NamespaceDeletion(),
    ServiceAccounts(),
    RootCA(),
    ServiceAccountTokens(CERTIFICATE),
    CertificateApprover(),
    *SIGNERS,
    CertificateCleaner(),
    ClusterRoleAggregation(),
    NodeLifecycle(),
    TaintEviction(),
    PodGC(),
    DisruptionController(),
    CloudNodeLifecycle(),
    NodeTTL(),
    VolumeBinding(),
    ClaimProtection(),
    VolumeProtection(),
    EphemeralVolumes(),
    AttachDetach(),
    Disks(),
    Resizing(),
    Attacher(),
    LoadBalancers(),
    JobController(),
    JobOrphans(),
    CronJobController(),
    TTLAfterFinished(),
    ResourceQuotaController(),
    HorizontalPodAutoscaling(),
    ResourceClaims(),
    ValidatingAdmissionPolicyStatus(),
    ServiceCIDRs(),
    AddressRepair(),
)


def drain_options(given: NodeDrained) -> Options:
    """The flags of a drain."""
    return Options(
        given.ignore_daemon_sets,
        given.delete_local_data,
        given.force,
        given.disable_eviction,
        given.grace_period_seconds,
    )


BINARIES: Final = {
    GarbageCollectorProgram().name: "kube-controller-manager",
    Scheduler().name: "kube-scheduler",
    **dict.fromkeys((one.name for one in CONTROLLERS), "kube-controller-manager"),
}
"""Which of upstream's processes a Program is a part of."""


class ControlPlane(msgspec.Struct, frozen=True):
    """The Programs of a cluster. Replace some to try your own."""

    controllers: tuple[Controller, ...] = CONTROLLERS
    programs: tuple[Program[Any], ...] = (GarbageCollectorProgram(), Scheduler())
    images: Images = Images()
    capacity: Document = CAPACITY
    """What every machine offers, as quantities."""
    storage_classes: tuple[Document, ...] = (STANDARD,)
    """What kinds of disks there are from the beginning."""
    authority: Authority | None = None
    """Whose keys sign; None for the one of all simulated clusters."""

    webhooks: SmallMap[str, Decide] = SmallMap()
    """What answers at URLs outside of the cluster."""

    def with_controller(self, *controllers: Controller) -> ControlPlane:
        """A control plane that runs these as well; a namesake is replaced."""
        names = {one.name for one in controllers}
        kept = (one for one in self.controllers if one.name not in names)
        return msgspec.structs.replace(self, controllers=(*kept, *controllers))

    def with_image(self, name: str, program: Image) -> ControlPlane:
        """A control plane whose machines know one more image."""
        return msgspec.structs.replace(self, images=self.images.with_image(name, program))

    def with_authority(self, authority: Authority) -> ControlPlane:
        """A control plane with keys of its own, whose certificate every namespace is given."""
        certificate = authority.certificate.decode()
        plane = self.with_controller(RootCA(certificate), ServiceAccountTokens(certificate))
        return msgspec.structs.replace(plane, authority=authority)

    def with_webhook(self, url: str, decide: Decide) -> ControlPlane:
        """A cluster in whose world a function stands for a webhook's URL."""
        return msgspec.structs.replace(self, webhooks=self.webhooks.put(url, decide))

    def start(self, simulator: Simulator) -> None:
        """Start everything that is no kubelet; from now on tokens are issued."""
        simulator.issue = self.issue
        for storage_class in self.storage_classes:
            simulator.ask(Create(CLASSES, "", storage_class))
        simulator.ask(Create(DRIVERS, "", DRIVER))
        for controller in self.controllers:
            simulator.start(controller.name, ControllerProgram(controller))
        for program in self.programs:
            simulator.start(program.name, program)

    def local_worker(self, machines: Machines) -> Callable[[Simulator, Command], Outcome]:
        """Who carries out what is no request to the API: launching machines and signing."""

        def work(simulator: Simulator, command: Command) -> Outcome:
            if type(command) not in SIGNING_COMMANDS:
                return machines.command(simulator, command)
            return self.keys.carry_out(command)

        return work

    @property
    def keys(self) -> Authority:
        """What signs."""
        if self.authority is not None:
            return self.authority
        from kelm.adapters.simulator.issuing import simulated_authority

        return simulated_authority()

    def issue(self, store: Store, command: Create | Get, now_ms: int) -> Outcome:
        """Answer a request for a token, or for the keys that check tokens."""
        if isinstance(command, Get):
            return self.keys.page(command.resource)
        return self.keys.issue(store, command, now_ms)

    def manager_of(self, process: str) -> str:
        """The name under which a process owns what it writes: that of upstream's binary.

        >>> plane = ControlPlane()
        >>> [plane.manager_of(name) for name in ("job-controller", "kubelet/node-1", "mine")]
        ['kube-controller-manager', 'kubelet', 'mine']
        """
        binary, _, machine = process.partition("/")
        return binary if machine else BINARIES.get(process, process)

    def kubelet_maker(self) -> Callable[[Host], Program[Any]]:
        """What makes the kubelet of a machine that boots."""
        capacity, images = self.capacity, self.images

        def make(host: Host) -> Program[Any]:
            kubelet: Program[Any] = Kubelet(
                host.name,
                host.index,
                host.zone,
                capacity=capacity,
                images=images,
                boots=host.crashes,
            )
            return kubelet

        return make

    def hearer(
        self, machines: Machines, measuring: Measuring, down: list[tuple[int, frozenset[str]]]
    ) -> Callable[[Simulator, Input], None]:
        """Who lets faults happen and notes in `down` which machines do not answer from then on.

        It does not know the cluster: what is in no cycle is freed as soon as nobody holds it.
        """

        def hear(simulator: Simulator, given: Input) -> None:
            if isinstance(given, NodeDrained):
                drain = Drain(given.node, drain_options(given))
                simulator.start(drain.name, drain)
            elif isinstance(given, LoadOffered):
                measuring.happened(simulator, given)
            elif machines.happened(simulator, given):
                down.append((simulator.now_ms, machines.down()))
            else:
                self.inject(simulator, given)

        return hear

    def inject(self, simulator: Simulator, given: Input) -> None:
        """Tell the machine that a fault concerns."""
        if isinstance(given, ContainerCrashed):
            key = key_of(given.namespace, given.pod)
            name = kubelet_of(simulator, key)
            if name:
                simulator.tell(
                    name,
                    faults.ContainerCrashed(
                        simulator.now_ms, key, given.container, given.exit_code
                    ),
                )
        elif isinstance(given, ConversationEnded):
            key = key_of(given.namespace, given.pod)
            name = kubelet_of(simulator, key)
            if name:
                end = faults.ContainerCrashed(
                    simulator.now_ms, key, given.container, given.exit_code, lines=given.lines
                )
                simulator.tell(name, end)
        elif isinstance(given, FilesChanged):
            key = key_of(given.namespace, given.pod)
            name = kubelet_of(simulator, key)
            if name:
                told = faults.FilesChanged(simulator.now_ms, key, given.uid, given.changes)
                simulator.tell(name, told)
        elif isinstance(given, ImagePullFailed):
            until_ms = simulator.now_ms + given.for_ms
            for name in list(simulator.processes):
                if name.startswith("kubelet/"):
                    simulator.tell(
                        name, faults.ImagePullsFailed(simulator.now_ms, given.image, until_ms)
                    )


def kubelet_of(simulator: Simulator, key: Key) -> str:
    """The kubelet process of a pod's machine, "" where none runs."""
    pod = simulator.api.store.get("pods", key)
    name = kubelet_name(text(pod, "spec", "nodeName")) if pod is not None else ""
    return name if name in simulator.processes else ""
