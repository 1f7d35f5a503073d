"""Rows of budgets, quotas, priorities, fairness, admission, and the network's own kinds.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kelm.core.api.printing.cells import NONE, UNSET, age_of, joined, name_of, selector_cell
from kelm.effects.document import (
    Document,
    Json,
    child,
    children,
    elements,
    flag,
    number,
    text,
    value_at,
)

SHOWN_HOSTS = 3
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


def budget(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a PodDisruptionBudget."""
    limits = (value_at(doc, "spec", field) for field in ("minAvailable", "maxUnavailable"))
    shown = ("N/A" if limit is None else str(limit) for limit in limits)
    allowed = number(doc, "status", "disruptionsAllowed")
    return name_of(doc), *shown, allowed, age_of(doc, now_ms)


def quota(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ResourceQuota."""
    hard, used = child(doc, "status", "hard"), child(doc, "status", "used")
    shown = [(key, f"{key}: {used.get(key) or '0'}/{hard[key]}") for key in sorted(hard)]
    requests = ", ".join(said for key, said in shown if not key.startswith("limits."))
    limits = ", ".join(said for key, said in shown if key.startswith("limits."))
    return name_of(doc), requests, limits, age_of(doc, now_ms)


def priority(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a PriorityClass."""
    return (
        name_of(doc),
        number(doc, "value"),
        flag(doc, "globalDefault"),
        age_of(doc, now_ms),
        text(doc, "preemptionPolicy"),
    )


def runtime_class(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a RuntimeClass."""
    return name_of(doc), text(doc, "handler"), age_of(doc, now_ms)


def flow_schema(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a FlowSchema."""
    spec = child(doc, "spec")
    dangling = (
        text(one, "status")
        for one in children(doc, "status", "conditions")
        if text(one, "type") == "Dangling"
    )
    return (
        name_of(doc),
        text(spec, "priorityLevelConfiguration", "name"),
        number(spec, "matchingPrecedence"),
        text(spec, "distinguisherMethod", "type") or NONE,
        age_of(doc, now_ms),
        next(dangling, "?"),
    )


def priority_level(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a PriorityLevelConfiguration."""
    spec = child(doc, "spec")
    queuing = child(spec, "limited", "limitResponse", "queuing")
    shares = value_at(spec, "limited", "nominalConcurrencyShares")
    queues = (queuing.get(key) for key in ("queues", "handSize", "queueLengthLimit"))
    return (
        name_of(doc),
        text(spec, "type"),
        *(NONE if one is None else one for one in (shares, *queues)),
        age_of(doc, now_ms),
    )


def webhooks(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a webhook configuration."""
    return name_of(doc), len(elements(doc, "webhooks")), age_of(doc, now_ms)


def validating_policy(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ValidatingAdmissionPolicy."""
    return _policy(doc, "validations", now_ms)


def mutating_policy(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a MutatingAdmissionPolicy."""
    return _policy(doc, "mutations", now_ms)


def _policy(doc: Document, rules: str, now_ms: int) -> tuple[Json, ...]:
    kind = child(doc, "spec", "paramKind")
    shown = f"{text(kind, 'apiVersion')}/{text(kind, 'kind')}" if kind else UNSET
    return name_of(doc), len(elements(doc, "spec", rules)), shown, age_of(doc, now_ms)


def policy_binding(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a binding of an admission policy."""
    reference = child(doc, "spec", "paramRef")
    shown = UNSET
    if text(reference, "name"):
        shown = f"{text(reference, 'namespace') or '*'}/{text(reference, 'name')}"
    elif "selector" in reference:
        shown = selector_cell(reference, "selector")
    return name_of(doc), text(doc, "spec", "policyName"), shown, age_of(doc, now_ms)


def ingress(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an Ingress."""
    spec = child(doc, "spec")
    found = children(doc, "status", "loadBalancer", "ingress")
    addresses = sorted({text(one, "ip") or text(one, "hostname") for one in found} - {""})
    return (
        name_of(doc),
        text(spec, "ingressClassName") or NONE,
        _hosts(children(spec, "rules")),
        ",".join(addresses),
        "80, 443" if children(spec, "tls") else "80",
        age_of(doc, now_ms),
    )


def _hosts(rules: tuple[Document, ...]) -> str:
    hosts = [text(rule, "host") for rule in rules if text(rule, "host")]
    if not hosts:
        return "*"
    shown = ",".join(hosts[:SHOWN_HOSTS])
    more = len(hosts) > SHOWN_HOSTS or (len(hosts) == SHOWN_HOSTS and len(rules) > SHOWN_HOSTS)
    return f"{shown} + {len(rules) - SHOWN_HOSTS} more..." if more else shown


def ingress_class(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an IngressClass."""
    parameters = child(doc, "spec", "parameters")
    shown = NONE
    if parameters:
        group = text(parameters, "apiGroup")
        kind = f"{text(parameters, 'kind')}.{group}" if group else text(parameters, "kind")
        shown = f"{kind}/{text(parameters, 'name')}"
    default = text(doc, "metadata", "annotations", DEFAULT_CLASS) == "true"
    name = f"{name_of(doc)} (default)" if default else name_of(doc)
    return name, text(doc, "spec", "controller"), shown, age_of(doc, now_ms)


def network_policy(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a NetworkPolicy."""
    return name_of(doc), selector_cell(doc, "spec", "podSelector"), age_of(doc, now_ms)


def service_range(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ServiceCIDR."""
    return name_of(doc), joined(elements(doc, "spec", "cidrs"), ""), age_of(doc, now_ms)


def address(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an IPAddress."""
    parent = child(doc, "spec", "parentRef")
    shown = NONE
    if parent:
        group = text(parent, "group")
        resource = f"{text(parent, 'resource')}.{group}" if group else text(parent, "resource")
        where = text(parent, "namespace")
        shown = "/".join(one for one in (resource.lower(), where, text(parent, "name")) if one)
    return name_of(doc), shown, age_of(doc, now_ms)


def resource_slice(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ResourceSlice."""
    spec = child(doc, "spec")
    found = (text(spec, "nodeName"), text(spec, "driver"), text(spec, "pool", "name"))
    return name_of(doc), *found, age_of(doc, now_ms)


def resource_claim(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ResourceClaim. Source: printers.go, resourceClaimState."""
    states = []
    if text(doc, "metadata", "deletionTimestamp"):
        states.append("deleted")
    if "allocation" not in child(doc, "status"):
        states.append("pending")
    else:
        states.append("allocated")
        states.append("reserved" if elements(doc, "status", "reservedFor") else "")
    return name_of(doc), ",".join(one for one in states if one), age_of(doc, now_ms)


def api_service(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an APIService. Source: kube-aggregator/pkg/registry/apiservice/etcd/etcd.go."""
    service = child(doc, "spec", "service")
    shown = f"{text(service, 'namespace')}/{text(service, 'name')}" if service else "Local"
    available = next(
        (one for one in children(doc, "status", "conditions") if text(one, "type") == "Available"),
        Document(),
    )
    status = text(available, "status") or "Unknown"
    if status == "False":
        status = f"False ({text(available, 'reason')})"
    return name_of(doc), shown, status, age_of(doc, now_ms)
