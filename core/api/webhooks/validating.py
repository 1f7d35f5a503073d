"""Validating webhooks: all that match are asked at once, and each may say no.

Where several do, the one whose answer came first is heard, as upstream has it.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go.
"""

from __future__ import annotations

from kelm.core.api.policies.registered import VALIDATING_BINDINGS
from kelm.core.api.webhooks.answers import Failed
from kelm.core.api.webhooks.asking import judged, question, refusal, requested_version
from kelm.core.api.webhooks.attributes import Attributes
from kelm.core.api.webhooks.hearing import Hearing, Question, unheard
from kelm.core.api.webhooks.hooks import Hook
from kelm.core.api.webhooks.matching import match
from kelm.core.store.store import Store
from kelm.effects.refusals import Refusal


def validated(store: Store, hearing: Hearing, asked: Attributes) -> Refusal | None:
    """Why policies or webhooks refuse a request, or that some are still to be heard; None: yes."""
    if VALIDATING_BINDINGS in store.number_of:
        from kelm.core.api.policies.validating import refused_by_policies

        refused = refused_by_policies(store, hearing, asked)
        if refused is not None:
            return refused
    found: list[tuple[Hook, Question | Failed | Refusal]] = []
    version = requested_version(hearing, asked)
    for hook in hearing.validating:
        matched = match(store, hearing, hook, asked, version)
        if isinstance(matched, Refusal):
            return matched
        if matched is not None:
            found.append((hook, question(hearing, hook, asked, matched, "validating")))
    refusals: list[tuple[int, Refusal]] = []
    missing: list[Question] = []
    for hook, one in found:
        place, said = _said(hearing, hook, one)
        if isinstance(said, Question):
            missing.append(said)
        elif said is not None:
            refusals.append((place, said))
    if missing:
        return unheard(*missing)
    return min(refusals, key=_place)[1] if refusals else None


def _place(found: tuple[int, Refusal]) -> int:
    return found[0]


def _said(
    hearing: Hearing, hook: Hook, asked: Question | Failed | Refusal
) -> tuple[int, Question | Refusal | None]:
    """What a webhook said and when: a question is not answered yet, None is a yes."""
    if isinstance(asked, Refusal):
        return -1, asked
    if isinstance(asked, Failed):
        return -1, refusal(hook, asked)
    answer = judged(hearing, asked)
    return (-1, asked) if answer is None else (answer[0], refusal(hook, answer[1]))
