"""A request that needs answers from elsewhere: begun, resumed with what came back, concluded.

    begin(server, command, now_ms, asker)          -> (server, Concluded | Conversation)
    hear(server, conversation, uid, reply, now_ms) -> (server, Concluded | Conversation)

A `Conversation` is the rest of a request as data: the command, who asked, what was heard so far,
and the calls that are out. Until it is concluded nothing is stored; each time all calls have come
back the command is carried out from its beginning, against the store as it is then, and what was
heard is looked up where the verb needs it. So whatever else is written between call and answer is
neither lost nor overwritten: the checks of versions and names are made in the very step that
stores. The questions that are new then, as another object stands there now, are asked next.

Whoever carries out calls owes an answer for each: what came, or `TOO_LATE` at its deadline.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers (the order), apiserver/pkg/server/
config.go (RequestTimeout), apiserver/pkg/endpoints/handlers/finisher/finisher.go.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from returns.result import Failure, Success

from kelm.core.api.aggregation.checking import checked, is_check
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.custom.choosing import chosen_of, widened
from kelm.core.api.custom.converting import presented
from kelm.core.api.custom.definition import DEFINITIONS, CustomResource, find_custom, info_of
from kelm.core.api.kinds.strategies import CREATED_BY_UPDATE
from kelm.core.api.policies.registered import policies_are_bound
from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.rest.access import User
from kelm.core.api.server import ADMIN as DEFAULT_USER
from kelm.core.api.server import ApiServer, carry_out, handle
from kelm.core.api.verbs.identity import uid
from kelm.core.api.verbs.request import Call
from kelm.core.api.webhooks.answers import Verdict, verdict
from kelm.core.api.webhooks.connecting import Connecting
from kelm.core.api.webhooks.hearing import Heard, Hearing, Notes, Question, Reply, Unheard
from kelm.core.api.webhooks.hooks import are_registered, concerned
from kelm.core.api.webhooks.others import connection_refused
from kelm.core.api.webhooks.rules import MUTATING, VALIDATING
from kelm.core.store.store import Store
from kelm.effects.address import Resource
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Get,
    List,
    Patch,
    Update,
)
from kelm.effects.document import EMPTY, Document, Json
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

REQUEST_TIMEOUT_MS: Final = 60_000
"""How long a request may take, all its calls together."""
TOO_LONG: Final = Refusal(
    Reason.TIMEOUT,
    "Timeout: request did not complete within requested timeout - context deadline exceeded",
)
META: Final = "meta.k8s.io/v1"


class Asker(msgspec.Struct, frozen=True):
    """Who makes a request, and in which version of the resource ("": the stored one).

    mode: how the server decides who may do what; expressions of policies may ask that too.
    """

    user: User = DEFAULT_USER
    api_version: str = ""
    mode: Mode = "RBAC"


ADMIN: Final = Asker()


class Show(msgspec.Struct, frozen=True):
    """Objects of a custom resource are to be shown in the asker's version, as a list of them."""

    resource: Resource
    objects: tuple[Document, ...]


Wanted: TypeAlias = Command | Show | Connecting


class OutsideCall(msgspec.Struct, frozen=True):
    """Call this webhook with this question under this uid, until the deadline."""

    uid: str
    question: Question
    deadline_ms: int


class Concluded(msgspec.Struct, frozen=True):
    """What became of a request, and what its webhooks had to say beside: to the client, and for
    an audit log."""

    outcome: Outcome
    warnings: tuple[str, ...] = ()
    annotations: Document = EMPTY


class Conversation(msgspec.Struct, frozen=True):
    """A request that waits for its calls. `asked` counts the questions so far."""

    command: Wanted
    asker: Asker
    began_ms: int
    number: int
    heard: tuple[Heard, ...] = ()
    calls: tuple[OutsideCall, ...] = ()
    asked: int = 0


Turn: TypeAlias = tuple[ApiServer, Concluded | Conversation]


