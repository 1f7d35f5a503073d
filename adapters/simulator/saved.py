"""A cluster as it was written down: enough to go on from exactly there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.adapters.simulator.machines import Host
from kelm.core.api.server import ApiServer
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.state import NodeState
from kelm.effects.address import Key


class Known(msgspec.Struct, frozen=True):
    """What a machine knew: its pods, and the rest. crashes: how often it had lost power by then."""

    crashes: int
    rest: NodeState
    pods: Mapping[Key, LocalPod]


class Saved(msgspec.Struct, frozen=True):
    """What outlives a process: all that the API server holds, the machines, the time.

    zero_ms: when the cluster was ready for the first time, for its elapsed time.
    machines: what each knew, where that was kept.
    """

    server: ApiServer
    hosts: tuple[Host, ...]
    now_ms: int
    zero_ms: int
    machines: Mapping[str, Known] = {}
