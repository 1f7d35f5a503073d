"""One webhook is asked: which question that makes, and what its answer comes to."""

from __future__ import annotations

from typing import Final

from kelm.core.api.webhooks.answers import Failed, Verdict, denial, failure, no_dry_run, verdict
from kelm.core.api.webhooks.attributes import Attributes, review
from kelm.core.api.webhooks.hearing import Hearing, Phase, Question
from kelm.core.api.webhooks.hooks import Hook
from kelm.core.api.webhooks.matching import Match
from kelm.core.api.webhooks.rules import NO_SIDE_EFFECTS, REVIEW_VERSIONS
from kelm.effects.refusals import Refusal

NO_VERSION: Final = (
    "could not create admission objects: webhook does not accept known AdmissionReview versions "
    "(v1, v1beta1)"
)


def requested_version(hearing: Hearing, asked: Attributes) -> str:
    """The version of its resource in which a request was made."""
    return hearing.api_version.rpartition("/")[2] or asked.info.version


def question(
    hearing: Hearing, hook: Hook, asked: Attributes, match: Match, phase: Phase, round_: int = 0
) -> Question | Failed | Refusal:
    """What to ask of a webhook, or why that is no use."""
    if hearing.dry_run and hook.side_effects not in NO_SIDE_EFFECTS:
        return no_dry_run(hook.name)
    version = next((one for one in hook.review_versions if one in REVIEW_VERSIONS), None)
    if version is None:
        return Failed(NO_VERSION)
    requested = requested_version(hearing, asked)
    shown = review(hearing, asked, match.version, requested, version)
    if isinstance(shown, Refusal):
        return shown
    return Question(phase, hook.name, hook.client, hook.timeout_seconds, shown, hook.uid, round_)


def judged(hearing: Hearing, question_: Question) -> tuple[int, Verdict | Failed] | None:
    """The answer to a question and its place among all, None where it is not there yet."""
    found = hearing.find(question_)
    return None if found is None else (found[0], verdict(found[1]))


def refusal(hook: Hook, found: Verdict | Failed) -> Refusal | None:
    """Why a webhook's answer ends the request; None where it goes on."""
    if isinstance(found, Failed):
        return None if hook.ignore else failure(hook.name, found)
    return None if found.allowed else denial(hook.name, found.result)
