"""Mutating webhooks: asked one after the other, each about what the last one made of the object.

Where one has changed the object, the API's own admission runs once more, and after it those
webhooks that want to be asked again where others changed something after them.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go,
reinvocationcontext.go, apiserver/pkg/admission/reinvocation.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from returns.result import Failure

from kelm.core.api.conversion import stored
from kelm.core.api.patches.json_patch import apply_json_patch
from kelm.core.api.policies.registered import MUTATING_BINDINGS
from kelm.core.api.validation.violation import quoted
from kelm.core.api.webhooks.answers import Failed, Verdict, internal
from kelm.core.api.webhooks.asking import judged, question, refusal, requested_version
from kelm.core.api.webhooks.attributes import Attributes, converted
from kelm.core.api.webhooks.hearing import Hearing, unheard
from kelm.core.api.webhooks.hooks import Hook
from kelm.core.api.webhooks.matching import match
from kelm.core.store.store import Store
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

Answer: TypeAlias = "Document | Refusal"
Read: TypeAlias = Callable[[Document], Answer]


class _Round(msgspec.Struct, frozen=True):
    """How far the webhooks have come.

    eager: those asked already that want to be asked again after a change. again: those that will.
    changed: whether any of them changed the object.
    """

    object: Document | None
    eager: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    changed: bool = False


def mutated(store: Store, hearing: Hearing, asked: Attributes, read: Read, admit: Read) -> Answer:
    """The object as the webhooks leave it, or why one of them refuses it.

    read: decodes and completes what a webhook has patched. admit: the API's own admission, again.
    A request without an object answers with an empty one.
    """
    state = _rounded(store, hearing, asked, read, _Round(asked.object), 0)
    if isinstance(state, Refusal):
        return state
    if state.changed and state.object is not None:
        before = state.object
        redone = admit(before)
        if isinstance(redone, Refusal):
            return redone
        if redone != before:
            state = _Round(redone, (), (*state.again, *state.eager), True)
        state = _rounded(store, hearing, asked, read, state, 1)
    if isinstance(state, Refusal):
        return state
    return state.object if state.object is not None else Document()


def _rounded(
    store: Store, hearing: Hearing, asked: Attributes, read: Read, state: _Round, number: int
) -> _Round | Refusal:
    if MUTATING_BINDINGS in store.number_of:
        from kelm.core.api.policies.mutating import Round, through_policies

        begun = Round(state.object, state.eager, state.again, state.changed)
        done = through_policies(store, hearing, asked, read, begun, number)
        if isinstance(done, Refusal):
            return done
        state = _Round(done.object, done.eager, done.again, done.changed)
    version = requested_version(hearing, asked)
    for hook in hearing.mutating:
        now = msgspec.structs.replace(asked, object=state.object)
        matched = match(store, hearing, hook, now, version)
        if isinstance(matched, Refusal):
            return matched
        if matched is None or (number and hook.uid not in state.again):
            continue
        one = question(hearing, hook, now, matched, "mutating", number)
        if isinstance(one, Refusal):
            return one
        answer = (0, one) if isinstance(one, Failed) else judged(hearing, one)
        if answer is None:
            assert not isinstance(one, Failed)
            return unheard(one)
        after = _after(hearing, hook, state, now, matched.version, answer[1], read)
        if isinstance(after, Refusal):
            return after
        state = after
    return state


def _after(
    hearing: Hearing,
    hook: Hook,
    state: _Round,
    asked: Attributes,
    version: str,
    said: Verdict | Failed,
    read: Read,
) -> _Round | Refusal:
    """What one webhook's answer makes of the round."""
    ends = refusal(hook, said)
    if ends is not None:
        return ends
    after = state.object
    if isinstance(said, Verdict) and said.patch:
        before = converted(hearing, asked, asked.object, version)
        if isinstance(before, Refusal):
            return before
        patched = _patched(hook, asked, before, said.patch, read)
        if isinstance(patched, Refusal):
            return patched
        after = patched
    if after != state.object:
        state = _Round(after, (), (*state.again, *state.eager), True)
    eager = (*state.eager, hook.uid) if hook.reinvoked else state.eager
    return msgspec.structs.replace(state, object=after, eager=eager)


def _patched(
    hook: Hook,
    asked: Attributes,
    before: Document | None,
    patch: tuple[object, ...],
    read: Read,
) -> Answer:
    if before is None:
        why = "attempted to modify the object, which is not supported for this operation"
        return internal(f"admission webhook {quoted(hook.name)} {why}")
    done = apply_json_patch(before, patch)  # type: ignore[arg-type]  # JSON, as it was read
    if isinstance(done, Failure):
        return internal(done.failure())
    new = done.unwrap()
    info = asked.info
    back = new if asked.subresource == "scale" else stored(info, new, str(new.get("apiVersion")))
    return read(back)
