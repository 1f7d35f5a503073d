"""Who asks, and what may be found out about it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kelm.core.api.authorization.decide import Decision
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.authorization.rbac import Rule
from kelm.core.api.rest.access import User
from kelm.core.api.server import ApiServer, handle
from kelm.effects.address import key_of
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document
from kelm.effects.messages import unwrap_or_failure


class Power(msgspec.Struct, frozen=True):
    """Somebody with a request to a server, and the ways to ask what he may do."""

    user: User
    decide: Callable[[Question], Decision]
    rules: Callable[[Question], tuple[Rule, ...]]
    server: ApiServer
    now_ms: int

    def may(
        self, verb: str, group: str, resource: str, name: str = "", namespace: str = ""
    ) -> bool:
        """Whether he may do something with a resource."""
        question = Question(
            verb,
            group,
            resource,
            "",
            namespace,
            name,
            user=self.user.name,
            groups=self.user.groups,
        )
        return self.decide(question).allowed

    def stored(self, command: Create | Update | Patch) -> Document | None:
        """The object that a command is about, as it is; None where there is none yet."""
        if not command.name:
            return None
        return self.server.store.get(command.resource, key_of(command.namespace, command.name))

    def wanted(self, command: Create | Update | Patch) -> Document | None:
        """What a command would make of its object; None where it is refused for other reasons."""
        if not isinstance(command, Patch):
            return command.object
        dry = msgspec.structs.replace(command, dry_run=True)
        found = unwrap_or_failure(handle(self.server, dry, self.now_ms)[1])
        return found if isinstance(found, Document) else None
