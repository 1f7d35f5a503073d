"""What the API refuses, by resource: every violation at once.

Objects are judged as they are after defaulting and admission. A resource without rules of its
own is judged by its metadata. Rules of a part are worked out once a part and kept with it, so
that a thousand pods of one template cost one validation (`kelm.core.api.known`).

Source: kubernetes v1.36, pkg/apis/*/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.custom import registered as definitions
from kelm.core.api.policies import registered as policies
from kelm.core.api.validation import (
    autoscaling,
    cluster,
    config,
    endpoints,
    jobs,
    others,
    service,
    service_addresses,
    signing_requests,
    workloads,
)
from kelm.core.api.validation.access import api_services, flow_control, roles
from kelm.core.api.validation.devices import claims, slices
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.networking import ingresses, network_policies
from kelm.core.api.validation.pods import pod, runtime_class
from kelm.core.api.validation.pods import update as pod_update
from kelm.core.api.validation.pods.pod import template_violations
from kelm.core.api.validation.storage import classes, csi, persistent_volumes
from kelm.core.api.validation.violation import Violations
from kelm.core.api.webhooks.rules import (
    MUTATING,
    VALIDATING,
    webhooks_create,
    webhooks_update,
)
from kelm.core.objects.signing_requests import SIGNING_REQUESTS
from kelm.effects.address import Resource
from kelm.effects.document import Document, child

Create = Callable[[Document], Violations]
Update = Callable[[Document, Document], Violations]

CREATE_RULES: Final[dict[Resource, Create]] = {
    "pods": pod.pod_create,
    "services": service.service_create,
    "deployments.apps": workloads.deployment_create,
    "replicasets.apps": workloads.replica_set_create,
    "daemonsets.apps": workloads.daemon_set_create,
    "statefulsets.apps": workloads.stateful_set_create,
    claims.CLAIMS: claims.claim_create,
    claims.TEMPLATES: claims.template_create,
    slices.CLASSES: slices.class_create,
    slices.SLICES: slices.slice_create,
    "replicationcontrollers": workloads.replication_controller_create,
    "jobs.batch": jobs.job_create,
    "cronjobs.batch": jobs.cron_job_create,
    "configmaps": config.config_map_create,
    "secrets": config.secret_create,
    "namespaces": cluster.namespace_create,
    "nodes": cluster.node_create,
    "leases.coordination.k8s.io": cluster.lease_create,
    "controllerrevisions.apps": cluster.controller_revision_create,
    "events": cluster.event_create,
    "priorityclasses.scheduling.k8s.io": cluster.priority_class_create,
    "endpoints": endpoints.endpoints_create,
    "endpointslices.discovery.k8s.io": endpoints.endpoint_slice_create,
    "poddisruptionbudgets.policy": others.disruption_budget_create,
    "resourcequotas": others.resource_quota_create,
    "limitranges": others.limit_range_create,
    "persistentvolumeclaims": others.claim_create,
    autoscaling.RESOURCE: autoscaling.autoscaler_create,
    "persistentvolumes": persistent_volumes.volume_create,
    classes.CLASSES: classes.class_create,
    classes.ATTRIBUTES: classes.attributes_create,
    csi.DRIVERS: csi.driver_create,
    csi.NODES: csi.node_create,
    csi.CAPACITIES: csi.capacity_create,
    csi.ATTACHMENTS: csi.attachment_create,
    ingresses.INGRESSES: ingresses.ingress_create,
    ingresses.CLASSES: ingresses.class_create,
    network_policies.POLICIES: network_policies.policy_create,
    flow_control.SCHEMAS: flow_control.schema_create,
    flow_control.LEVELS: flow_control.level_create,
    api_services.SERVICES: api_services.service_create,
    runtime_class.CLASSES: runtime_class.class_create,
    **dict.fromkeys(roles.PLURALS.values(), roles.create),
    "ipaddresses.networking.k8s.io": service_addresses.address_create,
    "servicecidrs.networking.k8s.io": service_addresses.range_create,
    SIGNING_REQUESTS: signing_requests.signing_request_create,
    definitions.DEFINITIONS: definitions.definition_create,
    VALIDATING: webhooks_create,
    MUTATING: webhooks_create,
}
"""Kinds whose new objects are judged by rules of their own, metadata included."""

UPDATE_RULES: Final[dict[Resource, Update]] = {
    "pods": pod_update.pod_update,
    "services": service.service_update,
    "deployments.apps": workloads.deployment_update,
    "replicasets.apps": workloads.replica_set_update,
    "daemonsets.apps": workloads.daemon_set_update,
    "statefulsets.apps": workloads.stateful_set_update,
    claims.CLAIMS: claims.claim_update,
    claims.TEMPLATES: claims.template_update,
    slices.CLASSES: slices.class_update,
    slices.SLICES: slices.slice_update,
    "replicationcontrollers": workloads.replication_controller_update,
    "jobs.batch": jobs.job_update,
    "cronjobs.batch": jobs.cron_job_update,
    "configmaps": config.config_map_update,
    "secrets": config.secret_update,
    "namespaces": cluster.namespace_update,
    "nodes": cluster.node_update,
    "leases.coordination.k8s.io": cluster.lease_update,
    "controllerrevisions.apps": cluster.controller_revision_update,
    "priorityclasses.scheduling.k8s.io": cluster.priority_class_update,
    "endpoints": endpoints.endpoints_update,
    "endpointslices.discovery.k8s.io": endpoints.endpoint_slice_update,
    "poddisruptionbudgets.policy": others.disruption_budget_update,
    "resourcequotas": others.resource_quota_update,
    "limitranges": others.limit_range_update,
    "persistentvolumeclaims": others.claim_update,
    autoscaling.RESOURCE: autoscaling.autoscaler_update,
    "persistentvolumes": persistent_volumes.volume_update,
    classes.CLASSES: classes.class_update,
    classes.ATTRIBUTES: classes.attributes_update,
    csi.DRIVERS: csi.driver_update,
    csi.NODES: csi.node_update,
    csi.CAPACITIES: csi.capacity_update,
    csi.ATTACHMENTS: csi.attachment_update,
    ingresses.INGRESSES: ingresses.ingress_update,
    ingresses.CLASSES: ingresses.class_update,
    network_policies.POLICIES: network_policies.policy_update,
    flow_control.SCHEMAS: flow_control.schema_update,
    flow_control.LEVELS: flow_control.level_update,
    api_services.SERVICES: api_services.service_update,
    runtime_class.CLASSES: runtime_class.class_update,
    **dict.fromkeys(roles.PLURALS.values(), roles.update),
    "ipaddresses.networking.k8s.io": service_addresses.address_update,
    "servicecidrs.networking.k8s.io": service_addresses.range_update,
    SIGNING_REQUESTS: signing_requests.signing_request_update,
    definitions.DEFINITIONS: definitions.definition_update,
    VALIDATING: webhooks_update,
    MUTATING: webhooks_update,
}

STATUS_RULES: Final[dict[Resource, Update]] = {
    "pods": pod_update.pod_status_update,
    "services": service.service_status_update,
    "deployments.apps": workloads.workload_status_update,
    "replicasets.apps": workloads.workload_status_update,
    "statefulsets.apps": workloads.workload_status_update,
    claims.CLAIMS: claims.claim_status_update,
    "replicationcontrollers": workloads.workload_status_update,
    "jobs.batch": jobs.job_status_update,
    "namespaces": cluster.namespace_status_update,
    ingresses.INGRESSES: ingresses.ingress_status_update,
    flow_control.SCHEMAS: flow_control.conditions_update,
    flow_control.LEVELS: flow_control.conditions_update,
    api_services.SERVICES: api_services.service_status_update,
    "nodes": cluster.node_status_update,
    definitions.DEFINITIONS: definitions.definition_status_update,
    SIGNING_REQUESTS: signing_requests.signing_request_status_update,
    f"{SIGNING_REQUESTS}/approval": signing_requests.signing_request_approval_update,
}

PART_RULES: Final[dict[Resource, Callable[[Document], Rules]]] = {
    "podtemplates": lambda doc: template_violations(child(doc, "template"), "template"),
    policies.VALIDATING: policies.validating_policy,
    policies.VALIDATING_BINDINGS: policies.validating_binding,
    policies.MUTATING: policies.mutating_policy,
    policies.MUTATING_BINDINGS: policies.mutating_binding,
}
"""Kinds that have rules beside those of metadata, the same for new and changed objects."""


def _parts(resource: Resource, doc: Document) -> Violations:
    rules = PART_RULES.get(resource)
    return () if rules is None else tuple(rules(doc))


def validate_create(resource: Resource, doc: Document) -> Violations:
    """What is wrong with a new object; nothing where it may be stored.

    >>> [item.text for item in validate_create("namespaces", Document(metadata=Document(name="A")))]
    ... # doctest: +ELLIPSIS
    ['metadata.name: Invalid value: "A": a lowercase RFC 1123 label must consist of ...']
    """
    rule = CREATE_RULES.get(resource)
    if rule is not None:
        return rule(doc)
    return (*metadata(doc, resource), *_parts(resource, doc))


def validate_update(resource: Resource, old: Document, new: Document) -> Violations:
    """What is wrong with an object that is to replace `old`, status aside."""
    rule = UPDATE_RULES.get(resource)
    if rule is not None:
        return rule(old, new)
    return (*metadata_update(old, new), *_parts(resource, new))


def validate_status_update(
    resource: Resource, old: Document, new: Document, subresource: str = "status"
) -> Violations:
    """What is wrong with the status that is to replace that of `old`."""
    rule = STATUS_RULES.get(resource if subresource == "status" else f"{resource}/{subresource}")
    return tuple(metadata_update(old, new)) if rule is None else rule(old, new)
