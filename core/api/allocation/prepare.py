"""What a Service keeps and loses when it is replaced, before it is judged and gets what it needs.

Users send back half of what they read: a replacement without a cluster IP keeps the old one, and
a Service that changes its type loses what only the old type had, unless the user changed it.

Source: kubernetes v1.36, pkg/registry/core/service/storage/storage.go (normalizeClusterIPs,
patchAllocatedValues) and pkg/registry/core/service/strategy.go (dropTypeDependentFields).
"""

from __future__ import annotations

from kelm.core.api.allocation.services import needs_health_check_port
from kelm.core.api.defaulting.service import is_externally_accessible
from kelm.effects.document import Document, Json, child, children, elements, number, text


def prepare_create(service: Document) -> Document:
    """A new Service: its one cluster IP is its first."""
    spec = child(service, "spec")
    if text(spec, "clusterIP") and not elements(spec, "clusterIPs"):
        return _with_spec(service, spec, {"clusterIPs": (text(spec, "clusterIP"),)})
    return service


def prepare_update(old: Document, new: Document) -> Document:
    """A Service that is to replace another."""
    was = child(old, "spec")
    if was is new.get("spec"):
        return new
    for step in (_in_step, _kept_addresses, _kept_ports, _dropped):
        spec = child(new, "spec")
        new = _with_spec(new, spec, step(was, spec))
    return new


def _with_spec(service: Document, spec: Document, changes: dict[str, Json]) -> Document:
    if not changes:
        return service
    new = {key: value for key, value in {**spec, **changes}.items() if value is not None}
    return Document({**service, "spec": Document(new)})


def needs_cluster_ip(spec: Document) -> bool:
    return text(spec, "type") in ("ClusterIP", "NodePort", "LoadBalancer")


def _in_step(old: Document, new: Document) -> dict[str, Json]:
    """`clusterIP` and `clusterIPs` say the same, whichever of the two the user changed."""
    address, addresses = text(new, "clusterIP"), elements(new, "clusterIPs")
    if address == text(old, "clusterIP"):
        return {}
    if addresses and addresses != elements(old, "clusterIPs"):
        return {}
    return {"clusterIPs": (address,) if address else None}


def _kept_addresses(old: Document, new: Document) -> dict[str, Json]:
    if not (needs_cluster_ip(old) and needs_cluster_ip(new)):
        return {}
    address = text(new, "clusterIP") or text(old, "clusterIP")
    changes: dict[str, Json] = {}
    if address and address != text(new, "clusterIP"):
        changes["clusterIP"] = address
    if not elements(new, "clusterIPs") and address == text(old, "clusterIP") and address:
        changes["clusterIPs"] = elements(old, "clusterIPs")
    for key in ("ipFamilies", "ipFamilyPolicy"):
        if not new.get(key) and old.get(key):
            changes[key] = old[key]
    return changes


def _has_node_ports(spec: Document) -> bool:
    return text(spec, "type") in ("NodePort", "LoadBalancer")


def _node_ports(spec: Document) -> set[int]:
    return {number(port, "nodePort") for port in children(spec, "ports")} - {0}


def _kept_ports(old: Document, new: Document) -> dict[str, Json]:
    """Ports keep their node port by name."""
    changes: dict[str, Json] = {}
    if _has_node_ports(old) and _has_node_ports(new):
        used = _node_ports(old) & _node_ports(new)
        by_name = {text(port, "name"): number(port, "nodePort") for port in children(old, "ports")}
        ports = []
        for port in children(new, "ports"):
            known = by_name.get(text(port, "name"), 0)
            if not number(port, "nodePort") and known and known not in used:
                port = Document({**port, "nodePort": known})
                used.add(known)
            ports.append(port)
        changes["ports"] = tuple(ports)
    health = number(old, "healthCheckNodePort")
    if needs_health_check_port(old) and needs_health_check_port(new) and health:
        changes["healthCheckNodePort"] = number(new, "healthCheckNodePort") or health
    return changes


def _dropped(old: Document, new: Document) -> dict[str, Json]:
    """What only the old type had, where the user left it as it was."""
    changes: dict[str, Json] = {}
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        changes.update(_unchanged(old, new, ("clusterIP", "clusterIPs")))
        changes.update(_unchanged(old, new, ("ipFamilies", "ipFamilyPolicy")))
        changes.update(_unchanged(old, new, ("internalTrafficPolicy",)))
    if _has_node_ports(old) and not _has_node_ports(new):
        if _node_ports(old) == _node_ports(new):
            changes["ports"] = tuple(
                Document({key: value for key, value in port.items() if key != "nodePort"})
                for port in children(new, "ports")
            )
        changes.update(_unchanged(old, new, ("healthCheckNodePort",)))
    if needs_health_check_port(old) and not needs_health_check_port(new):
        changes.update(_unchanged(old, new, ("healthCheckNodePort",)))
    if text(old, "type") == "LoadBalancer" and text(new, "type") != "LoadBalancer":
        changes.update(_unchanged(old, new, ("allocateLoadBalancerNodePorts",)))
        changes.update(_unchanged(old, new, ("loadBalancerClass",)))
    if is_externally_accessible(old) and not is_externally_accessible(new):
        changes.update(_unchanged(old, new, ("externalTrafficPolicy",)))
    return changes


def _unchanged(old: Document, new: Document, keys: tuple[str, ...]) -> dict[str, Json]:
    if any(old.get(key) != new.get(key) for key in keys):
        return {}
    return dict.fromkeys(keys)
