"""What was asked of webhooks while a request is answered, and what came back.

Nothing waits in here. A verb that needs to know what a webhook says looks it up in its `Hearing`;
where nothing was heard it answers `Unheard`, a refusal for now that carries the questions. Whoever
carries them out asks the verb again, with what came back, from the beginning and against the
store as it is then. A question that is the same as before is answered already; one that has
changed meanwhile, because the stored object has, is asked anew, as upstream calls its webhooks
again when it tries an update again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from kelm.core.api.authorization.decide import Mode
from kelm.core.api.custom.definition import CustomResource
from kelm.core.api.rest.access import User
from kelm.core.api.webhooks.hooks import Hook
from kelm.effects.document import EMPTY, Document
from kelm.effects.refusals import Reason, Refusal

Phase: TypeAlias = Literal["mutating", "validating", "converting", "discovering"]


class Question(msgspec.Struct, frozen=True):
    """One thing to ask of a webhook.

    webhook: its name, as refusals have it. asked_by: which configuration's, and the how-manieth.
    review: what is sent, but for the uid of its request.
    """

    phase: Phase
    webhook: str
    client: Document
    timeout_seconds: int
    review: Document
    asked_by: str = ""
    round: int = 0


class Replied(msgspec.Struct, frozen=True):
    """The webhook's HTTP answer. `after_ms`: how long it took to make, in a simulated world."""

    code: int
    body: bytes
    content_type: str = "application/json"
    after_ms: int = 0


class NotReached(msgspec.Struct, frozen=True):
    """No answer came: why, in the words of a client's network (`connection refused`, ...)."""

    why: str


Reply: TypeAlias = Replied | NotReached
TOO_LATE = NotReached("context deadline exceeded")


class Heard(msgspec.Struct, frozen=True):
    """A question with the uid under which it was asked, and what came back."""

    question: Question
    uid: str
    reply: Reply


class Notes(msgspec.Struct):
    """What policies have to say beside an answer. Lives while one request is answered."""

    warnings: list[str]
    annotations: dict[str, str]


class Hearing(msgspec.Struct, frozen=True):
    """Who asks, which webhooks may want to know, and what they have said so far.

    user: whose request it is. api_version: the version in which it speaks ("" is the stored one).
    number: the number from which the names and uids of this request are made.
    options: the request's own options with their kind, as reviews show them.
    of_many: whether it deletes a collection: then reviews name no object.
    converting: the custom resource that it is about, if a webhook converts between its versions.
    heard: in the order in which replies came.
    mode: how it is decided who may do what, for expressions that ask.
    notes: where policies write what they say beside an answer; None where nobody reads that.
    """

    user: User = User("")
    api_version: str = ""
    number: int = 0
    options: Document = EMPTY
    dry_run: bool = False
    of_many: bool = False
    mutating: tuple[Hook, ...] = ()
    validating: tuple[Hook, ...] = ()
    heard: tuple[Heard, ...] = ()
    notes: Notes | None = None
    converting: CustomResource | None = None
    mode: Mode = "RBAC"

    def find(self, question: Question) -> tuple[int, Heard] | None:
        """What came back to a question, and as the how-manieth reply."""
        for index, one in enumerate(self.heard):
            if one.question == question:
                return index, one
        return None


class Unheard(Refusal, frozen=True, gc=False):
    """Not yet: these questions have to be asked first, all of them at once."""

    questions: tuple[Question, ...] = ()


def unheard(*questions: Question) -> Unheard:
    """The refusal for now of what depends on these questions."""
    names = ", ".join(one.webhook for one in questions)
    return Unheard(Reason.SERVER_TIMEOUT, f"not answered yet by {names}", questions=questions)
