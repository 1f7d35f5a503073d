"""StatefulSets as decisions read them.

Source: kubernetes v1.36, api/apps/v1/types.go.
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
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.views import view, whole
from kelm.effects.document import Document, Json, child, children, number, text

RETAIN = "Retain"
DELETE = "Delete"
PARALLEL = "Parallel"


class StatefulSetStatus(Counted, frozen=True, gc=False, rename="camel"):
    """`current_revision`, `update_revision`: names of ControllerRevisions."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int | None = None
    available_replicas: int = 0
    conditions: tuple[Condition, ...] = ()

    def document(self) -> Document:
        """As the API stores it: only `replicas` and `availableReplicas` may be 0."""
        always = {"replicas": self.replicas, "availableReplicas": self.available_replicas}
        counted: dict[str, Json] = {
            "observedGeneration": self.observed_generation,
            "readyReplicas": self.ready_replicas,
            "currentReplicas": self.current_replicas,
            "updatedReplicas": self.updated_replicas,
            "currentRevision": self.current_revision,
            "updateRevision": self.update_revision,
            "conditions": condition_documents(self.conditions),
        }
        return Document(stored(always, counted, {"collisionCount": self.collision_count}))


class StatefulSet(msgspec.Struct, frozen=True, gc=False):
    """See each field.

    start: the first ordinal. parallel: pods need not wait for each other.
    partition: pods with a lower index keep the current revision; None where the strategy has no
        `rollingUpdate`. max_unavailable None: not given.
    revision_history_limit: fewer than 0 keeps all.
    """

    doc: Document
    metadata: Metadata
    replicas: int
    start: int
    selector: Selector
    template: Document
    service_name: str
    claim_templates: tuple[Document, ...]
    when_deleted: str
    when_scaled: str
    parallel: bool
    strategy: str
    partition: int | None
    max_unavailable: IntOrString | None
    min_ready_seconds: int
    revision_history_limit: int
    status: StatefulSetStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        retention = child(spec, "persistentVolumeClaimRetentionPolicy")
        strategy = child(spec, "updateStrategy")
        rolling = strategy.get("rollingUpdate")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            replicas=number(spec, "replicas", default=1),
            start=number(spec, "ordinals", "start"),
            selector=chosen(spec),
            template=child(spec, "template"),
            service_name=text(spec, "serviceName"),
            claim_templates=children(spec, "volumeClaimTemplates"),
            when_deleted=text(retention, "whenDeleted", default=RETAIN),
            when_scaled=text(retention, "whenScaled", default=RETAIN),
            parallel=text(spec, "podManagementPolicy") == PARALLEL,
            strategy=text(strategy, "type"),
            partition=number(rolling, "partition") if isinstance(rolling, Document) else None,
            max_unavailable=allowance(child(strategy, "rollingUpdate"), "maxUnavailable"),
            min_ready_seconds=number(spec, "minReadySeconds"),
            revision_history_limit=number(spec, "revisionHistoryLimit", default=10),
            status=view(StatefulSetStatus, child(doc, "status")),
        )

    @property
    def rolling(self) -> bool:
        """Whether a change of the template replaces pods a few at a time."""
        return self.strategy == ROLLING_UPDATE

    @property
    def leaving(self) -> bool:
        return self.metadata.deletion_timestamp is not None

    def has(self, ordinal: int) -> bool:
        """Whether a pod with this ordinal is wanted."""
        return self.start <= ordinal < self.start + self.replicas


def stateful_set(doc: Document) -> StatefulSet:
    """The view of a StatefulSet."""
    return whole(StatefulSet, doc)
