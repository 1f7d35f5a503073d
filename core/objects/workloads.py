"""Deployments, ReplicaSets and ReplicationControllers as decisions read them.

A ReplicaSet and a ReplicationController differ in how their selector is written and in nothing
else that a decision depends on, so they share a view. Statuses are views too: a controller
computes the next one as a record, compares records, and writes a document only when they differ.

Source: kubernetes v1.36, api/apps/v1/types.go; api/core/v1/types.go.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.int_or_string import IntOrString
from kelm.core.objects.meta import Metadata
from kelm.core.objects.pod import Condition
from kelm.core.objects.selectors.labels import Selector, map_selector, selector_of
from kelm.core.objects.views import convert, view, whole
from kelm.effects.document import Document, Json, child, flag, number, text, value_at

ROLLING_UPDATE = "RollingUpdate"
RECREATE = "Recreate"
NO_DEADLINE = 2**31 - 1
"""progressDeadlineSeconds and revisionHistoryLimit of this size mean: none."""


class ReplicaSetStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`terminating_replicas` None: nobody counted them."""

    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)

    def document(self) -> Document:
        """As the API stores it: only `replicas` and a known `terminatingReplicas` may be 0."""
        fields: list[tuple[str, Json]] = [
            ("fullyLabeledReplicas", self.fully_labeled_replicas),
            ("readyReplicas", self.ready_replicas),
            ("availableReplicas", self.available_replicas),
            ("observedGeneration", self.observed_generation),
            ("conditions", tuple(condition_document(c) for c in self.conditions)),
        ]
        status: dict[str, Json] = {"replicas": self.replicas}
        status.update((name, value) for name, value in fields if value)
        if self.terminating_replicas is not None:
            status["terminatingReplicas"] = self.terminating_replicas
        return Document(status)


class ReplicaSet(msgspec.Struct, frozen=True, gc=False):
    """A ReplicaSet or a ReplicationController; `template` is the whole pod template."""

    doc: Document
    metadata: Metadata
    replicas: int
    min_ready_seconds: int
    selector: Selector
    template: Document
    template_labels: dict[str, str]
    status: ReplicaSetStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        template = child(spec, "template")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            replicas=number(spec, "replicas"),
            min_ready_seconds=number(spec, "minReadySeconds"),
            selector=_selector(doc, spec),
            template=template,
            template_labels=child(template, "metadata", "labels"),  # type: ignore[arg-type]
            status=view(ReplicaSetStatus, child(doc, "status")),
        )


def _selector(doc: Document, spec: Document) -> Selector:
    given = spec.get("selector")
    if doc.get("kind") == "ReplicationController":
        return map_selector(given if isinstance(given, Document) else Document())
    return selector_of(given if isinstance(given, Document) else None)


def replica_set(doc: Document) -> ReplicaSet:
    """The view of a ReplicaSet or ReplicationController."""
    return whole(ReplicaSet, doc)


class DeploymentStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`terminating_replicas` None: some ReplicaSet did not say."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    terminating_replicas: int | None = None
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)

    def document(self) -> Document:
        """As the API stores it: numbers that are 0 are left out, unless they can be unknown."""
        fields: list[tuple[str, Json]] = [
            ("observedGeneration", self.observed_generation),
            ("replicas", self.replicas),
            ("updatedReplicas", self.updated_replicas),
            ("readyReplicas", self.ready_replicas),
            ("availableReplicas", self.available_replicas),
            ("unavailableReplicas", self.unavailable_replicas),
            ("conditions", tuple(condition_document(c) for c in self.conditions)),
        ]
        status: dict[str, Json] = {name: value for name, value in fields if value}
        if self.terminating_replicas is not None:
            status["terminatingReplicas"] = self.terminating_replicas
        if self.collision_count is not None:
            status["collisionCount"] = self.collision_count
        return Document(status)


class Deployment(msgspec.Struct, frozen=True, gc=False):
    """`progress_deadline_seconds` None: no deadline; `revision_history_limit` None: keep all."""

    doc: Document
    metadata: Metadata
    replicas: int
    selector: Selector
    template: Document
    strategy: str
    max_surge: IntOrString
    max_unavailable: IntOrString
    min_ready_seconds: int
    revision_history_limit: int | None
    progress_deadline_seconds: int | None
    paused: bool
    status: DeploymentStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        given = spec.get("selector")
        rolling = child(spec, "strategy", "rollingUpdate")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            replicas=number(spec, "replicas"),
            selector=selector_of(given if isinstance(given, Document) else None),
            template=child(spec, "template"),
            strategy=text(spec, "strategy", "type"),
            max_surge=_allowance(rolling, "maxSurge"),
            max_unavailable=_allowance(rolling, "maxUnavailable"),
            min_ready_seconds=number(spec, "minReadySeconds"),
            revision_history_limit=_bounded(spec, "revisionHistoryLimit"),
            progress_deadline_seconds=_bounded(spec, "progressDeadlineSeconds"),
            paused=flag(spec, "paused"),
            status=view(DeploymentStatus, child(doc, "status")),
        )

    @property
    def rolling(self) -> bool:
        """Whether pods are replaced a few at a time."""
        return self.strategy == ROLLING_UPDATE


def _allowance(rolling: Document, name: str) -> IntOrString:
    value = rolling.get(name)
    return value if isinstance(value, int | str) else 0


def _bounded(spec: Document, name: str) -> int | None:
    value = value_at(spec, name)
    return value if isinstance(value, int) and value != NO_DEADLINE else None


def deployment(doc: Document) -> Deployment:
    """The view of a Deployment."""
    return whole(Deployment, doc)


def condition_document(condition: Condition) -> Document:
    """A condition as the API stores it.

    >>> condition_document(Condition(type="Available", status="True"))
    {'type': 'Available', 'status': 'True'}
    """
    fields = (
        ("type", condition.type),
        ("status", condition.status),
        ("observedGeneration", condition.observed_generation),
        ("lastUpdateTime", condition.last_update_time),
        ("lastTransitionTime", condition.last_transition_time),
        ("reason", condition.reason),
        ("message", condition.message),
    )
    return Document((name, value) for name, value in fields if value)
