"""What each metric asks for, and what all of them come to.

A metric proposes a number of replicas or fails; the largest proposal counts. Where some fail, the
others may add pods but not take any away: what is not known might need them.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (computeReplicasForMetrics,
computeStatusFor*), replica_calculator.go (the errors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler import replicas as calculate
from kelm.core.controllers.horizontal_pod_autoscaler.measures import (
    Answer,
    ByPod,
    custom_by_pod,
    external_sum,
    of_object,
    resource_by_pod,
)
from kelm.core.controllers.horizontal_pod_autoscaler.pods import Pods, measured, ready_count
from kelm.core.controllers.horizontal_pod_autoscaler.replicas import NoProposal, Proposal
from kelm.core.controllers.horizontal_pod_autoscaler.spec import Metric, Spec
from kelm.core.objects.quantity import milli_quantity
from kelm.effects.document import Document, Json, elements, strings, text

NO_PODS: Final = "no pods returned by selector while calculating replica count"
NO_STATUS: Final = Document(type="")
"""What is shown of a metric that failed."""


class Found(msgspec.Struct, frozen=True):
    """A metric's proposal. `said` names the metric in messages, `status` shows what it is now."""

    replicas: int
    said: str
    status: Document


class Failed(msgspec.Struct, frozen=True):
    """Why a metric proposes nothing: the reason, the error, and the error as it is passed on."""

    reason: str
    error: str
    passed_on: str


Result: TypeAlias = Found | Failed


class Scene(msgspec.Struct, frozen=True):
    """What a metric is judged by: replicas wanted and there, the pods, the time."""

    spec: Spec
    namespace: str
    wanted: int
    there: int
    pods: Pods
    now_ms: int


def propose(scene: Scene, metric: Metric, answer: Answer | str) -> Result:
    """What one metric asks for. The answer is a text where nothing could be asked."""
    return _KINDS[metric.type](scene, metric, answer)


# -- resources ---------------------------------------------------------------------------------


def _resource(scene: Scene, metric: Metric, answer: Answer | str) -> Result:
    by_average = metric.average is not None
    found = _of_resource(scene, metric, answer)
    if isinstance(found, str):
        what = "usage" if by_average else "utilization"
        if metric.average is None and metric.utilization is None:
            error = (
                "invalid resource metric source: neither an average utilization target nor an "
                "average value (usage) target was set"
            )
        else:
            error = f"failed to get {metric.name} {what}: {found}"
        return _failed_resource(metric, error)
    form: Json = str(
        milli_quantity(found.usage, "BinarySI" if metric.name == "memory" else "DecimalSI")
    )
    current: dict[str, Json] = {"averageValue": form}
    if not by_average:
        current["averageUtilization"] = found.utilization
    source: dict[str, Json] = {"name": metric.name, "current": Document(current)}
    of_container = metric.type == "ContainerResource"
    if of_container:
        source["container"] = metric.container
    field = "containerResource" if of_container else "resource"
    said = f"{metric.name} resource"
    if not by_average:
        of = "container resource" if of_container else "resource"
        said = f"{metric.name} {of} utilization (percentage of request)"
    return Found(found.replicas, said, Document({"type": metric.type, field: Document(source)}))


def _failed_resource(metric: Metric, error: str) -> Failed:
    if metric.type == "ContainerResource":
        passed_on = f"failed to get {metric.container} container metric value: {error}"
        return Failed("FailedGetContainerResourceMetric", error, passed_on)
    passed_on = f"failed to get {metric.name} resource metric value: {error}"
    return Failed("FailedGetResourceMetric", error, passed_on)


