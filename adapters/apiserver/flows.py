"""Which flow each request is part of, remembered while the FlowSchemas stay as they are."""

from __future__ import annotations

from typing import Final

from kelm.adapters.apiserver.exchange import Headers
from kelm.core.api.authorization.rbac import Request
from kelm.core.api.fairness.classify import LEVELS, SCHEMAS, Flow, classify, ordered
from kelm.core.store.store import Store
from kelm.effects.document import Document

KEPT: Final = 4_096


class Flows:
    """The flows of one cluster's requests."""

    def __init__(self) -> None:
        self._tables: tuple[object, object] = (None, None)
        self._schemas: tuple[Document, ...] = ()
        self._known: dict[object, Flow | None] = {}

    def of(self, store: Store, request: Request) -> Flow | None:
        """The flow of a request; the name of its object makes no difference."""
        tables = (_table(store, SCHEMAS), _table(store, LEVELS))
        if any(one is not other for one, other in zip(tables, self._tables, strict=True)):
            self._tables, self._schemas = tables, ordered(store)
            self._known.clear()
        asked = (request.verb, request.api_group, request.resource, request.subresource)
        key = (*asked, request.namespace, request.path, request.user, request.groups)
        if key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = classify(self._schemas, store, request)
        return self._known[key]


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
