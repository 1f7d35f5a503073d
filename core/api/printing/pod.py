"""A pod's row: how many containers are ready, the one word for its state, its restarts.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go, printPod.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.duration import age
from kelm.effects.document import Document, Json, child, children, flag, number, text, value_at

COLUMNS = ("NAME", "READY", "STATUS", "RESTARTS", "AGE")
WIDE = ("IP", "NODE", "NOMINATED NODE", "READINESS GATES")


class _Word(msgspec.Struct, frozen=True):
    """What a walk over containers has found so far."""

    reason: str
    restarts: int = 0
    restarted_at: str = ""
    ready: int = 0


def row(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a pod, the wide ones last."""
    spec, status = child(doc, "spec"), child(doc, "status")
    sidecars = [c for c in children(spec, "initContainers") if _is_sidecar(c)]
    total = len(children(spec, "containers")) + len(sidecars)
    reason = text(status, "reason") or text(status, "phase")
    if _condition(status, "PodScheduled", "reason") == "SchedulingGated":
        reason = "SchedulingGated"
    word, initialising = _init_containers(spec, status, _Word(reason))
    if not initialising or _condition(status, "Initialized", "status") == "True":
        word = _containers(status, word, keep_restarts=bool(sidecars))
    restarts = str(word.restarts)
    if word.restarts and word.restarted_at:
        restarts = f"{word.restarts} ({age(word.restarted_at, now_ms)} ago)"
    return (
        text(doc, "metadata", "name"),
        f"{word.ready}/{total}",
        _if_deleted(doc, status, word.reason),
        restarts,
        age(_text_or_none(doc, "metadata", "creationTimestamp"), now_ms),
        _ip(status) or "<none>",
        text(spec, "nodeName") or "<none>",
        text(status, "nominatedNodeName") or "<none>",
        _gates(spec, status),
    )


def _text_or_none(doc: Document, *path: str) -> str | None:
    return text(doc, *path) or None


def _ip(status: Document) -> str:
    for one in children(status, "podIPs"):
        return text(one, "ip")
    return text(status, "podIP")


def _is_sidecar(container: Document) -> bool:
    return text(container, "restartPolicy") == "Always"


def _condition(status: Document, kind: str, field: str) -> str:
    for condition in children(status, "conditions"):
        if text(condition, "type") == kind:
            return text(condition, field)
    return ""


def _exit_word(ended: Document) -> str:
    """The word for a container that ended: its reason, or the signal or exit code."""
    if text(ended, "reason"):
        return text(ended, "reason")
    signal = number(ended, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{number(ended, 'exitCode')}"


def _restarted(word: _Word, container: Document) -> _Word:
    ended = text(container, "lastState", "terminated", "finishedAt")
    return _Word(
        word.reason,
        word.restarts + number(container, "restartCount"),
        max(word.restarted_at, ended),
        word.ready,
    )


def _init_containers(spec: Document, status: Document, word: _Word) -> tuple[_Word, bool]:
    """The first init container that has not done its part gives the word."""
    specs = {text(c, "name"): c for c in children(spec, "initContainers")}
    count = len(children(spec, "initContainers"))
    for index, container in enumerate(children(status, "initContainerStatuses")):
        word = _restarted(word, container)
        ended = value_at(container, "state", "terminated")
        sidecar = _is_sidecar(specs.get(text(container, "name"), Document()))
        if isinstance(ended, Document) and number(ended, "exitCode") == 0:
            continue
        if sidecar and flag(container, "started"):
            ready = word.ready + flag(container, "ready")
            word = msgspec.structs.replace(word, ready=ready)
            continue
        if isinstance(ended, Document):
            reason = f"Init:{_exit_word(ended)}"
        else:
            waiting = text(container, "state", "waiting", "reason")
            waits = waiting and waiting != "PodInitializing"
            reason = f"Init:{waiting}" if waits else f"Init:{index}/{count}"
        return msgspec.structs.replace(word, reason=reason), True
    return word, False


def _containers(status: Document, word: _Word, *, keep_restarts: bool) -> _Word:
    """The containers, last to first; what the first of them says wins."""
    if not keep_restarts:
        word = msgspec.structs.replace(word, restarts=0, restarted_at="")
    running = False
    reason = word.reason
    for container in reversed(children(status, "containerStatuses")):
        word = _restarted(word, container)
        state = child(container, "state")
        ended = value_at(state, "terminated")
        if text(state, "waiting", "reason"):
            reason = text(state, "waiting", "reason")
        elif isinstance(ended, Document):
            reason = _exit_word(ended)
        elif flag(container, "ready") and value_at(state, "running") is not None:
            running = True
            word = msgspec.structs.replace(word, ready=word.ready + 1)
    if reason == "Completed" and running:
        reason = "Running" if _condition(status, "Ready", "status") == "True" else "NotReady"
    return msgspec.structs.replace(word, reason=reason)


def _if_deleted(doc: Document, status: Document, reason: str) -> str:
    if not text(doc, "metadata", "deletionTimestamp"):
        return reason
    if text(status, "reason") == "NodeLost":
        return "Unknown"
    return reason if text(status, "phase") in ("Succeeded", "Failed") else "Terminating"


def _gates(spec: Document, status: Document) -> str:
    gates = children(spec, "readinessGates")
    if not gates:
        return "<none>"
    open_gates = sum(
        _condition(status, text(g, "conditionType"), "status") == "True" for g in gates
    )
    return f"{open_gates}/{len(gates)}"
