"""Eviction: a pod is deleted if the disruption budget that covers it can spare it.

    pending, ended or terminating   deleted; budgets are about pods that serve
    no budget                       deleted
    more than one budget            refused: nobody could say which one counts
    not ready                       deleted if the budget says so, or has healthy pods enough
    else                            costs the budget one disruption, if it has one

Source: kubernetes v1.36, pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.conditions import pod_condition, with_condition
from kelm.core.api.subresources.binding import PODS, SUCCESS
from kelm.core.api.verbs.delete import Options, delete, failed_precondition, wrong_options
from kelm.core.api.verbs.metadata import being_deleted, metadata_of, versioned
from kelm.core.api.verbs.request import Answer, Written
from kelm.core.objects.meta import labels_of
from kelm.core.objects.pod import pod as pod_view
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Evict
from kelm.effects.document import Document, child, children, number, text, value_at
from kelm.effects.refusals import Cause, Reason, Refusal

BUDGETS: Final = "poddisruptionbudgets.policy"
MAX_DISRUPTED_PODS: Final = 2_000
VIOLATED: Final = "Cannot evict pod as it would violate the pod's disruption budget."
TWO_BUDGETS: Final = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


def create_eviction(
    store: Store, namespace: str, name: str, eviction: Document, now_ms: int
) -> Written:
    """Evict a pod as an Eviction object says."""
    if text(eviction, "metadata", "name") != name:
        return store, refuse.bad_request("name in URL does not match name in Eviction object")
    given = child(eviction, "deleteOptions")
    grace = given.get("gracePeriodSeconds")
    options = Options(
        uid=text(given, "preconditions", "uid"),
        resource_version=text(given, "preconditions", "resourceVersion"),
        grace_period_seconds=grace if isinstance(grace, int) else None,
        propagation_policy=text(given, "propagationPolicy"),
    )
    return _evict(store, namespace, name, options, now_ms)


def evict(store: Store, command: Evict, now_ms: int) -> Written:
    """Delete a pod if its disruption budget allows."""
    options = Options(uid=command.uid, grace_period_seconds=command.grace_period_seconds)
    return _evict(store, command.namespace, command.name, options, now_ms)


def _evict(store: Store, namespace: str, name: str, options: Options, now_ms: int) -> Written:
    pod = store.get("pods", key_of(namespace, name))
    if pod is None:
        return store, refuse.not_found(PODS, name)
    refusal = wrong_options(options) or failed_precondition(PODS, metadata_of(pod), options)
    if refusal is not None:
        return store, refusal
    charged = store
    if not needs_no_budget(pod):
        found = _charged(store, pod, namespace, name, now_ms)
        if isinstance(found, Refusal):
            return store, found
        charged = _marked(found, pod, key_of(namespace, name), now_ms)
    anyway = msgspec.structs.replace(options, resource_version="")
    return delete(charged, PODS, namespace, name, anyway, now_ms)[0], SUCCESS


def _charged(
    store: Store, pod: Document, namespace: str, name: str, now_ms: int
) -> Store | Refusal:
    """The store in which the pod's budget has paid for its disruption, if it has to."""
    budgets = budgets_of(store, pod)
    if len(budgets) > 1:
        return refuse.failed(TWO_BUDGETS)
    if not budgets or spares_unready(pod, budgets[0]):
        return store
    budget = charge(budgets[0], name, now_ms)
    if isinstance(budget, Refusal):
        return budget
    key = key_of(namespace, text(budget, "metadata", "name"))
    return store.put(BUDGETS, key, versioned(budget, store.next_revision))


def _marked(store: Store, pod: Document, key: str, now_ms: int) -> Store:
    """The store in which the pod's conditions say why it goes."""
    condition = pod_condition(
        "DisruptionTarget", now_ms, "EvictionByEvictionAPI", "Eviction API: evicting"
    )
    old = child(pod, "status")
    status = with_condition(old, condition)
    if status is old:
        return store
    marked = versioned(Document({**pod, "status": status}), store.next_revision)
    return store.put("pods", key, marked)