def begin(server: ApiServer, command: Wanted, now_ms: int, asker: Asker = ADMIN) -> Turn:
    """Carry out a command as far as that goes without hearing from anybody."""
    if not may_wait(server.store, command) or not _hearing(server.store, command, asker, 0, ()):
        server, outcome = _done(server, command, Call(now_ms), now_ms)
        return server, Concluded(outcome)
    store, number = server.store.fresh()
    counted = msgspec.structs.replace(server, store=store)
    return _carried_on(counted, Conversation(command, asker, now_ms, number), now_ms)


def hear(
    server: ApiServer, conversation: Conversation, call_uid: str, reply: Reply, now_ms: int
) -> Turn:
    """What a conversation comes to with one more reply; one that nobody waits for is ignored."""
    answered = [call for call in conversation.calls if call.uid == call_uid]
    if not answered:
        return server, conversation
    heard = (*conversation.heard, Heard(answered[0].question, call_uid, reply))
    calls = tuple(call for call in conversation.calls if call.uid != call_uid)
    conversation = msgspec.structs.replace(conversation, heard=heard, calls=calls)
    return (server, conversation) if calls else _carried_on(server, conversation, now_ms)


def _carried_on(server: ApiServer, conversation: Conversation, now_ms: int) -> Turn:
    """Carry out the command with what was heard so far, or ask on."""
    one = conversation
    hearing = _hearing(server.store, one.command, one.asker, one.number, one.heard)
    call = Call(one.began_ms, server.ranges, hearing=hearing)
    after, outcome = _attempt(server, one, call, now_ms)
    found = outcome.failure() if isinstance(outcome, Failure) else None
    if not isinstance(found, Unheard):
        return after, _concluded(outcome, one.heard, hearing)
    end_ms = one.began_ms + REQUEST_TIMEOUT_MS
    if now_ms >= end_ms:
        return server, _concluded(Failure(TOO_LONG), one.heard, hearing)
    calls = tuple(
        OutsideCall(
            uid(server.store.seed + 1 + one.asked + index, one.number),
            question,
            min(now_ms + question.timeout_seconds * 1_000, end_ms),
        )
        for index, question in enumerate(found.questions)
    )
    return server, msgspec.structs.replace(one, calls=calls, asked=one.asked + len(calls))


def _attempt(
    server: ApiServer, conversation: Conversation, call: Call, now_ms: int
) -> tuple[ApiServer, Outcome]:
    """Carry out the command, and show what comes of it in the version of who asks."""
    command, version = conversation.command, conversation.asker.api_version
    custom = _converting(server.store, command)
    given = command.field_selector if isinstance(command, List) else ""
    if custom is not None and version and isinstance(command, List):
        command = widened(command)
    after, outcome = _done(server, command, call, now_ms)
    if custom is None or not version or isinstance(outcome, Failure):
        return after, outcome
    shown = presented(custom, outcome.unwrap(), version, call.hearing)
    if isinstance(shown, Refusal):
        return server, Failure(shown)
    return after, Success(chosen_of(custom, shown, given))


def _done(server: ApiServer, command: Wanted, call: Call, now_ms: int) -> tuple[ApiServer, Outcome]:
    if isinstance(command, Show):
        return server, Success(Document(items=command.objects))
    if isinstance(command, Get) and is_check(command):
        return server, checked(server.store, command.name, call.hearing)
    if isinstance(command, Connecting):
        refusal = connection_refused(server.store, command, call.hearing)
        return server, Success(EMPTY) if refusal is None else Failure(refusal)
    if call.hearing is None or isinstance(command, Get | List):
        return handle(server, command, now_ms)
    return carry_out(server, command, call)


def _concluded(outcome: Outcome, heard: tuple[Heard, ...], hearing: Hearing | None) -> Concluded:
    """An outcome with what policies and webhooks said beside it."""
    notes = Notes([], {}) if hearing is None or hearing.notes is None else hearing.notes
    judges = [one for one in heard if one.question.phase != "discovering"]
    verdicts = [(one.question.webhook, verdict(one)) for one in judges]
    said = [(name, one) for name, one in verdicts if isinstance(one, Verdict)]
    warned = (*notes.warnings, *(text for _, one in said for text in one.warnings))
    heard_of = {
        f"{name}/{key}": text for name, one in said for key, text in one.annotations.items()
    }
    annotations = Document({**notes.annotations, **heard_of})
    return Concluded(outcome, tuple(dict.fromkeys(warned)), annotations)


