"""Rules of APIServices.

Source: kubernetes v1.36, kube-aggregator/pkg/apis/apiregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, has_text, items, whole_number
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import (
    dns1035_label,
    dns1123_subdomain,
    path_segment,
    port_number,
)
from kelm.core.api.validation.violation import (
    Violations,
    invalid_value,
    not_supported,
    quoted,
    required,
)
from kelm.effects.document import Document, child, flag, text

SERVICES: Final = "apiservices.apiregistration.k8s.io"
MOST_GROUP_PRIORITY: Final = 20_000
MOST_VERSION_PRIORITY: Final = 1_000


def service_create(doc: Document) -> Violations:
    return (*metadata(doc, SERVICES), *_service(doc))


def service_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *metadata_again(old, new, SERVICES), *_service(new))


def service_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_conditions(child(new, "status")))


def _conditions(status: Document) -> Rules:
    for here, condition in items(status, "status", "conditions"):
        said = text(condition, "status")
        if said not in ("True", "False", "Unknown"):
            yield not_supported(at(here, "status"), said, ("True", "False", "Unknown"))


def _service(doc: Document) -> Rules:
    """It is named for the version and group that it serves, and knows where they are served."""
    spec, name = child(doc, "spec"), text(doc, "metadata", "name")
    group, version = text(spec, "group"), text(spec, "version")
    wanted = f"{version}.{group}"
    if name and name != wanted and not path_segment(name):
        why = f'must be `spec.version+"."+spec.group`: {quoted(wanted)}'
        yield invalid_value("metadata.name", name, why)
    if not group and version != "v1":
        why = "only v1 may have an empty group and it better be legacy kube"
        yield required("spec.group", why)
    if group:
        yield from complaints("spec.group", group, dns1123_subdomain(group))
    yield from complaints("spec.version", version, dns1035_label(version))
    for key, most in (
        ("groupPriorityMinimum", MOST_GROUP_PRIORITY),
        ("versionPriority", MOST_VERSION_PRIORITY),
    ):
        priority = whole_number(spec, key) or 0
        if not 0 < priority <= most:
            why = f"must be positive and less than {most}"
            yield invalid_value(f"spec.{key}", priority, why)
    yield from _place(spec)


def _place(spec: Document) -> Rules:
    bundle, insecure = text(spec, "caBundle"), flag(spec, "insecureSkipTLSVerify")
    service, here = spec.get("service"), "spec.insecureSkipTLSVerify"
    if not isinstance(service, Document):
        if bundle:
            why = "local APIServices may not have a caBundle"
            size = len(bundle) * 3 // 4 - bundle[-2:].count("=")
            yield invalid_value("spec.caBundle", f"{size} bytes", why)
        if insecure:
            why = "local APIServices may not have insecureSkipTLSVerify"
            yield invalid_value(here, True, why)
        return
    yield from has_text(service, "spec.service", "namespace")
    yield from has_text(service, "spec.service", "name")
    port = whole_number(service, "port") or 0
    wrong = port_number(port)
    if wrong:
        why = f"port is not valid: {', '.join(wrong)}"
        yield invalid_value("spec.service.port", port, why)
    if insecure and bundle:
        yield invalid_value(here, True, "may not be true if caBundle is present")
