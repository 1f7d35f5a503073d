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
from kelm.core.objects.pod_sets import (
    ROLLING_UPDATE,
    Counted,
    allowance,
    chosen,
    condition_documents,
    stored,
)
from kelm.core.objects.selectors.labels import Selector, map_selector
from kelm.core.objects.views import view, whole
from kelm.effects.document import Document, Json, child, flag, number, text, value_at

RECREATE = "Recreate"
NO_DEADLINE = 2**31 - 1
"""progressDeadlineSeconds and revisionHistoryLimit of this size mean: none."""


class ReplicaSetStatus(Counted, frozen=True, gc=False, rename="camel"):
    """`terminating_replicas` None: nobody counted them."""

    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()

    def document(self) -> Document:
        """As the API stores it: only `replicas` and a known `terminatingReplicas` may be 0."""
        counted: dict[str, Json] = {
            "fullyLabeledReplicas": self.fully_labeled_replicas,
            "readyReplicas": self.ready_replicas,
            "availableReplicas": self.available_replicas,
            "observedGeneration": self.observed_generation,
            "conditions": condition_documents(self.conditions),
        }
        known = {"terminatingReplicas": self.terminating_replicas}
        return Document(stored({"replicas": self.replicas}, counted, known))


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
    if doc.get("kind") == "ReplicationController":
        return map_selector(child(spec, "selector"))
    return chosen(spec)


def replica_set(doc: Document) -> ReplicaSet:
    """The view of a ReplicaSet or ReplicationController."""
    return whole(ReplicaSet, doc)


class DeploymentStatus(Counted, frozen=True, gc=False, rename="camel"):
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

    def document(self) -> Document:
        """As the API stores it: numbers that are 0 are left out, unless they can be unknown."""
        counted: dict[str, Json] = {
            "observedGeneration": self.observed_generation,
            "replicas": self.replicas,
            "updatedReplicas": self.updated_replicas,
            "readyReplicas": self.ready_replicas,
            "availableReplicas": self.available_replicas,
            "unavailableReplicas": self.unavailable_replicas,
            "conditions": condition_documents(self.conditions),
        }
        known = {
            "terminatingReplicas": self.terminating_replicas,
            "collisionCount": self.collision_count,
        }
        return Document(stored({}, counted, known))


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
        rolling = child(spec, "strategy", "rollingUpdate")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            replicas=number(spec, "replicas"),
            selector=chosen(spec),
            template=child(spec, "template"),
            strategy=text(spec, "strategy", "type"),
            max_surge=allowance(rolling, "maxSurge") or 0,
            max_unavailable=allowance(rolling, "maxUnavailable") or 0,
            min_ready_seconds=number(spec, "minReadySeconds"),
            revision_history_limit=_bounded(spec, "revisionHistoryLimit"),
            progress_deadline_seconds=_bounded(spec, "progressDeadlineSeconds"),
            paused=flag(spec, "paused"),
            status=view(DeploymentStatus, child(doc, "status")),
        )

    @property
    def rolling(self) -> bool:
        """Whether a change of the template replaces pods a few at a time."""
        return self.strategy == ROLLING_UPDATE


def _bounded(spec: Document, name: str) -> int | None:
    value = value_at(spec, name)
    return value if isinstance(value, int) and value != NO_DEADLINE else None


def deployment(doc: Document) -> Deployment:
    """The view of a Deployment."""
    return whole(Deployment, doc)
