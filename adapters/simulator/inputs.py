"""What comes into a simulated cluster from outside: users' requests and faults, as data.

A run is its configuration, its seed and its inputs; nothing else can make a difference. So a
trace holds these, a shrinker drops some of them, and a report names the one that broke it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.node.containers.behaviour import Line
from kelm.core.node.files.entries import Change
from kelm.effects.commands import Command
from kelm.effects.document import EMPTY, Document
from kelm.effects.refusals import Reason


class Asked(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A user sent a request to the API."""

    command: Command


class MachineBooted(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A machine that was launched came up for the first time."""

    node: str


class NodeCrashed(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A machine lost power: its kubelet and containers are gone."""

    node: str


class NodeBooted(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A crashed machine came up again, with its disk and without its containers."""

    node: str


class NodePartitioned(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A machine lost its network; its containers run on, unseen."""

    node: str


class NodeReconnected(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A partitioned machine reached the API server again."""

    node: str


class ContainerCrashed(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A container's process ended by itself."""

    namespace: str
    pod: str
    container: str = ""
    exit_code: int = 1


class ConversationEnded(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A program that somebody was attached to ended, and said this until then."""

    namespace: str
    pod: str
    container: str
    exit_code: int
    lines: tuple[Line, ...]


class FilesChanged(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """Somebody who ran something in a pod, or asked its programs, changed its files."""

    namespace: str
    pod: str
    uid: str
    changes: tuple[Change, ...]


class ImagePullFailed(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """From now an image cannot be pulled, for a while."""

    image: str
    for_ms: int


class RequestsRefused(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """The API refuses the next `count` requests of a process ("" is any) without doing them."""

    process: str = ""
    reason: Reason = Reason.INTERNAL_ERROR
    count: int = 1


class AnswersLost(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """The next `count` requests of a process ("" is any) are done, but time out for it."""

    process: str = ""
    count: int = 1


class CallsLost(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """The next `count` calls to a webhook ("" is any) get no answer in time."""

    webhook: str = ""
    count: int = 1


class WatchStalled(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A process's watches bring nothing for a while: its beliefs grow old."""

    process: str
    for_ms: int
    resource: str = ""


class ProcessRestarted(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """A process died and was started anew, with nothing in memory."""

    process: str


class LoadOffered(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """From now on so much work is there for a workload, a Service or a pod, all its pods together.

    resource: what it is for; "external" is a metric of the outside, which `name` then names.
    amounts: quantities by metric: `cpu`, `memory`, or any other, which is then a custom metric.
    container: whose work it is, "" for the first of each pod.
    """

    resource: str
    namespace: str
    name: str
    amounts: Document
    container: str = ""
    labels: Document = EMPTY


class NodeDrained(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """Somebody began to drain a node, with kubectl's flags; -1: each pod's own grace period."""

    node: str
    ignore_daemon_sets: bool = False
    delete_local_data: bool = False
    force: bool = False
    disable_eviction: bool = False
    grace_period_seconds: int = -1


class FaultsEnded(msgspec.Struct, frozen=True, tag=True, tag_field="input"):
    """Whatever refusals, losses and stalls were still to come will not."""


Fault: TypeAlias = (
    NodeCrashed
    | NodeBooted
    | NodePartitioned
    | NodeReconnected
    | ContainerCrashed
    | ConversationEnded
    | FilesChanged
    | ImagePullFailed
    | RequestsRefused
    | AnswersLost
    | CallsLost
    | WatchStalled
    | ProcessRestarted
    | LoadOffered
    | NodeDrained
    | FaultsEnded
)
Input: TypeAlias = Asked | MachineBooted | Fault
INPUTS: dict[str, type[Fault | MachineBooted]] = {
    kind.__name__: kind
    for kind in (
        MachineBooted,
        NodeCrashed,
        NodeBooted,
        NodePartitioned,
        NodeReconnected,
        ContainerCrashed,
        ConversationEnded,
        FilesChanged,
        ImagePullFailed,
        RequestsRefused,
        AnswersLost,
        CallsLost,
        WatchStalled,
        ProcessRestarted,
        LoadOffered,
        NodeDrained,
        FaultsEnded,
    )
}
"""Every input by its name, for reading traces; `Asked` holds a command and is read apart."""
