"""What a CronJob's controller remembers from one look to the next; all of it may be lost.

Between the Job that was made and the status that names it there is a moment. Who starts anew in it
finds the Job by its name, because the minute of the run is in it.
"""

from __future__ import annotations

from collections.abc import Set

import msgspec

from kelm.core.controllers.batch.cron_job.jobs import reference_to
from kelm.core.objects.cron_jobs import CronJob
from kelm.core.objects.meta import metadata
from kelm.effects.commands import Command, Create, Delete, Get, Update
from kelm.effects.document import Document, text
from kelm.effects.refusals import Reason, Refusal


class Memory(msgspec.Struct, frozen=True):
    """See each field.

    run_ms: the run whose Job was asked for last.
    started: a reference to the Job of that run, until it is in the status.
    taken: that Job was there already.
    found, gone: names of active Jobs that the belief lacks, and whether the API has them.
    deleted: uids of Jobs that were deleted from here.
    told: what was told since the status was last written.
    refused: something was refused since the last look.
    """

    run_ms: int | None = None
    started: Document | None = None
    taken: bool = False
    found: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    refused: bool = False


FORGOTTEN = Memory()


def pruned(memory: Memory, one: CronJob, listed: Set[str]) -> Memory:
    """The memory without Jobs that nobody knows any more."""
    names = {text(each, "name") for each in one.status.active}
    return msgspec.structs.replace(
        memory,
        found=memory.found & names,
        gone=memory.gone & names,
        deleted=memory.deleted & {*one.status.active_uids, *listed},
    )


def after_answer(memory: Memory, command: Command, answer: Document) -> Memory:
    """The memory once a command of a plan was done."""
    replace = msgspec.structs.replace
    if isinstance(command, Create):
        return replace(memory, started=reference_to(answer), taken=False)
    if isinstance(command, Update):
        return Memory(memory.run_ms)
    if isinstance(command, Get):
        return replace(memory, found=memory.found | {metadata(answer).name})
    if isinstance(command, Delete):
        return replace(memory, deleted=memory.deleted | {command.uid})
    return memory


def after_refusal(memory: Memory, command: Command, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused."""
    replace = msgspec.structs.replace
    if isinstance(command, Create) and refusal.reason is Reason.ALREADY_EXISTS:
        return replace(memory, taken=True)
    if isinstance(command, Get) and refusal.reason is Reason.NOT_FOUND:
        return replace(memory, gone=memory.gone | {command.name})
    return replace(memory, refused=True)
