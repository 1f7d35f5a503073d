"""What a controller tells of the things that it made and deleted, and why they could not be.

Source: kubernetes v1.36, pkg/controller/controller_utils.go (RealPodControl),
pkg/controller/cronjob/cronjob_controllerv2.go (createJob, deleteJob).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.controllers.shared.events import NORMAL, WARNING, event
from kelm.core.objects.meta import metadata
from kelm.effects.address import Resource
from kelm.effects.commands import Create, Delete, RecordEvent
from kelm.effects.document import Document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

_TERMINATING: Final = "NamespaceTerminating"


class Teller(msgspec.Struct, frozen=True):
    """Who tells, of which kind of objects, and in which words: a name or a reason follows them."""

    resource: Resource
    component: str
    created: str
    deleted: str
    not_created: str
    not_deleted: str

    def tell(
        self, about: Document, command: Create | Delete, outcome: Outcome
    ) -> tuple[RecordEvent, ...]:
        """What there is to say of an answer. What is gone needs no deleting: that is no news."""
        made = isinstance(command, Create)
        if not isinstance(outcome, Failure):
            name = metadata(outcome.unwrap()).name if isinstance(command, Create) else command.name
            words = (self.created if made else self.deleted) + name
            reason = "SuccessfulCreate" if made else "SuccessfulDelete"
            return (event(about, self.resource, self.component, NORMAL, reason, words),)
        refusal: Refusal = outcome.failure()
        if is_namespace_going(refusal) if made else refusal.reason is Reason.NOT_FOUND:
            return ()
        words = (self.not_created if made else self.not_deleted) + refusal.message
        reason = "FailedCreate" if made else "FailedDelete"
        return (event(about, self.resource, self.component, WARNING, reason, words),)


def is_namespace_going(refusal: Refusal) -> bool:
    """Whether something could not be made because its namespace takes nothing new any more."""
    return any(cause.reason == _TERMINATING for cause in refusal.causes)
