"""Rules of Services.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateService,
ValidateServiceUpdate, ValidateServiceClusterIPsRelatedFields).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import family, parse_address
from kelm.core.api.allocation.families import PREFER_DUAL, REQUIRE_DUAL, SINGLE
from kelm.core.api.defaulting.service import is_externally_accessible
from kelm.core.api.validation.addresses import cidr, endpoint_ip, ip
from kelm.core.api.validation.fields import (
    Rules,
    at,
    choice,
    complaints,
    has_text,
    items,
    port_number_or_name,
    whole_number,
)
from kelm.core.api.validation.labels import label_map
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import (
    dns1123_label,
    dns1123_subdomain,
    port_number,
    qualified_name,
)
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, number, strings, text

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
FAMILIES: Final = ("IPv4", "IPv6")
POLICIES: Final = (PREFER_DUAL, REQUIRE_DUAL, SINGLE)
DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
LONGEST_AFFINITY_SECONDS: Final = 86_400
SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
HINTS: Final = "service.kubernetes.io/topology-aware-hints"
MODE: Final = "service.kubernetes.io/topology-mode"
ONLY_LOAD_BALANCER: Final = "may only be used when `type` is 'LoadBalancer'"


def service_create(doc: Document) -> Violations:
    return (*metadata(doc, "services"), *_service(doc))


def service_update(old: Document, new: Document) -> Violations:
    was, spec = child(old, "spec"), child(new, "spec")
    found = tuple(metadata_update(old, new))
    if was is spec:
        return found
    return (*found, *_addresses_kept(was, spec), *_class_kept(was, spec), *_service(new))


def is_headless(spec: Document) -> bool:
    return elements(spec, "clusterIPs")[:1] == ("None",)


def _service(doc: Document) -> Rules:
    meta, spec = child(doc, "metadata"), child(doc, "spec")
    yield from _topology_annotations(meta)
    portless = is_headless(spec) or text(spec, "type") == "ExternalName"
    if not portless and not elements(spec, "ports"):
        yield required("spec.ports")
    yield from _by_type(spec)
    yield from _ports(spec)
    yield from label_map(spec, "spec", "selector")
    yield from affinity(spec)
    if text(spec, "type") != "ExternalName":
        yield from _cluster_ips(spec)
    yield from _external_ips(spec)
    yield from choice(spec, "spec", "type", TYPES)
    yield from _node_ports(spec)
    yield from _unique_ports(spec)
    yield from _source_ranges(meta, spec)
    yield from _load_balancer(spec)
    yield from _traffic(spec)


def _topology_annotations(meta: Document) -> Rules:
    if "annotations" not in meta:
        return
    found = strings(meta, "annotations")
    if HINTS in found and MODE in found and found[HINTS] != found[MODE]:
        why = f"must match annotations[{HINTS}] when both are specified"
        yield invalid_value(f"metadata.annotations[{MODE}]", found[MODE], why)


def _by_type(spec: Document) -> Rules:
    kind = text(spec, "type")
    if kind in ("LoadBalancer", "NodePort") and is_headless(spec):
        why = f"may not be set to 'None' for {kind} services"
        yield invalid_value("spec.clusterIPs[0]", "None", why)
    if kind != "ExternalName":
        return
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key):
            yield forbidden(f"spec.{key}", "may not be set for ExternalName services")
    name = text(spec, "externalName").removesuffix(".")
    if name:
        yield from complaints("spec.externalName", name, dns1123_subdomain(name))
    else:
        yield required("spec.externalName")


def _ports(spec: Document) -> Rules:
    names: set[str] = set()
    several = len(elements(spec, "ports")) > 1
    for here, port in items(spec, "spec", "ports"):
        name = text(port, "name")
        if name:
            yield from complaints(at(here, "name"), name, dns1123_label(name))
            if name in names:
                yield duplicate(at(here, "name"), name)
            names.add(name)
        elif several:
            yield required(at(here, "name"))
        value = whole_number(port, "port") or 0
        yield from complaints(at(here, "port"), value, port_number(value))
        yield from choice(port, here, "protocol", PROTOCOLS)
        yield from port_number_or_name(port, here, "targetPort")
        protocol = port.get("appProtocol")
        if isinstance(protocol, str):
            yield from complaints(at(here, "appProtocol"), protocol, qualified_name(protocol))


def affinity(spec: Document) -> Rules:
    """Session affinity, and for how long."""
    yield from choice(spec, "spec", "sessionAffinity", ("ClientIP", "None"))
    path, kind = "spec.sessionAffinityConfig", text(spec, "sessionAffinity")
    config = spec.get("sessionAffinityConfig")
    if kind == "None" and config is not None:
        yield forbidden(path, "must not be set when session affinity is None")
    if kind != "ClientIP":
        return
    when = "when session affinity type is ClientIP"
    client = child(spec, "sessionAffinityConfig", "clientIP")
    seconds = whole_number(client, "timeoutSeconds")
    if not isinstance(config, Document):
        yield required(path, when)
    elif not isinstance(config.get("clientIP"), Document):
        yield required(f"{path}.clientIP", when)
    elif seconds is None:
        yield required(f"{path}.clientIP.timeoutSeconds", when)
    elif not 0 < seconds <= LONGEST_AFFINITY_SECONDS:
        why = f"must be greater than 0 and less than {LONGEST_AFFINITY_SECONDS}"
        yield invalid_value(f"{path}.clientIP.timeoutSeconds", seconds, why)


def _cluster_ips(spec: Document) -> Rules:
    first, addresses = text(spec, "clusterIP"), elements(spec, "clusterIPs")
    path = "spec.clusterIPs"
    if first and not addresses:
        yield required(path)
    elif first and addresses[0] != first:
        yield invalid_value(path, addresses, "first value must match `clusterIP`")
    elif addresses and not first:
        why = "must be empty when `clusterIP` is not specified"
        yield invalid_value(path, addresses, why)
    yield from _families(spec)
    wrong = tuple(_well_formed(addresses, path))
    yield from wrong
    if len(addresses) > 2:
        yield invalid_value(path, addresses, "may only hold up to 2 values")
    if wrong:
        return
    kinds = [family(str(address)) for address in addresses]
    if len(addresses) > 1 and len(set(kinds)) != len(kinds):
        why = "may specify no more than one IP for each IP family"
        yield invalid_value(path, addresses, why)
    if not is_headless(spec):
        yield from _of_family(spec, kinds, path)


def _families(spec: Document) -> Rules:
    families = elements(spec, "ipFamilies")
    for index, one in enumerate(families):
        path = f"spec.ipFamilies[{index}]"
        if one not in FAMILIES:
            yield not_supported(path, one, FAMILIES)
        if one in families[:index]:
            yield duplicate(path, one)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, POLICIES)


def _well_formed(addresses: tuple[object, ...], path: str) -> Rules:
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                values = tuple(str(item) for item in addresses)
                yield invalid_value(path, values, "'None' must be the first and only value")
            continue
        yield from ip(f"{path}[{index}]", str(address))


def _of_family(spec: Document, kinds: list[str], path: str) -> Rules:
    wanted = elements(spec, "ipFamilies")
    for index, (kind, want) in enumerate(zip(kinds, wanted, strict=False)):
        if want in FAMILIES and kind != want:
            why = f"expected an {want} value as indicated by `ipFamilies[{index}]`"
            yield invalid_value(f"{path}[{index}]", elements(spec, "clusterIPs")[index], why)


def _external_ips(spec: Document) -> Rules:
    for index, address in enumerate(elements(spec, "externalIPs")):
        path, value = f"spec.externalIPs[{index}]", str(address)
        check = ip if parse_address(value) is None else endpoint_ip
        yield from check(path, value)


def _node_ports(spec: Document) -> Rules:
    internal, taken = text(spec, "type") == "ClusterIP", set()
    for here, port in items(spec, "spec", "ports"):
        value = number(port, "nodePort")
        if value and internal:
            why = "may not be used when `type` is 'ClusterIP'"
            yield forbidden(at(here, "nodePort"), why)
    for here, port in items(spec, "spec", "ports"):
        value = number(port, "nodePort")
        if value and (text(port, "protocol"), value) in taken:
            yield duplicate(at(here, "nodePort"), value)
        taken.add((text(port, "protocol"), value))


def _unique_ports(spec: Document) -> Rules:
    taken: set[tuple[str, int]] = set()
    for here, port in items(spec, "spec", "ports"):
        key = (text(port, "protocol"), number(port, "port"))
        if key in taken:
            printed: Document = Struct(
                Name="", Protocol=key[0], AppProtocol=None, Port=key[1], TargetPort=0, NodePort=0
            )
            yield duplicate(here, printed)
        taken.add(key)


def _source_ranges(meta: Document, spec: Document) -> Rules:
    balanced = text(spec, "type") == "LoadBalancer"
    ranges = elements(spec, "loadBalancerSourceRanges")
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        if not balanced:
            yield forbidden(path, ONLY_LOAD_BALANCER)
        for index, value in enumerate(ranges):
            yield from cidr(f"{path}[{index}]", str(value).strip())
        return
    annotation = strings(meta, "annotations").get(SOURCE_RANGES) if "annotations" in meta else None
    if annotation is None:
        return
    path = f"metadata.annotations[{SOURCE_RANGES}]"
    if not balanced:
        yield forbidden(path, ONLY_LOAD_BALANCER)
    for value in annotation.strip().split(",") if annotation.strip() else ():
        yield from cidr(path, value.strip())


def _load_balancer(spec: Document) -> Rules:
    balanced, gives = (
        text(spec, "type") == "LoadBalancer",
        spec.get("allocateLoadBalancerNodePorts"),
    )
    if gives is not None and not balanced:
        yield forbidden("spec.allocateLoadBalancerNodePorts", ONLY_LOAD_BALANCER)
    if gives is None and balanced:
        yield required("allocateLoadBalancerNodePorts")
    name = spec.get("loadBalancerClass")
    if name is None:
        return
    if balanced:
        yield from complaints("spec.loadBalancerClass", name, qualified_name(str(name)))
    else:
        yield forbidden("spec.loadBalancerClass", ONLY_LOAD_BALANCER)


def _traffic(spec: Document) -> Rules:
    policy, kind = text(spec, "externalTrafficPolicy"), text(spec, "type")
    if is_externally_accessible(spec):
        yield from choice(spec, "spec", "externalTrafficPolicy", ("Cluster", "Local"))
    elif policy:
        why = "may only be set for externally-accessible services"
        yield invalid_value("spec.externalTrafficPolicy", policy, why)
    health = number(spec, "healthCheckNodePort")
    if health and not (kind == "LoadBalancer" and policy == "Local"):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid_value("spec.healthCheckNodePort", health, why)
    routed = kind in ("ClusterIP", "NodePort", "LoadBalancer")
    yield from choice(spec, "spec", "internalTrafficPolicy", ("Cluster", "Local"), needed=routed)
    yield from choice(spec, "spec", "trafficDistribution", DISTRIBUTIONS, needed=False)


def _addresses_kept(old: Document, new: Document) -> Rules:
    """A second address or family may come and go, the first stays.

    Source: validation.go, validateUpgradeDowngradeClusterIPs and -IPFamilies.
    """
    if "ExternalName" in (text(old, "type"), text(new, "type")):
        return
    if is_headless(old) and is_headless(new):
        return
    for key, word in (("clusterIPs", "clusterIP"), ("ipFamilies", "ipFamily")):
        before, after = elements(old, key), elements(new, key)
        if before and not after:
            yield invalid_value(f"spec.{key}[0]", after, f"primary {word} can not be unset")
        for index, (was, now) in enumerate(zip(before, after, strict=False)):
            if was != now:
                yield invalid_value(f"spec.{key}[{index}]", after, "may not change once set")
        if len(before) == 2 and len(after) == 1 and text(new, "ipFamilyPolicy") != SINGLE:
            why = f"must be set to 'SingleStack' when releasing the secondary {word}"
            yield invalid_value("spec.ipFamilyPolicy", new.get("ipFamilyPolicy"), why)


def _class_kept(old: Document, new: Document) -> Rules:
    both = text(old, "type") == text(new, "type") == "LoadBalancer"
    if both and old.get("loadBalancerClass") != new.get("loadBalancerClass"):
        name = new.get("loadBalancerClass")
        yield invalid_value("spec.loadBalancerClass", name, "may not change once set")


def service_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_ingress(child(new, "status", "loadBalancer")))


def _ingress(status: Document) -> Rules:
    for here, entry in items(status, "status.loadBalancer", "ingress"):
        address, name = text(entry, "ip"), text(entry, "hostname")
        if address:
            yield from ip(at(here, "ip"), address)
        if name:
            yield from complaints(at(here, "hostname"), name, dns1123_subdomain(name))
        if address:
            yield from choice(entry, here, "ipMode", ("Proxy", "VIP"))
        elif entry.get("ipMode") is not None:
            yield from has_text(entry, here, "ip")
