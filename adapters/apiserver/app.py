"""The Kubernetes API as an ASGI application: HTTP on this side, data on the other.

A request is read, its plan is made by the core, the plan is carried out, and the answer is
written in the form that was asked for. Nothing is decided here but the order of these steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import Any
from uuid import uuid4

import msgspec
from returns.result import Failure

from kelm.adapters.apiserver import connections, watching
from kelm.adapters.apiserver.bodies import parse_body
from kelm.adapters.apiserver.control import ROOT, Control
from kelm.adapters.apiserver.encoding import Encoding
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.exchange import (
    NOSNIFF,
    Broken,
    Exchange,
    Gone,
    Receive,
    Scope,
    Send,
    TooLarge,
)
from kelm.adapters.apiserver.flows import Flows, headers_of
from kelm.adapters.apiserver.identity.authentication import Tokens, impersonation
from kelm.adapters.apiserver.identity.authorizer import Authorizer
from kelm.adapters.apiserver.identity.client_certificates import Certified, holder, nobody
from kelm.adapters.apiserver.lists import Lists
from kelm.adapters.apiserver.metering.page import CONTENT_TYPE
from kelm.adapters.apiserver.metering.page import page as metrics_page
from kelm.adapters.apiserver.metering.requests import Requests, labels_of
from kelm.adapters.apiserver.passing_on import PassingOn
from kelm.adapters.apiserver.site import Site
from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.adapters.apiserver.streaming.spdy.upgrade import SpdyExchange
from kelm.adapters.apiserver.streams import Streams
from kelm.core.api import refuse
from kelm.core.api.aggregation.passing import question_about, server_of
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.conversation import Asker, converts_for
from kelm.core.api.fairness.classify import is_unclassified
from kelm.core.api.rest.access import User, forbidden, question
from kelm.core.api.rest.address import (
    Address,
    Target,
    is_built_in,
    read_address,
    resolve,
    serves,
)
from kelm.core.api.rest.answer import Answer, answer, refused
from kelm.core.api.rest.permission.guard import guarded
from kelm.core.api.rest.permission.power import Power
from kelm.core.api.rest.plan import plan, verb_of
from kelm.core.api.rest.request import Ask, Connect, HttpRequest, IssueToken, Review, Watch
from kelm.core.api.rest.reviews import reviewed
from kelm.core.api.rest.writes import too_large
from kelm.core.api.tokens.bearers import Bearer, Unproven, bearer
from kelm.core.api.tokens.requests import issued, token_request
from kelm.core.api.webhooks.connecting import connecting
from kelm.core.metrics.requests import is_measured, measured, reading, serves_metrics
from kelm.effects.address import key_of
from kelm.effects.commands import List, Patch, Update
from kelm.effects.document import Document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Refusal

STREAMED = frozenset({"exec", "attach", "portforward"})
TOO_MANY = "Too many requests, please try again later.\n"
METHODS_WITH_BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class App:
    """One cluster's API."""

    def __init__(
        self,
        engine: Engine,
        tokens: Tokens,
        address: str = "127.0.0.1:6443",
        mode: Mode = "AlwaysAllow",
    ) -> None:
        self.engine = engine
        self.tokens = tokens
        self.certified: Certified = nobody
        self.authorizer = Authorizer(mode, lambda: engine.server.store)
        self.encoding = Encoding()
        self.lists = Lists()
        self.streams = Streams(self.encoding, engine.shown)
        self.passing_on = PassingOn(engine)
        self.site = Site(engine, address, tokens, self.passing_on)
        self.control = Control(engine)
        self.requests = Requests()
        self.flows = Flows()
        self._aside: set[asyncio.Task[None]] = set()
        self.started_s = time.time()
        self.notes: list[Patch] = []
        tokens.bearer = self._bearer
        engine.moved = lambda server: self.streams.moved(server, engine.now_ms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.http(Exchange(scope, receive, send))
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "spdy":
            await self.http(SpdyExchange(scope, receive, send))
        else:
            await self.http(SocketExchange(scope, receive, send))

    async def http(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            await self._route(exchange)
        except Gone:
            return
        except TooLarge:
            await self.reply(exchange, refused(too_large()))
        except Broken as broken:
            await self.reply(exchange, refused(refuse.failed(str(broken))))

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside what is being done."""
        task = asyncio.get_running_loop().create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _counted(
        self, exchange: Exchange, target: Target | None, work: Awaitable[None]
    ) -> None:
        """Do the work of a request, and count it."""
        labels, began = labels_of(exchange, target), time.monotonic()
        self.requests.began(labels)
        try:
            await work
        finally:
            self.requests.ended(labels, exchange.code, time.monotonic() - began)

    def _bearer(
        self, token: str, claims: Document, audiences: tuple[str, ...]
    ) -> Bearer | Unproven:
        """Whose a token is; that it was used is counted, and noted where that is to be known."""
        engine = self.engine
        found = bearer(engine.server.store, token, claims, engine.now_ms, audiences)
        if found.use:
            self.requests.tokens[found.use] += 1
        if found.note is not None:
            self.notes.append(found.note)
        return found

    async def _route(self, exchange: Exchange) -> None:
        user = self._user(exchange)
        while self.notes:
            await self.engine.ask(self.notes.pop())
        if isinstance(user, Refusal):
            await self.reply(exchange, refused(user))
            return
        service = server_of(self.engine.server.store, exchange.path)
        if service is not None:
            await self._counted(exchange, None, self._passed_on(exchange, service, user))
            return
        address = read_address(exchange.path)
        if address is not None and not address.plural:
            address = None
        target = None
        if address is not None:
            target = resolve(address, self.engine.server.store) or measured(address)
        await self._counted(exchange, target, self._answer(exchange, address, target, user))

    async def _answer(
        self, exchange: Exchange, address: Address | None, target: Target | None, user: User
    ) -> None:
        asked = self._question(exchange, user, address)
        flow = None
        if not is_unclassified(asked):
            flow = self.flows.of(self.engine.server.store, asked)
            exchange.always = headers_of(flow)
        if flow is None or asked.verb == "watch":
            await self._answer_now(exchange, address, target, user, asked)
        elif await self.flows.seats.take(flow.level):
            try:
                await self._answer_now(exchange, address, target, user, asked)
            finally:
                self.flows.seats.give(flow.level)
        else:
            await exchange.text(429, TOO_MANY, [(b"retry-after", b"1")])

    async def _answer_now(
        self,
        exchange: Exchange,
        address: Address | None,
        target: Target | None,
        user: User,
        asked: Question,
    ) -> None:
        if not self.authorizer.decide(asked).allowed:
            await self._forbid(exchange, asked)
        elif target is not None and self._may_not_connect(exchange, user, target):
            await self._forbid(exchange, question(user, "create", target, ""))
        elif address is not None and target is None:
            await self._nothing_there(exchange, address)
        elif exchange.path == "/metrics":
            found = metrics_page(self.requests, self.engine.server.store, self.started_s)
            since = (b"process-start-time-unix", str(int(self.started_s)).encode())
            await exchange.answer(200, CONTENT_TYPE, found, [since])
        elif exchange.path.startswith(ROOT):
            await self.control.answer(exchange)
        elif target is None:
            await self.site.answer(exchange)
        else:
            await self._serve(exchange, target, user)

    async def _passed_on(self, exchange: Exchange, service: Document, user: User) -> None:
        """Pass a request on to who serves its group, if whoever asks may."""
        asked = question_about(user, exchange.method, exchange.path, exchange.query)
        exchange.always = headers_of(self.flows.of(self.engine.server.store, asked))
        if self.authorizer.decide(asked).allowed:
            await self.passing_on.serve(exchange, service, user)
        else:
            await self._forbid(exchange, asked)

    async def _forbid(self, exchange: Exchange, asked: Question) -> None:
        content_type, body = self.encoding.answer(refused(forbidden(asked)))
        await exchange.answer(403, content_type, body, [NOSNIFF])

    def _user(self, exchange: Exchange) -> User | Refusal:
        """Who asks, or who is asked for on behalf of."""
        user = self._authenticated(exchange)
        wanted = impersonation(exchange.headers)
        if isinstance(user, Refusal) or wanted is None:
            return user
        for asked in wanted.questions(user):
            if not self.authorizer.decide(asked).allowed:
                return forbidden(asked)
        return wanted.become()

    def _authenticated(self, exchange: Exchange) -> User | Refusal:
        """Who asks: the bearer of a token, or else the holder of a certificate."""
        token = exchange.header(b"authorization")
        certificate = None if token else self.certified(exchange.client)
        if certificate is not None:
            return holder(certificate, self.engine.now_ms)
        return self.tokens.user(token)

    @staticmethod
    def _question(exchange: Exchange, user: User, address: Address | None) -> Question:
        if address is None:
            return question(user, exchange.method.lower(), None, exchange.path)
        request = HttpRequest(exchange.method, exchange.path, exchange.query)
        return question(user, verb_of(address, request), address, "")

    def _may_not_connect(self, exchange: Exchange, user: User, target: Target) -> bool:
        """Whether a WebSocket is refused to somebody who may read but not create.

        Source: pkg/registry/core/pod/rest/subresources.go, ensureAuthorizedForVerb.
        """
        if not isinstance(exchange, SocketExchange) or target.subresource not in STREAMED:
            return False
        return not self.authorizer.decide(question(user, "create", target, "")).allowed

    async def _nothing_there(self, exchange: Exchange, address: Address) -> None:
        served, store = (address.group, address.version), self.engine.server.store
        if is_built_in(address.group) or serves(*served, store) or serves_metrics(*served):
            await self.reply(exchange, refused(refuse.no_such_resource()))
        else:
            await exchange.text(404, "404 page not found\n")

    async def _serve(self, exchange: Exchange, target: Target, user: User) -> None:
        """Plan a request to a resource and carry the plan out."""
        raw = await exchange.body() if exchange.method in METHODS_WITH_BODIES else b""
        given = exchange.header(b"content-type")
        content_type = given.partition(";")[0].strip() or given
        request = HttpRequest(
            exchange.method,
            exchange.path,
            exchange.query,
            content_type,
            exchange.header(b"accept"),
            exchange.header(b"user-agent"),
            parse_body(raw, content_type),
            raw,
        )
        planned = reading(target, request) if is_measured(target) else plan(target, request)
        if isinstance(planned, Refusal):
            await self.reply(exchange, refused(planned))
        elif isinstance(planned, Ask):
            await self.reply(exchange, await self.ask(planned, user))
        elif isinstance(planned, Watch):
            await watching.serve(self, exchange, planned)
        elif isinstance(planned, Connect):
            refusal = await self.unconnected(planned, user)
            if refusal is not None:
                await self.reply(exchange, refused(refusal))
                return
            await connections.serve(self, exchange, planned)
        elif isinstance(planned, Review):
            await self.reply(exchange, self.judge(planned, user))
        else:
            await self.reply(exchange, self.issue(planned))

    async def unconnected(self, connect: Connect, user: User) -> Refusal | None:
        """Why the webhooks do not let somebody be connected, None where they do."""
        wanted = connecting(connect.target, connect.query)
        if wanted is None:
            return None
        done = await self.engine.ask(wanted, Asker(user, connect.target.api_version))
        return done.outcome.failure() if isinstance(done.outcome, Failure) else None

    async def ask(self, ask: Ask, user: User) -> Answer:
        """Carry out a command and put its outcome into the form that was asked for."""
        if isinstance(ask.command, List):
            listed = await self._listed(
                ask.command, Asker(user, ask.target.api_version, self.authorizer.mode)
            )
            return answer(ask, listed, self.engine.now_ms, existed=True)
        engine, authorizer = self.engine, self.authorizer
        power = Power(user, authorizer.decide, authorizer.rules, engine.server, engine.now_ms)
        allowed = guarded(ask, power)
        if isinstance(allowed, Refusal):
            return refused(allowed, ask.media)
        ask = allowed
        existed = not isinstance(ask.command, Update | Patch) or self._is_there(ask.command)
        done = await self.engine.ask(
            ask.command, Asker(user, ask.target.api_version, self.authorizer.mode)
        )
        found = answer(ask, done.outcome, self.engine.now_ms, existed=existed)
        if not done.warnings:
            return found
        return msgspec.structs.replace(found, warnings=(*found.warnings, *done.warnings))

    async def _listed(self, command: List, asker: Asker) -> Outcome:
        """What there is; as it was told before, where nothing has changed since."""
        self.engine.catch_up()
        await self.engine.written()
        if converts_for(self.engine.server.store, command):
            return (await self.engine.ask(command, asker)).outcome
        known = self.lists.known(self.engine.server.store, command)
        if known is not None:
            return known
        outcome = (await self.engine.ask(command, asker)).outcome
        self.lists.keep(self.engine.server.store, command, outcome)
        return outcome

    def judge(self, review: Review, user: User) -> Answer:
        """Answer a question about who may do what."""
        authorizer = self.authorizer
        asked = (authorizer.decide, authorizer.rules, self.tokens.identify)
        found = reviewed(review, user, *asked, self.engine.now_ms)
        if isinstance(found, Refusal):
            return refused(found, review.media)
        return Answer(201, found, review.media)

    def issue(self, wanted: IssueToken) -> Answer:
        """Issue a token for a service account."""
        target, store, now_ms = wanted.target, self.engine.server.store, self.engine.now_ms
        namespace, name = target.namespace, target.name
        found = token_request(store, namespace, name, wanted.body, now_ms, str(uuid4()))
        if isinstance(found, Refusal):
            return refused(found, wanted.media)
        token = self.tokens.key.sign(found.claims)
        return Answer(201, issued(found, token), wanted.media, warnings=wanted.warnings)

    def _is_there(self, command: Update | Patch) -> bool:
        key = key_of(command.namespace, command.name)
        store = self.engine.server.store
        return command.resource == "events" or store.get(command.resource, key) is not None

    async def reply(self, exchange: Exchange, found: Answer) -> None:
        """Write an answer."""
        content_type, body = self.encoding.answer(found)
        more = [(b"warning", f'299 - "{_quoted(text)}"'.encode()) for text in found.warnings]
        if found.retry_after_seconds:
            more.append((b"retry-after", str(found.retry_after_seconds).encode()))
        await exchange.answer(found.code, content_type, body, more)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
