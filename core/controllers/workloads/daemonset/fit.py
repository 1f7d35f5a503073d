"""On which nodes a DaemonSet's pods should run, and where they may stay.

Only what keeps a pod off a node for good counts here: its name, its labels, its taints. Resources,
ports and readiness do not: the scheduler and the kubelet look after those.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (NodeShouldRunDaemonPod).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.workloads.daemonset.template import with_tolerations
from kelm.core.objects.daemon_set import DaemonSet
from kelm.core.objects.pod import Toleration
from kelm.core.objects.taints import NO_EXECUTE, NO_SCHEDULE, taints_of, tolerates
from kelm.core.objects.views import views
from kelm.core.scheduler.cache.node_selection import selects
from kelm.effects.document import Document, child, strings, text
from kelm.effects.messages import Cache


class Fit(msgspec.Struct, frozen=True, gc=False):
    """`run`: a pod should be made there. `stay`: a pod that is there may stay."""

    run: bool
    stay: bool


NOT = Fit(False, False)


class Wish(msgspec.Struct, frozen=True):
    """What a template asks of nodes, read once for all of them."""

    node_name: str
    node_selector: Document
    affinity: Document
    tolerations: tuple[Toleration, ...]

    def fit(self, node: Document) -> Fit:
        """Whether a node is one."""
        name, labels = text(node, "metadata", "name"), strings(node, "metadata", "labels")
        if self.node_name and self.node_name != name:
            return NOT
        if not selects(labels, name, self.node_selector, self.affinity):
            return NOT
        bad = [
            taint.effect
            for taint in taints_of(node)
            if taint.effect in (NO_SCHEDULE, NO_EXECUTE)
            and not any(tolerates(one, taint) for one in self.tolerations)
        ]
        return Fit(not bad, NO_EXECUTE not in bad)


def wish_of(one: DaemonSet) -> Wish:
    spec = with_tolerations(child(one.template, "spec"))
    return Wish(
        node_name=text(spec, "nodeName"),
        node_selector=child(spec, "nodeSelector"),
        affinity=child(spec, "affinity", "nodeAffinity"),
        tolerations=views(Toleration, spec, "tolerations"),
    )


def fit_of(one: DaemonSet, node: Document) -> Fit:
    """Whether one node is one for a DaemonSet."""
    return wish_of(one).fit(node)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A node's fit, and the parts of the node that it was decided from."""

    labels: Document
    spec: Document
    fit: Fit


class Fits(msgspec.Struct, frozen=True):
    """The fit of every node, for one template; what did not change is not decided again.

    The mapping is made once and never changed.
    """

    template: Document
    by_name: dict[str, Seen]


def fits_of(one: DaemonSet, nodes: Cache, before: Fits | None) -> Fits:
    """The fits of all nodes now, oldest node first."""
    known = before.by_name if before is not None and before.template is one.template else {}
    wish = wish_of(one)
    found: dict[str, Seen] = {}
    for node in nodes.objects():
        name = text(node, "metadata", "name")
        labels, spec = child(node, "metadata", "labels"), child(node, "spec")
        old = known.get(name)
        if old is not None and old.labels is labels and old.spec is spec:
            found[name] = old
        else:
            found[name] = Seen(labels, spec, wish.fit(node))
    return Fits(one.template, found)
