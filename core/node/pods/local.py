"""What a kubelet remembers of its pods and their containers: values, a few hundred bytes each."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from kelm.core.node.containers.backoff import Backoff
from kelm.core.node.containers.behaviour import FOR_EVER, NEVER_MS, Behaviour, Window
from kelm.core.node.containers.probes import ProbeState
from kelm.core.node.files.entries import Parts
from kelm.core.node.files.host_files import NO_HOST_FILES, HostFiles
from kelm.core.node.files.promises import NO_PROMISES, Promise, Promises
from kelm.core.node.pods.recipe import PodRecipe
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, ObjectRef, RequestId, Resource, Uid
from kelm.effects.document import EMPTY, Document, Json
from kelm.effects.messages import Cache

Stage: TypeAlias = Literal["waiting", "creating", "running", "exited"]
"""waiting: for its turn, or for a back-off. creating: its image is pulled, its start prepared."""

Life: TypeAlias = Literal["live", "stopping", "over", "deleted"]
"""live: containers are started and restarted. stopping: they were told to end. over: none runs or
ever will. deleted: the API was asked to forget the pod."""


NO_VARIABLES: SmallMap[str, str] = SmallMap()
NO_PARTS: Parts = SmallMap()

Verdict: TypeAlias = "tuple[str, str, str]"
"""A condition's status, reason and message."""


class PastRun(msgspec.Struct, frozen=True, gc=False):
    """A run that is over, for its log."""

    behaviour: Behaviour
    started_ms: int
    ended_ms: int


class ContainerRun(msgspec.Struct, frozen=True, gc=False):
    """One container: its present run, and how the one before ended.

    due_ms: when its stage ends by itself (pull done, exit, back-off over).
    stop_code: it was told to end and will end at `due_ms` with this code.
    last: the API's `lastState`.
    variables: the environment that it was started with.
    """

    stage: Stage = "waiting"
    reason: str = "ContainerCreating"
    message: str = ""
    restarts: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    exit_code: int = 0
    exit_reason: str = ""
    exit_message: str = ""
    due_ms: int = NEVER_MS
    stop_code: int | None = None
    behaviour: Behaviour = FOR_EVER
    probes: tuple[ProbeState, ...] = ()
    ready: bool = False
    started: bool = False
    restart_asked: bool = False
    backoff: Backoff | None = None
    pull_backoff: Backoff | None = None
    pull_started_ms: int = 0
    last: Document = EMPTY
    previous: PastRun | None = None
    id: str = ""
    variables: SmallMap[str, str] = NO_VARIABLES


NEW = ContainerRun()
INITIALIZING = ContainerRun(reason="PodInitializing")


class Resizing(msgspec.Struct, frozen=True, gc=False):
    """A pod whose containers were asked to be resized, in the order of their recipes.

    granted, actual: the resources that the node has set aside, and those that they run with.
    reason: why what is asked for now is not granted ("": it is). due_ms: when it is carried out.
    """

    granted: tuple[Document, ...]
    actual: tuple[Document, ...]
    reason: str = ""
    message: str = ""
    since: str = ""
    due_ms: int = NEVER_MS


class Mounting(msgspec.Struct, frozen=True, gc=False):
    """How far the volumes of a pod's claims have come.

    disks: those that have to be attached, by the names that a node's status has for them.
    known: whether the claims were looked up. done: everything is mounted.
    due_ms: when it is looked at again; backoff_ms: for how long it is left alone the next time.
    """

    disks: tuple[str, ...] = ()
    known: bool = False
    done: bool = False
    due_ms: int = NEVER_MS
    backoff_ms: int = 0


UNMOUNTED = Mounting()


class LocalPod(msgspec.Struct, frozen=True, gc=False):
    """A pod on this node.

    verdicts, since: the conditions that the kubelet decides, in the order of `conditions.OWN`, and
        the times of their last transitions.
    foreign: the conditions that others keep (PodScheduled first, where it is known).
    kept: the parts of the status that are others' as a whole (which claims were made for it).
    written: the status that the API last acknowledged; sent: one that is on its way.
    mounting: of a pod with claims, how far their volumes have come.
    resizing: how far a resize has come, None where none was ever asked for.
    guests: its ephemeral containers, in the order of their recipes.
    sources, host: what volumes are made from, and its machine's files, where somebody looks at its
        own; kept empty else.
    parts, parts_ms: the files that were written until then. What its containers have written by
        themselves since is known from their behaviour (`runs.files_at`).
    stop_from_ms, stop_by_ms: when its containers were told to end, and by when they have to.
    promises: what was asked for because somebody opened a file that is made for who reads it;
        promised: what is being asked for, by the numbers of the requests; renew_ms: when one of
        the tokens among them is to be asked for anew.
    """

    key: Key
    ref: ObjectRef
    recipe: PodRecipe
    runs: tuple[ContainerRun, ...]
    labels: Document = EMPTY
    annotations: Document = EMPTY
    generation: int = 0
    qos_class: Json = None
    foreign: tuple[Document, ...] = ()
    kept: Document = EMPTY
    life: Life = "live"
    address: int = 0
    accepted_ms: int = 0
    started_text: str = ""
    sandbox_ready: bool = False
    has_address: bool = False
    initialized: bool = False
    deleting: bool = False
    stop_from_ms: int = NEVER_MS
    stop_by_ms: int = NEVER_MS
    phase: str = "Pending"
    forced_phase: str = ""
    reason: str = ""
    message: str = ""
    verdicts: tuple[Verdict, ...] = ()
    since: tuple[str, ...] = ()
    written: Document | None = None
    written_revision: int = 0
    sent: Document | None = None
    asked: int = 0
    stale: bool = False
    retry_ms: int = NEVER_MS
    wake_ms: int = NEVER_MS
    windows: tuple[tuple[int, Window], ...] = ()
    parts: Parts = NO_PARTS
    parts_ms: int = 0
    guests: tuple[ContainerRun, ...] = ()
    mounting: Mounting = UNMOUNTED
    resizing: Resizing | None = None
    sources: SmallMap[Resource, Cache] = SmallMap()
    host: HostFiles = NO_HOST_FILES
    promises: Promises = NO_PROMISES
    promised: SmallMap[RequestId, Promise] = SmallMap()
    renew_ms: int = NEVER_MS

    @property
    def uid(self) -> Uid:
        return self.ref.uid

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    @property
    def name(self) -> str:
        return self.ref.name


def runs_with(pod: LocalPod, index: int) -> Document:
    """What a container runs with now, whatever it was asked to become; a guest has nothing."""
    if pod.resizing is not None and not pod.recipe.field:
        return pod.resizing.actual[index]
    return pod.recipe.containers[index].resources
