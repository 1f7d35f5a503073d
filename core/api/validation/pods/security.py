"""Rules of security contexts, and of the annotations that came before them.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateSecurityContext,
validatePodSpecSecurityContext, ValidateSeccompPodAnnotations, ValidateAppArmorPodAnnotations).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from kelm.core.api.validation.fields import (
    Rules,
    at,
    complaints,
    items,
    relative_path,
    whole_number,
)
from kelm.core.api.validation.names import user_id
from kelm.core.api.validation.violation import (
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    quoted,
    required,
    too_long,
)
from kelm.effects.document import Document, child, elements, strings, text

PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
LONGEST_PROFILE: Final = 4095
LONGEST_SYSCTL: Final = 253
SYSCTL: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR_CONTAINER: Final = "container.apparmor.security.beta.kubernetes.io/"
CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")


def container_context(container: Document, path: str) -> Rules:
    if not isinstance(container.get("securityContext"), Document):
        return
    context, here = child(container, "securityContext"), at(path, "securityContext")
    yield from _ids(context, here)
    yield from _profiles(context, here)
    mount = context.get("procMount")
    if mount is not None and mount not in ("Default", "Unmasked"):
        yield not_supported(at(here, "procMount"), str(mount), ("Default", "Unmasked"))
    if context.get("allowPrivilegeEscalation") is not False:
        return
    if context.get("privileged") is True:
        why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield invalid_value(here, context, why)
    if "CAP_SYS_ADMIN" in elements(context, "capabilities", "add"):
        why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        yield invalid_value(here, context, why)


def pod_context(spec: Document, path: str) -> Rules:
    context, here = child(spec, "securityContext"), at(path, "securityContext")
    yield from _ids(context, here, ("fsGroup", "runAsUser", "runAsGroup"))
    for index, group in enumerate(elements(context, "supplementalGroups")):
        if isinstance(group, int):
            place = f"{at(here, 'supplementalGroups')}[{index}]"
            yield from complaints(place, group, user_id(group))
    if spec.get("shareProcessNamespace") is True and spec.get("hostPID") is True:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid_value(at(path, "shareProcessNamespace"), True, why)
    policies = {
        "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
        "supplementalGroupsPolicy": ("Merge", "Strict"),
    }
    for key, known in policies.items():
        if context.get(key) is not None and context[key] not in known:
            yield not_supported(at(here, key), str(context[key]), known)
    yield from _sysctls(context, here)
    yield from _profiles(context, here)


def _sysctls(context: Document, path: str) -> Rules:
    seen: set[str] = set()
    for place, sysctl in items(context, path, "sysctls"):
        name, here = text(sysctl, "name"), at(place, "name")
        if not name:
            yield required(here)
        elif len(name) > LONGEST_SYSCTL or not re.fullmatch(SYSCTL, name):
            why = f"must have at most {LONGEST_SYSCTL} characters and match regex ^{SYSCTL}$"
            yield invalid_value(here, name, why)
        elif name in seen:
            yield duplicate(here, name)
        seen.add(name)


def _ids(
    context: Document, path: str, keys: tuple[str, ...] = ("runAsUser", "runAsGroup")
) -> Rules:
    for key in keys:
        value = whole_number(context, key)
        if value is not None:
            yield from complaints(at(path, key), value, user_id(value))


def _profiles(context: Document, path: str) -> Rules:
    if isinstance(context.get("seccompProfile"), Document):
        yield from _seccomp(child(context, "seccompProfile"), at(path, "seccompProfile"))
    if isinstance(context.get("appArmorProfile"), Document):
        yield from _apparmor(child(context, "appArmorProfile"), at(path, "appArmorProfile"))


def _profile_type(profile: Document, path: str, word: str) -> Rules:
    kind = text(profile, "type")
    if not kind:
        yield required(at(path, "type"), f"type is required when {word} is set")
    elif kind not in PROFILES:
        yield not_supported(at(path, "type"), kind, PROFILES)


def _seccomp(profile: Document, path: str) -> Rules:
    yield from _profile_type(profile, path, "seccompProfile")
    here, name = at(path, "localhostProfile"), profile.get("localhostProfile")
    if text(profile, "type") == "Localhost":
        if isinstance(name, str):
            yield from relative_path(here, name)
        else:
            yield required(here, "must be set when seccomp type is Localhost")
    elif name is not None:
        yield invalid_value(here, profile, "can only be set when seccomp type is Localhost")


def _apparmor(profile: Document, path: str) -> Rules:
    yield from _profile_type(profile, path, "appArmorProfile")
    here, name = at(path, "localhostProfile"), profile.get("localhostProfile")
    if text(profile, "type") != "Localhost":
        if name is not None and text(profile, "type") in PROFILES:
            yield invalid_value(here, name, "can only be set when AppArmor type is Localhost")
    elif not isinstance(name, str) or not name.strip():
        yield required(here, "must be set when AppArmor type is Localhost")
    elif name != name.strip():
        yield invalid_value(here, name, "must not be padded with whitespace")
    elif len(name) > LONGEST_PROFILE:
        yield too_long(here, LONGEST_PROFILE)


def security_annotations(meta: Document, spec: Document, path: str) -> Rules:
    """The old annotations, by themselves."""
    found = strings(meta, "annotations") if "annotations" in meta else {}
    here = at(path, "annotations")
    for key, value in sorted(found.items()):
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            yield from _seccomp_name(value, f"{here}.{key}")
    for key, value in sorted(found.items()):
        if not key.startswith(APPARMOR_CONTAINER):
            continue
        name, place = key.removeprefix(APPARMOR_CONTAINER), f"{here}[{key}]"
        if all(text(container, "name") != name for _, container in _containers(spec, "")):
            yield invalid_value(place, name, "container not found")
        known = value in ("", "runtime/default", "unconfined") or value.startswith("localhost/")
        if not known:
            yield invalid_value(place, value, f"invalid AppArmor profile name: {quoted(value)}")


def _seccomp_name(value: str, path: str) -> Rules:
    if value.startswith("localhost/"):
        yield from relative_path(path, value.removeprefix("localhost/"))
    elif value not in ("runtime/default", "docker/default", "unconfined"):
        yield invalid_value(path, value, "must be a valid seccomp profile")


def _containers(spec: Document, path: str) -> Iterator[tuple[str, Document]]:
    for key in CONTAINER_LISTS:
        yield from items(spec, path, key)


def annotations_match(meta: Document, spec: Document, path: str) -> Rules:
    """Where an annotation and a field say the same thing, they say the same."""
    found = strings(meta, "annotations") if "annotations" in meta else {}
    if not found:
        return
    whole = child(spec, "securityContext")
    if SECCOMP_POD in found:
        here = at(path, "securityContext.seccompProfile")
        yield from _seccomp_match(found[SECCOMP_POD], child(whole, "seccompProfile"), here)
    for here, container in _containers(spec, path):
        own, name = child(container, "securityContext"), text(container, "name")
        if SECCOMP_CONTAINER + name in found:
            yield from _seccomp_match(
                found[SECCOMP_CONTAINER + name],
                child(own, "seccompProfile"),
                at(here, "securityContext.seccompProfile"),
            )
        if APPARMOR_CONTAINER + name in found:
            profile = child(own, "appArmorProfile") or child(whole, "appArmorProfile")
            place = at(here, "securityContext.appArmorProfile")
            yield from _apparmor_match(found[APPARMOR_CONTAINER + name], profile, place)


def _seccomp_match(annotation: str, profile: Document, path: str) -> Rules:
    known = {"Unconfined": ("unconfined",), "RuntimeDefault": ("runtime/default", "docker/default")}
    yield from _match(annotation, profile, path, known, "seccomp")


def _apparmor_match(annotation: str, profile: Document, path: str) -> Rules:
    known = {"Unconfined": ("unconfined",), "RuntimeDefault": ("runtime/default",)}
    yield from _match(annotation, profile, path, known, "apparmor")


def _match(
    annotation: str, profile: Document, path: str, known: Mapping[str, tuple[str, ...]], word: str
) -> Rules:
    kind = text(profile, "type")
    differs = kind in known and annotation not in known[kind]
    if differs or (kind == "Localhost" and not annotation.startswith("localhost/")):
        why = f"{word} type in annotation and field must match"
        yield forbidden(at(path, "type"), why)
    elif kind == "Localhost" and annotation[10:] != profile.get("localhostProfile"):
        why = f"{word} profile in annotation and field must match"
        yield forbidden(at(path, "localhostProfile"), why)
