"""The ReplicaSet that a Deployment makes for its present pod template.

Its name is made from the template's hash, so that making it twice is refused instead of done. The
hash is also a label of the ReplicaSet, of its pods and in its selector: that is how the
ReplicaSets of one Deployment keep their pods apart.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (getNewReplicaSet,
generateReplicaSetName).
"""

from __future__ import annotations

from kelm.core.controllers.templates.hash import template_hash
from kelm.core.controllers.workloads.deployment import revisions
from kelm.core.controllers.workloads.deployment.replica_sets import ReplicaSets, spec_replicas
from kelm.core.controllers.workloads.deployment.rolling import size_of_new
from kelm.core.controllers.workloads.deployment.template import HASH_LABEL
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.workloads import Deployment, ReplicaSet
from kelm.effects.document import Document, Json, child, with_value

LONGEST_NAME = 253


def name_of(deployment_name: str, template_hash: str) -> str:
    """The ReplicaSet's name; a Deployment's name that is too long for it is cut.

    Source: generateReplicaSetName.

    >>> name_of("web", "5455cfcc77")
    'web-5455cfcc77'
    """
    room = LONGEST_NAME - len(template_hash) - 1
    cut = deployment_name[:room] if room > 0 else deployment_name
    return f"{cut}-{template_hash}"


def next_revision(old: ReplicaSets) -> str:
    """The revision of the new ReplicaSet: one more than the highest old one."""
    return str(revisions.max_revision(old) + 1)


def new_replica_set(deployment: Deployment, old: ReplicaSets) -> Document:
    """The ReplicaSet to create, at the size that the rolling update allows at once."""
    hash_of = template_hash(deployment.template, deployment.status.collision_count)
    labels = Document({**child(deployment.template, "metadata", "labels"), HASH_LABEL: hash_of})
    written, _ = revisions.for_new_replica_set(deployment, {}, next_revision(old), exists=False)
    spec: dict[str, Json] = {
        "replicas": size_of_new(deployment, 0, spec_replicas(old)),
        "selector": _selector(deployment, hash_of),
        "template": with_value(deployment.template, ("metadata", "labels"), labels),
    }
    if deployment.min_ready_seconds:
        spec["minReadySeconds"] = deployment.min_ready_seconds
    return Document(
        apiVersion="apps/v1",
        kind="ReplicaSet",
        metadata=Document(
            name=name_of(deployment.metadata.name, hash_of),
            namespace=deployment.metadata.namespace,
            ownerReferences=(owner_reference(deployment.doc),),
            labels=labels,
            annotations=Document(written),
        ),
        spec=Document(spec),
    )


def _selector(deployment: Deployment, hash_of: str) -> Document:
    given = child(deployment.doc, "spec", "selector")
    return with_value(given, ("matchLabels", HASH_LABEL), hash_of)


def aligned(deployment: Deployment, existing: ReplicaSet, old: ReplicaSets) -> Document | None:
    """The existing new ReplicaSet with what it has to take over from its Deployment.

    Returns:
        The document to store; None where nothing has changed. What only its revision history
        would change is nothing.
    """
    given = revisions.annotations_of(existing)
    written, changed = revisions.for_new_replica_set(
        deployment, given, next_revision(old), exists=True
    )
    if not changed and existing.min_ready_seconds == deployment.min_ready_seconds:
        return None
    doc = with_value(existing.doc, ("metadata", "annotations"), Document(written))
    return with_value(doc, ("spec", "minReadySeconds"), deployment.min_ready_seconds)
