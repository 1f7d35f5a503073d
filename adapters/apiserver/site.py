"""Everything at the API's address that is no resource: discovery, health, version, schemas."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha512
from typing import Final

import msgspec

from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.apiserver.identity.authentication import Tokens
from kelm.adapters.apiserver.passing_on import PassingOn
from kelm.core.api import refuse
from kelm.core.api.aggregation.backends import group_path
from kelm.core.api.aggregation.discovery import (
    elsewhere,
    group_of,
    with_groups,
    with_others,
)
from kelm.core.api.custom.definition import catalogue, custom_resources
from kelm.core.api.openapi import documents
from kelm.core.api.rest import discovery
from kelm.core.api.rest.address import is_built_in
from kelm.core.api.rest.health import checks_at, health_paths, report
from kelm.core.api.rest.media import Clause, clauses
from kelm.core.api.rest.version import VERSION
from kelm.core.api.tokens import discovery as oidc
from kelm.core.api.tokens.requests import CONFIGURATION, KEYS
from kelm.effects.document import EMPTY, Document, child

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
HEALTH: Final = ("/healthz", "/livez", "/readyz")
VERSION_3: Final = "/openapi/v3/"


class Page(msgspec.Struct, frozen=True):
    """What is served at an address that is no resource's.

    mark: what tells this version of it from others, "" where nobody asks. kept_s: for how long who
    reads it may keep it.
    methods: those that are answered, () for all. people: whether it is indented for them.
    """

    body: Document
    type: str = "application/json"
    mark: str = ""
    kept_s: int = 0
    methods: tuple[str, ...] = ()
    people: bool = False


class Site:
    """The pages of one cluster."""

    def __init__(self, engine: Engine, address: str, tokens: Tokens, others: PassingOn) -> None:
        self._tokens = tokens
        self._engine = engine
        self._others = others
        self._address = address
        self._encoded: dict[str, tuple[str, bytes]] = {}

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request for a page."""
        path = exchange.path
        if path.startswith(HEALTH):
            await self._health(exchange, path)
            return
        path = _without_slash(path)
        page = self.page(path, exchange.header(b"accept"))
        if page is not None and elsewhere(self._engine.server.store):
            page = await self._with_others(path, page)
        if page is None:
            await self._no_page(exchange, exchange.path)
        elif page.methods and exchange.method not in page.methods:
            await exchange.json(refuse.method_not_allowed().status(), 405)
        elif page.people:
            indented = msgspec.json.format(msgspec.json.encode(page.body), indent=2)
            await exchange.answer(200, page.type.encode(), indented)
        elif page.kept_s:
            kept = (b"cache-control", f"public, max-age={page.kept_s}".encode())
            body = msgspec.json.encode(page.body)
            await exchange.answer(200, page.type.encode(), body, [kept])
        elif not page.mark:
            await exchange.json(page.body, content_type=page.type.encode())
        else:
            await self._marked(exchange, path, page)

    @staticmethod
    async def _no_page(exchange: Exchange, path: str) -> None:
        """Answer where nothing is: in JSON where resources could be, in words elsewhere."""
        top, _, rest = path.removeprefix("/").partition("/")
        group, slash, _ = rest.partition("/")
        if path.startswith(VERSION_3):
            await exchange.answer(404, b"", b"")
        elif (top == "api" and rest) or (top == "apis" and slash and is_built_in(group)):
            await exchange.json(refuse.no_such_resource().status(), 404)
        else:
            await exchange.text(404, "404 page not found\n")

    async def _marked(self, exchange: Exchange, path: str, page: Page) -> None:
        """Answer with a page that clients keep, or tell them that theirs is good.

        Source: kube-openapi/pkg/handler3/handler.go, discovery/aggregated/etag.go.
        """
        tag = f'"{page.mark}"'
        headers = [(b"etag", tag.encode()), (b"vary", b"Accept")]
        wanted = exchange.query.get("hash", ("",))[0]
        if wanted and wanted != page.mark and path.startswith(VERSION_3):
            to = f"{path}?hash={page.mark}".encode()
            await exchange.answer(301, page.type.encode(), b"", [*headers, (b"location", to)])
            return
        if wanted and path.startswith(VERSION_3):
            headers.append((b"cache-control", b"public, immutable"))
        elif page.type == AGGREGATED:
            headers.append((b"cache-control", b"public"))
        if tag in (one.strip() for one in exchange.header(b"if-none-match").split(",")):
            await exchange.answer(304, page.type.encode(), b"", headers)
            return
        await exchange.answer(200, page.type.encode(), self._bytes(path, page), headers)

    def _bytes(self, path: str, page: Page) -> bytes:
        """A page as JSON, encoded once."""
        key = f"{path} {page.type}"
        mark, found = self._encoded.get(key, ("", b""))
        if mark != page.mark:
            found = msgspec.json.encode(page.body)
            self._encoded[key] = (page.mark, found)
        return found

    async def _with_others(self, path: str, page: Page) -> Page:
        """A page with what other API servers say of what they serve."""
        others = elsewhere(self._engine.server.store)
        if path == "/apis" and page.type == AGGREGATED:
            body = with_others(page.body, others, await self._others.lists())
            return Page(body, AGGREGATED, _digest(body))
        if path != "/openapi/v3":
            return page
        found = dict(child(page.body, "paths"))
        for service in others:
            index = await self._others.page(service, path)
            below = group_path(service).lstrip("/")
            listed = EMPTY if index is None else child(index, "paths")
            found.update({key: one for key, one in listed.items() if key == below})
        body = Document({**page.body, "paths": Document(found)})
        return Page(body, mark=_digest(body))

    def page(self, path: str, accept: str) -> Page | None:
        """A page that is JSON, None where there is none."""
        store = self._engine.server.store
        infos, others = (*catalogue(store), *self._engine.metrics), elsewhere(store)
        if path in ("/api", "/apis") and _wants_aggregated(accept):
            body = discovery.aggregated(path == "/api", infos)
            return Page(body, AGGREGATED, _digest(body))
        if path.startswith("/openapi/"):
            return self._openapi(path, infos)
        if path in (CONFIGURATION, KEYS):
            return self._discovery(path)
        plain: dict[str, Callable[[], Document]] = {
            "/api": lambda: discovery.api_versions(self._address),
            "/apis": lambda: with_groups(discovery.api_groups(infos), others),
        }
        if path in ("/", "/index.html"):
            return Page(Document(paths=paths()), people=True)
        if path == "/version":
            return Page(VERSION, methods=("GET",), people=True)
        found = plain[path]() if path in plain else _group(path, infos)
        if found is None and path.startswith("/apis/"):
            found = group_of(others, path.removeprefix("/apis/"))
        any_method = path.startswith("/apis") and path.count("/") < 3
        return None if found is None else Page(found, methods=() if any_method else ("GET",))

    def _discovery(self, path: str) -> Page:
        """With what others can check a service account's token."""
        keys = (self._tokens.key.public_jwk,)
        if path == KEYS:
            body = oidc.key_set(keys)
            return Page(body, oidc.KEYS_TYPE, kept_s=oidc.KEPT_S, methods=("GET",))
        body = oidc.configuration(self._address, keys)
        return Page(body, kept_s=oidc.KEPT_S, methods=("GET",))

    def _openapi(self, path: str, infos: discovery.Infos) -> Page | None:
        customs = custom_resources(self._engine.server.store)
        if path == "/openapi/v3":
            body = documents.index(infos, customs)
            return Page(body, mark=_digest(body))
        if path == "/openapi/v2":
            return Page(documents.version_2(customs), mark=documents.mark("v2", customs))
        name = path.removeprefix(VERSION_3)
        found = documents.version_3(name) or documents.custom_version_3(name, customs)
        return None if found is None else Page(found, mark=documents.mark(name, customs))

    async def _health(self, exchange: Exchange, path: str) -> None:
        checks = checks_at(path)
        if not checks:
            await exchange.text(404, "404 page not found\n")
        elif len(checks) == 1:
            await exchange.answer(200, b"", b"ok")
        elif "verbose" in exchange.query:
            await exchange.text(200, report(path, checks))
        else:
            await exchange.text(200, "ok")


