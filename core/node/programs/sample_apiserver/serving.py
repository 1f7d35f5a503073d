"""One command or watch of the sample API server, in the version that it is asked in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.conversation import Asker, Concluded, Show, Wanted, begin, hear
from kelm.core.api.custom.definition import info_of
from kelm.core.api.rest.access import User
from kelm.core.api.rest.answer import refused
from kelm.core.api.rest.request import Ask, Watch
from kelm.core.api.rest.watching import bookmark, open_watch, shown
from kelm.core.api.server import ApiServer
from kelm.core.api.validation.violation import invalid
from kelm.core.api.webhooks.attributes import with_uid
from kelm.core.api.webhooks.hearing import Replied
from kelm.core.api.webhooks.programs import review
from kelm.core.node.programs.http import JSON, HttpResponse
from kelm.core.node.programs.sample_apiserver.resources import (
    BANNED,
    FLUNDERS,
    converted,
    defaulted,
    flunder_faults,
    is_banned,
)
from kelm.effects.address import key_of
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document, children, text
from kelm.effects.messages import Outcome, unwrap_or_failure
from kelm.effects.refusals import Refusal

ONLY_AT_FIRST: Final = (
    "resourceVersion", "sendInitialEvents", "resourceVersionMatch", "watch", "allowWatchBookmarks",
)  # fmt: skip


def done(server: ApiServer, ask: Ask, user: User, now_ms: int) -> tuple[ApiServer, Outcome, bool]:
    """What becomes of a command, and whether its object was there before."""
    command = ask.command
    existed = not isinstance(command, Update | Patch) or (
        server.store.get(command.resource, key_of(command.namespace, command.name)) is not None
    )
    if isinstance(command, Create) and command.resource == FLUNDERS:
        full = defaulted(command.object)
        refusal = _not_let_in(server, full)
        if refusal is not None:
            return server, Failure(refusal), existed
        command = msgspec.structs.replace(command, object=full)
    server = _with_namespace(server, ask.target.namespace)
    after, concluded = concluding(server, command, user, ask.target.api_version, now_ms)
    return after, concluded.outcome, existed


def _with_namespace(server: ApiServer, namespace: str) -> ApiServer:
    """The server that has heard of a namespace: it takes the cluster's word for it."""
    if not namespace or server.store.get("namespaces", namespace) is not None:
        return server
    metadata = Document(name=namespace, resourceVersion=str(server.store.next_revision))
    doc = Document(apiVersion="v1", kind="Namespace", metadata=metadata)
    store = server.store.put("namespaces", namespace, doc)
    return msgspec.structs.replace(server, store=store)


def _not_let_in(server: ApiServer, flunder: Document) -> Refusal | None:
    info = info_of(server.store, FLUNDERS)
    assert info is not None
    name = text(flunder, "metadata", "name")
    if is_banned(server.store, name):
        return refuse.forbidden(info, name, BANNED)
    faults = tuple(flunder_faults(flunder))
    return invalid(info.kind, info.group, name, faults) if faults else None


def concluding(
    server: ApiServer, command: Wanted, user: User, api_version: str, now_ms: int
) -> tuple[ApiServer, Concluded]:
    """Carry a command out to its end: whatever has to be converted, this program converts."""
    server, turn = begin(server, command, now_ms, Asker(user, api_version))
    while not isinstance(turn, Concluded):
        call = turn.calls[0]
        sent = msgspec.json.encode(with_uid(call.question.review, call.uid))
        answered = review(sent, converted)
        assert isinstance(answered, bytes), answered
        server, turn = hear(server, turn, call.uid, Replied(200, answered), now_ms)
    return server, turn


def watched(server: ApiServer, watch: Watch, query: str, now_ms: int) -> HttpResponse:
    """What a watch has seen by now, and with which query it goes on."""
    opening = open_watch(server, watch)
    if isinstance(opening, Refusal):
        found = refused(opening, watch.media)
        return HttpResponse(found.code, msgspec.json.encode(found.body), JSON)
    lines: list[bytes] = []
    for event in opening.events:
        show = Show(watch.target.info.resource, (event.object,))
        _, turn = concluding(server, show, User(""), watch.target.api_version, now_ms)
        answer = unwrap_or_failure(turn.outcome)
        assert not isinstance(answer, Refusal), answer.message
        doc = shown(watch, children(answer, "items")[0], now_ms, head=not lines)
        lines.append(_line(event.type, doc))
    if opening.bookmark:
        lines.append(_line("BOOKMARK", bookmark(watch, opening.revision, initial=True)))
    if opening.failure is not None:
        lines.append(_line("ERROR", opening.failure.status()))
        return HttpResponse(200, b"".join(lines), JSON)
    return HttpResponse(200, b"".join(lines), JSON, then=_next(query, opening.revision))


def _line(kind: str, doc: Document) -> bytes:
    return msgspec.json.encode({"type": kind, "object": doc}) + b"\n"


def _next(query: str, revision: int) -> str:
    return "&".join((*_kept(query), "watch=1", f"resourceVersion={revision}"))


def _kept(query: str) -> Iterator[str]:
    for part in query.split("&"):
        if part and part.partition("=")[0] not in ONLY_AT_FIRST:
            yield part
