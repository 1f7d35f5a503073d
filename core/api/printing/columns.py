"""The columns of a resource's table as the API serves them: data.

A word is a column: its name with `_` for spaces, `:type` where that is not string, `*` before
those that only `-o wide` shows.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go, AddHandlers; the served tables
of custom resource definitions and API services.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.effects.address import Resource

_CONTAINERS: Final = "*Containers *Images *Selector"
_REPLICA_SET: Final = f"Name Desired:integer Current:integer Ready:integer Age {_CONTAINERS}"
_ROLE: Final = "Name Created_At:date"
_BINDING: Final = "Name Role Age *Users *Groups *ServiceAccounts"
_WEBHOOKS: Final = "Name Webhooks:integer Age"
_EVENT: Final = "Last_Seen Type Reason Object *Subobject *Source Message *First_Seen *Count *Name"

# fmt: off
_DATA: Final[dict[Resource, str]] = {
    "pods": "Name Ready Status Restarts Age *IP *Node *Nominated_Node *Readiness_Gates",
    "podtemplates": "Name Containers Images Pod_Labels",
    "poddisruptionbudgets.policy":
        "Name Min_Available Max_Unavailable Allowed_Disruptions:integer Age",
    "replicationcontrollers": _REPLICA_SET,
    "replicasets.apps": _REPLICA_SET,
    "daemonsets.apps": "Name Desired:integer Current:integer Ready:integer Up-to-date:integer "
        f"Available:integer Node_Selector Age {_CONTAINERS}",
    "jobs.batch": f"Name Status Completions Duration Age {_CONTAINERS}",
    "cronjobs.batch": "Name Schedule Timezone Suspend:boolean Active:integer Last_Schedule Age "
        f"{_CONTAINERS}",
    "services": "Name Type Cluster-IP External-IP Port(s) Age *Selector",
    "ingresses.networking.k8s.io": "Name Class Hosts Address Ports Age",
    "ingressclasses.networking.k8s.io": "Name Controller Parameters Age",
    "statefulsets.apps": "Name Ready Age *Containers *Images",
    "endpoints": "Name Endpoints Age",
    "nodes": "Name Status Roles Age Version *Internal-IP *External-IP *OS-Image *Kernel-Version "
        "*Container-Runtime",
    "events": _EVENT,
    "events.events.k8s.io": _EVENT,
    "namespaces": "Name Status Age",
    "secrets": "Name Type Data Age",
    "serviceaccounts": "Name Age",
    "persistentvolumes": "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass "
        "VolumeAttributesClass Reason Age *VolumeMode",
    "persistentvolumeclaims": "Name Status Volume Capacity Access_Modes StorageClass "
        "VolumeAttributesClass Age *VolumeMode",
    "componentstatuses": "Name Status Message Error",
    "deployments.apps": f"Name Ready Up-to-date Available Age {_CONTAINERS}",
    "horizontalpodautoscalers.autoscaling":
        "Name Reference Targets MinPods MaxPods Replicas Age",
    "configmaps": "Name Data Age",
    "networkpolicies.networking.k8s.io": "Name Pod-Selector Age",
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "roles.rbac.authorization.k8s.io": _ROLE,
    "clusterroles.rbac.authorization.k8s.io": _ROLE,
    "certificatesigningrequests.certificates.k8s.io":
        "Name Age SignerName Requestor RequestedDuration Condition",
    "leases.coordination.k8s.io": "Name Holder Age",
    "storageclasses.storage.k8s.io": "Name Provisioner ReclaimPolicy VolumeBindingMode "
        "AllowVolumeExpansion Age",
    "volumeattributesclasses.storage.k8s.io": "Name DriverName Age",
    "resourcequotas": "Name Request Limit Age",
    "limitranges": "Name Created_At:date",
    "priorityclasses.scheduling.k8s.io": "Name Value:integer Global-Default:boolean Age "
        "PreemptionPolicy",
    "runtimeclasses.node.k8s.io": "Name Handler Age",
    "volumeattachments.storage.k8s.io": "Name Attacher PV Node Attached:boolean Age",
    "endpointslices.discovery.k8s.io": "Name AddressType Ports Endpoints Age",
    "csinodes.storage.k8s.io": "Name Drivers:integer Age",
    "csidrivers.storage.k8s.io": "Name AttachRequired:boolean PodInfoOnMount:boolean "
        "StorageCapacity:boolean TokenRequests RequiresRepublish:boolean Modes Age",
    "csistoragecapacities.storage.k8s.io": "Name StorageClassName Capacity",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingadmissionpolicies.admissionregistration.k8s.io":
        "Name Validations:integer ParamKind Age",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io":
        "Name PolicyName ParamRef Age",
    "mutatingadmissionpolicies.admissionregistration.k8s.io":
        "Name Mutations:integer ParamKind Age",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io":
        "Name PolicyName ParamRef Age",
    "flowschemas.flowcontrol.apiserver.k8s.io": "Name PriorityLevel MatchingPrecedence "
        "DistinguisherMethod Age MissingPL",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "Name Type "
        "NominalConcurrencyShares Queues HandSize QueueLengthLimit Age",
    "controllerrevisions.apps": "Name Controller Revision Age",
    "servicecidrs.networking.k8s.io": "Name CIDRs Age",
    "ipaddresses.networking.k8s.io": "Name ParentRef Age",
    "resourceclaims.resource.k8s.io": "Name State Age",
    "resourceclaimtemplates.resource.k8s.io": "Name Age",
    "deviceclasses.resource.k8s.io": "Name Age",
    "resourceslices.resource.k8s.io": "Name Node Driver Pool Age",
    "customresourcedefinitions.apiextensions.k8s.io": "Name Created_At:date",
    "apiservices.apiregistration.k8s.io": "Name Service Available Age",
}
# fmt: on
_OTHERS: Final = "Name Created_At:date"
"""What upstream prints of kinds for which it has no printer."""


class Column(msgspec.Struct, frozen=True):
    """One column: its name, the type of its cells, and whether only `-o wide` shows it."""

    name: str
    type: str = "string"
    wide: bool = False

    @property
    def format(self) -> str:
        return "name" if self.name == "Name" else ""


def has_printer(resource: Resource) -> bool:
    """Whether upstream prints this resource in a way of its own."""
    return _DATA.get(resource, _OTHERS) != _OTHERS


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """The columns of a resource's table, in the API's order.

    >>> [column.name for column in columns_of("leases.coordination.k8s.io")]
    ['Name', 'Holder', 'Age']
    """
    return tuple(_column(word) for word in _DATA.get(resource, _OTHERS).split())


def _column(word: str) -> Column:
    name, _, kind = word.lstrip("*").partition(":")
    return Column(name.replace("_", " "), kind or "string", word.startswith("*"))
