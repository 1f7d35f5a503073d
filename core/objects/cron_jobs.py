"""CronJobs as decisions read them.

Source: kubernetes v1.36, api/batch/v1/types.go.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.meta import Metadata
from kelm.core.objects.views import view, whole
from kelm.effects.document import Document, Json, child, children, flag, text


class CronJobStatus(msgspec.Struct, frozen=True, gc=False):
    """`active` are references to Jobs, as documents; times are the API's text."""

    active: tuple[Document, ...] = ()
    last_schedule_time: str | None = None
    last_successful_time: str | None = None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return cls(
            children(doc, "active"),
            doc.get("lastScheduleTime"),  # type: ignore[arg-type]
            doc.get("lastSuccessfulTime"),  # type: ignore[arg-type]
        )

    @property
    def active_uids(self) -> tuple[str, ...]:
        """The uids of the Jobs that are active."""
        return tuple(text(one, "uid") for one in self.active)

    def document(self) -> Document:
        """As the API stores it."""
        fields: tuple[tuple[str, Json], ...] = (
            ("active", self.active),
            ("lastScheduleTime", self.last_schedule_time),
            ("lastSuccessfulTime", self.last_successful_time),
        )
        return Document((name, value) for name, value in fields if value)


class CronJob(msgspec.Struct, frozen=True, gc=False):
    """A CronJob; limits and the deadline are None where there is none."""

    doc: Document
    metadata: Metadata
    schedule: str
    time_zone: str | None
    starting_deadline_seconds: int | None
    concurrency_policy: str
    suspended: bool
    successful_jobs_history_limit: int | None
    failed_jobs_history_limit: int | None
    template: Document
    status: CronJobStatus

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        zone = spec.get("timeZone")
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            schedule=text(spec, "schedule"),
            time_zone=zone if isinstance(zone, str) else None,
            starting_deadline_seconds=_known(spec, "startingDeadlineSeconds"),
            concurrency_policy=text(spec, "concurrencyPolicy", default="Allow"),
            suspended=flag(spec, "suspend"),
            successful_jobs_history_limit=_known(spec, "successfulJobsHistoryLimit"),
            failed_jobs_history_limit=_known(spec, "failedJobsHistoryLimit"),
            template=child(spec, "jobTemplate"),
            status=view(CronJobStatus, child(doc, "status")),
        )


def _known(spec: Document, name: str) -> int | None:
    value = spec.get(name)
    return value if isinstance(value, int) else None


def cron_job(doc: Document) -> CronJob:
    """The view of a CronJob."""
    return whole(CronJob, doc)
