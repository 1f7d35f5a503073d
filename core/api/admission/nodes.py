"""A new node gets no pods before somebody has seen that it works.

Source: kubernetes v1.36, plugin/pkg/admission/nodetaint/admission.go.
"""

from __future__ import annotations

from kelm.core.api.admission.tolerations import NOT_READY
from kelm.effects.document import Document, child, children


def tainted_not_ready(node: Document) -> Document:
    """A new node with the taint that keeps pods away until it is ready.

    >>> tainted_not_ready(Document())["spec"]
    {'taints': ({'key': 'node.kubernetes.io/not-ready', 'effect': 'NoSchedule'},)}
    """
    spec = child(node, "spec")
    taints = children(spec, "taints")
    if any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
        return node
    taint = Document(key=NOT_READY, effect="NoSchedule")
    return Document({**node, "spec": Document({**spec, "taints": (*taints, taint)})})
