"""TaintToleration: hard taints keep pods away that do not tolerate them, soft ones deter.

Source: kubernetes v1.36, plugins/tainttoleration/taint_toleration.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.taints import PREFER_NO_SCHEDULE, tolerates
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
    scaled_down,
)


class TaintToleration(msgspec.Struct, frozen=True):
    """`comparisons` is the feature gate of the operators Lt and Gt, off in v1.36."""

    name: str = "TaintToleration"
    comparisons: bool = False

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        if not cluster.tainted:
            return None
        tolerations, comparisons = ask.needs.tolerations, self.comparisons
        no = Status(self.name, ("node(s) had untolerated taint(s)",), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            for taint in node.taints:
                if not any(tolerates(one, taint, comparisons=comparisons) for one in tolerations):
                    return no
            return None

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        """Fewer soft taints that are not tolerated are better."""
        if not cluster.soft_tainted:
            return None
        bearing = [one for one in ask.needs.tolerations if one.effect in ("", PREFER_NO_SCHEDULE)]
        comparisons = self.comparisons

        def raw(node: NodeUse) -> int:
            return sum(
                not any(tolerates(one, taint, comparisons=comparisons) for one in bearing)
                for taint in node.soft_taints
            )

        return Scoring(raw, scaled_down)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node whose hard taints are borne now and were not, or were and are not any more.

        The second helps nobody, but v1.36 was seen to try again then.
        """
        if not isinstance(happening, NodeChanged):
            return False
        borne = self._bears(ask, happening.new)
        return borne if happening.old is None else borne != self._bears(ask, happening.old)

    def _bears(self, ask: Ask, node: NodeUse) -> bool:
        return all(
            any(
                tolerates(one, taint, comparisons=self.comparisons) for one in ask.needs.tolerations
            )
            for taint in node.taints
        )
