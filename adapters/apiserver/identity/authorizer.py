"""May somebody do something? The core decides; here only what roles permit is remembered."""

from __future__ import annotations

from collections.abc import Callable

from kelm.core.api.authorization.decide import (
    TABLES,
    Decision,
    Grant,
    Mode,
    decide,
    grants,
    rules_for,
)
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.authorization.rbac import Rule
from kelm.core.store.store import Store
from kelm.core.store.table import Table


class Authorizer:
    """Decides by the store as it is; reads roles again only when one has changed."""

    def __init__(self, mode: Mode, store: Callable[[], Store]) -> None:
        self.mode: Mode = mode
        self._store = store
        self._tables: tuple[Table, ...] = ()
        self._grants: tuple[Grant, ...] = ()

    def decide(self, asked: Question) -> Decision:
        return decide(self.mode, self._known(), asked)

    def rules(self, asked: Question) -> tuple[Rule, ...]:
        """All that somebody may do in a namespace."""
        return rules_for(self.mode, self._known(), asked)

    def _known(self) -> tuple[Grant, ...]:
        if self.mode != "RBAC":
            return ()
        store = self._store()
        tables = tuple(store.table(resource) for resource in TABLES)
        if not self._tables or any(
            one is not other for one, other in zip(tables, self._tables, strict=True)
        ):
            self._tables, self._grants = tables, grants(store)
        return self._grants
