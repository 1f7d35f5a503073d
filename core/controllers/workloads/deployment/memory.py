"""What the Deployment controller remembers of one Deployment from one look to the next.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (getNewReplicaSet).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared.made import is_namespace_going
from kelm.core.controllers.workloads.deployment.draft import REPLICA_SETS
from kelm.effects.commands import Command, Create
from kelm.effects.document import text
from kelm.effects.refusals import Reason, Refusal


class Memory(msgspec.Struct, frozen=True, gc=False):
    """See each field.

    may_adopt: the API was asked whether this Deployment is still there, and the belief contains
        its answer.
    taken: the ReplicaSet's name that the API said is taken.
    not_created, refusal: the ReplicaSet that could not be created, and why.
    """

    may_adopt: bool = False
    taken: str = ""
    not_created: str = ""
    refusal: str = ""


FORGOTTEN = Memory()


def after_refusal(memory: Memory, command: Command, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused.

    A name that is taken may be a collision of hashes. A namespace that is going away is nobody's
    failure.
    """
    if not isinstance(command, Create) or command.resource != REPLICA_SETS:
        return memory
    name = text(command.object, "metadata", "name")
    if refusal.reason is Reason.ALREADY_EXISTS:
        return msgspec.structs.replace(memory, taken=name)
    if is_namespace_going(refusal):
        return memory
    return msgspec.structs.replace(memory, not_created=name, refusal=refusal.message)
