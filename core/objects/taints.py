"""Taints, and which tolerations bear them.

Source: kubernetes v1.36, api/core/v1/toleration.go (ToleratesTaint), taint.go (MatchTaint);
component-helpers/scheduling/corev1/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from kelm.core.objects.pod import Toleration
from kelm.core.objects.views import convert
from kelm.effects.document import Document, children

NO_SCHEDULE = "NoSchedule"
PREFER_NO_SCHEDULE = "PreferNoSchedule"
NO_EXECUTE = "NoExecute"

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")


class Taint(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What keeps pods off a node; a taint is known by its key and effect."""

    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: str | None = None


def taints_of(node: Document) -> tuple[Taint, ...]:
    """All taints of a node."""
    return tuple(convert(Taint, taint) for taint in children(node, "spec", "taints"))


def tolerates(toleration: Toleration, taint: Taint, *, comparisons: bool = False) -> bool:
    """Whether a toleration bears a taint; empty fields of a toleration match everything.

    `comparisons` is the feature gate of the operators Lt and Gt.

    >>> tolerates(Toleration(operator="Exists"), Taint("a", "b", "NoExecute"))
    True
    >>> tolerates(Toleration(key="a"), Taint("a", "b", "NoExecute"))
    False
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator in ("", "Equal"):
        return toleration.value == taint.value
    if toleration.operator == "Exists":
        return True
    return comparisons and _compares(toleration, taint)


def _compares(toleration: Toleration, taint: Taint) -> bool:
    if not _INTEGER.fullmatch(toleration.value) or not _INTEGER.fullmatch(taint.value):
        return False
    borne, present = int(toleration.value), int(taint.value)
    if toleration.operator == "Lt":
        return present < borne
    return toleration.operator == "Gt" and present > borne


def used_tolerations(
    taints: Iterable[Taint], tolerations: tuple[Toleration, ...]
) -> tuple[Toleration, ...] | None:
    """The first toleration for each taint; None where a taint is not tolerated.

    Source: pkg/apis/core/v1/helper/helpers.go, GetMatchingTolerations.

    >>> used_tolerations((Taint("a", "", "NoExecute"),), ()) is None
    True
    """
    used = []
    for taint in taints:
        bearing = next((one for one in tolerations if tolerates(one, taint)), None)
        if bearing is None:
            return None
        used.append(bearing)
    return tuple(used)
