"""In what the resources differ when they are written: upstream's strategies as tables.

Source: kubernetes v1.36, pkg/registry/*/*/strategy.go and storage/storage.go.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.address import Resource
from kelm.effects.document import EMPTY, Document, Json

SPEC: Final = ("spec",)

GENERATION_FIELDS: Final[dict[Resource, tuple[str, ...]]] = {
    "pods": SPEC,
    "replicationcontrollers": SPEC,
    "daemonsets.apps": SPEC,
    "deployments.apps": SPEC,
    "replicasets.apps": SPEC,
    "statefulsets.apps": SPEC,
    "cronjobs.batch": SPEC,
    "jobs.batch": SPEC,
    "ingresses.networking.k8s.io": SPEC,
    "ingressclasses.networking.k8s.io": SPEC,
    "networkpolicies.networking.k8s.io": SPEC,
    "poddisruptionbudgets.policy": SPEC,
    "endpointslices.discovery.k8s.io": ("addressType", "endpoints", "ports"),
    "podtemplates": ("template",),
    "priorityclasses.scheduling.k8s.io": (),
    "flowschemas.flowcontrol.apiserver.k8s.io": SPEC,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": SPEC,
    "customresourcedefinitions.apiextensions.k8s.io": SPEC,
    "deviceclasses.resource.k8s.io": SPEC,
    "resourceslices.resource.k8s.io": SPEC,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": ("webhooks",),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": ("webhooks",),
    "mutatingadmissionpolicies.admissionregistration.k8s.io": SPEC,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": SPEC,
    "validatingadmissionpolicies.admissionregistration.k8s.io": SPEC,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": SPEC,
}
"""Resources whose objects begin at generation 1, and the fields whose change raises it."""

GENERATION_METADATA: Final[dict[Resource, str]] = {
    "deployments.apps": "annotations",
    "endpointslices.discovery.k8s.io": "labels",
}
"""Metadata whose change raises the generation too."""

CREATED_BY_UPDATE: Final[frozenset[Resource]] = frozenset(
    {
        "endpoints",
        "events",
        "limitranges",
        "services",
        "endpointslices.discovery.k8s.io",
        "leases.coordination.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "roles.rbac.authorization.k8s.io",
    }
)
"""Resources of which an update makes a new object where there is none."""

VERSION_REQUIRED: Final[frozenset[Resource]] = frozenset(
    {
        "leases.coordination.k8s.io",
        "poddisruptionbudgets.policy",
        "runtimeclasses.node.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    }
)
"""Resources whose updates must say which version they were made from."""

RETURNED_WHEN_DELETED: Final[frozenset[Resource]] = frozenset(
    {
        "pods",
        "podtemplates",
        "persistentvolumes",
        "persistentvolumeclaims",
        "resourcequotas",
        "serviceaccounts",
        "services",
        "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io",
        "resourceslices.resource.k8s.io",
        "deviceclasses.resource.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
    }
)
"""Deleting these answers with the object, deleting others with a Status."""

ORPHANED_BY_DEFAULT: Final[frozenset[Resource]] = frozenset(
    {"replicationcontrollers", "jobs.batch"}
)
"""Where a deletion that names no policy leaves the dependents alone, as it always did."""

NOT_COLLECTED: Final[frozenset[Resource]] = frozenset({"events"})
"""The garbage collector knows nothing of these."""

LABELS_KEPT: Final[frozenset[Resource]] = frozenset({"deployments.apps"})
"""Where a status update leaves the labels as they are."""

LABELLED_BY_TEMPLATE: Final[frozenset[Resource]] = frozenset(
    {"replicationcontrollers", "jobs.batch"}
)
"""What has its template's labels where a request brings none, a status update's, too."""

IMMORTAL_NAMESPACES: Final[frozenset[str]] = frozenset({"default", "kube-system", "kube-public"})

_REPLICAS: Final = Document(replicas=0)
_LOAD_BALANCER: Final = Document(loadBalancer=EMPTY)

FIRST_STATUS: Final[dict[Resource, Document]] = {
    "namespaces": Document(phase="Active"),
    "persistentvolumes": Document(phase="Pending"),
    "persistentvolumeclaims": Document(phase="Pending"),
    "replicationcontrollers": _REPLICAS,
    "services": _LOAD_BALANCER,
    "daemonsets.apps": Document(
        currentNumberScheduled=0,
        numberMisscheduled=0,
        desiredNumberScheduled=0,
        numberReady=0,
    ),
    "volumeattachments.storage.k8s.io": Document(attached=False),
    "replicasets.apps": _REPLICAS,
    "statefulsets.apps": Document(replicas=0, availableReplicas=0),
    "horizontalpodautoscalers.autoscaling": Document(desiredReplicas=0, currentMetrics=None),
    "ingresses.networking.k8s.io": _LOAD_BALANCER,
    "poddisruptionbudgets.policy": Document(
        disruptionsAllowed=0, currentHealthy=0, desiredHealthy=0, expectedPods=0
    ),
}
"""The status of a new object, where it is not just empty: what upstream always prints."""

STATUS_FROM_CREATOR: Final[frozenset[Resource]] = frozenset(
    {"nodes", "apiservices.apiregistration.k8s.io"}
)
"""Whoever creates one of these says what its status is."""


def raises_generation(resource: Resource, old: Document, new: Document) -> bool:
    """Whether a change of an object is one of what it asks for.

    >>> one, two = Document(spec=Document(replicas=1)), Document(spec=Document(replicas=2))
    >>> raises_generation("deployments.apps", one, two), raises_generation("services", one, two)
    (True, False)
    """
    for field in GENERATION_FIELDS.get(resource, ()):
        if old.get(field) != new.get(field):
            return True
    field = GENERATION_METADATA.get(resource, "")
    return bool(field) and _part(old, field) != _part(new, field)


def _part(doc: Document, field: str) -> Json:
    meta = doc.get("metadata")
    return (meta.get(field) or EMPTY) if isinstance(meta, Document) else EMPTY
