"""What the API fills in, by resource.

`default` answers with the same document where there is nothing to fill in, and shares every part
that it does not touch; a pod template's specification is filled in once however many pods are
made from it (`kelm.core.api.known`).

Source: kubernetes v1.36, pkg/apis/*/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.custom.definitions import completed
from kelm.core.api.defaulting import devices, others, pod, service, volumes, workloads
from kelm.effects.address import Resource
from kelm.effects.document import Document

Defaulter = Callable[[Document], Document]


def _claim(doc: Document) -> Document:
    return volumes.claim(others.tidied(doc))


def _persistent_volume(doc: Document) -> Document:
    return volumes.persistent_volume(others.tidied(doc))


DEFAULTERS: Final[dict[Resource, Defaulter]] = {
    "pods": pod.pod,
    "podtemplates": workloads.pod_template_object,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "statefulsets.apps": workloads.stateful_set,
    "daemonsets.apps": workloads.daemon_set,
    "replicationcontrollers": workloads.replication_controller,
    "jobs.batch": workloads.job,
    "cronjobs.batch": workloads.cron_job,
    "services": service.service,
    "endpoints": service.endpoints,
    "endpointslices.discovery.k8s.io": service.endpoint_slice,
    "namespaces": others.namespace,
    "nodes": others.node,
    "secrets": others.secret,
    "configmaps": others.config_map,
    "serviceaccounts": others.metadata_only,
    "limitranges": others.limit_range,
    "resourcequotas": others.tidied,
    "persistentvolumes": _persistent_volume,
    "persistentvolumeclaims": _claim,
    "poddisruptionbudgets.policy": others.tidied,
    "horizontalpodautoscalers.autoscaling": others.horizontal_pod_autoscaler,
    "networkpolicies.networking.k8s.io": others.network_policy,
    "ingressclasses.networking.k8s.io": others.ingress_class,
    "flowschemas.flowcontrol.apiserver.k8s.io": others.flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": others.priority_level,
    "rolebindings.rbac.authorization.k8s.io": others.role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": others.role_binding,
    "priorityclasses.scheduling.k8s.io": others.priority_class,
    "storageclasses.storage.k8s.io": others.storage_class,
    "apiservices.apiregistration.k8s.io": others.api_service,
    "ipaddresses.networking.k8s.io": others.ip_address,
    "csidrivers.storage.k8s.io": others.csi_driver,
    "resourceclaims.resource.k8s.io": devices.claim,
    "resourceclaimtemplates.resource.k8s.io": devices.template,
    "resourceslices.resource.k8s.io": others.metadata_only,
    "deviceclasses.resource.k8s.io": others.metadata_only,
    "customresourcedefinitions.apiextensions.k8s.io": completed,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": others.webhook_configuration,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": others.webhook_configuration,
    "validatingadmissionpolicies.admissionregistration.k8s.io": others.admission_policy,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": others.admission_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": (
        others.admission_policy_binding
    ),
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": others.admission_policy_binding,
}
"""The defaults of every resource that has any."""


def default(resource: Resource, doc: Document) -> Document:
    """Fill in what a manifest leaves to the API.

    >>> pod = default("pods", Document(kind="Pod", spec=Document(containers=())))
    >>> pod["spec"]["restartPolicy"], default("pods", pod) is pod
    ('Always', True)
    """
    return DEFAULTERS.get(resource, others.metadata_only)(doc)


STATUS_DEFAULTERS: Final[dict[Resource, Defaulter]] = {"services": service.with_ingress_modes}
"""Of statuses that are written alone; all others have no defaults that are not there already."""


def default_status(resource: Resource, doc: Document) -> Document:
    """Fill in what a new status leaves to the API."""
    defaulter = STATUS_DEFAULTERS.get(resource)
    return doc if defaulter is None else defaulter(doc)
