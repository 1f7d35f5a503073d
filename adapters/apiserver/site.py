"""Everything at the API's address that is no resource: discovery, health, version, schemas."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec

from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.exchange import JSON, Exchange
from kelm.core.api.custom.definition import CustomResource, catalogue, custom_resources
from kelm.core.api.openapi import documents
from kelm.core.api.rest import discovery
from kelm.core.api.rest.media import Clause, clauses
from kelm.core.api.rest.version import VERSION
from kelm.effects.document import Document

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
HEALTH: Final = ("/healthz", "/livez", "/readyz")
CHECKS: Final = ("ping", "log", "etcd", "informer-sync")


class Site:
    """The pages of one cluster."""

    def __init__(self, engine: Engine, address: str) -> None:
        self._engine = engine
        self._address = address
        self._types: tuple[tuple[CustomResource, ...], bytes, str] | None = None

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request for a page."""
        path = exchange.path.rstrip("/") or "/"
        if path.startswith(HEALTH):
            await self._health(exchange, path)
            return
        if path == "/openapi/v2":
            await self._older_types(exchange)
            return
        page = self.page(path, exchange.header(b"accept"))
        if page is None:
            await exchange.text(404, "404 page not found\n")
            return
        content_type, body = page
        await exchange.json(body, content_type=content_type.encode())

    def page(self, path: str, accept: str) -> tuple[str, Document] | None:
        """The content of a page that is JSON, None where there is none."""
        infos = (*catalogue(self._engine.server.store), *self._engine.metrics)
        if path in ("/api", "/apis") and _wants_aggregated(accept):
            return AGGREGATED, discovery.aggregated(path == "/api", infos)
        plain: dict[str, Callable[[], Document]] = {
            "/": lambda: Document(paths=paths()),
            "/api": lambda: discovery.api_versions(self._address),
            "/apis": lambda: discovery.api_groups(infos),
            "/version": lambda: VERSION,
            "/openapi/v3": lambda: documents.index(infos),
        }
        if path.startswith("/openapi/v3/"):
            page = path.removeprefix("/openapi/v3/")
            customs = custom_resources(self._engine.server.store)
            found = documents.version_3(page) or documents.custom_version_3(page, customs)
        else:
            found = plain[path]() if path in plain else _group(path, infos)
        return None if found is None else ("application/json", found)

    async def _older_types(self, exchange: Exchange) -> None:
        """All types in one page: made anew when custom resources change, sent when it changed."""
        customs = custom_resources(self._engine.server.store)
        if self._types is None or self._types[0] != customs:
            body = msgspec.json.encode(documents.version_2(customs))
            self._types = customs, body, f'"{sha256(body).hexdigest().upper()}"'
        _, body, tag = self._types
        tags = [(b"etag", tag.encode()), (b"vary", b"Accept")]
        if exchange.header(b"if-none-match") == tag:
            await exchange.answer(304, JSON, b"", tags)
        else:
            await exchange.answer(200, JSON, body, tags)

    async def _health(self, exchange: Exchange, path: str) -> None:
        top, _, check = path.lstrip("/").partition("/")
        if check and check not in CHECKS:
            await exchange.text(404, "404 page not found\n")
        elif "verbose" in exchange.query:
            lines = "".join(f"[+]{name} ok\n" for name in CHECKS)
            await exchange.text(200, f"{lines}{top} check passed\n")
        else:
            await exchange.text(200, "ok")


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
    found = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"]
    for group in discovery.groups():
        found.append(f"/apis/{group}")
        found += [f"/apis/{group}/{version}" for version in discovery.versions(group)]
    found += ["/openapi/v2", "/openapi/v3"]
    return tuple(sorted(found))
