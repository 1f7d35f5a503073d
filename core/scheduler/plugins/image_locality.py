"""ImageLocality: a node that has the pod's images already starts it sooner.

An image counts with the share of nodes that have it, so that a popular node does not draw all
pods of a rare image to itself.

Source: kubernetes v1.36, plugins/imagelocality/image_locality.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening
from kelm.core.scheduler.plugins.framework import (
    MAX_SCORE,
    Cluster,
    Comparison,
    Filtering,
    Scoring,
)

MIB = 2**20
LEAST_BYTES = 23 * MIB
MOST_BYTES_A_CONTAINER = 1000 * MIB


class ImageLocality(msgspec.Struct, frozen=True):
    name: str = "ImageLocality"

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        return None

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        """None too where no node has any of the images: all would have the same score."""
        nodes, total = cluster.image_nodes, cluster.node_count
        images = [(name, nodes[name]) for name in ask.needs.images if nodes.get(name)]
        if not images:
            return None
        most = MOST_BYTES_A_CONTAINER * ask.needs.containers

        def raw(node: NodeUse) -> int:
            have = node.images
            weighed = sum(int(have[name] * (n / total)) for name, n in images if name in have)
            weighed = min(max(weighed, LEAST_BYTES), most)
            return MAX_SCORE * (weighed - LEAST_BYTES) // (most - LEAST_BYTES)

        return Scoring(raw)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        return False
