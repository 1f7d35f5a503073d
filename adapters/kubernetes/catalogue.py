"""Which resources this server serves: asked once, and again for what was not there.

Source: kubernetes v1.36, client-go/discovery (aggregated discovery, with the older lists of
every group as the way for servers that do not have it).
"""

from __future__ import annotations

import asyncio
import time

from kelm.adapters.kubernetes.meters import LOG
from kelm.adapters.kubernetes.requests.answers import read
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.served import Catalogue, Served, from_aggregated, from_lists
from kelm.adapters.kubernetes.trouble import NotAnswered
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, children, text

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TIMEOUT_MS = 30_000


class Resources:
    """The server's resources by name."""

    def __init__(self, wire: Wire, again_ms: int = 10_000) -> None:
        self._wire = wire
        self._again_ms = again_ms
        self._known: dict[Resource, Served] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, resource: Resource) -> Served | None:
        """How a resource is served, None where it is not.

        Raises:
            NotSent, NotAnswered: the server could not be asked.
        """
        if resource not in self._known:
            async with self._asking:
                if resource not in self._known and self._may_ask():
                    self._known = dict(await self._discover())
                    self._asked = time.monotonic()
        return self._known.get(resource)

    def forget(self, resource: Resource) -> None:
        """The server no longer knows a resource: ask again before it is used."""
        self._known.pop(resource, None)

    def _may_ask(self) -> bool:
        return time.monotonic() - self._asked > self._again_ms / 1_000

    async def _discover(self) -> Catalogue:
        core, groups = await self._get("/api", AGGREGATED), await self._get("/apis", AGGREGATED)
        if text(groups, "kind") == "APIGroupDiscoveryList":
            return {**from_aggregated(groups), **from_aggregated(core)}
        lists = [await self._get("/api/v1")]
        for group in children(groups, "groups"):
            preferred = text(child(group, "preferredVersion"), "groupVersion")
            others = (text(version, "groupVersion") for version in children(group, "versions"))
            versions = dict.fromkeys((preferred, *others))
            for version in versions:
                try:
                    lists.append(await self._get(f"/apis/{version}"))
                except NotAnswered as problem:  # one extension that is down hides no other group
                    LOG.warning("%s", problem)
        return from_lists(lists)

    async def _get(self, path: str, accept: str = "application/json") -> Document:
        response = await self._wire.request("GET", path, timeout_ms=TIMEOUT_MS, accept=accept)
        doc = read(response.body)
        if response.code != 200 or doc is None:
            said = text(doc, "message") if doc is not None else ""
            raise NotAnswered(f"discovery at {path} answered {response.code} {said}".rstrip())
        return doc
