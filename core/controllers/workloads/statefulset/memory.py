"""What the StatefulSet controller remembers of one set from one look to the next.

All of it may be lost: a new process asks once more before it adopts, and says nothing of what was
refused to the old one.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_pod_control.go (recordPodEvent,
recordClaimEvent) for the words.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared.events import WARNING, event
from kelm.core.controllers.workloads.statefulset.identity import parent_and_ordinal, pod_name
from kelm.core.controllers.workloads.statefulset.prefix import Prefix
from kelm.core.controllers.workloads.statefulset.storage import CLAIMS
from kelm.core.objects.stateful_set import StatefulSet
from kelm.core.runtime.controller import Sync
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Create, Delete, RecordEvent, Update
from kelm.effects.document import text
from kelm.effects.refusals import Reason, Refusal

STATEFUL_SETS = "statefulsets.apps"
COMPONENT = "statefulset-controller"


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Something that was refused: the reason and the message of the event that tells of it."""

    reason: str
    message: str


class Memory(msgspec.Struct, frozen=True):
    """See each field.

    may_adopt: the API was asked whether this set is still there, and the belief contains its
        answer.
    failures: what was refused since the last look, in the order of the answers.
    hindered: what keeps a pod from being made and was told already.
    prefix: how many of the first pods need nothing, where that is known.
    """

    may_adopt: bool = False
    failures: tuple[Failure, ...] = ()
    hindered: frozenset[str] = frozenset()
    prefix: Prefix | None = None


FORGOTTEN = Memory()


def memory_of(sync: Sync) -> Memory:
    return sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN


def failure_event(one: StatefulSet, failure: Failure) -> RecordEvent:
    return event(one.doc, STATEFUL_SETS, COMPONENT, WARNING, failure.reason, failure.message)


def after_refusal(sync: Sync, command: Command, refusal: Refusal) -> Memory:
    """The memory once a command of a plan was refused."""
    memory = memory_of(sync)
    found = _failures(sync, command, refusal)
    return msgspec.structs.replace(memory, failures=(*memory.failures, *found))


def _failures(sync: Sync, command: Command, refusal: Refusal) -> tuple[Failure, ...]:
    set_name = sync.key.rpartition("/")[2]
    if isinstance(command, Create) and command.resource == "pods":
        if refusal.reason is Reason.ALREADY_EXISTS:
            return ()
        name = text(command.object, "metadata", "name")
        return (pod_failure("Create", name, set_name, refusal.message),)
    if isinstance(command, Create) and command.resource == CLAIMS:
        return _claim_failures(sync, command, refusal, set_name)
    if isinstance(command, Delete) and command.resource == "pods":
        if refusal.reason is Reason.NOT_FOUND:
            return ()
        return (pod_failure("Delete", command.name, set_name, refusal.message),)
    if isinstance(command, Update) and command.resource == "pods":
        return (pod_failure("Update", command.name, set_name, refusal.message),)
    if isinstance(command, Update) and command.resource == CLAIMS:
        pod = _pod_of_claim(command.name, set_name)
        told = f"could not update claim {command.name} for delete policy ownerRefs: "
        return (pod_failure("Update", pod, set_name, told + refusal.message),)
    return ()


def _claim_failures(
    sync: Sync, command: Create, refusal: Refusal, set_name: str
) -> tuple[Failure, ...]:
    """What is told of a claim that could not be made, and of the pod that had to wait for it."""
    claim = text(command.object, "metadata", "name")
    pod = _pod_of_claim(claim, set_name)
    told = f"failed to create PVC {claim}: {refusal.message}"
    waits = sync.caches["pods"].get(key_of(command.namespace, pod)) is None
    about_pod = (pod_failure("Create", pod, set_name, told),) if waits else ()
    if refusal.reason is Reason.ALREADY_EXISTS:
        return about_pod
    message = f"Create Claim {claim} for Pod {pod} in StatefulSet {set_name} failed error: "
    return (Failure("FailedCreate", message + refusal.message), *about_pod)


def _pod_of_claim(claim: str, set_name: str) -> str:
    return pod_name(set_name, parent_and_ordinal(claim)[1])


def pod_failure(verb: str, pod: str, set_name: str, why: str) -> Failure:
    """
    >>> pod_failure("Delete", "db-0", "db", "no").message
    'Delete Pod db-0 in StatefulSet db failed error: no'
    """
    return Failure(
        f"Failed{verb}", f"{verb} Pod {pod} in StatefulSet {set_name} failed error: {why}"
    )
