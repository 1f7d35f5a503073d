"""What each process promises about its own life: what it asks for, given what it has heard.

These are laws of the same kind as a platform's (`effects/laws.py`): sentences about what one
process heard and asked, so a store that many write to cannot hide who broke them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelm.core.objects.meta import metadata
from kelm.effects.address import Uid
from kelm.effects.commands import Command, Patch, Update
from kelm.effects.document import Document, Json, text
from kelm.effects.laws import Law, Step
from kelm.effects.messages import Observed

ENDED = ("Succeeded", "Failed")


def _ends_heard(step: Step) -> Iterator[tuple[Uid, str]]:
    if isinstance(step.heard, Observed) and step.heard.resource == "pods":
        for change in step.heard.changes:
            phase = text(change.new, "status", "phase") if change.new is not None else ""
            if change.new is not None and phase in ENDED:
                yield metadata(change.new).uid, phase


def _phase_told(command: Command) -> tuple[str, str]:
    """The uid and the phase that a command writes into a pod's status; "" where it does not."""
    if isinstance(command, Update) and command.resource == "pods":
        status = command.object.get("status")
        return metadata(command.object).uid, _phase(status)
    if isinstance(command, Patch) and command.resource == "pods":
        return _patched(command.patch)
    return "", ""


def _patched(patch: Json) -> tuple[str, str]:
    if isinstance(patch, Document):
        return text(patch, "metadata", "uid"), text(patch, "status", "phase")
    uid = phase = ""
    for one in patch if isinstance(patch, tuple) else ():
        if isinstance(one, Document) and one.get("path") == "/metadata/uid":
            uid = text(one, "value")
        elif isinstance(one, Document) and one.get("path") == "/status":
            phase = _phase(one.get("value"))
    return uid, phase


def _phase(status: Json) -> str:
    return text(status, "phase") if isinstance(status, Document) else ""


def _unheeded(life: tuple[Step, ...]) -> Iterable[str]:
    ended: dict[Uid, str] = {}
    for step in life:
        ended.update(_ends_heard(step))
        for request in step.asked:
            uid, phase = _phase_told(request.command)
            if phase and ended.get(uid, phase) != phase and phase not in ENDED:
                yield f"pod {uid} was {ended[uid]} and is called {phase}"


LIVES: tuple[Law, ...] = (
    Law("who has heard that a pod has ended does not say that it runs", _unheeded),
)


def broken_laws(life: tuple[Step, ...]) -> tuple[str, ...]:
    """Every breach in one process's life, as sentences.

    >>> broken_laws(())
    ()
    """
    return tuple(f"{law.name}: {how}" for law in LIVES for how in law.broken(life))
