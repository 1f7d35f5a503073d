"""A container's environment: from sources, from its own list, and from the Services around it.

`envFrom` first, then `env` over it, each value expanded over what is known so far; variables of
Services come last and replace nothing.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables),
pkg/api/v1/resource/helpers.go (ExtractContainerResourceValue).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.node.containers.expansion import expand
from kelm.core.node.containers.field_path import pod_field
from kelm.core.node.containers.service_env import environment_of_services
from kelm.core.objects.quantity import parse_quantity
from kelm.effects.document import EMPTY, Document, child, children, flag, strings, text, value_at

Kind: TypeAlias = Literal["configmaps", "secrets"]
Lookup: TypeAlias = Callable[[Kind, str], Document | None]
"""A ConfigMap or Secret of the pod's namespace by name, None where there is none."""

Environment: TypeAlias = Result[dict[str, str], str]


class Surroundings(msgspec.Struct, frozen=True):
    """What a container's environment depends on beside its pod."""

    services: tuple[Document, ...] = ()
    lookup: Lookup = lambda kind, name: None
    allocatable: Document = EMPTY


def environment(pod: Document, container: Document, around: Surroundings) -> Environment:
    """All variables of a container, or why they cannot be had.

    A failure keeps the container from being created (CreateContainerConfigError).
    """
    links = value_at(pod, "spec", "enableServiceLinks")
    if not isinstance(links, bool):
        return Failure("nil pod.spec.enableServiceLinks encountered, cannot construct envvars")
    namespace = text(pod, "metadata", "namespace")
    services = environment_of_services(around.services, namespace, links=links)
    found: dict[str, str] = {}
    for source in children(container, "envFrom"):
        entries = _all_of(source, around, namespace)
        if isinstance(entries, Failure):
            return entries
        found.update(entries.unwrap())
    for variable in children(container, "env"):
        value = _value(variable, pod, container, around, (found, services))
        if isinstance(value, Failure):
            return Failure(value.failure())
        known = value.unwrap()
        if known is not None:
            found[text(variable, "name")] = known
    return Success({**services, **found})


def command_line(words: Iterable[str], variables: dict[str, str]) -> tuple[str, ...]:
    """A command or its arguments with `$(NAME)` replaced."""
    return tuple(expand(word, variables) for word in words)


def _all_of(source: Document, around: Surroundings, namespace: str) -> Environment:
    """Every entry of an `envFrom` source."""
    for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
        reference = child(source, field)
        if not reference:
            continue
        doc = around.lookup(kind, text(reference, "name"))  # type: ignore[arg-type]
        if doc is None:
            if flag(reference, "optional"):
                return Success({})
            return Failure(_missing(kind, text(reference, "name")))
        prefix = text(source, "prefix")
        return Success({f"{prefix}{key}": value for key, value in _data(kind, doc).items()})
    return Success({})


def _data(kind: str, doc: Document) -> dict[str, str]:
    data = strings(doc, "data")
    if kind == "configmaps":
        return data
    return {key: b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _missing(kind: str, name: str) -> str:
    return f'{"configmap" if kind == "configmaps" else "secret"} "{name}" not found'


def _value(
    variable: Document,
    pod: Document,
    container: Document,
    around: Surroundings,
    known: tuple[dict[str, str], dict[str, str]],
) -> Result[str | None, str]:
    """The value of one variable; None for an optional one whose source is missing."""
    literal = text(variable, "value")
    if literal:
        return Success(expand(literal, *known))
    source = child(variable, "valueFrom")
    if "fieldRef" in source:
        path = text(source, "fieldRef", "fieldPath")
        return pod_field(pod, path)
    if "resourceFieldRef" in source:
        return Success(resource_value(container, child(source, "resourceFieldRef"), around))
    for field, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if field in source:
            return _key(kind, child(source, field), around, text(pod, "metadata", "namespace"))  # type: ignore[arg-type]
    return Success("")


def _key(
    kind: Kind, reference: Document, around: Surroundings, namespace: str
) -> Result[str | None, str]:
    name, key = text(reference, "name"), text(reference, "key")
    doc = around.lookup(kind, name)
    if doc is not None and key in (data := _data(kind, doc)):
        return Success(data[key])
    if flag(reference, "optional"):
        return Success(None)
    if doc is None:
        return Failure(_missing(kind, name))
    what = "ConfigMap" if kind == "configmaps" else "Secret"
    return Failure(f"couldn't find key {key} in {what} {namespace}/{name}")


def resource_value(container: Document, reference: Document, around: Surroundings) -> str:
    """A container's own request or limit in units of the divisor, rounded up.

    A limit that is not set is what the node can give.

    >>> limits = Document(resources=Document(limits=Document(memory="64Mi")))
    >>> wanted = Document(resource="limits.memory", divisor="1Mi")
    >>> resource_value(limits, wanted, Surroundings())
    '64'
    """
    kind, _, name = text(reference, "resource").partition(".")
    amount = value_at(container, "resources", kind, name)
    if amount is None and kind == "limits":
        amount = around.allocatable.get(name)
    if amount is None and kind == "requests":
        amount = value_at(container, "resources", "limits", name)
    divisor = reference.get("divisor")
    unit = str(divisor) if isinstance(divisor, str | int | float) else "1"
    unit = "1" if unit == "0" else unit
    whole = str(amount) if isinstance(amount, str | int | float) else "0"
    scale = -3 if name == "cpu" else 0
    return str(
        -(-parse_quantity(whole).at_scale(scale) // max(parse_quantity(unit).at_scale(scale), 1))
    )