def _digest(body: Document) -> str:
    return sha512(msgspec.json.encode(body)).hexdigest().upper()


def _without_slash(path: str) -> str:
    """A path without the slash at its end, where that makes no difference.

    >>> _without_slash("/apis/"), _without_slash("/openapi/v2/"), _without_slash("/")
    ('/apis', '/openapi/v2/', '/')
    """
    whole = path.rstrip("/")
    return whole if whole == "/version" or whole.startswith(("/api", "/apis")) else path


def _group(path: str, infos: discovery.Infos) -> Document | None:
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) == 2:
        return discovery.api_resources("", steps[1])
    if steps[0] == "apis" and len(steps) == 2:
        return discovery.api_group(steps[1], infos)
    if steps[0] == "apis" and len(steps) == 3:
        return discovery.api_resources(steps[1], steps[2], infos)
    return None


def _wants_aggregated(accept: str) -> bool:
    return any(_is_aggregated(clause) for clause in clauses(accept)[:1])


def _is_aggregated(clause: Clause) -> bool:
    parameters = clause.parameters
    return (
        clause.type == "application/json"
        and parameters.get("as") == "APIGroupDiscoveryList"
        and parameters.get("g") == "apidiscovery.k8s.io"
        and parameters.get("v") == "v2"
    )


def paths() -> tuple[str, ...]:
    """All pages, as `/` lists them."""
    found = ["/api", "/api/v1", "/apis", "/apis/", *health_paths(), "/metrics", "/version"]
    for group in discovery.groups():
        found.append(f"/apis/{group}")
        found += [f"/apis/{group}/{version}" for version in discovery.versions(group)]
    found += [CONFIGURATION, KEYS, "/openapi/v2", "/openapi/v3", "/openapi/v3/"]
    return tuple(sorted(found))
