"""Rules of Ingresses and IngressClasses.

Source: kubernetes v1.36, pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import parse_address
from kelm.core.api.validation.addresses import ip
from kelm.core.api.validation.fields import (
    Rules,
    at,
    complaints,
    has_text,
    items,
    unchanged,
    whole_number,
)
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import (
    dns1123_label,
    dns1123_subdomain,
    domain_prefixed_path,
    path_segment,
    port_name,
    port_number,
    wildcard_subdomain,
)
from kelm.core.api.validation.violation import (
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kelm.effects.document import Document, child, elements, text

INGRESSES: Final = "ingresses.networking.k8s.io"
CLASSES: Final = "ingressclasses.networking.k8s.io"
CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
CONTROLLER_LENGTH: Final = 250
PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
NOT_IN_PATHS: Final = ("//", "/./", "/../", "%2f", "%2F")
NOT_AT_ENDS: Final = ("/..", "/.")
NOT_ABSOLUTE: Final = "must be an absolute path"
NOT_A_NAME: Final = "must be a DNS name, not an IP address"


def ingress_create(doc: Document) -> Violations:
    return (*metadata(doc, INGRESSES), *_spec(child(doc, "spec")), *_class_twice(doc))


def _class_twice(doc: Document) -> Rules:
    """The class may be said in an annotation, too, if it is the same."""
    annotations = child(doc, "metadata", "annotations")
    asked, named = annotations.get(CLASS_ANNOTATION), child(doc, "spec").get("ingressClassName")
    if isinstance(asked, str) and named is not None and asked != named:
        why = "must match `ingressClassName` when both are specified"
        yield invalid_value(f"annotations.{CLASS_ANNOTATION}", asked, why)


def ingress_update(old: Document, new: Document) -> Violations:
    return (
        *metadata_update(old, new),
        *metadata_again(old, new, INGRESSES),
        *_spec(child(new, "spec")),
    )


def ingress_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_balancer(child(new, "status", "loadBalancer")))


def _balancer(status: Document) -> Rules:
    for here, ingress in items(status, "status.loadBalancer", "ingress"):
        address, host = text(ingress, "ip"), text(ingress, "hostname")
        if address:
            yield from ip(at(here, "ip"), address)
        if host:
            yield from complaints(at(here, "hostname"), host, dns1123_subdomain(host))
            if parse_address(host) is not None:
                yield invalid_value(at(here, "hostname"), host, NOT_A_NAME)


def _spec(spec: Document) -> Rules:
    backend, rules = spec.get("defaultBackend"), elements(spec, "rules")
    if not rules and not isinstance(backend, Document):
        why = "either `defaultBackend` or `rules` must be specified"
        yield invalid_value("spec", spec.get("rules"), why)
    if isinstance(backend, Document):
        yield from _backend(backend, "spec.defaultBackend")
    for here, rule in items(spec, "spec", "rules"):
        yield from _rule(rule, here)
    for here, tls in items(spec, "spec", "tls"):
        for index, host in enumerate(elements(tls, "hosts")):
            yield from _host(str(host), f"{at(here, 'hosts')}[{index}]")
        name = text(tls, "secretName")
        if name:
            yield from complaints(at(here, "secretName"), name, dns1123_subdomain(name))
    asked = spec.get("ingressClassName")
    if isinstance(asked, str):
        yield from complaints("spec.ingressClassName", asked, dns1123_subdomain(asked))


def _host(host: str, path: str) -> Rules:
    rule = wildcard_subdomain if "*" in host else dns1123_subdomain
    yield from complaints(path, host, rule(host))


def _rule(rule: Document, path: str) -> Rules:
    host = text(rule, "host")
    if host:
        if parse_address(host) is not None:
            yield invalid_value(at(path, "host"), host, NOT_A_NAME)
        yield from _host(host, at(path, "host"))
    http = rule.get("http")
    if not isinstance(http, Document):
        return
    here = at(path, "http")
    if not elements(http, "paths"):
        yield required(at(here, "paths"))
    for place, item in items(http, here, "paths"):
        yield from _path(item, place)


def _path(item: Document, path: str) -> Rules:
    kind, value, here = item.get("pathType"), text(item, "path"), at(path, "path")
    if kind is None:
        yield required(at(path, "pathType"), "pathType must be specified")
        return
    if kind not in PATH_TYPES:
        yield not_supported(at(path, "pathType"), kind, PATH_TYPES)
    elif kind == "ImplementationSpecific":
        if value and not value.startswith("/"):
            yield invalid_value(here, value, NOT_ABSOLUTE)
    else:
        if not value.startswith("/"):
            yield invalid_value(here, value, NOT_ABSOLUTE)
        for part in NOT_IN_PATHS:
            if part in value:
                yield invalid_value(here, value, f"must not contain '{part}'")
        for end in NOT_AT_ENDS:
            if value.endswith(end):
                yield invalid_value(here, value, f"cannot end with '{end}'")
    yield from _backend(child(item, "backend"), at(path, "backend"))


def _backend(backend: Document, path: str) -> Rules:
    service, resource = backend.get("service"), backend.get("resource")
    if isinstance(service, Document) and isinstance(resource, Document):
        yield invalid_value(path, "", "cannot set both resource and service backends")
    elif isinstance(resource, Document):
        yield from _reference(resource, at(path, "resource"))
    elif isinstance(service, Document):
        yield from _service(service, path)
    else:
        yield invalid_value(path, "", "resource or service backend is required")


def _service(service: Document, path: str) -> Rules:
    name, here = text(service, "name"), at(path, "service")
    if name:
        yield from complaints(at(here, "name"), name, dns1123_label(name))
    else:
        yield required(at(here, "name"))
    port = child(service, "port")
    named, number = text(port, "name"), whole_number(port, "number") or 0
    if named and number:
        yield invalid_value(path, "", "cannot set both port name & port number")
    elif named:
        yield from complaints(at(here, "port.name"), named, port_name(named))
    elif number:
        yield from complaints(at(here, "port.number"), number, port_number(number))
    else:
        yield required(path, "port name or number is required")


def _reference(doc: Document, path: str) -> Rules:
    """Something else that is named: perhaps of a group, by kind and name."""
    group = doc.get("apiGroup")
    if isinstance(group, str):
        yield from complaints(at(path, "apiGroup"), group, dns1123_subdomain(group))
    for key in ("kind", "name"):
        value = text(doc, key)
        yield from has_text(doc, path, key)
        if value:
            yield from complaints(at(path, key), value, path_segment(value))


def class_create(doc: Document) -> Violations:
    return (*metadata(doc, CLASSES), *_class(child(doc, "spec")))


def class_update(old: Document, new: Document) -> Violations:
    was, spec = child(old, "spec"), child(new, "spec")
    kept = unchanged(was, spec, "spec", "controller", empty="")
    return (*metadata_update(old, new), *kept, *metadata_again(old, new, CLASSES), *_class(spec))


def _class(spec: Document) -> Rules:
    controller, here = text(spec, "controller"), "spec.controller"
    if len(controller.encode()) > CONTROLLER_LENGTH:
        yield too_long(here, CONTROLLER_LENGTH)
    if controller:
        yield from complaints(here, controller, domain_prefixed_path(controller))
    else:
        yield required(here)
    parameters = spec.get("parameters")
    if isinstance(parameters, Document):
        yield from _reference(parameters, "spec.parameters")
        yield from _scope(parameters, "spec.parameters")


def _scope(doc: Document, path: str) -> Rules:
    scope, namespace = doc.get("scope"), doc.get("namespace")
    here = at(path, "namespace")
    if scope is None:
        yield required(at(path, "scope"))
    elif scope not in ("Cluster", "Namespace"):
        yield not_supported(at(path, "scope"), scope, ("Cluster", "Namespace"))
    elif scope == "Cluster":
        if namespace is not None:
            yield forbidden(here, "`parameters.scope` is set to 'Cluster'")
    elif namespace is None:
        yield required(here, "`parameters.scope` is set to 'Namespace'")
    else:
        yield from complaints(here, namespace, dns1123_label(str(namespace)))
