"""A cluster as it was written down: enough to go on from exactly there."""

from __future__ import annotations

import msgspec

from kelm.adapters.simulator.machines import Host
from kelm.core.api.server import ApiServer


class Saved(msgspec.Struct, frozen=True):
    """What outlives a process: all that the API server holds, the machines, the time.

    zero_ms: when the cluster was ready for the first time, for its elapsed time.
    """

    server: ApiServer
    hosts: tuple[Host, ...]
    now_ms: int
    zero_ms: int
