"""What a terminating namespace says about its contents.

Source: kubernetes v1.36, pkg/controller/namespace/deletion/status_condition_utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.time import format_time
from kelm.effects.document import Document, text

CONTENT_FAILURE = "NamespaceDeletionContentFailure"
CONTENT_REMAINING = "NamespaceContentRemaining"
FINALIZERS_REMAINING = "NamespaceFinalizersRemaining"

ALL_CLEAR = {
    "NamespaceDeletionDiscoveryFailure": (
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    CONTENT_FAILURE: (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    CONTENT_REMAINING: ("ContentRemoved", "All content successfully removed"),
    FINALIZERS_REMAINING: (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}
"""By condition, in the order in which they are added: the reason and message without problems."""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """A condition that is True."""

    type: str
    reason: str
    message: str


def content_failure(namespace: str, resources: Iterable[tuple[str, str, str]]) -> Problem:
    """Objects that should be gone and are not: their group, version and plural name."""
    words = sorted(
        f"unexpected items still remain in namespace: {namespace} "
        f"for gvr: {group}/{version}, Resource={plural}"
        for group, version, plural in resources
    )
    message = f"Failed to delete all resource types, {len(words)} remaining: {', '.join(words)}"
    return Problem(CONTENT_FAILURE, "ContentDeletionFailed", message)


def content_remaining(counts: Iterable[tuple[str, str, int]]) -> Problem:
    """How many objects are left: plural name, group, number.

    >>> content_remaining([("configmaps", "", 1)]).message
    'Some resources are remaining: configmaps. has 1 resource instances'
    """
    words = sorted(f"{plural}.{group} has {n} resource instances" for plural, group, n in counts)
    message = f"Some resources are remaining: {', '.join(words)}"
    return Problem(CONTENT_REMAINING, "SomeResourcesRemain", message)


def finalizers_remaining(counts: Mapping[str, int]) -> Problem:
    """How many objects each finalizer holds.

    >>> finalizers_remaining({"a/b": 2}).message
    'Some content in the namespace has finalizers remaining: a/b in 2 resource instances'
    """
    words = sorted(f"{finalizer} in {n} resource instances" for finalizer, n in counts.items())
    message = f"Some content in the namespace has finalizers remaining: {', '.join(words)}"
    return Problem(FINALIZERS_REMAINING, "SomeFinalizersRemain", message)


def updated(
    current: tuple[Document, ...], problems: Iterable[Problem], now_ms: int
) -> tuple[Document, ...]:
    """The conditions after a pass: unknown types stay, known ones tell what was found.

    What says the same as before is the same object.
    """
    found = {problem.type: problem for problem in problems}
    kept = {text(old, "type"): old for old in current}
    now = format_time(now_ms)
    for kind, (reason, message) in ALL_CLEAR.items():
        problem = found.get(kind)
        said = ("False", reason, message)
        if problem is not None:
            said = ("True", problem.reason, problem.message)
        kept[kind] = _said(kept.get(kind), kind, said, now)
    return tuple(kept.values())


def _said(old: Document | None, kind: str, said: tuple[str, str, str], now: str) -> Document:
    status, reason, message = said
    if old is not None:
        if (text(old, "status"), text(old, "reason"), text(old, "message")) == said:
            return old
        if text(old, "status") == status:
            now = text(old, "lastTransitionTime", default=now)
    return Document(
        type=kind, status=status, lastTransitionTime=now, reason=reason, message=message
    )
