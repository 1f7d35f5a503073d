"""The parts of a pod that are changed through subresources of their own.

`ephemeralcontainers` adds containers to a pod that is there; `resize` changes what its containers
ask for and are limited to. Whatever else is sent along is left as it was.

Source: kubernetes v1.36, pkg/registry/core/pod/strategy.go (podEphemeralContainersStrategy,
podResizeStrategy), pkg/apis/core/validation/validation.go (ValidatePodEphemeralContainersUpdate,
ValidatePodResize).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.difference import difference
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.metadata import annotation_of
from kelm.core.api.validation.pods.pod import MIRROR
from kelm.core.api.validation.pods.spec import pod_spec_violations
from kelm.core.api.validation.violation import Violations, forbidden, invalid_value, under
from kelm.core.objects.qos import qos_class
from kelm.effects.document import Document, Json, child, children, text

PARTS: Final = frozenset({"ephemeralcontainers", "resize"})
LISTS: Final = ("containers", "initContainers")
RESIZED: Final = ("resources", "resizePolicy")
MUTABLE: Final = ("cpu", "memory")
ONLY: Final = "only cpu and memory resources are mutable"


def narrowed(subresource: str, old: Document, given: Document) -> Document:
    """The stored pod with the one part that a request may change.

    >>> old = Document(spec=Document(containers=(Document(name="a", image="x"),)))
    >>> asked = Document(containers=(Document(name="a", image="y", resources=Document(a=1)),))
    >>> narrowed("resize", old, Document(spec=asked))["spec"]["containers"]
    ({'name': 'a', 'image': 'x', 'resources': {'a': 1}},)
    """
    spec, asked = child(old, "spec"), child(given, "spec")
    if subresource == "resize":
        new = _resized(spec, asked)
    else:
        fields: dict[str, Json] = dict(spec)
        _take(fields, "ephemeralContainers", asked)
        new = Document(fields)
    return Document({**old, "spec": new})


def _take(fields: dict[str, Json], key: str, source: Document) -> None:
    if key in source:
        fields[key] = source[key]
    else:
        fields.pop(key, None)


def _resized(old: Document, asked: Document) -> Document:
    """Containers with other resources; those added, removed or renamed are left to be refused."""
    fields: dict[str, Json] = dict(old)
    _take(fields, "resources", asked)
    for key in LISTS:
        before, after = children(old, key), children(asked, key)
        if len(before) != len(after):
            return asked
        if not after:
            continue
        merged = []
        for was, now in zip(before, after, strict=True):
            if text(was, "name") != text(now, "name"):
                merged = list(after)
                break
            container: dict[str, Json] = dict(was)
            for field in RESIZED:
                _take(container, field, now)
            merged.append(Document(container))
        fields[key] = tuple(merged)
    return Document(fields)


def part_violations(subresource: str, old: Document, new: Document) -> Violations:
    """What is wrong with the part that was asked for."""
    static = annotation_of(child(old, "metadata"), MIRROR) is not None
    was, spec = child(old, "spec"), child(new, "spec")
    if subresource == "resize":
        if static:
            return (forbidden("", "static pods cannot be resized"),)
        if text(was, "os", "name") == "windows":
            return (forbidden("", "windows pods cannot be resized"),)
    elif static:
        return (forbidden("", "static pods do not support ephemeral containers"),)
    if spec == was:
        return ()
    found = under("spec", pod_spec_violations(spec, "pod"))
    rules = _resize_rules(old, was, spec) if subresource == "resize" else _added(was, spec)
    return (*found, *rules)


def _added(old: Document, new: Document) -> Rules:
    """Ephemeral containers stay as they are for ever."""
    after = {text(one, "name"): one for one in children(new, "ephemeralContainers")}
    for one in children(old, "ephemeralContainers"):
        name = text(one, "name")
        now = after.get(name)
        if now is None:
            why = f'existing ephemeral containers "{name}" may not be removed\n'
            yield forbidden("spec.ephemeralContainers", why)
        elif now != one:
            why = f'existing ephemeral containers "{name}" may not be changed\n'
            yield forbidden("spec.ephemeralContainers", why + difference(one, now))


def _resize_rules(pod: Document, old: Document, new: Document) -> Rules:
    before = text(pod, "status", "qosClass") or qos_class(old)
    if before != qos_class(new):
        why = "Pod QOS Class may not change as a result of resizing"
        yield invalid_value("spec", before, why)
    order = tuple(_order(old, new))
    yield from order
    if order:
        return
    for key in LISTS:
        for index, (was, now) in enumerate(
            zip(children(old, key), children(new, key), strict=True)
        ):
            yield from _container(was, now, key, f"spec.{key}[{index}]")


def _order(old: Document, new: Document) -> Rules:
    for key in LISTS:
        before, after = children(old, key), children(new, key)
        if len(before) != len(after):
            yield forbidden(f"spec.{key}", f"{key} may not be added or removed on resize")
            continue
        for index, (was, now) in enumerate(zip(before, after, strict=True)):
            if text(was, "name") != text(now, "name"):
                why = f"{key} may not be renamed or reordered on resize"
                yield forbidden(f"spec.{key}[{index}].name", why)


def _container(old: Document, new: Document, key: str, path: str) -> Rules:
    was, now = child(old, "resources"), child(new, "resources")
    plain_init = key == "initContainers" and text(old, "restartPolicy") != "Always"
    if plain_init:
        if was != now:
            yield forbidden("spec", "resources for non-sidecar init containers are immutable")
        return
    for kind in ("requests", "limits"):
        if child(was, kind).keys() - child(now, kind).keys():
            yield forbidden(f"{path}.resources.{kind}", f"resource {kind} cannot be removed")
    if _others(old) != _others(new):
        if key == "containers":
            yield forbidden("spec", ONLY)
        else:
            why = "only cpu and memory resources for init or sidecar containers are mutable"
            yield forbidden(path, why)


def _others(container: Document) -> dict[str, Json]:
    """A container without what may be resized."""
    fields: dict[str, Json] = {key: value for key, value in container.items() if key != "resources"}
    resources = child(container, "resources")
    kept: dict[str, Json] = {
        key: value for key, value in resources.items() if key not in ("requests", "limits")
    }
    for kind in ("requests", "limits"):
        rest = {
            name: amount for name, amount in child(resources, kind).items() if name not in MUTABLE
        }
        if rest:
            kept[kind] = Document(rest)
    fields["resources"] = Document(kept)
    return fields