def _of_resource(scene: Scene, metric: Metric, answer: Answer | str) -> Proposal | str:
    if metric.average is None and metric.utilization is None:
        return "no target"
    by_pod = answer if isinstance(answer, str) else None
    found: ByPod | str = by_pod or resource_by_pod(
        answer,  # type: ignore[arg-type]  # a text was taken above
        metric.name,
        metric.container,
    )
    if isinstance(found, str):
        return f"unable to get metrics for resource {metric.name}: {found}"
    if not scene.pods:
        return NO_PODS
    wanted, tolerances, now_ms = scene.wanted, scene.spec.tolerances, scene.now_ms
    if metric.average is not None:
        pods = measured(scene.pods, found, now_ms)
        proposal = calculate.pods_replicas(
            wanted, metric.average, pods, tolerances, is_cpu=metric.is_cpu
        )
    else:
        pods = measured(scene.pods, found, now_ms, metric.name, metric.container)
        assert metric.utilization is not None
        proposal = calculate.resource_replicas(
            wanted, metric.utilization, pods, tolerances, is_cpu=metric.is_cpu
        )
    return proposal.why if isinstance(proposal, NoProposal) else proposal


# -- metrics of pods, of objects, of the outside -------------------------------------------------


def _pods(scene: Scene, metric: Metric, answer: Answer | str) -> Result:
    found = answer if isinstance(answer, str) else custom_by_pod(answer)
    if isinstance(found, str) and not isinstance(answer, str):
        found = f"unable to get metric {metric.name}: {found}"
    if not isinstance(found, str):
        if not scene.pods:
            found = NO_PODS
        else:
            assert metric.average is not None
            pods = measured(scene.pods, found, scene.now_ms)
            proposal = calculate.pods_replicas(
                scene.wanted, metric.average, pods, scene.spec.tolerances
            )
            if isinstance(proposal, Proposal):
                source = Document(metric=_identifier(metric), current=_average(proposal.usage))
                status = Document(type="Pods", pods=source)
                return Found(proposal.replicas, f"pods metric {metric.name}", status)
            found = proposal.why
    error = str(found)
    return Failed("FailedGetPodsMetric", error, f"failed to get pods metric value: {error}")


def _object(scene: Scene, metric: Metric, answer: Answer | str) -> Result:
    kind, name = text(metric.described, "kind"), text(metric.described, "name")
    found = _one_value(answer)
    if (isinstance(found, str) and not isinstance(answer, str)) or _unmapped(answer):
        found = f"unable to get metric {metric.name}: {kind} on {scene.namespace} {name}/{found}"
    proposal = found if isinstance(found, str) else _of_value(scene, metric, found)
    if isinstance(proposal, str):
        inner = proposal
        if metric.value is None and not isinstance(answer, str):
            inner = f"failed to get {metric.name} object metric: {proposal}"
        passed_on = f"failed to get object metric value: {inner}"
        return Failed("FailedGetObjectMetric", proposal, passed_on)
    source = Document(
        metric=_identifier(metric),
        current=_current(metric, proposal.usage),
        describedObject=metric.described,
    )
    said = f"{kind} metric {metric.name}"
    if metric.value is None:
        said = f"external metric {metric.name}({told_selector(metric.selector)})"
    return Found(proposal.replicas, said, Document(type="Object", object=source))


def _unmapped(answer: Answer | str) -> bool:
    return isinstance(answer, str) and answer.startswith("unable to map kind")


def _one_value(answer: Answer | str) -> int | str:
    return answer if isinstance(answer, str) else of_object(answer)


def _external(scene: Scene, metric: Metric, answer: Answer | str) -> Result:
    found = answer if isinstance(answer, str) else external_sum(answer)
    selector = told_selector(metric.selector)
    if isinstance(found, str) and not isinstance(answer, str):
        where = f"{scene.namespace}/{metric.name}/{selector}"
        found = f"unable to get external metric {where}: {found}"
    proposal = found if isinstance(found, str) else _of_value(scene, metric, found)
    if isinstance(proposal, str):
        inner = f"failed to get external metric {metric.name}: {proposal}"
        if metric.average is not None:
            inner = f"failed to get {metric.name} external metric: {proposal}"
        passed_on = f"failed to get {metric.name} external metric value: {inner}"
        return Failed("FailedGetExternalMetric", proposal, passed_on)
    source = Document(metric=_identifier(metric), current=_current(metric, proposal.usage))
    said = f"external metric {metric.name}({selector})"
    return Found(proposal.replicas, said, Document(type="External", external=source))


