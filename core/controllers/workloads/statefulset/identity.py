"""Who a StatefulSet's pod is: its ordinal, its name, the labels that say so, its template.

A pod belongs to a set by its name, as well as by its labels and its owner. What makes it itself
outlives it: its successor has the same name, the same host name and the same volume claims.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kelm.core.controllers.shared.pods import pod_from_template
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.pod import Pod
from kelm.core.objects.stateful_set import StatefulSet
from kelm.effects.document import Document, Json, child, children, strings, with_value

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
REVISION = "controller-revision-hash"
NO_ORDINAL = -1

_MEMBER = re.compile(r"(.*)-([0-9]+)")
_MAX_INT32 = 2**31 - 1


@lru_cache(maxsize=16_384)
def parent_and_ordinal(pod_name: str) -> tuple[str, int]:
    """The name of the set and the ordinal that a pod's name speaks of.

    An ordinal that fits no 32 bits is none, though the parent stays.

    Source: getParentNameAndOrdinal.

    >>> parent_and_ordinal("web-1-2"), parent_and_ordinal("web"), parent_and_ordinal("a-9999999999")
    (('web-1', 2), ('', -1), ('a', -1))
    """
    found = _MEMBER.fullmatch(pod_name)
    if found is None:
        return "", NO_ORDINAL
    ordinal = int(found[2])
    return found[1], ordinal if ordinal <= _MAX_INT32 else NO_ORDINAL


def ordinal_of(one: Pod) -> int:
    """A pod's ordinal; -1 where its name has none."""
    return parent_and_ordinal(one.metadata.name)[1]


def pod_name(set_name: str, ordinal: int) -> str:
    """
    >>> pod_name("web", 0)
    'web-0'
    """
    return f"{set_name}-{ordinal}"


def claim_name(template_name: str, set_name: str, ordinal: int) -> str:
    """
    >>> claim_name("data", "web", 0)
    'data-web-0'
    """
    return f"{template_name}-{set_name}-{ordinal}"


def revision_of(one: Pod) -> str:
    """The name of the ControllerRevision that a pod was made from, "" where it does not say."""
    return (one.metadata.labels or {}).get(REVISION, "")


def starts_current(one: StatefulSet, ordinal: int) -> bool:
    """Whether a missing pod comes back with the current revision, and not with the update's.

    Below the partition it does; without `rollingUpdate`, as many as the status counts do.

    Source: newVersionedStatefulSetPod.
    """
    if one.partition is not None:
        return ordinal < one.start + one.partition
    return one.rolling and ordinal < one.start + one.status.current_replicas


def identity_labels(name: str, ordinal: int) -> dict[str, Json]:
    """The labels by which a pod can be found as itself."""
    return {POD_NAME: name, POD_INDEX: str(ordinal)}


def new_pod(one: StatefulSet, template: Document, revision: str, ordinal: int) -> Document:
    """A pod as the set asks for it.

    template: the pod template that the revision remembers.

    Source: newStatefulSetPod, initIdentity, updateStorage.
    """
    name = pod_name(one.metadata.name, ordinal)
    plain = pod_from_template(one.metadata.name, template, owner_reference(one.doc))
    meta = child(plain, "metadata")
    labels = {**child(meta, "labels"), **identity_labels(name, ordinal), REVISION: revision}
    spec = {**child(plain, "spec"), "hostname": name, "subdomain": one.service_name}
    if not one.service_name:
        del spec["subdomain"]
    volumes = wanted_volumes(one, child(plain, "spec"), ordinal)
    if volumes:
        spec["volumes"] = volumes
    named = Document({**meta, "name": name, "labels": Document(labels)})
    return Document({**plain, "metadata": named, "spec": Document(spec)})


def wanted_volumes(one: StatefulSet, spec: Document, ordinal: int) -> tuple[Document, ...]:
    """A pod's volumes: those of its claims, and those of its template that no claim replaces."""
    names = [_name(template) for template in one.claim_templates]
    claims = [
        Document(
            name=name,
            persistentVolumeClaim=Document(claimName=claim_name(name, one.metadata.name, ordinal)),
        )
        for name in names
    ]
    return (*claims, *(each for each in children(spec, "volumes") if each.get("name") not in names))


def _name(template: Document) -> str:
    return strings(template, "metadata").get("name", "")


def repaired(one: StatefulSet, pod: Pod) -> Document | None:
    """A pod with the labels that its name asks for; None where it has them.

    Source: identityMatches, updateIdentity.
    """
    name, labels = pod.metadata.name, pod.metadata.labels or {}
    if labels.get(POD_NAME) == name:
        return None
    found = Document({**labels, **identity_labels(name, ordinal_of(pod))})
    return with_value(pod.doc, ("metadata", "labels"), found)
