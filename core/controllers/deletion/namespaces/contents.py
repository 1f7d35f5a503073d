"""What is left in a namespace, and how long it may take to go.

Source: kubernetes v1.36, pkg/controller/namespace/deletion/namespaced_resources_deleter.go
(deleteAllContentForGroupVersionResource, estimateGracefulTermination).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.deletion.namespaces.conditions import (
    Problem,
    content_failure,
    content_remaining,
    finalizers_remaining,
)
from kelm.core.controllers.shared.kinds import Kind
from kelm.effects.document import Document, child, children, number, text

FINALIZER_ESTIMATE_SECONDS = 15


class Left(msgspec.Struct, frozen=True):
    """The objects of one resource that are left, and the finalizers that they carry."""

    resource: str
    count: int
    finalizers: tuple[str, ...]


def left_in(resource: str, answer: Document) -> Left:
    """What a list shows."""
    items = children(answer, "items")
    finalizers = (
        finalizer
        for item in items
        for finalizer in (child(item, "metadata").get("finalizers") or ())  # type: ignore[union-attr]
    )
    return Left(resource, len(items), tuple(str(one) for one in finalizers))


def grace_seconds(pods: Document) -> int:
    """The longest grace period among the pods that still run."""
    graces = (
        number(pod, "spec", "terminationGracePeriodSeconds")
        for pod in children(pods, "items")
        if text(pod, "status", "phase") not in ("Succeeded", "Failed")
    )
    return max(graces, default=0)


class Remains(msgspec.Struct, frozen=True):
    """What a pass found: seconds to wait for what is going, resources that should have gone."""

    estimate_seconds: int
    unexpected: tuple[str, ...]
    left: tuple[Left, ...]


def remains(left: Iterable[Left], pods_estimate_seconds: int) -> Remains:
    """Judge what is left after everything was asked to go.

    Pods may take their grace period, objects with finalizers a while; nothing else should be left.
    """
    found = tuple(one for one in left if one.count)
    estimate_seconds, unexpected = 0, []
    for one in found:
        if one.resource == "pods" and pods_estimate_seconds:
            estimate_seconds = max(estimate_seconds, pods_estimate_seconds)
        elif one.finalizers:
            estimate_seconds = max(estimate_seconds, FINALIZER_ESTIMATE_SECONDS)
        else:
            unexpected.append(one.resource)
    return Remains(estimate_seconds, tuple(unexpected), found)


def problems(namespace: str, found: Remains, kinds: dict[str, Kind]) -> tuple[Problem, ...]:
    """What the namespace's conditions are to say about what is left."""
    said = unexpected_problem(namespace, found, kinds)
    if found.left:
        counts = ((kinds[one.resource], one.count) for one in found.left)
        said += (content_remaining((kind.plural, kind.group, n) for kind, n in counts),)
    held: dict[str, int] = {}
    for one in found.left:
        for finalizer in one.finalizers:
            held[finalizer] = held.get(finalizer, 0) + 1
    return (*said, finalizers_remaining(held)) if held else said


def unexpected_problem(
    namespace: str, found: Remains, kinds: dict[str, Kind]
) -> tuple[Problem, ...]:
    """The one problem that is told while pods are left: they should have gone."""
    if not found.unexpected:
        return ()
    named = (kinds[resource] for resource in found.unexpected)
    gvrs = ((kind.group, kind.version, kind.plural) for kind in named)
    return (content_failure(namespace, gvrs),)
