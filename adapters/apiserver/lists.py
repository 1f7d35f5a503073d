"""Lists of what has not changed since: answered again without looking at the objects.

A table is a value: while the store has the very same one, a plain list of it is the same but for
the version that it is of. Which items there are is kept here, and the encoding keeps their bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from returns.result import Success

from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.commands import List
from kelm.effects.document import Document
from kelm.effects.messages import Outcome

MOST_KEPT: Final = 32
RECORDED_ELSEWHERE: Final = "events"
"""Most events are in no table."""


class Lists:
    """The lists that were asked for last, each with the table that it was made from."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Resource, str], tuple[Table, Document]] = OrderedDict()

    def known(self, store: Store, command: List) -> Outcome | None:
        """The answer to a list, None where it has to be made."""
        key = (command.resource, command.namespace)
        kept = self._kept.get(key)
        if kept is None or not _is_plain(command):
            return None
        if kept[0] is not store.table(command.resource):
            return None
        self._kept.move_to_end(key)
        return Success(
            Document({**kept[1], "metadata": Document(resourceVersion=str(store.revision))})
        )

    def keep(self, store: Store, command: List, outcome: Outcome) -> None:
        """Remember an answer that was made from this store."""
        if not _is_plain(command) or not isinstance(outcome, Success):
            return
        key = (command.resource, command.namespace)
        self._kept[key] = (store.table(command.resource), outcome.unwrap())
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _is_plain(command: List) -> bool:
    """Whether all objects are asked for as they are now."""
    return (
        command.resource != RECORDED_ELSEWHERE
        and not command.label_selector
        and not command.field_selector
        and not command.limit
        and not command.continue_token
        and not command.resource_version_match
        and command.resource_version in ("", "0")
    )
