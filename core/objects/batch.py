"""Jobs as decisions read them.

A Job's status is a view too: a controller computes the next one as a record, compares records, and
writes a document only when they differ.

Source: kubernetes v1.36, api/batch/v1/types.go.
"""

from __future__ import annotations

from typing import Final, Self

import msgspec

from kelm.core.objects.meta import Metadata
from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.objects.views import convert, view, views, whole
from kelm.effects.document import Document, Json, child, children, flag, number, text

JOBS: Final = "jobs.batch"
CRON_JOBS: Final = "cronjobs.batch"
JOB_CONTROLLER: Final = "kubernetes.io/job-controller"
"""What `managedBy` says of a Job that the built-in controller looks after."""
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
SUSPENDED: Final = "Suspended"
FAILURE_TARGET: Final = "FailureTarget"
SUCCESS_CRITERIA_MET: Final = "SuccessCriteriaMet"


class JobCondition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A condition of a Job; unlike others it says when it was last looked at, too."""

    type: str = ""
    status: str = ""
    last_probe_time: str | None = None
    last_transition_time: str | None = None
    reason: str = ""
    message: str = ""

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)

    def document(self) -> Document:
        """As the API stores it."""
        fields = (
            ("type", self.type),
            ("status", self.status),
            ("lastProbeTime", self.last_probe_time),
            ("lastTransitionTime", self.last_transition_time),
            ("reason", self.reason),
            ("message", self.message),
        )
        return Document((name, value) for name, value in fields if value)


class Uncounted(msgspec.Struct, frozen=True, gc=False):
    """Uids of pods that have ended and are not yet in the numbers."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)

    def document(self) -> Document:
        """As the API stores it."""
        fields = (("succeeded", self.succeeded), ("failed", self.failed))
        return Document((name, uids) for name, uids in fields if uids)


class JobStatus(msgspec.Struct, frozen=True, gc=False):
    """A Job's status. What may be absent for a reason is None while it is."""

    conditions: tuple[JobCondition, ...] = ()
    start_time: str | None = None
    completion_time: str | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    terminating: int | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted: Uncounted | None = None
    ready: int | None = None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        uncounted = doc.get("uncountedTerminatedPods")
        return cls(
            conditions=views(JobCondition, doc, "conditions"),
            start_time=doc.get("startTime"),  # type: ignore[arg-type]
            completion_time=doc.get("completionTime"),  # type: ignore[arg-type]
            active=number(doc, "active"),
            succeeded=number(doc, "succeeded"),
            failed=number(doc, "failed"),
            terminating=doc.get("terminating"),  # type: ignore[arg-type]
            completed_indexes=text(doc, "completedIndexes"),
            failed_indexes=doc.get("failedIndexes"),  # type: ignore[arg-type]
            uncounted=view(Uncounted, uncounted) if isinstance(uncounted, Document) else None,
            ready=doc.get("ready"),  # type: ignore[arg-type]
        )

    def condition(self, condition_type: str) -> JobCondition | None:
        """The condition of a type that is true, or None."""
        for one in self.conditions:
            if one.type == condition_type and one.status == "True":
                return one
        return None

    @property
    def finished(self) -> JobCondition | None:
        """The condition that says how the Job ended, None for one that has not."""
        return self.condition(COMPLETE) or self.condition(FAILED)

    def document(self) -> Document:
        """As the API stores it: only what can be absent may be 0 or empty."""
        uncounted = None if self.uncounted is None else self.uncounted.document()
        sometimes: tuple[tuple[str, Json], ...] = (
            ("conditions", tuple(one.document() for one in self.conditions)),
            ("active", self.active),
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("completedIndexes", self.completed_indexes),
        )
        known: tuple[tuple[str, Json], ...] = (
            ("startTime", self.start_time),
            ("completionTime", self.completion_time),
            ("terminating", self.terminating),
            ("failedIndexes", self.failed_indexes),
            ("uncountedTerminatedPods", uncounted),
            ("ready", self.ready),
        )
        status = {name: value for name, value in sometimes if value}
        return Document({**status, **{name: value for name, value in known if value is not None}})


class Job(msgspec.Struct, frozen=True, gc=False):
    """A Job. `completions` None: as many as it takes; other Nones: no such limit or policy.

    failure_rules, success_rules: the rules of podFailurePolicy and successPolicy, as documents.
    only_replaces_failed: a pod that is on its way out still has its place.
    """

    doc: Document
    metadata: Metadata
    parallelism: int
    completions: int | None
    backoff_limit: int
    backoff_limit_per_index: int | None
    max_failed_indexes: int | None
    active_deadline_seconds: int | None
    indexed: bool
    suspended: bool
    only_replaces_failed: bool
    failure_rules: tuple[Document, ...] | None
    success_rules: tuple[Document, ...]
    selector: Selector
    template: Document
    restart_policy: str
    managed_by: str
    status: JobStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        selector, policy = spec.get("selector"), spec.get("podFailurePolicy")
        has_policy = isinstance(policy, Document)
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            parallelism=number(spec, "parallelism", default=1),
            completions=_known(spec, "completions"),
            backoff_limit=number(spec, "backoffLimit", default=6),
            backoff_limit_per_index=_known(spec, "backoffLimitPerIndex"),
            max_failed_indexes=_known(spec, "maxFailedIndexes"),
            active_deadline_seconds=_known(spec, "activeDeadlineSeconds"),
            indexed=text(spec, "completionMode") == "Indexed",
            suspended=flag(spec, "suspend"),
            only_replaces_failed=has_policy or text(spec, "podReplacementPolicy") == "Failed",
            failure_rules=children(spec, "podFailurePolicy", "rules") if has_policy else None,
            success_rules=children(spec, "successPolicy", "rules"),
            selector=selector_of(selector if isinstance(selector, Document) else None),
            template=child(spec, "template"),
            restart_policy=text(spec, "template", "spec", "restartPolicy"),
            managed_by=text(spec, "managedBy", default=JOB_CONTROLLER),
            status=view(JobStatus, child(doc, "status")),
        )

    @property
    def leaving(self) -> bool:
        """Whether the Job is being deleted."""
        return self.metadata.deletion_timestamp is not None


def _known(spec: Document, name: str) -> int | None:
    value = spec.get(name)
    return value if isinstance(value, int) else None


def job(doc: Document) -> Job:
    """The view of a Job."""
    return whole(Job, doc)
