"""What a ReplicaSet's controller remembers from one look to the next.

All of it may be lost: a new process counts again, makes no event of pods that it did not ask for,
and asks once more before it adopts.
"""

from __future__ import annotations

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

from kelm.core.controllers.shared.made import is_namespace_going
from kelm.core.controllers.workloads.replicaset.tally import Counted
from kelm.core.objects.meta import metadata
from kelm.effects.commands import Command, Create, Delete
from kelm.effects.document import Document
from kelm.effects.refusals import Reason, Refusal


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A pod that could not be made or deleted, and what the API said."""

    reason: str
    message: str
    event: str


class Memory(msgspec.Struct, frozen=True):
    """See each field.

    counted: the last count of the pods.
    awaited: the revision of the pods that shows everything that was done since; a belief from
        before that counts pods that are gone, and misses some that are there.
    created: names of the pods made since the last look, to be told.
    may_adopt: the API was asked whether this ReplicaSet is still there, and the belief contains
        its answer.
    failures: what was refused since the last look, in the order of the answers.
    """

    counted: Counted | None = None
    awaited: int = 0
    created: PVector[str] = pvector()
    may_adopt: bool = False
    failures: tuple[Failure, ...] = ()


FORGOTTEN = Memory()


def after_answer(memory: Memory, command: Command, answer: Document) -> Memory:
    """The memory once a command of a plan was done.

    This is what upstream's expectations are for: not to make or delete pods twice because the
    watch is slower than the answers.
    """
    if not isinstance(command, Create | Delete):
        return memory
    meta = metadata(answer)
    revision = int(meta.resource_version) if meta.resource_version.isdecimal() else 0
    created = memory.created
    if isinstance(command, Create):
        created = created.append(meta.name)
    awaited = max(memory.awaited, revision)
    return msgspec.structs.replace(memory, awaited=awaited, created=created)


def after_refusal(memory: Memory, command: Command, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused.

    A namespace that is going away refuses new pods, and a pod that is gone already cannot be
    deleted: neither is a failure to tell anybody of.

    Source: pkg/controller/controller_utils.go, RealPodControl; replica_set.go, manageReplicas.
    """
    failure = failure_of(command, refusal)
    if failure is None:
        return memory
    return msgspec.structs.replace(memory, failures=(*memory.failures, failure))


def failure_of(command: Command, refusal: Refusal) -> Failure | None:
    """What there is to tell of a pod that could not be made or deleted; None for nothing."""
    if isinstance(command, Create):
        if is_namespace_going(refusal):
            return None
        return Failure("FailedCreate", refusal.message, f"Error creating: {refusal.message}")
    if isinstance(command, Delete) and refusal.reason is not Reason.NOT_FOUND:
        return Failure("FailedDelete", refusal.message, f"Error deleting: {refusal.message}")
    return None