# -- who wants to know -------------------------------------------------------------------------


def may_wait(store: Store, command: Wanted) -> bool:
    """Whether webhooks may have a say in a command: a few look-ups, all that others cost."""
    if are_registered(store) or policies_are_bound(store) or is_check(command):
        return True
    return _converting(store, command) is not None


def converts_for(store: Store, command: Command) -> bool:
    """Whether a command's answer may have to be converted by a webhook."""
    return _converting(store, command) is not None


def _converting(store: Store, command: Wanted) -> CustomResource | None:
    """The custom resource that a command is about, if a webhook converts its objects."""
    if DEFINITIONS not in store.number_of:
        return None
    resource = getattr(command, "resource", "")
    custom = None if resource in RESOURCES else find_custom(store, resource)
    return custom if custom is not None and custom.calls_out else None


def _hearing(
    store: Store, command: Wanted, asker: Asker, number: int, heard: tuple[Heard, ...]
) -> Hearing | None:
    """What a command has to hear, None where no webhook may want to know of it."""
    found = _target(store, command)
    mutating = () if found is None else concerned(store, MUTATING, *found)
    validating = () if found is None else concerned(store, VALIDATING, *found)
    known = mutating or validating or _converting(store, command) or is_check(command)
    if not (known or policies_are_bound(store)):
        return None
    return Hearing(
        asker.user,
        asker.api_version,
        number,
        _options(command),
        getattr(command, "dry_run", False),
        isinstance(command, DeleteCollection),
        mutating,
        validating,
        heard,
        notes=Notes([], {}),
        converting=_converting(store, command),
        mode=asker.mode,
    )


def _target(store: Store, command: Wanted) -> tuple[ResourceInfo, tuple[str, ...]] | None:
    """The resource that a command is about, and the operations that it may come to."""
    if isinstance(command, Bind | Evict):
        return RESOURCES["pods"], ("CREATE",)
    if isinstance(command, Connecting):
        return RESOURCES[command.resource], ("CONNECT",)
    if not isinstance(command, Create | Update | Patch | Delete | DeleteCollection):
        return None
    info = info_of(store, command.resource)
    if info is None:
        return None
    if isinstance(command, Create):
        return (RESOURCES["pods"] if info.resource == "bindings" else info), ("CREATE",)
    if isinstance(command, Delete | DeleteCollection):
        return info, ("DELETE",)
    applied = isinstance(command, Patch) and command.patch_type == "apply"
    makes = applied or info.resource in CREATED_BY_UPDATE
    return info, ("UPDATE", "CREATE") if makes else ("UPDATE",)


def _options(command: Wanted) -> Document:
    """The request's options as reviews show them; a connection has none beside its object."""
    if isinstance(command, Connecting):
        return EMPTY
    fields: dict[str, Json] = {"apiVersion": META}
    if isinstance(command, Delete | DeleteCollection):
        fields["kind"] = "DeleteOptions"
        if command.grace_period_seconds is not None:
            fields["gracePeriodSeconds"] = command.grace_period_seconds
        if command.propagation_policy:
            fields["propagationPolicy"] = command.propagation_policy
        if isinstance(command, Delete) and (command.uid or command.resource_version):
            given = (("uid", command.uid), ("resourceVersion", command.resource_version))
            fields["preconditions"] = Document({key: value for key, value in given if value})
    elif isinstance(command, Patch):
        fields["kind"] = "PatchOptions"
        if command.field_manager:
            fields["fieldManager"] = command.field_manager
        if command.patch_type == "apply":
            fields["force"] = command.force
    else:
        fields["kind"] = "UpdateOptions" if isinstance(command, Update) else "CreateOptions"
    if getattr(command, "dry_run", False):
        fields["dryRun"] = ("All",)
    return Document(fields)
