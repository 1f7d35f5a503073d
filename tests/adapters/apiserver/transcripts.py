"""Recorded HTTP exchanges with a real API server, asked of the ASGI application."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

import yaml

from kelm.core.api.authorization.roles import first_roles
from kelm.core.api.bootstrap import API_SERVER, first_priorities
from kelm.core.api.rest.access import User
from kelm.core.api.server import handle
from kelm.core.api.tokens.bearers import account_groups
from kelm.core.controllers.api.resource_quota import ResourceQuotaController
from kelm.core.runtime.controller import Sync
from kelm.effects.commands import Create, by
from kelm.effects.document import document
from tests.adapters.apiserver.client import Client, Reply, still_app
from tests.core.api.transcripts import Exchange, Replay

LIMITED = "a-limited-token"
LIMITED_USER = User("system:serviceaccount:err-e:default", account_groups("err-e"))
TOKENS = {
    "<none>": "",
    "<token of the RBAC-limited service account>": f"Bearer {LIMITED}",
}
AGE = re.compile(r"^(\d+[smhd])+( ago)?$|^<unknown>$|^<invalid>$")
LONG = re.compile(r"<(\d+) times the letter (\w)>")
DROPPED = ("description",)


def _written_out(value: Any) -> Any:
    """A recorded body in which a long text is described instead of written."""
    if isinstance(value, dict):
        return {key: _written_out(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_written_out(item) for item in value]
    described = LONG.fullmatch(value) if isinstance(value, str) else None
    return described[2] * int(described[1]) if described else value


class HttpReplay(Replay):
    """One application that is asked over ASGI what the real one was asked."""

    tracked = True

    def __init__(self, namespaces: tuple[str, ...], *, owners: bool = False) -> None:
        super().__init__(namespaces, owners=owners)
        for name in namespaces:
            ours = document({"metadata": {"name": "openshift-service-ca.crt"}})
            self.ask(Create("configmaps", name, ours))
        for command in (*first_roles(), *(by(one, API_SERVER) for one in first_priorities())):
            self.server = handle(self.server, command, self.now_ms)[0]
        self.app = still_app(self.server, self.now_ms, "RBAC")
        self.client = Client(self.app)
        self.app.tokens.add(LIMITED, LIMITED_USER)

    def ask_over_http(self, exchange: Exchange) -> Reply:
        """Our answer."""
        headers = dict(exchange.get("headers") or {})
        if "Authorization" in headers:
            bad = exchange["case"] == "bad-token"
            headers["Authorization"] = "Bearer bad" if bad else TOKENS[headers["Authorization"]]
        body = exchange.get("body")
        if body is not None:
            body = self._translated(_written_out(body))
        return self.client.ask(exchange["method"], self._path(exchange["path"]), body, headers)

    def _count_quotas(self) -> None:
        """Do what the controller of quotas does, which ran beside the recorded server."""
        engine, controller = self.app.engine, ResourceQuotaController()
        store = engine.server.store
        caches = {one.resource: store.table(one.resource) for one in controller.watches}
        for key in tuple(controller.every_key(caches)):
            for batch in controller.reconcile(Sync(key, engine.now_ms, caches)).batches:
                for command in batch:
                    asyncio.run(engine.ask(by(command, "kube-controller-manager")))

    def _path(self, path: str) -> str:
        for theirs, ours in self.ours_of.items():
            if f"continue={theirs}" in path:
                path = path.replace(f"continue={theirs}", f"continue={quote(ours)}")
        return path

    def compare(self, exchange: Exchange) -> str:
        """How our answer differs, "" not at all."""
        engine: Any = self.app.engine
        from tests.core.api.transcripts import _difference, _now

        theirs = exchange["response"]
        self.now_ms = max(self.now_ms, _now(theirs))
        engine.at_ms = self.now_ms
        self._count_quotas()
        reply = self.ask_over_http(exchange)
        ours = reply.body
        if reply.status != exchange["status"]:
            return f"{reply.status} {str(ours)[:300]} instead of {exchange['status']}"
        self._learn(ours, theirs)
        for name, value in exchange["responseHeaders"].items():
            found = reply.headers.get(name.lower(), "")
            if found != value and reply.status != 204:
                return f"header {name}: {found!r} instead of {value!r}"
        if reply.headers["content-type"] == "application/yaml":
            ours, theirs = yaml.safe_load(ours), yaml.safe_load(theirs)
        return _difference("", self._normal(ours), self._normal(theirs))

    def _normal(self, value: Any) -> Any:
        normal = super()._normal(value)
        if isinstance(normal, dict):
            for key in DROPPED:
                normal.pop(key, None)
            if "serverAddress" in normal:
                normal["serverAddress"] = "<address>"
        if isinstance(normal, str) and AGE.match(normal):
            return "<age>"
        return normal
