"""What a namespace's LimitRanges fill in and forbid.

Source: kubernetes v1.36, plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kelm.core.api.defaulting.fill import absent
from kelm.core.objects.pod_resources import Amounts, amounts, pod_limits, pod_requests
from kelm.core.objects.quantity import Quantity
from kelm.effects.document import Document, Json, child, children, text

ANNOTATION: Final = "kubernetes.io/limit-ranger"
CONTAINER_LISTS: Final = (("containers", "container"), ("initContainers", "init container"))


def limit_items(ranges: tuple[Document, ...], kind: str) -> list[Document]:
    """The limits of one type: `Container`, `Pod`, `PersistentVolumeClaim`."""
    found = (item for doc in ranges for item in children(doc, "spec", "limits"))
    return [item for item in found if text(item, "type") == kind]


def with_defaults(spec: Document, ranges: tuple[Document, ...]) -> tuple[Document, str]:
    """The specification with what containers leave open, and a note of what that was."""
    notes: list[str] = []
    items = limit_items(ranges, "Container")
    requests: dict[str, Json] = {}
    limits: dict[str, Json] = {}
    for item in items:
        requests.update(child(item, "defaultRequest"))
        limits.update(child(item, "default"))
    new: dict[str, tuple[Document, ...]] = {}
    for key, word in CONTAINER_LISTS:
        if key in spec:
            new[key] = tuple(
                _filled(container, word, Document(requests), Document(limits), notes)
                for container in children(spec, key)
            )
    if not notes:
        return spec, ""
    return Document({**spec, **new}), f"LimitRanger plugin set: {'; '.join(notes)}"


def _filled(
    container: Document, word: str, requests: Document, limits: Document, notes: list[str]
) -> Document:
    both = child(container, "resources")
    parts = {"requests": requests, "limits": limits}
    new = dict(both)
    for key, defaults in parts.items():
        own = child(both, key)
        missing = sorted(name for name in defaults if absent(own, name))
        if missing:
            new[key] = Document({**own, **{name: defaults[name] for name in missing}})
            listed, one = ", ".join(missing), key.removesuffix("s")
            notes.append(f"{listed} {one} for {word} {text(container, 'name')}")
    if len(new) == len(both) and all(new[key] is both.get(key) for key in new):
        return container
    return Document({**container, "resources": Document(new)})


def pod_faults(spec: Document, ranges: tuple[Document, ...]) -> tuple[str, ...]:
    """Why a namespace's limits do not let a pod in; nothing where they do."""
    return tuple(_pod_faults(spec, ranges))


def _pod_faults(spec: Document, ranges: tuple[Document, ...]) -> Iterator[str]:
    for item in limit_items(ranges, "Container"):
        for key, _ in CONTAINER_LISTS:
            for container in children(spec, key):
                requests = amounts(child(container, "resources", "requests"))
                yield from _faults(item, requests, amounts(child(container, "resources", "limits")))
    for item in limit_items(ranges, "Pod"):
        yield from _faults(item, pod_requests(spec), pod_limits(spec))


def claim_faults(claim: Document, ranges: tuple[Document, ...]) -> tuple[str, ...]:
    """Why a namespace's limits do not let a claim in."""
    asked = amounts(child(claim, "spec", "resources", "requests"))
    found: list[str] = []
    for item in limit_items(ranges, "PersistentVolumeClaim"):
        for name, least in sorted(amounts(child(item, "min")).items()):
            found.extend(_below(name, "PersistentVolumeClaim", least, asked.get(name), "request"))
        for name, most in sorted(amounts(child(item, "max")).items()):
            found.extend(_above(name, "PersistentVolumeClaim", most, asked.get(name), "request"))
    return tuple(found)


def _faults(item: Document, requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = text(item, "type")
    for name, least in sorted(amounts(child(item, "min")).items()):
        yield from _minimum(name, kind, least, requests.get(name), limits.get(name))
    for name, most in sorted(amounts(child(item, "max")).items()):
        yield from _maximum(name, kind, most, requests.get(name), limits.get(name))
    for name, ratio in sorted(amounts(child(item, "maxLimitRequestRatio")).items()):
        yield from _ratio(name, kind, ratio, requests.get(name), limits.get(name))


def _below(
    name: str, kind: str, least: Quantity, found: Quantity | None, word: str
) -> Iterator[str]:
    if found is not None and found.compare(least) < 0:
        yield f"minimum {name} usage per {kind} is {least}, but {word} is {found}"


def _above(
    name: str, kind: str, most: Quantity, found: Quantity | None, word: str
) -> Iterator[str]:
    if found is not None and found.compare(most) > 0:
        yield f"maximum {name} usage per {kind} is {most}, but {word} is {found}"


def _minimum(
    name: str, kind: str, least: Quantity, asked: Quantity | None, limit: Quantity | None
) -> Iterator[str]:
    if asked is None:
        yield f"minimum {name} usage per {kind} is {least}.  No request is specified"
        return
    wrong = [*_below(name, kind, least, asked, "request")]
    yield from wrong or _below(name, kind, least, limit, "limit")


def _maximum(
    name: str, kind: str, most: Quantity, asked: Quantity | None, limit: Quantity | None
) -> Iterator[str]:
    if limit is None:
        yield f"maximum {name} usage per {kind} is {most}.  No limit is specified"
        return
    wrong = [*_above(name, kind, most, limit, "limit")]
    yield from wrong or _above(name, kind, most, asked, "request")


def _ratio(
    name: str, kind: str, ratio: Quantity, asked: Quantity | None, limit: Quantity | None
) -> Iterator[str]:
    head = f"{name} max limit to request ratio per {kind} is {ratio}"
    if asked is None or not asked.unscaled:
        yield f"{head}, but no request is specified or request is 0"
    elif limit is None or not limit.unscaled:
        yield f"{head}, but no limit is specified or limit is 0"
    else:
        scale = min(asked.scale, limit.scale, ratio.scale)
        whole = limit.at_scale(scale) * 10 ** max(0, -scale)
        if whole > ratio.at_scale(scale) * asked.at_scale(scale):
            provided = limit.at_scale(scale) / asked.at_scale(scale)
            yield f"{head}, but provided ratio is {provided:.6f}"
