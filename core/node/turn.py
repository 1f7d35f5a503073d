"""What one update of a kubelet gathers: the commands to send, the images that came.

A `Turn` lives for one call of `update` and is seen by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from kelm.core.node.files.entries import Change, Directory
from kelm.core.node.files.host_files import HOST, NO_HOST_FILES, HostFiles, host_directories
from kelm.core.node.files.promises import Promise
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.runs import with_written
from kelm.core.node.pods.sources import Sources
from kelm.core.store.small_map import SmallMap
from kelm.effects.commands import Command, RecordEvent, Request
from kelm.effects.document import Document

COMPONENT = "kubelet"


@lru_cache(maxsize=4096)
def _shared(text: str) -> str:
    """The same text, once: events outlive the moment, and pods of one template say the same."""
    return text


class Turn:
    """The commands of one update, numbered as they are asked for."""

    __slots__ = (
        "awaited",
        "host",
        "images",
        "machine",
        "next_id",
        "node",
        "now_ms",
        "pull_faults",
        "requests",
        "sources",
    )

    def __init__(
        self,
        machine: Machine,
        now_ms: int,
        next_id: int,
        images: SmallMap[str, int],
        pull_faults: tuple[tuple[str, int], ...],
        sources: Sources,
        host: HostFiles = NO_HOST_FILES,
        node: Document | None = None,
    ) -> None:
        self.host = host
        self.machine = machine
        self.now_ms = now_ms
        self.next_id = next_id
        self.images = images
        self.pull_faults = pull_faults
        self.sources = sources
        self.node = node
        self.requests: list[Request] = []
        self.awaited: dict[Promise, None] = {}
        """What the pod that is worked on promised to who opened it, and must be asked for."""

    def seen(self, pod: LocalPod) -> LocalPod:
        """A pod with what its volumes are made from."""
        return msgspec.structs.replace(pod, sources=self.sources, host=self.host)

    def written(self, pod: LocalPod, changes: Iterable[Change]) -> LocalPod:
        """A pod after somebody has written files of it now; some may be its machine's."""
        own = tuple(one for one in changes if one.part != HOST)
        host = [(self.now_ms, one) for one in changes if one.part == HOST]
        if host:
            self.host = self.host.promised("", host).until(self.now_ms)
        return with_written(pod, own, self.now_ms) if own else pod

    def promise(self, pod: LocalPod, run: ContainerRun) -> None:
        """A container begins: what it will write to its machine's files is known.

        The directories that its pod mounts are there from now on.
        """
        writes = [
            (run.started_ms + one.at_ms, one.change)
            for one in run.behaviour.writes
            if one.change.part == HOST
        ]
        here = self.host.at(run.started_ms)
        made = [
            (run.started_ms, Change(HOST, path, Directory()))
            for path in host_directories(pod.recipe.spec)
            if here.get(path) is None
        ]
        self.host = self.host.promised(run.id, [*made, *writes])

    def ask(self, command: Command) -> int:
        """Ask for something whose answer matters; the request's number."""
        number = self.next_id
        self.next_id = number + 1
        self.requests.append(Request(number, command))
        return number

    def tell(
        self,
        pod: LocalPod,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        index: int = -1,
    ) -> None:
        """Record an event of a pod, or of the container with this index."""
        path = ""
        if index >= 0:
            recipe = pod.recipe
            field = "initContainers" if index < recipe.init_count else "containers"
            field = recipe.field or field
            path = _shared(f"spec.{field}{{{recipe.containers[index].name}}}")
        event = RecordEvent(
            pod.ref,
            "Pod",
            "v1",
            kind,
            reason,
            _shared(message),
            COMPONENT,
            self.machine.node,
            "",
            path,
        )
        self.requests.append(Request(0, event))

    def pull_fails_until(self, image: str) -> int:
        """Until when an injected fault keeps an image from being pulled, 0 for no fault."""
        for name, until_ms in self.pull_faults:
            if name in ("", image):
                return until_ms
        return 0
