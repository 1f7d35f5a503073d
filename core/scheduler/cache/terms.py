"""What a pod wants of other pods: affinity, anti-affinity, and how evenly it is to be spread.

Source: kubernetes v1.36, pkg/scheduler/framework/types.go (AffinityTerm), plugins/
podtopologyspread/common.go (topologySpreadConstraint), api/core/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.objects.selectors.requirement import IN, NOT_IN, Requirement, requirement
from kelm.effects.document import Document, child, children, elements, number, text

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
TOPOLOGY_LABELS = (ZONE, "topology.kubernetes.io/region")
"""What a binding adds to a pod's labels."""
NamespaceLabels: TypeAlias = Callable[[str], Mapping[str, str]]
"""The labels of a namespace, by its name."""


class Selection(msgspec.Struct, frozen=True):
    """Pods by labels, in namespaces by name or by the namespaces' labels."""

    selector: Selector
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None

    @property
    def by_place(self) -> bool:
        """Whether it minds the labels that a binding adds to a pod."""
        return any(one.key in TOPOLOGY_LABELS for one in self.selector.requirements)

    def selects(
        self, namespace: str, labels: Mapping[str, str], labels_of: NamespaceLabels
    ) -> bool:
        """Whether a pod in this namespace with these labels is meant."""
        if not self.selector.matches(labels):
            return False
        if namespace in self.namespaces:
            return True
        wanted = self.namespace_selector
        return wanted is not None and wanted.matches(labels_of(namespace))


class Term(msgspec.Struct, frozen=True):
    """The pods that are meant, and within which domain of a topology; `weight` if preferred."""

    key: str
    selection: Selection
    weight: int = 0


class Constraint(msgspec.Struct, frozen=True):
    """How evenly pods are to be spread over a topology; `hard` ones are not to be broken."""

    key: str
    max_skew: int
    selector: Selector
    hard: bool = True
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


class Social(msgspec.Struct, frozen=True):
    """All of that of one pod."""

    affinity: tuple[Term, ...] = ()
    anti_affinity: tuple[Term, ...] = ()
    liked: tuple[Term, ...] = ()
    disliked: tuple[Term, ...] = ()
    constraints: tuple[Constraint, ...] = ()


SOLITARY = Social()


def social_of(spec: Document, namespace: str, labels: Mapping[str, str]) -> Social:
    """What a pod wants of others; SOLITARY where it wants nothing.

    >>> social_of(Document(), "default", {}) is SOLITARY
    True
    """
    affinity, spread = spec.get("affinity"), spec.get("topologySpreadConstraints")
    if not affinity and not spread:
        return SOLITARY
    near, far = child(spec, "affinity", "podAffinity"), child(spec, "affinity", "podAntiAffinity")
    return Social(
        tuple(_term(one, namespace, labels) for one in children(near, REQUIRED)),
        tuple(_term(one, namespace, labels) for one in children(far, REQUIRED)),
        _weighted(near, namespace, labels),
        _weighted(far, namespace, labels),
        tuple(_constraint(one, labels) for one in children(spec, "topologySpreadConstraints")),
    )


def _weighted(doc: Document, namespace: str, labels: Mapping[str, str]) -> tuple[Term, ...]:
    return tuple(
        _term(child(one, "podAffinityTerm"), namespace, labels, number(one, "weight"))
        for one in children(doc, PREFERRED)
    )


def _term(doc: Document, namespace: str, labels: Mapping[str, str], weight: int = 0) -> Term:
    """A term without namespaces means pods beside its own pod."""
    chosen = doc.get("namespaceSelector")
    namespaces = tuple(sorted(str(one) for one in elements(doc, "namespaces")))
    if not namespaces and not isinstance(chosen, Document):
        namespaces = (namespace,)
    return Term(
        text(doc, "topologyKey"),
        Selection(
            _selector(doc, labels),
            namespaces,
            selector_of(chosen) if isinstance(chosen, Document) else None,
        ),
        weight,
    )


def _selector(doc: Document, labels: Mapping[str, str]) -> Selector:
    """The label selector, narrowed to pods that agree with this one in the keys to match.

    Source: pkg/registry/core/pod/strategy.go (applyMatchLabelKeysAndMismatchLabelKeys).
    """
    chosen = doc.get("labelSelector")
    found = selector_of(chosen if isinstance(chosen, Document) else None)
    same = _requirements(doc, "matchLabelKeys", IN, labels)
    other = _requirements(doc, "mismatchLabelKeys", NOT_IN, labels)
    if not same and not other:
        return found
    return Selector(found.equal, (*found.others, *same, *other), found.nothing)


def _requirements(
    doc: Document, field: str, operator: str, labels: Mapping[str, str]
) -> tuple[Requirement, ...]:
    keys = (str(key) for key in elements(doc, field))
    return tuple(requirement(key, operator, (labels[key],)) for key in keys if key in labels)


def _constraint(doc: Document, labels: Mapping[str, str]) -> Constraint:
    return Constraint(
        text(doc, "topologyKey"),
        number(doc, "maxSkew"),
        _selector(doc, labels),
        text(doc, "whenUnsatisfiable") != "ScheduleAnyway",
        number(doc, "minDomains", default=1),
        text(doc, "nodeAffinityPolicy") != "Ignore",
        text(doc, "nodeTaintsPolicy") == "Honor",
    )
