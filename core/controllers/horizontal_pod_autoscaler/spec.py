"""An autoscaler's specification as decisions read it.

Source: kubernetes v1.36, api/autoscaling/v2/types.go; pkg/controller/podautoscaler/horizontal.go
(maybeInitScaleDownStabilizationWindow, tolerancesForHpa).
"""

from __future__ import annotations

from typing import Final, Literal, Self

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler.behavior import DOWN, UP, Policy, Rules
from kelm.core.controllers.horizontal_pod_autoscaler.replicas import Tolerances
from kelm.core.objects.quantity import parse_quantity
from kelm.core.objects.views import view
from kelm.effects.document import Document, child, children, number, text, value_at

HPAS: Final = "horizontalpodautoscalers.autoscaling"
SOURCES: Final = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
"""The field in which each type of metric is described."""


class Metric(msgspec.Struct, frozen=True):
    """One entry of `spec.metrics`. Targets are thousandths, or percent (`utilization`).

    name: the resource's or the metric's name. container: of a ContainerResource.
    selector: of the metric's series, as it was written.
    """

    type: str
    name: str
    container: str
    described: Document
    selector: Document | None
    value: int | None
    average: int | None
    utilization: int | None

    @property
    def is_cpu(self) -> bool:
        return self.type in ("Resource", "ContainerResource") and self.name == "cpu"


class Spec(msgspec.Struct, frozen=True):
    """What an autoscaler is to do."""

    kind: str
    name: str
    api_version: str
    least: int
    most: int
    metrics: tuple[Metric, ...]
    behavior: tuple[Rules, Rules] | None
    tolerances: Tolerances

    @classmethod
    def decode(cls, doc: Document) -> Self:
        target, behavior = child(doc, "scaleTargetRef"), doc.get("behavior")
        return cls(
            text(target, "kind"),
            text(target, "name"),
            text(target, "apiVersion"),
            number(doc, "minReplicas", default=1),
            number(doc, "maxReplicas"),
            tuple(map(_metric, children(doc, "metrics"))),
            None if not isinstance(behavior, Document) else _behavior(behavior),
            _tolerances(child(doc, "behavior")),
        )


def spec_of(hpa: Document) -> Spec:
    """The view of an autoscaler's specification."""
    return view(Spec, child(hpa, "spec"))


def _metric(doc: Document) -> Metric:
    kind = text(doc, "type")
    source = child(doc, SOURCES.get(kind, ""))
    target, named = child(source, "target"), child(source, "metric")
    selector, share = named.get("selector"), target.get("averageUtilization")
    return Metric(
        kind,
        text(source, "name") or text(named, "name"),
        text(source, "container"),
        child(source, "describedObject"),
        selector if isinstance(selector, Document) else None,
        _milli(target, "value"),
        _milli(target, "averageValue"),
        share if isinstance(share, int) else None,
    )


def _milli(doc: Document, field: str) -> int | None:
    amount = doc.get(field)
    return parse_quantity(amount).at_scale(-3) if isinstance(amount, str | int) else None


def _behavior(doc: Document) -> tuple[Rules, Rules]:
    return _rules(child(doc, "scaleUp"), UP), _rules(child(doc, "scaleDown"), DOWN)


def _rules(doc: Document, usual: Rules) -> Rules:
    policies = tuple(
        Policy(_policy_type(one), number(one, "value"), number(one, "periodSeconds"))
        for one in children(doc, "policies")
    )
    window = value_at(doc, "stabilizationWindowSeconds")
    return Rules(
        policies or usual.policies,
        text(doc, "selectPolicy") or usual.select_policy,
        window if isinstance(window, int) else usual.stabilization_window_seconds,
    )


def _policy_type(doc: Document) -> Literal["Pods", "Percent"]:
    return "Pods" if text(doc, "type") == "Pods" else "Percent"


def _tolerances(behavior: Document) -> Tolerances:
    usual = Tolerances()
    return Tolerances(
        _share(child(behavior, "scaleDown"), usual.down),
        _share(child(behavior, "scaleUp"), usual.up),
    )


def _share(rules: Document, usual: float) -> float:
    amount = rules.get("tolerance")
    if not isinstance(amount, str | int | float):
        return usual
    quantity = parse_quantity(amount)
    return float(quantity.unscaled) * 10.0**quantity.scale
