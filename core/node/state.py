"""What a kubelet knows: its pods, what is due, what it asked, and what it has heard of its node."""

from __future__ import annotations

import msgspec

from kelm.core.node.agenda import Agenda
from kelm.core.node.files.host_files import NO_HOST_FILES, HostFiles
from kelm.core.node.host.heartbeat import Heart
from kelm.core.node.pods.admission import Usage
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.sources import NO_SOURCES, Sources
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, RequestId
from kelm.effects.messages import Cache
from kelm.effects.program import Watch


class NodeState(msgspec.Struct, frozen=True):
    """What a kubelet knows. `unheard`: a list of pods that came before the node's own object."""

    watches: tuple[Watch, ...]
    pods: SmallMap[Key, LocalPod] = SmallMap()
    agenda: Agenda = ()
    asked: SmallMap[RequestId, Key] = SmallMap()
    next_id: RequestId = 1
    images: SmallMap[str, int] = SmallMap()
    pull_faults: tuple[tuple[str, int], ...] = ()
    offered: Usage = Usage()
    used: Usage = Usage()
    numbers: int = 0
    last_number: int = 0
    heart: Heart = Heart()
    unheard: Cache | None = None
    deferred: tuple[Key, ...] = ()
    sources: Sources = NO_SOURCES
    host: HostFiles = NO_HOST_FILES
