"""NodeDeclaredFeatures: some pods run only where the node says that it can do what they need.

Source: kubernetes v1.36, plugins/nodedeclaredfeatures/nodedeclaredfeatures.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import Cluster, Comparison, Filtering, Scoring, Status

LACKING = "node(s) didn't match Pod's required features"


class NodeDeclaredFeatures(msgspec.Struct, frozen=True):
    name: str = "NodeDeclaredFeatures"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        wanted = ask.needs.features
        if not wanted:
            return None
        no = Status(self.name, (LACKING,), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            return None if wanted.issubset(node.features) else no

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        return None

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came, or declares something else."""
        if not isinstance(happening, NodeChanged):
            return False
        return happening.old is None or happening.old.features != happening.new.features
