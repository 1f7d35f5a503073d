"""NodeAffinity: nodes that a pod selects by labels and names, and nodes that it would like.

Source: kubernetes v1.36, plugins/nodeaffinity/node_affinity.go;
component-helpers/scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.node_selection import PREFERRED, REQUIRED, preference, selects
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.happenings import Happening, NodeChanged
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
    scaled,
)
from kelm.effects.document import EMPTY, Document, children, elements, text

NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
NOT_ADDED = "node(s) didn't match scheduler-enforced node affinity"
CONFLICT = "pod affinity terms conflict"


class NodeAffinity(msgspec.Struct, frozen=True):
    """`added` is a node affinity that the scheduler's owner adds to every pod's."""

    name: str = "NodeAffinity"
    added: Document = EMPTY

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        wanted, wants, added = ask.needs.node_selector, ask.needs.affinity, self.added
        if not wanted and REQUIRED not in wants and REQUIRED not in added:
            return None
        named = pinned_names(wants)
        if named is not None and not named:
            return Status(self.name, (CONFLICT,), hopeless=True)
        not_selected = Status(self.name, (NOT_SELECTED,), hopeless=True)
        not_added = Status(self.name, (NOT_ADDED,), hopeless=True)
        left_out = Status(
            self.name, (f"node(s) didn't satisfy plugin(s) [{self.name}]",), hopeless=True
        )

        def refuse(node: NodeUse) -> Status | None:
            if named is not None and node.name not in named:
                return left_out
            if added and not selects(node.labels, node.name, EMPTY, added):
                return not_added
            return None if selects(node.labels, node.name, wanted, wants) else not_selected

        return refuse

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        wants, added = ask.needs.affinity, self.added
        if not wants.get(PREFERRED) and not added.get(PREFERRED):
            return None

        def raw(node: NodeUse) -> int:
            mine = preference(node.labels, node.name, wants)
            return mine + preference(node.labels, node.name, added)

        return Scoring(raw, scaled)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        if not isinstance(happening, NodeChanged) or not self._matches(ask, happening.new):
            return False
        return happening.old is None or not self._matches(ask, happening.old)

    def _matches(self, ask: Ask, node: NodeUse) -> bool:
        mine = selects(node.labels, node.name, ask.needs.node_selector, ask.needs.affinity)
        return mine and selects(node.labels, node.name, EMPTY, self.added)


def pinned_names(wants: Document) -> frozenset[str] | None:
    """The names of the only nodes that will do, where every term says which; None otherwise.

    Source: node_affinity.go, PreFilter.
    """
    required = wants.get(REQUIRED)
    terms = children(required, "nodeSelectorTerms") if isinstance(required, Document) else ()
    found: frozenset[str] = frozenset()
    for term in terms:
        named: frozenset[str] | None = None
        for field in children(term, "matchFields"):
            if text(field, "key") == "metadata.name" and text(field, "operator") == "In":
                names = frozenset(str(value) for value in elements(field, "values"))
                named = names if named is None else named & names
        if named is None:
            return None
        found |= named
    return found if terms else None