def _of_value(scene: Scene, metric: Metric, value: int) -> Proposal | str:
    """Replicas for one value: over the wanted one, or over the wanted one of each pod."""
    tolerances = scene.spec.tolerances
    if _by_average(metric) and metric.average is not None:
        return calculate.per_pod_replicas(scene.there, value, metric.average, tolerances)
    if metric.value is None:
        return (
            f"invalid {metric.type.lower()} metric source: neither a value target nor an average "
            "value target was set"
        )
    if scene.wanted and not tolerances.contain(value / metric.value) and not scene.pods:
        return f"unable to calculate ready pods: {NO_PODS}"
    ready = ready_count(scene.pods)
    return calculate.object_replicas(scene.wanted, value, metric.value, ready, tolerances)


def _by_average(metric: Metric) -> bool:
    """Whether the target is one of each pod: of two, an external metric's is the average."""
    return metric.average is not None if metric.type == "External" else metric.value is None


def _identifier(metric: Metric) -> Document:
    named: dict[str, Json] = {"name": metric.name}
    if metric.selector is not None:
        named["selector"] = metric.selector
    return Document(named)


def _average(milli: int) -> Document:
    return Document(averageValue=str(milli_quantity(milli)))


def _current(metric: Metric, milli: int) -> Document:
    return _average(milli) if _by_average(metric) else Document(value=str(milli_quantity(milli)))


def told_selector(selector: Document | None) -> str:
    """A selector as Go prints it in messages.

    >>> told_selector(None)
    'nil'
    >>> told_selector(Document(matchLabels=Document(queue="jobs")))
    '&LabelSelector{MatchLabels:map[string]string{queue: jobs,},\
MatchExpressions:[]LabelSelectorRequirement{},}'
    """
    if selector is None:
        return "nil"
    labels = "".join(
        f"{key}: {value}," for key, value in sorted(strings(selector, "matchLabels").items())
    )
    needs = "".join(
        f"LabelSelectorRequirement{{Key:{text(one, 'key')},Operator:{text(one, 'operator')},"
        f"Values:[{' '.join(map(str, elements(one, 'values')))}],}},"
        for one in elements(selector, "matchExpressions")
        if isinstance(one, Document)
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{needs}}},}}"
    )


_KINDS: Final[dict[str, Callable[[Scene, Metric, Answer | str], Result]]] = {
    "Resource": _resource,
    "ContainerResource": _resource,
    "Pods": _pods,
    "Object": _object,
    "External": _external,
}


# -- all of them -------------------------------------------------------------------------------


class Computed(msgspec.Struct, frozen=True):
    """What all metrics come to.

    replicas: None where nothing may be done; `failed` is then the first metric that failed, and
        `error` what is said of it. `said` is the metric that counts.
    """

    replicas: int | None
    said: str
    statuses: tuple[Document, ...]
    failed: tuple[Failed, ...] = ()
    error: str = ""


def combined(results: tuple[Result, ...], wanted: int) -> Computed:
    """The largest proposal, unless one that failed might have prevented it.

    >>> some = (Found(2, "a", Document(type="Pods")), Failed("NoSuch", "why", "because why"))
    >>> combined(some, wanted=3).error
    'invalid metrics (1 invalid out of 2), first error is: because why'
    >>> combined(some, wanted=1).replicas
    2
    """
    replicas, said = 0, ""
    for one in results:
        if isinstance(one, Found) and (replicas == 0 or one.replicas > replicas):
            replicas, said = one.replicas, one.said
    statuses = tuple(one.status if isinstance(one, Found) else NO_STATUS for one in results)
    failed = tuple(one for one in results if isinstance(one, Failed))
    if not failed:
        return Computed(replicas, said, statuses)
    counted = f"invalid metrics ({len(failed)} invalid out of {len(results)})"
    error = f"{counted}, first error is: {failed[0].passed_on}"
    if len(failed) == len(results) or replicas < wanted:
        return Computed(None, "", statuses, failed, error)
    return Computed(replicas, said, statuses, failed)
