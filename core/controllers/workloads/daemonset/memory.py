"""What the DaemonSet controller remembers of one set from one look to the next.

All of it may be lost: a new process judges every node anew, replaces failed pods without delay
once, and makes no events of pods that it did not ask for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.controllers.workloads.daemonset.backoff import Backoff
from kelm.core.controllers.workloads.daemonset.fit import Fits
from kelm.core.controllers.workloads.replicaset.memory import Failure, failure_of
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Sync
from kelm.effects.commands import Command, Create
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal


class Memory(msgspec.Struct, frozen=True):
    """See each field.

    fits: which nodes are the set's, as they were judged last.
    generation, backoffs: of failed pods, by node; a new generation begins with none.
    created: names of the pods made since the last look, to be told.
    failures: what was refused since the last look, in the order of the answers.
    may_adopt: the API was asked whether this set is still there, and the belief contains its
        answer.
    """

    fits: Fits | None = None
    generation: int = 0
    backoffs: Mapping[str, Backoff] = {}
    created: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    may_adopt: bool = False


FORGOTTEN = Memory()


def memory_of(sync: Sync) -> Memory:
    return sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN


def after_answer(sync: Sync, command: Command, answer: Document) -> Memory:
    """The memory once a command of a plan was done."""
    memory = memory_of(sync)
    if not isinstance(command, Create) or command.resource != "pods":
        return memory
    return msgspec.structs.replace(memory, created=(*memory.created, metadata(answer).name))


def after_refusal(sync: Sync, command: Command, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused."""
    memory = memory_of(sync)
    found = failure_of(command, refusal) if _about_pods(command) else None
    if found is None:
        return memory
    return msgspec.structs.replace(memory, failures=(*memory.failures, found))


def _about_pods(command: Command) -> bool:
    return getattr(command, "resource", "") == "pods"
