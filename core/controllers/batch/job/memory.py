"""What a Job's controller remembers from one look to the next.

All of it may be lost: a new process knows the pods as they are, and forgives failures that were
counted before it (as upstream's does).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.batch.job.backoff import NO_FAILURES, BackoffRecord
from kelm.core.objects.meta import metadata
from kelm.effects.commands import Command, Create, Delete, List, Patch, Update
from kelm.effects.document import Document, children
from kelm.effects.refusals import Refusal


class Memory(msgspec.Struct, frozen=True):
    """See each field.

    record: failures since the last success; pending: as it will be once the status that holds
        them is written.
    awaited: the revision of the pods that shows everything that was done from here.
    untracked: uids of pods whose finalizer was removed, until that is seen.
    may_adopt: the API was asked whether the Job is still there.
    refused: something was refused since the last look; unsure: and may have been done after all.
    """

    record: BackoffRecord = NO_FAILURES
    pending: BackoffRecord | None = None
    awaited: int = 0
    untracked: frozenset[str] = frozenset()
    may_adopt: bool = False
    refused: bool = False
    unsure: bool = False


FORGOTTEN = Memory()


def after_answer(memory: Memory, command: Command, answer: Document) -> Memory:
    """The memory once a command of a plan was done."""
    if isinstance(command, Update) and memory.pending is not None:
        return msgspec.structs.replace(memory, record=memory.pending, pending=None)
    if isinstance(command, List):
        seen = max(map(_revision, children(answer, "items")), default=0)
        return msgspec.structs.replace(memory, awaited=max(memory.awaited, seen))
    if not isinstance(command, Create | Delete | Patch):
        return memory
    uid = metadata(answer).uid
    untracked = memory.untracked | {uid} if isinstance(command, Patch) else memory.untracked
    awaited = max(memory.awaited, _revision(answer))
    return msgspec.structs.replace(memory, awaited=awaited, untracked=untracked)


def _revision(doc: Document) -> int:
    version = metadata(doc).resource_version
    return int(version) if version.isdecimal() else 0


def after_refusal(memory: Memory, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused."""
    unsure = memory.unsure or refusal.unknown_outcome
    return msgspec.structs.replace(memory, refused=True, unsure=unsure)
