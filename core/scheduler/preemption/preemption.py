"""Preemption: a pod that fits nowhere may have less important pods leave one node.

On each node where that could help, all less important pods are thought away; if the pod fits then,
they are given back one by one, the more important first, and whoever may stay does. Those who may
not are the victims. Of the nodes the one whose victims matter least is chosen.

Source: kubernetes v1.36, pkg/scheduler/framework/preemption/preemption.go,
plugins/defaultpreemption/default_preemption.go, pkg/scheduler/util/utils.go (MoreImportantPod).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.objects.time import parse_time
from kelm.core.scheduler.cache.needs import Ask
from kelm.effects.document import Document, child, number

NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
LEAST_CANDIDATES = 100
CANDIDATES_PERCENT = 10
OFFSET = 2**31
"""Added to every priority, so that a sum of negative ones does not make many victims cheap."""
NEVER_STARTED = (2**63, 0)


class Resident(msgspec.Struct, frozen=True):
    """A pod on a node. `started` orders start times to the nanosecond; missing is now."""

    uid: str
    namespace: str
    name: str
    priority: int
    ask: Ask
    started: tuple[int, int] = NEVER_STARTED
    live: bool = True


class Candidate(msgspec.Struct, frozen=True):
    """A node and who would have to leave it."""

    node: str
    victims: tuple[Resident, ...]
    violations: int


class Budget(msgspec.Struct, frozen=True):
    """A disruption budget as preemption minds it."""

    doc: Document

    def covers(self, one: Resident) -> bool:
        """Source: default_preemption.go, filterPodsWithPDBViolation."""
        selector = selector_of(child(self.doc, "spec", "selector"))
        return (
            metadata(self.doc).namespace == one.namespace
            and not selector.everything
            and bool(one.ask.labels)
            and selector.matches(one.ask.labels)
            and one.name not in child(self.doc, "status", "disruptedPods")
        )


def started(text: str | None) -> tuple[int, int]:
    """A start time as something to compare: milliseconds, and nanoseconds of its second.

    >>> started("1970-01-01T00:00:01.000000002Z"), started(None) == NEVER_STARTED
    ((1000, 2), True)
    """
    if not text:
        return NEVER_STARTED
    whole, _, fraction = text.rstrip("Z").partition(".")
    return parse_time(f"{whole}Z"), int(fraction.ljust(9, "0")) if fraction else 0


def importance(one: Resident) -> tuple[object, ...]:
    """Sorts the most important first: by priority, then who started earlier."""
    return (-one.priority, one.started, one.name)


def split_by_budgets(
    pods: Iterable[Resident], budgets: Sequence[Budget]
) -> tuple[list[Resident], list[Resident]]:
    """Those whose eviction would break a budget, and the rest, in their order."""
    allowed = [number(budget.doc, "status", "disruptionsAllowed") for budget in budgets]
    breaking: list[Resident] = []
    rest: list[Resident] = []
    for one in pods:
        breaks = False
        for index, budget in enumerate(budgets):
            if budget.covers(one):
                allowed[index] -= 1
                breaks = breaks or allowed[index] < 0
        (breaking if breaks else rest).append(one)
    return breaking, rest


def victims_of(
    node: str,
    lesser: Sequence[Resident],
    budgets: Sequence[Budget],
    fits: Callable[[], bool],
    leave: Callable[[Resident, int], None],
) -> Candidate | None:
    """Who would have to leave a node, from those less important; None where that does not help.

    `leave(pod, -1)` thinks a pod away and `leave(pod, 1)` gives it back; afterwards all are back.

    Source: default_preemption.go, SelectVictimsOnNode.
    """
    if not lesser:
        return None
    for one in lesser:
        leave(one, -1)
    away = list(lesser)
    victims: list[Resident] = []
    violations = 0
    if fits():
        breaking, rest = split_by_budgets(sorted(lesser, key=importance), budgets)
        for one in (*breaking, *rest):
            leave(one, 1)
            away.remove(one)
            if not fits():
                leave(one, -1)
                away.append(one)
                victims.append(one)
                violations += one in breaking
    for one in away:
        leave(one, 1)
    ranked = tuple(sorted(victims, key=importance))
    return Candidate(node, ranked, violations) if victims else None


def chosen(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate whose victims matter least; the first of those that are equal.

    Source: preemption.go, pickOneNodeForPreemption.

    >>> from kelm.core.scheduler.cache.needs import Needs
    >>> nothing = Ask(Needs({}, 0, 0))
    >>> one, two = (Resident(n, "", n, p, nothing) for n, p in (("a", 5), ("b", 3)))
    >>> chosen([Candidate("x", (one,), 0), Candidate("y", (two,), 0)]).node
    'y'
    """
    return min(candidates, key=_harm)


def _harm(one: Candidate) -> tuple[object, ...]:
    highest = one.victims[0].priority
    earliest = min(v.started for v in one.victims if v.priority == highest)
    return (
        one.violations,
        highest,
        sum(victim.priority + OFFSET for victim in one.victims),
        len(one.victims),
        (-earliest[0], -earliest[1]),
    )


def enough_candidates(node_count: int) -> int:
    """On how many nodes candidates are looked for.

    Source: default_preemption.go, calculateNumCandidates.

    >>> enough_candidates(50), enough_candidates(500), enough_candidates(5000)
    (50, 100, 500)
    """
    return min(max(node_count * CANDIDATES_PERCENT // 100, LEAST_CANDIDATES), node_count)
