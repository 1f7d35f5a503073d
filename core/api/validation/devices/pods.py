"""Rules of the claims for devices that a pod names, and of its containers that use them.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validatePodResourceClaims,
validateResourceClaimNames).
"""

from __future__ import annotations

from kelm.core.api.validation.fields import Rules, at, complaints, items
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    ErrorType,
    Violation,
    duplicate,
    invalid_value,
    required,
)
from kelm.effects.document import Document, child, children, text

SOURCES = ("resourceClaimName", "resourceClaimTemplateName")


def pod_claims(spec: Document) -> Rules:
    """The claims of a pod by their names, and who uses which."""
    seen: list[str] = []
    for where, one in items(spec, "", "resourceClaims"):
        name = text(one, "name")
        if not name:
            yield required(at(where, "name"))
        elif name in seen:
            yield duplicate(at(where, "name"), name)
        else:
            yield from complaints(at(where, "name"), name, dns1123_label(name))
            seen.append(name)
        given = [source for source in SOURCES if source in one]
        either = "`resourceClaimName`"
        if len(given) > 1:
            detail = f"at most one of {either} or `resourceClaimTemplateName` may be specified"
            yield invalid_value(where, one, detail)
        elif not given:
            detail = f"must specify one of: {either}, `resourceClaimTemplateName`"
            yield invalid_value(where, one, detail)
        for source in given:
            value = text(one, source)
            yield from complaints(at(where, source), value, dns1123_subdomain(value))
    for part in ("initContainers", "containers"):
        for where, container in items(spec, "", part):
            if children(container, "resources", "claims"):
                yield from _used(child(container, "resources"), at(where, "resources"), seen)


def _used(resources: Document, path: str, known: list[str]) -> Rules:
    """The claims that a container uses: each once, as a whole or by its requests."""
    seen: list[str] = []
    for where, one in items(resources, path, "claims"):
        name, request = text(one, "name"), text(one, "request")
        if not name:
            yield required(where)
            continue
        key = f"{name}/{request}" if request else name
        whole = not request and any(other.startswith(f"{name}/") for other in seen)
        if name in seen or key in seen or whole:
            yield duplicate(where, name if name in seen or whole else key)
        if request:
            yield from complaints(at(where, "request"), request, dns1123_label(request))
        seen.append(key)
        if name not in known:
            names = f": {', '.join(sorted(known))}" if known else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{names}"
            yield Violation(where, ErrorType.NOT_FOUND, name, detail)
