"""Rules of a container's environment, and of references to its own fields.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom)
and pkg/apis/core/pods/helpers.go, ConvertDownwardAPIFieldLabel.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, has_text, items
from kelm.core.api.validation.names import config_map_key, env_var_name, qualified_name
from kelm.core.api.validation.violation import invalid_value, not_supported, required
from kelm.effects.document import Document, child, text

SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
ENV_FIELDS: Final = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
VOLUME_FIELDS: Final = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
)  # fmt: skip
KNOWN_FIELDS: Final = frozenset(
    {*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"}
)
RESOURCE_FIELDS: Final = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory",
    "requests.cpu", "requests.ephemeral-storage", "requests.memory",
)  # fmt: skip
_SUBSCRIPTED = re.compile(r"(.*)\['(.*)'\]")
_BYTE_DIVISORS: Final = (
    "1",
    *(f"1{unit}{i}" for i in ("", "i") for unit in ("kMGTPE" if not i else "KMGTPE")),
)


def environment(container: Document, path: str) -> Rules:
    for here, variable in items(container, path, "env"):
        name = text(variable, "name")
        if name:
            yield from complaints(at(here, "name"), name, env_var_name(name))
        else:
            yield required(at(here, "name"))
        if isinstance(variable.get("valueFrom"), Document):
            yield from _value_from(variable, at(here, "valueFrom"))
    for here, source in items(container, path, "envFrom"):
        yield from _env_from(source, here)


def _value_from(variable: Document, path: str) -> Rules:
    source = child(variable, "valueFrom")
    present = [key for key in SOURCES if isinstance(source.get(key), Document)]
    if "fieldRef" in present:
        yield from field_reference(child(source, "fieldRef"), at(path, "fieldRef"), ENV_FIELDS)
    if "resourceFieldRef" in present:
        reference = child(source, "resourceFieldRef")
        yield from resource_reference(reference, at(path, "resourceFieldRef"), in_volume=False)
    for key in ("configMapKeyRef", "secretKeyRef"):
        if key in present:
            yield from _key_reference(child(source, key), at(path, key))
    if not present:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield invalid_value(path, "", f"must specify one of: {listed}")
    elif text(variable, "value"):
        yield invalid_value(path, "", "may not be specified when `value` is not empty")
    elif len(present) > 1:
        yield invalid_value(path, "", "may not have more than one field specified at a time")


def _key_reference(reference: Document, path: str) -> Rules:
    yield from has_text(reference, path, "name")
    key = text(reference, "key")
    if key:
        yield from complaints(at(path, "key"), key, config_map_key(key))
    else:
        yield required(at(path, "key"))


def _env_from(source: Document, path: str) -> Rules:
    prefix = text(source, "prefix")
    if prefix:
        yield from complaints(at(path, "prefix"), prefix, env_var_name(prefix))
    present = [k for k in ("configMapRef", "secretRef") if isinstance(source.get(k), Document)]
    for key in present:
        yield from has_text(child(source, key), at(path, key), "name")
    if not present:
        yield invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(present) > 1:
        yield invalid_value(path, "", "may not have more than one field specified at a time")


def field_reference(reference: Document, path: str, allowed: tuple[str, ...]) -> Rules:
    """A reference to a field of the pod itself."""
    version, field = text(reference, "apiVersion"), text(reference, "fieldPath")
    if not version:
        yield required(at(path, "apiVersion"))
    elif not field:
        yield required(at(path, "fieldPath"))
    else:
        yield from _field(field, version, path, allowed)


def _field(field: str, version: str, path: str, allowed: tuple[str, ...]) -> Rules:
    match = _SUBSCRIPTED.fullmatch(field)
    wrong = _unreadable(field, version, match)
    if wrong:
        why = f"error converting fieldPath: {wrong}"
        yield invalid_value(at(path, "fieldPath"), field, why)
    elif match is not None:
        key = match[2].lower() if match[1] == "metadata.annotations" else match[2]
        yield from complaints(path, match[2], qualified_name(key))
    elif field not in allowed:
        yield not_supported(at(path, "fieldPath"), field, tuple(sorted(allowed)))


def _unreadable(field: str, version: str, match: re.Match[str] | None) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if match is not None:
        subscripted = match[1] in ("metadata.annotations", "metadata.labels")
        return "" if subscripted else f"field label does not support subscript: {field}"
    known = field in KNOWN_FIELDS or field == "spec.host"
    return "" if known else f"field label not supported: {field}"


def resource_reference(reference: Document, path: str, *, in_volume: bool) -> Rules:
    """A reference to what a container asks for or is limited to."""
    resource = text(reference, "resource")
    huge = resource.startswith(("limits.hugepages-", "requests.hugepages-"))
    if in_volume and not text(reference, "containerName"):
        yield required(at(path, "containerName"))
    elif not resource:
        yield required(at(path, "resource"))
    elif resource not in RESOURCE_FIELDS and not huge:
        yield not_supported(at(path, "resource"), resource, RESOURCE_FIELDS)
    divisor = str(reference.get("divisor") or "0")
    of_cpu = resource.endswith(".cpu")
    if divisor != "0" and divisor not in (("1m", "1") if of_cpu else _BYTE_DIVISORS):
        listed = "1m and 1" if of_cpu else ", ".join(_BYTE_DIVISORS)
        why = f"only divisor's values {listed} are supported with the {resource[9:]} resource"
        yield invalid_value(at(path, "divisor"), resource, why)
