"""NodeName: a pod that names its node goes nowhere else.

Source: kubernetes v1.36, pkg/scheduler/framework/plugins/nodename/node_name.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status


class NodeName(msgspec.Struct, frozen=True):
    name: str = "NodeName"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        wanted = ask.needs.node_name
        if not wanted:
            return None
        no = Status(self.name, ("node(s) didn't match the requested node name",), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            return None if node.name == wanted else no

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        return isinstance(happening, NodeChanged) and happening.old is None
