"""DaemonSets as decisions read them.

Source: kubernetes v1.36, api/apps/v1/types.go.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.int_or_string import IntOrString
from kelm.core.objects.meta import Metadata
from kelm.core.objects.pod_sets import ROLLING_UPDATE, Counted, allowance, chosen, stored
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.views import view, whole
from kelm.effects.document import Document, Json, child, number, strings, text

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class DaemonSetStatus(Counted, frozen=True, gc=False, rename="camel"):
    """All counts are of nodes; `collision_count` None: no revision's name was ever taken."""

    current_number_scheduled: int = 0
    number_misscheduled: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    observed_generation: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    collision_count: int | None = None

    def document(self, old: Document) -> Document:
        """As the API stores it: four counts may be 0; what is not counted here stays as it was."""
        always: dict[str, Json] = {
            "currentNumberScheduled": self.current_number_scheduled,
            "numberMisscheduled": self.number_misscheduled,
            "desiredNumberScheduled": self.desired_number_scheduled,
            "numberReady": self.number_ready,
        }
        counted: dict[str, Json] = {
            "observedGeneration": self.observed_generation,
            "updatedNumberScheduled": self.updated_number_scheduled,
            "numberAvailable": self.number_available,
            "numberUnavailable": self.number_unavailable,
        }
        others = {name: value for name, value in old.items() if name not in counted}
        known = {"collisionCount": self.collision_count}
        return Document({**others, **stored(always, counted, known)})


class DaemonSet(msgspec.Struct, frozen=True, gc=False):
    """`template_generation` counts the templates, as the API does; None where it does not say."""

    doc: Document
    metadata: Metadata
    selector: Selector
    template: Document
    strategy: str
    max_surge: IntOrString
    max_unavailable: IntOrString
    min_ready_seconds: int
    revision_history_limit: int
    template_generation: str | None
    status: DaemonSetStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        rolling = child(spec, "updateStrategy", "rollingUpdate")
        counted = strings(doc, "metadata", "annotations").get(TEMPLATE_GENERATION)
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            selector=chosen(spec),
            template=child(spec, "template"),
            strategy=text(spec, "updateStrategy", "type"),
            max_surge=allowance(rolling, "maxSurge") or 0,
            max_unavailable=allowance(rolling, "maxUnavailable") or 0,
            min_ready_seconds=number(spec, "minReadySeconds"),
            revision_history_limit=number(spec, "revisionHistoryLimit", default=10),
            template_generation=counted if counted and counted.isdecimal() else None,
            status=view(DaemonSetStatus, child(doc, "status")),
        )

    @property
    def rolling(self) -> bool:
        """Whether a change of the template replaces pods a few at a time."""
        return self.strategy == ROLLING_UPDATE


def daemon_set(doc: Document) -> DaemonSet:
    """The view of a DaemonSet."""
    return whole(DaemonSet, doc)
