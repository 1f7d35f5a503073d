"""What is tried for a pod that no node takes: may it have others leave, whom, and what it is told.

Source: kubernetes v1.36, pkg/scheduler/framework/preemption/preemption.go (Preempt),
plugins/defaultpreemption/default_preemption.go (PodEligibleToPreemptOthers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.placement.placing import Guest, NoNode, Placing
from kelm.core.scheduler.preemption.preemption import (
    NO_VICTIMS,
    NOT_HELPFUL,
    Budget,
    Candidate,
    Resident,
    chosen,
    enough_candidates,
    started,
    victims_of,
)
from kelm.core.scheduler.state import State
from kelm.core.scheduler.words import NEVER, NO_CLAIMS, VICTIMS_LEAVING, fit_error
from kelm.effects.document import text

BUDGETS = "poddisruptionbudgets.policy"
PREEMPTED = "PreemptionByScheduler"


class Attempt(msgspec.Struct, frozen=True):
    """What came of it: what the pod is told, and who has to leave for it, if anybody.

    `hopes` says that a node it was promised is still its to hope for.
    """

    message: str
    candidate: Candidate | None = None
    hopes: bool = False


def attempt(
    state: State,
    placing: Placing,
    view: Pod,
    ask: Ask,
    found: NoNode,
    about_claims: str = NO_CLAIMS,
) -> Attempt:
    """Look for a node that a pod could have if less important pods left it.

    `about_claims` is what is said first, of claims for devices.
    """
    if not found.node_count or found.everywhere is not None:
        return Attempt(fit_error(found, ""), hopes=True)
    if text(view.spec.doc, "preemptionPolicy") == "Never":
        return Attempt(fit_error(found, about_claims + NEVER), hopes=True)
    if _victims_are_leaving(state, view, found):
        return Attempt(fit_error(found, about_claims + VICTIMS_LEAVING), hopes=True)
    why: dict[str, tuple[str, ...]] = {
        name: (NOT_HELPFUL,) for name, no in found.refusals.items() if no.hopeless
    }
    budgets = _budgets(state)
    guest = Guest(view.metadata.uid, view.spec.priority)
    candidates: list[Candidate] = []
    wanted = enough_candidates(found.node_count)
    for name, no in found.refusals.items():
        if no.hopeless:
            continue
        lesser = [one for one in residents(state, name) if one.priority < view.spec.priority]
        if not lesser:
            why[name] = (NO_VICTIMS,)
            continue
        with placing.trial(ask, name, guest) as trial:
            candidate = victims_of(name, lesser, budgets, trial.fits, trial.leave)
            if candidate is None:
                why[name] = trial.reasons
        if candidate is not None:
            candidates.append(candidate)
            if len(candidates) >= wanted:
                break
    if candidates:
        return Attempt(fit_error(found, ""), chosen(candidates))
    return Attempt(fit_error(found, about_claims + _nothing(found, why)))


def _nothing(found: NoNode, why: dict[str, tuple[str, ...]]) -> str:
    """That no pod's eviction would make room, and why not on each node."""
    reasons = Counter(reason for said in why.values() for reason in said)
    told = ", ".join(sorted(f"{number} {reason}" for reason, number in reasons.items()))
    return f"0/{found.node_count} nodes are available: {told}."


def _victims_are_leaving(state: State, view: Pod, found: NoNode) -> bool:
    """Whether pods are on their way out of the node that this pod was promised."""
    nominee = state.nominees.get(view.metadata.uid)
    node = nominee.node if nominee is not None else view.status.nominated_node_name
    no = found.refusals.get(node)
    if not node or (no is not None and no.hopeless):
        return False
    for one in _pods_on(state, node):
        target = one.status.condition("DisruptionTarget")
        if (
            one.spec.priority < view.spec.priority
            and one.metadata.deletion_timestamp is not None
            and target is not None
            and target.reason == PREEMPTED
        ):
            return True
    return False


def _budgets(state: State) -> list[Budget]:
    cache = state.caches.get(BUDGETS)
    return [] if cache is None else [Budget(doc) for doc in cache.objects()]


def _pods_on(state: State, node: str) -> Iterator[Pod]:
    for doc in state.pods.select("spec.nodeName", node) if state.pods is not None else ():
        view = pod(doc)
        if view.status.phase not in ENDED:
            yield view


def residents(state: State, node: str) -> Iterator[Resident]:
    """The pods that are seen on a node."""
    for view in _pods_on(state, node):
        meta = view.metadata
        placed = state.placed.get(meta.uid)
        if placed is not None and placed.node == node:
            yield Resident(
                meta.uid,
                meta.namespace,
                meta.name,
                view.spec.priority,
                placed.ask,
                started(view.status.start_time),
                placed.live,
            )
