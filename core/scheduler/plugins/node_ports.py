"""NodePorts: a host's port is had once.

Source: kubernetes v1.36, plugins/nodeports/node_ports.go; framework/types.go (HostPortInfo).
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask, Port
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged, PodWent
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status

ANY_ADDRESS = "0.0.0.0"


def clashes(one: Port, other: Port) -> bool:
    """Whether two host ports cannot be had together: one of them may listen everywhere.

    >>> clashes(("TCP", "0.0.0.0", 80), ("TCP", "10.0.0.1", 80))
    True
    """
    same = one[0] == other[0] and one[2] == other[2]
    return same and (one[1] == other[1] or ANY_ADDRESS in (one[1], other[1]))


class NodePorts(msgspec.Struct, frozen=True):
    name: str = "NodePorts"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        wanted = ask.needs.ports
        if not wanted:
            return None
        no = Status(self.name, ("node(s) didn't have free ports for the requested pod ports",))

        def refuse(node: NodeUse) -> Status | None:
            return (
                no if any(clashes(mine, port) for mine in node.ports for port in wanted) else None
            )

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        if isinstance(happening, NodeChanged):
            return happening.old is None
        return isinstance(happening, PodWent) and any(
            clashes(freed, port) for freed in happening.ask.needs.ports for port in ask.needs.ports
        )
