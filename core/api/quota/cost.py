"""What an object costs a ResourceQuota, and which scopes a pod is in.

Source: kubernetes v1.36, pkg/quota/v1/evaluator/core (pods.go, services.go,
persistent_volume_claims.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.objects.pod_resources import Amounts, amounts, pod_limits, pod_requests
from kelm.core.objects.qos import qos_class
from kelm.core.objects.quantity import Quantity
from kelm.core.objects.time import parse_time
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, children, elements, number, text, value_at

COMPUTE = ("cpu", "memory", "ephemeral-storage")
DEVICE_CLASS = "deviceclass.resource.kubernetes.io/"
_ONE = Quantity(1)


def pod_usage(pod: Document, now_ms: int) -> Amounts:
    """What a pod costs; one that has ended, or should have by now, only counts as an object.

    >>> {name: str(amount) for name, amount in pod_usage(Document(), 0).items()}
    {'count/pods': '1', 'pods': '1'}
    """
    usage: Amounts = {"count/pods": _ONE}
    if not counts(pod, now_ms):
        return usage
    usage["pods"] = _ONE
    spec = child(pod, "spec")
    for name, amount in pod_requests(spec).items():
        if name in COMPUTE or name.startswith("hugepages-"):
            usage[name] = amount
        if name in usage or _is_extended(name):
            usage[f"requests.{name}"] = amount
    for name, amount in pod_limits(spec).items():
        if name in COMPUTE:
            usage[f"limits.{name}"] = amount
    return usage


def counts(pod: Document, now_ms: int) -> bool:
    """Whether a pod still takes up what it asked for."""
    if text(pod, "status", "phase") in ("Failed", "Succeeded"):
        return False
    deleted = text(pod, "metadata", "deletionTimestamp")
    grace_ms = number(pod, "metadata", "deletionGracePeriodSeconds") * 1_000
    return not deleted or now_ms <= parse_time(deleted) + grace_ms


def _is_extended(name: str) -> bool:
    return "/" in name and ("kubernetes.io/" not in name or name.startswith(DEVICE_CLASS))


def service_usage(service: Document) -> Amounts:
    """What a Service costs: itself, its load balancer, its node ports."""
    kind = text(service, "spec", "type")
    ports = children(service, "spec", "ports")
    node_ports = len(ports) if kind in ("NodePort", "LoadBalancer") else 0
    allocates = value_at(service, "spec", "allocateLoadBalancerNodePorts") is not False
    if kind == "LoadBalancer" and not allocates:
        node_ports = sum(bool(port.get("nodePort")) for port in ports)
    return {
        "count/services": _ONE,
        "services": _ONE,
        "services.nodeports": Quantity(node_ports),
        "services.loadbalancers": Quantity(int(kind == "LoadBalancer")),
    }


def claim_usage(claim: Document) -> Amounts:
    """What a PersistentVolumeClaim costs, once in all and once for its storage class."""
    usage: Amounts = {"count/persistentvolumeclaims": _ONE, "persistentvolumeclaims": _ONE}
    storage = _storage(claim)
    if storage is not None:
        usage["requests.storage"] = storage
    storage_class = text(claim, "spec", "storageClassName") or text(
        claim, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class"
    )
    if storage_class:
        prefix = f"{storage_class}.storageclass.storage.k8s.io/"
        usage[f"{prefix}persistentvolumeclaims"] = _ONE
        if storage is not None:
            usage[f"{prefix}requests.storage"] = storage
    return usage


def _storage(claim: Document) -> Quantity | None:
    """The larger of what is asked for and what was allocated, in whole bytes."""
    asked = amounts(child(claim, "spec", "resources", "requests")).get("storage")
    given = amounts(child(claim, "status", "allocatedResources")).get("storage")
    if asked is None:
        return None
    larger = given if given is not None and given.compare(asked) > 0 else asked
    return larger.rounded_up(0)


NAMED_ALONE = frozenset({"configmaps", "secrets", "replicationcontrollers", "resourcequotas"})
"""Resources that a quota may count by their plain name, beside `count/...`."""


def usage_of(resource: Resource, doc: Document, now_ms: int) -> Amounts:
    """What an object of any kind costs.

    >>> list(usage_of("deployments.apps", Document(), 0))
    ['count/deployments.apps']
    """
    if resource == "pods":
        return pod_usage(doc, now_ms)
    if resource == "services":
        return service_usage(doc)
    if resource == "persistentvolumeclaims":
        return claim_usage(doc)
    names = [f"count/{resource}", *([resource] if resource in NAMED_ALONE else [])]
    return dict.fromkeys(names, _ONE)


def charged_to(quota: Document, resource: Resource, doc: Document) -> bool:
    """Whether a quota is about an object; one with scopes is about some pods only.

    Source: pkg/quota/v1/generic/evaluator.go (Matches), getScopeSelectorsFromQuota.
    """
    scopes = [
        Document(scopeName=name, operator="Exists") for name in elements(quota, "spec", "scopes")
    ]
    scopes += children(quota, "spec", "scopeSelector", "matchExpressions")
    return not scopes or (resource == "pods" and all(matches_scope(doc, one) for one in scopes))


def is_terminating(pod: Document) -> bool:
    """Whether a pod's time is limited."""
    deadline = value_at(pod, "spec", "activeDeadlineSeconds")
    return isinstance(deadline, int) and deadline >= 0


def matches_scope(pod: Document, requirement: Document) -> bool:
    """Whether a pod is in a scope that a quota or its selector names."""
    scope = text(requirement, "scopeName")
    if scope in ("Terminating", "NotTerminating"):
        return is_terminating(pod) == (scope == "Terminating")
    if scope in ("BestEffort", "NotBestEffort"):
        best_effort = qos_class(child(pod, "spec")) == "BestEffort"
        return best_effort == (scope == "BestEffort")
    if scope == "PriorityClass":
        return _in_class(text(pod, "spec", "priorityClassName"), requirement)
    return scope == "CrossNamespacePodAffinity" and any(
        elements(term, "namespaces") or isinstance(term.get("namespaceSelector"), Document)
        for term in _affinity_terms(pod)
    )


def _in_class(name: str, requirement: Document) -> bool:
    """Whether a priority class, "" for none, is one of those that are meant."""
    operator, values = text(requirement, "operator"), elements(requirement, "values")
    if operator in ("Exists", "DoesNotExist"):
        return bool(name) == (operator == "Exists")
    if operator == "NotIn":
        return not name or name not in values
    return bool(name) and operator == "In" and name in values


def _affinity_terms(pod: Document) -> Iterator[Document]:
    for side in ("podAffinity", "podAntiAffinity"):
        rules = child(pod, "spec", "affinity", side)
        yield from children(rules, "requiredDuringSchedulingIgnoredDuringExecution")
        for weighted in children(rules, "preferredDuringSchedulingIgnoredDuringExecution"):
            yield child(weighted, "podAffinityTerm")
