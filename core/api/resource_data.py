"""The built-in resources by API group: generated data, `resources.py` says what they mean.

Columns: plural name, kind, whether it lives in namespaces, short names, categories,
subresources, and the verbs where they are not all eight.

Source: discovery of a Kubernetes v1.36 API server (/api, /apis).
"""

from __future__ import annotations

from typing import Final, TypeAlias

Row: TypeAlias = tuple[str, str, bool, str, str, str, str]

NS: Final = True
CLUSTER: Final = False

# fmt: off
ROWS: Final[dict[str, tuple[Row, ...]]] = {
    "v1": (
        ("bindings", "Binding", NS, "", "", "", "create"),
        ("componentstatuses", "ComponentStatus", CLUSTER, "cs", "", "", "get list"),
        ("configmaps", "ConfigMap", NS, "cm", "", "", ""),
        ("endpoints", "Endpoints", NS, "ep", "", "", ""),
        ("events", "Event", NS, "ev", "", "", ""),
        ("limitranges", "LimitRange", NS, "limits", "", "", ""),
        ("namespaces", "Namespace", CLUSTER, "ns", "", "finalize status",
         "create delete get list patch update watch"),
        ("nodes", "Node", CLUSTER, "no", "", "proxy status", ""),
        ("persistentvolumeclaims", "PersistentVolumeClaim", NS, "pvc", "", "status", ""),
        ("persistentvolumes", "PersistentVolume", CLUSTER, "pv", "", "status", ""),
        ("pods", "Pod", NS, "po", "all",
         "attach binding ephemeralcontainers eviction exec log portforward proxy resize status",
         ""),
        ("podtemplates", "PodTemplate", NS, "", "", "", ""),
        ("replicationcontrollers", "ReplicationController", NS, "rc", "all", "scale status", ""),
        ("resourcequotas", "ResourceQuota", NS, "quota", "", "status", ""),
        ("secrets", "Secret", NS, "", "", "", ""),
        ("serviceaccounts", "ServiceAccount", NS, "sa", "", "token", ""),
        ("services", "Service", NS, "svc", "all", "proxy status", ""),
    ),
    "admissionregistration.k8s.io/v1": (
        ("mutatingadmissionpolicies", "MutatingAdmissionPolicy", CLUSTER, "", "api-extensions",
         "", ""),
        ("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", CLUSTER, "",
         "api-extensions", "", ""),
        ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", CLUSTER, "",
         "api-extensions", "", ""),
        ("validatingadmissionpolicies", "ValidatingAdmissionPolicy", CLUSTER, "",
         "api-extensions", "status", ""),
        ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", CLUSTER, "",
         "api-extensions", "", ""),
        ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", CLUSTER, "",
         "api-extensions", "", ""),
    ),
    "apiextensions.k8s.io/v1": (
        ("customresourcedefinitions", "CustomResourceDefinition", CLUSTER, "crd crds",
         "api-extensions", "status", ""),
    ),
    "apiregistration.k8s.io/v1": (
        ("apiservices", "APIService", CLUSTER, "", "api-extensions", "status", ""),
    ),
    "apps/v1": (
        ("controllerrevisions", "ControllerRevision", NS, "", "", "", ""),
        ("daemonsets", "DaemonSet", NS, "ds", "all", "status", ""),
        ("deployments", "Deployment", NS, "deploy", "all", "scale status", ""),
        ("replicasets", "ReplicaSet", NS, "rs", "all", "scale status", ""),
        ("statefulsets", "StatefulSet", NS, "sts", "all", "scale status", ""),
    ),
    "authentication.k8s.io/v1": (
        ("selfsubjectreviews", "SelfSubjectReview", CLUSTER, "", "", "", "create"),
        ("tokenreviews", "TokenReview", CLUSTER, "", "", "", "create"),
    ),
    "authorization.k8s.io/v1": (
        ("localsubjectaccessreviews", "LocalSubjectAccessReview", NS, "", "", "", "create"),
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview", CLUSTER, "", "", "", "create"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview", CLUSTER, "", "", "", "create"),
        ("subjectaccessreviews", "SubjectAccessReview", CLUSTER, "", "", "", "create"),
    ),
    "autoscaling/v2": (
        ("horizontalpodautoscalers", "HorizontalPodAutoscaler", NS, "hpa", "all", "status", ""),
    ),
    "batch/v1": (
        ("cronjobs", "CronJob", NS, "cj", "all", "status", ""),
        ("jobs", "Job", NS, "", "all", "status", ""),
    ),
    "certificates.k8s.io/v1": (
        ("certificatesigningrequests", "CertificateSigningRequest", CLUSTER, "csr", "",
         "approval status", ""),
    ),
    "coordination.k8s.io/v1": (
        ("leases", "Lease", NS, "", "", "", ""),
    ),
    "discovery.k8s.io/v1": (
        ("endpointslices", "EndpointSlice", NS, "", "", "", ""),
    ),
    "events.k8s.io/v1": (
        ("events", "Event", NS, "ev", "", "", ""),
    ),
    "flowcontrol.apiserver.k8s.io/v1": (
        ("flowschemas", "FlowSchema", CLUSTER, "", "", "status", ""),
        ("prioritylevelconfigurations", "PriorityLevelConfiguration", CLUSTER, "", "", "status",
         ""),
    ),
    "networking.k8s.io/v1": (
        ("ingressclasses", "IngressClass", CLUSTER, "", "", "", ""),
        ("ingresses", "Ingress", NS, "ing", "", "status", ""),
        ("ipaddresses", "IPAddress", CLUSTER, "ip", "", "", ""),
        ("networkpolicies", "NetworkPolicy", NS, "netpol", "", "", ""),
        ("servicecidrs", "ServiceCIDR", CLUSTER, "", "", "status", ""),
    ),
    "node.k8s.io/v1": (
        ("runtimeclasses", "RuntimeClass", CLUSTER, "", "", "", ""),
    ),
    "policy/v1": (
        ("poddisruptionbudgets", "PodDisruptionBudget", NS, "pdb", "", "status", ""),
    ),
    "rbac.authorization.k8s.io/v1": (
        ("clusterrolebindings", "ClusterRoleBinding", CLUSTER, "", "", "", ""),
        ("clusterroles", "ClusterRole", CLUSTER, "", "", "", ""),
        ("rolebindings", "RoleBinding", NS, "", "", "", ""),
        ("roles", "Role", NS, "", "", "", ""),
    ),
    "resource.k8s.io/v1": (
        ("deviceclasses", "DeviceClass", CLUSTER, "", "", "", ""),
        ("resourceclaims", "ResourceClaim", NS, "", "", "status", ""),
        ("resourceclaimtemplates", "ResourceClaimTemplate", NS, "", "", "", ""),
        ("resourceslices", "ResourceSlice", CLUSTER, "", "", "", ""),
    ),
    "scheduling.k8s.io/v1": (
        ("priorityclasses", "PriorityClass", CLUSTER, "pc", "", "", ""),
    ),
    "storage.k8s.io/v1": (
        ("csidrivers", "CSIDriver", CLUSTER, "", "", "", ""),
        ("csinodes", "CSINode", CLUSTER, "", "", "", ""),
        ("csistoragecapacities", "CSIStorageCapacity", NS, "", "", "", ""),
        ("storageclasses", "StorageClass", CLUSTER, "sc", "", "", ""),
        ("volumeattachments", "VolumeAttachment", CLUSTER, "", "", "status", ""),
        ("volumeattributesclasses", "VolumeAttributesClass", CLUSTER, "vac", "", "", ""),
    ),
}
# fmt: on
