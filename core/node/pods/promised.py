"""What a pod's files promise is asked for, comes, and is asked for again.

Source: kubernetes v1.36, pkg/kubelet/token/token_manager.go (GetServiceAccountToken),
pkg/kubelet/volumemanager/reconciler (a volume that cannot be set up is tried again).
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.renewal import renewed
from kelm.core.node.containers.starting import MOUNT_RETRY_MS, Awaited, behaviour_of, running
from kelm.core.node.containers.stopping import stop_on
from kelm.core.node.files.promises import (
    LOOKED_MS,
    Kept,
    Promise,
    is_token,
    kept,
    renewal_ms,
    request_for,
    token_promise,
)
from kelm.core.node.pods.guests import as_pod
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.probing.hooks import PRE_STOP
from kelm.core.node.programs.elsewhere import command_of, heard, hook_of, is_call
from kelm.core.node.turn import Turn
from kelm.effects.address import RequestId
from kelm.effects.document import Document, child, children, text
from kelm.effects.refusals import Refusal

replace = msgspec.structs.replace


def due_again(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """The tokens that have become old are awaited anew, and what was refused is tried again.

    Until a new token comes the old one is shown.
    """
    for promise, one in pod.promises.items():
        if is_token(promise) and one.renew_ms <= at_ms:
            turn.awaited[promise] = None
    return _understood(turn, replace(pod, renew_ms=NEVER_MS))


def asking(turn: Turn, pod: LocalPod) -> LocalPod:
    """The pod once what is awaited of it was asked for, unless that is under way already."""
    under_way = set(pod.promised.values())
    account = text(pod.recipe.spec, "serviceAccountName")
    promised = pod.promised
    for promise in turn.awaited:
        if promise not in under_way:
            wanted = command_of(promise, pod.ref) if is_call(promise) else None
            number = turn.ask(wanted or request_for(promise, pod.ref, account))
            promised = promised.put(number, promise)
    turn.awaited = {}
    return replace(pod, promised=promised)


def came(turn: Turn, pod: LocalPod, number: RequestId, answer: Document | Refusal) -> LocalPod:
    """The pod after an answer: who waited for it starts, who goes on sees what is new.

    Where the request was refused, what is still good is used on, and the rest is tried again.
    """
    promise = pod.promised[number]
    pod = replace(pod, promised=pod.promised.remove(number))
    if is_call(promise):
        return _hook_answered(turn, pod, promise, answer)
    found = kept(promise, answer, turn.now_ms) if isinstance(answer, Document) else answer.message
    if isinstance(found, str):
        old = pod.promises.get(promise)
        if old is None or old.until_ms <= turn.now_ms:
            why = f"failed to fetch token: {found}" if is_token(promise) else found
            turn.tell(pod, "Warning", "FailedMount", _not_mounted(pod, promise, why))
            again_ms = turn.now_ms + MOUNT_RETRY_MS
            return woken(replace(pod, renew_ms=min(pod.renew_ms, again_ms)), again_ms)
        found = Kept(old.data, min(old.until_ms, turn.now_ms + LOOKED_MS), old.until_ms)
    promises = pod.promises.put(promise, found)
    pod = replace(pod, promises=promises, renew_ms=renewal_ms(promises, NEVER_MS))
    return woken(_understood(turn, renewed(turn, pod)), turn.now_ms)


def _hook_answered(
    turn: Turn, pod: LocalPod, promise: Promise, answer: Document | Refusal
) -> LocalPod:
    """The pod after somebody answered one of its hooks, which goes on; older runs are forgotten."""
    kind, index, _ = hook_of(promise).split("/")
    others = (one for one in pod.promises if is_call(one) and hook_of(one) != hook_of(promise))
    promises = pod.promises
    for one in [one for one in others if hook_of(one).startswith(f"{kind}/{index}/")]:
        promises = promises.remove(one)
    if pod.life == "live" and kind == PRE_STOP:
        return replace(pod, promises=promises)
    answered = heard(answer if isinstance(answer, Document) else None, turn.now_ms)
    pod = replace(pod, promises=promises.put(promise, answered))
    return woken(pod, turn.now_ms) if pod.life == "live" else stop_on(turn, pod)


def _not_mounted(pod: LocalPod, promise: Promise, why: str) -> str:
    """That the first volume with such a promise could not be set up."""
    for volume in children(pod.recipe.spec, "volumes"):
        for source in children(volume, "projected", "sources"):
            wanted = child(source, "serviceAccountToken")
            named = f" {text(source, 'configMap', 'name')} "
            if (wanted and token_promise(wanted) == promise) or named in promise:
                name = text(volume, "name")
                return f'MountVolume.SetUp failed for volume "{name}" : {why}'
    return why


def woken(pod: LocalPod, at_ms: int) -> LocalPod:
    """The pod whose containers that wait for what was promised are looked at again."""
    runs, guests = _due(pod.runs, at_ms), _due(pod.guests, at_ms)
    return replace(pod, runs=runs, guests=guests)


def _due(runs: tuple[ContainerRun, ...], at_ms: int) -> tuple[ContainerRun, ...]:
    return tuple(
        replace(run, due_ms=at_ms) if run.stage == "creating" and run.due_ms == NEVER_MS else run
        for run in runs
    )


def _understood(turn: Turn, pod: LocalPod) -> LocalPod:
    """The pod whose runs are known that nobody could follow when the kubelet was restarted."""
    if not any(run.behaviour.provisional for run in (*pod.runs, *pod.guests)):
        return pod
    pod = _followed(turn, pod)
    return as_pod(_followed(turn, as_pod(pod))) if pod.guests else pod


def _followed(turn: Turn, pod: LocalPod) -> LocalPod:
    seen, runs = turn.seen(pod), list(pod.runs)
    for index, run in enumerate(runs):
        if run.stage != "running" or not run.behaviour.provisional:
            continue
        found = behaviour_of(turn.machine, seen, index, run, run.started_ms)
        if isinstance(found, Awaited):
            turn.awaited |= dict.fromkeys(found.promises)
            continue
        known = running(pod, index, run, found, run.started_ms)
        runs[index] = replace(known, probes=run.probes, started=run.started, ready=run.ready)
    return replace(pod, runs=tuple(runs))
