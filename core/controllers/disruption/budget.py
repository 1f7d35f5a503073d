"""How many pods of a disruption budget may go now.

    allowed = healthy - desired, and nothing while no pod is expected

What is desired is a number or a part of what is expected; what is expected is the number of
pods, or, where a part of it counts, what their controllers want to have.

Source: kubernetes v1.36, pkg/controller/disruption/disruption.go (getExpectedPodCount,
countHealthyPods, buildDisruptedPodMap, updatePdbStatus);
component-helpers/apps/poddisruptionbudget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.int_or_string import IntOrString, resolve
from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import Document, Json, child, children, number, strings, text

DELETION_TIMEOUT_MS = 120_000
"""How long an evicted pod may be seen before its eviction is thought to have failed."""
ALLOWED = "DisruptionAllowed"


class Scale(msgspec.Struct, frozen=True, gc=False):
    """A controller of pods, and how many it wants."""

    uid: str
    replicas: int


class Expected(msgspec.Struct, frozen=True, gc=False):
    """How many pods there should be, and how many of them must be healthy."""

    pods: int
    healthy: int


class Numbers(msgspec.Struct, frozen=True, gc=False):
    """The counts of a budget's status."""

    disruptions_allowed: int
    current_healthy: int
    desired_healthy: int
    expected_pods: int


def needs_scales(spec: Document) -> bool:
    """Whether what is expected depends on the controllers of the pods."""
    return "maxUnavailable" in spec or isinstance(spec.get("minAvailable"), str)


def expected(spec: Document, pods: int, scales: Iterable[Scale]) -> Expected:
    """What a budget expects of its pods.

    Args:
        pods: how many it selects.
        scales: the controllers of those pods, each perhaps several times.

    >>> expected(Document(minAvailable="20%"), 3, [Scale("a", 11), Scale("a", 11)])
    Expected(pods=11, healthy=3)
    """
    wanted = sum({scale.uid: scale.replicas for scale in scales}.values())
    if "maxUnavailable" in spec:
        spared = resolve(_amount(spec["maxUnavailable"]), wanted, True)
        return Expected(wanted, max(0, wanted - spared))
    least = spec.get("minAvailable")
    if isinstance(least, str):
        return Expected(wanted, resolve(least, wanted, True))
    return (
        Expected(pods, number(spec, "minAvailable")) if "minAvailable" in spec else Expected(0, 0)
    )


def _amount(value: Json) -> IntOrString:
    assert isinstance(value, int | str)
    return value


def still_disrupted(
    disrupted: Mapping[str, str], pods: Iterable[Pod], now_ms: int
) -> tuple[dict[str, str], tuple[Pod, ...], int | None]:
    """Which evicted pods are still to go, which never went, and when to look again."""
    waiting: dict[str, str] = {}
    failed: list[Pod] = []
    again_ms: int | None = None
    for one in pods:
        since = disrupted.get(one.metadata.name)
        if since is None or one.metadata.deletion_timestamp:
            continue
        until_ms = parse_time(since) + DELETION_TIMEOUT_MS
        if until_ms < now_ms:
            failed.append(one)
        else:
            waiting[one.metadata.name] = since
            again_ms = until_ms if again_ms is None else min(again_ms, until_ms)
    return waiting, tuple(failed), again_ms


def healthy(pods: Iterable[Pod], disrupted: Mapping[str, str]) -> int:
    """How many pods are ready and will stay."""
    return sum(
        one.ready and not one.metadata.deletion_timestamp and one.metadata.name not in disrupted
        for one in pods
    )


def numbers(wanted: Expected, healthy_pods: int) -> Numbers:
    """The counts of the status."""
    spare = max(0, healthy_pods - wanted.healthy) if wanted.pods > 0 else 0
    return Numbers(spare, healthy_pods, wanted.healthy, wanted.pods)


def status(
    budget: Document, counts: Numbers, disrupted: Mapping[str, str], now_ms: int
) -> Document | None:
    """The budget's new status; None where it says this already."""
    old = child(budget, "status")
    generation = number(budget, "metadata", "generation")
    fields: dict[str, Json] = {**old, "observedGeneration": generation}
    if disrupted:
        fields["disruptedPods"] = Document(sorted(disrupted.items()))
    else:
        fields.pop("disruptedPods", None)
    fields["disruptionsAllowed"] = counts.disruptions_allowed
    fields["currentHealthy"] = counts.current_healthy
    fields["desiredHealthy"] = counts.desired_healthy
    fields["expectedPods"] = counts.expected_pods
    allowed = counts.disruptions_allowed > 0
    reason = "SufficientPods" if allowed else "InsufficientPods"
    fields["conditions"] = _conditions(old, allowed, reason, "", generation, now_ms)
    return None if fields == old else Document(fields)


def failed_status(budget: Document, message: str, now_ms: int) -> Document | None:
    """The status of a budget whose counts are not known: nothing may go."""
    old = child(budget, "status")
    generation = number(old, "observedGeneration")
    conditions = _conditions(old, False, "SyncFailed", message, generation, now_ms)
    fields = {**old, "disruptionsAllowed": 0, "conditions": conditions}
    return None if fields == old else Document(fields)


def _conditions(
    status: Document, allowed: bool, reason: str, message: str, generation: int, now_ms: int
) -> tuple[Document, ...]:
    old = next((c for c in children(status, "conditions") if c.get("type") == ALLOWED), None)
    since = format_time(now_ms)
    value = "True" if allowed else "False"
    if old is not None and old.get("status") == value:
        since = text(old, "lastTransitionTime", default=since)
    new = Document(
        type=ALLOWED,
        status=value,
        observedGeneration=generation,
        lastTransitionTime=since,
        reason=reason,
        message=message,
    )
    if old is None:
        return (*children(status, "conditions"), new)
    return tuple(new if c is old else c for c in children(status, "conditions"))


def disrupted_pods(budget: Document) -> dict[str, str]:
    """The pods that were evicted under this budget, and when."""
    return strings(budget, "status", "disruptedPods")