def needs_no_budget(pod: Document) -> bool:
    """Whether evicting the pod disrupts nothing: it has not begun, has ended, or is going."""
    phase = text(pod, "status", "phase")
    return phase in ("Pending", "Succeeded", "Failed") or being_deleted(pod)


def budgets_of(store: Store, pod: Document) -> tuple[Document, ...]:
    """The disruption budgets that cover a pod. An empty selector covers every pod."""
    labels, namespace = labels_of(pod), text(pod, "metadata", "namespace")
    return tuple(
        budget
        for budget in store.table(BUDGETS).select("namespace", namespace)
        if selector_of(_selector(budget)).matches(labels)
    )


def _selector(budget: Document) -> Document | None:
    found = value_at(budget, "spec", "selector")
    return found if isinstance(found, Document) else None


def spares_unready(pod: Document, budget: Document) -> bool:
    """Whether a pod may go for being unready: its budget has healthy pods enough without it."""
    if pod_view(pod).ready:
        return False
    if text(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    desired = number(budget, "status", "desiredHealthy")
    return number(budget, "status", "currentHealthy") >= desired > 0


def charge(budget: Document, pod_name: str, now_ms: int) -> Answer:
    """The budget with one disruption less, noting whose it was; or why it has none.

    Source: eviction.go, checkAndDecrement.
    """
    status = child(budget, "status")
    allowed = number(status, "disruptionsAllowed")
    refusal = _unaffordable(budget, status, allowed)
    if refusal is not None:
        return refusal
    disrupted = {**child(status, "disruptedPods"), pod_name: format_time(now_ms)}
    new = Document(
        {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": Document(disrupted)}
    )
    if allowed == 1:
        new = with_condition(new, _exhausted(status, now_ms))
    return Document({**budget, "status": new})


def _unaffordable(budget: Document, status: Document, allowed: int) -> Refusal | None:
    name = text(budget, "metadata", "name")
    if number(status, "observedGeneration") < number(budget, "metadata", "generation"):
        message = f"The disruption budget {name} is still being processed by the server."
        return _too_many(message, retry_after_seconds=10)
    if allowed < 0:
        return _forbidden(name, "pdb disruptions allowed is negative")
    if len(child(status, "disruptedPods")) > MAX_DISRUPTED_PODS:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        return _forbidden(name, why)
    return _too_many(_needs(name, status)) if allowed == 0 else None


def _needs(name: str, status: Document) -> str:
    """What a budget without disruptions says for itself."""
    for condition in children(status, "conditions"):
        failed = condition.get("status") == "False" and condition.get("reason") == "SyncFailed"
        if condition.get("type") == "DisruptionAllowed" and failed:
            return (
                f"The disruption budget {name} does not allow evicting pods currently because it "
                f"failed sync: {condition.get('message')}"
            )
    desired, healthy = number(status, "desiredHealthy"), number(status, "currentHealthy")
    return f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"


def _too_many(message: str, retry_after_seconds: int = 0) -> Refusal:
    return Refusal(
        Reason.TOO_MANY_REQUESTS,
        VIOLATED,
        causes=(Cause("DisruptionBudget", message),),
        retry_after_seconds=retry_after_seconds,
    )


def _forbidden(name: str, why: str) -> Refusal:
    message = f'poddisruptionbudget.policy "{name}" is forbidden: {why}'
    return Refusal(Reason.FORBIDDEN, message, name=name, group="policy", kind="poddisruptionbudget")


def _exhausted(status: Document, now_ms: int) -> Document:
    return Document(
        type="DisruptionAllowed",
        status="False",
        observedGeneration=number(status, "observedGeneration"),
        lastTransitionTime=format_time(now_ms),
        reason="InsufficientPods",
        message="",
    )
