"""Which flow each request is part of, remembered while the FlowSchemas stay as they are; and the
seats of the priority levels, which requests take and give back.

Source: kubernetes v1.36.2, apiserver/pkg/server/filters/priority-and-fairness.go.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

from kelm.adapters.apiserver.exchange import Headers
from kelm.core.api.authorization.rbac import Request
from kelm.core.api.fairness.classify import Flow, classify, ordered
from kelm.core.api.fairness.seats import SEATS, Limit, limits
from kelm.core.api.flow_control.first import LEVELS, SCHEMAS
from kelm.core.store.store import Store
from kelm.effects.document import Document

KEPT: Final = 4_096
WAITING_S: Final = 15.0
"""How long a request may wait for a seat: a quarter of the time that it may take."""


class Flows:
    """The flows of one cluster's requests."""

    def __init__(self) -> None:
        self._tables: tuple[object, object] = (None, None)
        self._schemas: tuple[Document, ...] = ()
        self._known: dict[object, Flow | None] = {}
        self.seats = Seats()

    def of(self, store: Store, request: Request) -> Flow | None:
        """The flow of a request; the name of its object makes no difference."""
        tables = (_table(store, SCHEMAS), _table(store, LEVELS))
        if any(one is not other for one, other in zip(tables, self._tables, strict=True)):
            self._tables, self._schemas = tables, ordered(store)
            self._known.clear()
            levels = store.table(LEVELS).objects() if tables[1] is not None else ()
            self.seats.limits = limits(levels, self.seats.total)
        asked = (request.verb, request.api_group, request.resource, request.subresource)
        key = (*asked, request.namespace, request.path, request.user, request.groups)
        if key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = classify(self._schemas, store, request)
        return self._known[key]


class Seats:
    """Who is at work and who waits, by priority level."""

    def __init__(self, total: int = SEATS) -> None:
        self.total = total
        self.limits: dict[str, Limit] = {}
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, level: str) -> bool:
        """Take a seat, perhaps after a while; whether there was one."""
        limit = self.limits.get(level)
        if limit is None or self._taken[level] < limit.seats:
            self._taken[level] += 1
            return True
        waiting = self._waiting.setdefault(level, deque())
        if len(waiting) >= limit.queued:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        done, _ = await asyncio.wait({turn}, timeout=WAITING_S)
        if not done:
            waiting.remove(turn)
        return bool(done)

    def give(self, level: str) -> None:
        """Give a seat back, to who has waited longest."""
        waiting = self._waiting.get(level)
        if waiting:
            waiting.popleft().set_result(None)
        else:
            self._taken[level] -= 1


def _table(store: Store, resource: str) -> object:
    return store.table(resource) if resource in store.number_of else None


def headers_of(flow: Flow | None) -> Headers:
    """The headers by which a client learns which flow its request was part of.

    Source: kubernetes v1.36.2, apiserver/pkg/server/filters/priority-and-fairness.go
    (setResponseHeaders).
    """
    if flow is None:
        return []
    return [
        (b"x-kubernetes-pf-flowschema-uid", flow.schema_uid.encode()),
        (b"x-kubernetes-pf-prioritylevel-uid", flow.level_uid.encode()),
    ]
