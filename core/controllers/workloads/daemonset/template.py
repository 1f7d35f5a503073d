"""The pods that a DaemonSet makes: for which node each of them is, and what they tolerate.

A daemon's pod is bound by the scheduler like any other. Which node it is for is said by a node
affinity that only this node meets.

Source: kubernetes v1.36, pkg/controller/daemon/util/daemonset_util.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.controllers.shared.pods import pod_from_template
from kelm.core.objects.daemon_set import DaemonSet
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.pod import Pod, Toleration
from kelm.core.objects.taints import NO_EXECUTE, NO_SCHEDULE
from kelm.core.objects.views import convert
from kelm.effects.document import Document, Json, child, children, elements, flag, text, with_value

HASH: Final = "controller-revision-hash"
GENERATION: Final = "pod-template-generation"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_BORNE: Final = (
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
)
_WITHOUT_NETWORK: Final = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE)


def with_tolerations(spec: Document) -> Document:
    """A pod specification that bears what a daemon has to bear.

    An equal toleration is replaced where it stands, others are appended.

    Source: AddOrUpdateDaemonPodTolerations.
    """
    found = list(children(spec, "tolerations"))
    borne = (*_BORNE, _WITHOUT_NETWORK) if flag(spec, "hostNetwork") else _BORNE
    for key, effect in borne:
        new = Document(key=key, operator="Exists", effect=effect)
        known = [_identity(one) for one in found]
        mine = _identity(new)
        if mine in known:
            found[known.index(mine)] = new
        else:
            found.append(new)
    return with_value(spec, ("tolerations",), tuple(found))


def _identity(toleration: Document) -> tuple[str, str, str, str]:
    one = convert(Toleration, toleration)
    return one.key, one.operator, one.value, one.effect


def for_node(affinity: Document, node: str) -> Document:
    """An affinity that only this node meets; what was required of nodes before is replaced.

    Source: ReplaceDaemonSetPodNodeNameNodeAffinity.
    """
    field = Document(key="metadata.name", operator="In", values=(node,))
    only = Document(nodeSelectorTerms=(Document(matchFields=(field,)),))
    return with_value(affinity, ("nodeAffinity", REQUIRED), only)


def target_node(spec: Document) -> str:
    """The node that a daemon's pod is on or is for; "" where it does not say.

    Source: GetTargetNodeName.
    """
    bound = text(spec, "nodeName")
    if bound:
        return bound
    terms = children(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    for term in terms:
        for field in children(term, "matchFields"):
            values = elements(field, "values")
            one = (text(field, "key"), text(field, "operator")) == ("metadata.name", "In")
            if one and len(values) == 1:
                return str(values[0])
    return ""


def pod_labels(given: Document, generation: str | None, hashed: str) -> Document:
    """The labels of a pod: its template's, and from which template it was made."""
    labels: dict[str, Json] = dict(given)
    if generation is not None:
        labels[GENERATION] = generation
    if hashed:
        labels[HASH] = hashed
    return Document(labels)


def is_updated(labels: dict[str, str], hashed: str, generation: str | None) -> bool:
    """Whether a pod with these labels has the present template.

    Source: IsPodUpdated.
    """
    if hashed and labels.get(HASH) == hashed:
        return True
    return generation is not None and labels.get(GENERATION) == generation


def has_present_template(one: DaemonSet, pod: Pod, hashed: str) -> bool:
    return is_updated(pod.metadata.labels or {}, hashed, one.template_generation)


def common_pod(one: DaemonSet, hashed: str) -> Document:
    """What the pods of all nodes have in common."""
    plain = pod_from_template(one.metadata.name, one.template, owner_reference(one.doc))
    given = child(plain, "metadata", "labels")
    labels = pod_labels(given, one.template_generation, hashed)
    named = with_value(plain, ("metadata", "labels"), labels)
    return with_value(named, ("spec",), with_tolerations(child(plain, "spec")))


def pod_for(common: Document, node: str) -> Document:
    """The pod for one node."""
    affinity = for_node(child(common, "spec", "affinity"), node)
    return with_value(common, ("spec", "affinity"), affinity)
