"""Rules of containers.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validateContainerCommon,
validateContainers, validateInitContainers, validateContainerPorts).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.validation.fields import Rules, at, choice, complaints, items, whole_number
from kelm.core.api.validation.names import dns1123_label, port_name, port_number
from kelm.core.api.validation.pods.env import environment
from kelm.core.api.validation.pods.mounts import volume_mounts
from kelm.core.api.validation.pods.probes import lifecycle, probes
from kelm.core.api.validation.pods.security import container_context
from kelm.core.api.validation.pods.volumes import Volumes
from kelm.core.api.validation.resources import requirements
from kelm.core.api.validation.violation import (
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, children, elements, text

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES: Final = ("FallbackToLogsOnError", "File")
NOT_FOR_INIT: Final = "may not be set for init containers without restartPolicy=Always"
EPHEMERAL_FORBIDDEN: Final = (
    "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy",
)  # fmt: skip


class Surroundings(msgspec.Struct, frozen=True):
    """What a container's rules must know of its pod."""

    volumes: Volumes
    grace: int = 0
    os_name: str = ""


def containers(spec: Document, path: str, pod: Surroundings) -> Rules:
    """The containers that run side by side."""
    if not elements(spec, "containers"):
        yield required(at(path, "containers"))
        return
    names: set[str] = set()
    for here, container in items(spec, path, "containers"):
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        yield from lifecycle(container, here, pod.grace, pod.os_name)
        yield from probes(container, here, pod.grace)
        yield from _restart_policy(container, here)
    yield from _host_ports(items(spec, path, "containers"))


def init_containers(spec: Document, path: str, pod: Surroundings) -> Rules:
    """The containers that run one after the other, and the sidecars among them."""
    names = {text(container, "name") for container in children(spec, "containers")}
    for here, container in items(spec, path, "initContainers"):
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        yield from _host_ports([(here, container)])
        yield from _restart_policy(container, here)
        if text(container, "restartPolicy") == "Always":
            yield from lifecycle(container, here, pod.grace, pod.os_name)
            yield from probes(container, here, pod.grace)
            continue
        for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(key) is not None:
                yield forbidden(at(here, key), NOT_FOR_INIT)


def ephemeral_containers(spec: Document, path: str, pod: Surroundings) -> Rules:
    """The containers that were added to look at the others."""
    others = (*children(spec, "containers"), *children(spec, "initContainers"))
    targets = {text(container, "name") for container in others}
    names = set(targets)
    for here, container in items(spec, path, "ephemeralContainers"):
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        target = text(container, "targetContainerName")
        if target and target not in targets:
            place = at(here, "targetContainerName")
            yield invalid_value(place, target, f"container not found: {target}")
        for key in EPHEMERAL_FORBIDDEN:
            if container.get(key):
                yield forbidden(at(here, key), "cannot be set for an Ephemeral Container")


def _common(container: Document, path: str, pod: Surroundings) -> Rules:
    name = text(container, "name")
    if name:
        yield from complaints(at(path, "name"), name, dns1123_label(name))
    else:
        yield required(at(path, "name"))
    if not text(container, "image"):
        yield required(at(path, "image"))
    yield from choice(container, path, "terminationMessagePolicy", MESSAGE_POLICIES)
    yield from _ports(container, path)
    yield from environment(container, path)
    yield from volume_mounts(container, path, pod.volumes)
    yield from choice(container, path, "imagePullPolicy", PULL_POLICIES)
    yield from requirements(container, path)
    yield from _resize_policy(container, path)
    yield from container_context(container, path)


def _unique(container: Document, path: str, names: set[str]) -> Rules:
    name = text(container, "name")
    if name and name in names:
        yield duplicate(at(path, "name"), name)
    names.add(name)


def _ports(container: Document, path: str) -> Rules:
    names: set[str] = set()
    for here, port in items(container, path, "ports"):
        name = text(port, "name")
        if name:
            wrong = port_name(name)
            yield from complaints(at(here, "name"), name, wrong)
            if not wrong and name in names:
                yield duplicate(at(here, "name"), name)
            names.add(name)
        number = whole_number(port, "containerPort") or 0
        if number:
            yield from complaints(at(here, "containerPort"), number, port_number(number))
        else:
            yield required(at(here, "containerPort"))
        on_host = whole_number(port, "hostPort") or 0
        if on_host:
            yield from complaints(at(here, "hostPort"), on_host, port_number(on_host))
        yield from choice(port, here, "protocol", PROTOCOLS)


def _host_ports(found: Iterable[tuple[str, Document]]) -> Rules:
    taken: set[str] = set()
    for path, container in found:
        for here, port in items(container, path, "ports"):
            number = whole_number(port, "hostPort") or 0
            if not number:
                continue
            used = f"{text(port, 'protocol')}/{text(port, 'hostIP')}/{number}"
            if used in taken:
                yield duplicate(at(here, "hostPort"), used)
            taken.add(used)


def host_network_ports(spec: Document, path: str, *, in_pod: bool) -> Rules:
    """On the host's network a container's port is the host's; a template may still be silent.

    Source: validation.go, validateHostNetwork.
    """
    if spec.get("hostNetwork") is not True:
        return
    for key in ("containers", "initContainers"):
        for where, container in items(spec, path, key):
            for here, port in items(container, where, "ports"):
                on_host = whole_number(port, "hostPort") or 0
                if (in_pod or on_host) and on_host != whole_number(port, "containerPort"):
                    why = "must match `containerPort` when `hostNetwork` is true"
                    yield invalid_value(at(here, "hostPort"), on_host, why)


def _restart_policy(container: Document, path: str) -> Rules:
    policy = container.get("restartPolicy")
    known = ("Always", "Never", "OnFailure")
    if policy is not None and policy not in known:
        yield not_supported(at(path, "restartPolicy"), str(policy), known)
    rules = elements(container, "restartPolicyRules")
    if rules and policy is None:
        yield required(
            at(path, "restartPolicy"), "must specify restartPolicy when restart rules are used"
        )


def _resize_policy(container: Document, path: str) -> Rules:
    seen: set[str] = set()
    for here, policy in items(container, path, "resizePolicy"):
        name = text(policy, "resourceName")
        if name in seen:
            yield duplicate(at(path, "resizePolicy"), name)
        seen.add(name)
        yield from choice(policy, here, "resourceName", ("cpu", "memory"))
        yield from choice(policy, here, "restartPolicy", ("NotRequired", "RestartContainer"))


def images_are_trimmed(spec: Document, path: str) -> Rules:
    """In a pod, not in a template: an image's name has no blanks around it."""
    for key in ("containers", "initContainers"):
        for here, container in items(spec, path, key):
            image = text(container, "image")
            if image and image != image.strip():
                why = "must not have leading or trailing whitespace"
                yield invalid_value(at(here, "image"), image, why)
