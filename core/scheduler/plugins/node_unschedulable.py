"""NodeUnschedulable: a cordoned node takes only pods that tolerate being there.

Source: kubernetes v1.36, plugins/nodeunschedulable/node_unschedulable.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.taints import UNSCHEDULABLE, Taint, tolerates
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status

CORDON = Taint(key=UNSCHEDULABLE, effect="NoSchedule")


class NodeUnschedulable(msgspec.Struct, frozen=True):
    name: str = "NodeUnschedulable"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        if not cluster.cordoned or any(tolerates(one, CORDON) for one in ask.needs.tolerations):
            return None
        no = Status(self.name, ("node(s) were unschedulable",), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            return no if node.unschedulable else None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        if not isinstance(happening, NodeChanged):
            return False
        was_shut = happening.old is None or happening.old.unschedulable
        return was_shut and not happening.new.unschedulable
