"""What a person wants to read of a run: facts drawn from changes, like facts gathered.

A change of the store becomes at most a few facts ("pods of frontend-5d4 became ready"). Facts of
one second that differ only in their object are one line with a count, so that a thousand pods
read as well as three. Nothing here decides anything; it only names what others decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kelm.core.objects.batch import JOBS
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.operations.job_steps import job_steps
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, children, number, text
from kelm.effects.messages import Change

TOLD_EVENTS = frozenset(
    {
        "ScalingReplicaSet",
        "SuccessfulRescale",
        "FailedScheduling",
        "FailedCreate",
        "EvictionByPDB",
        "JobAlreadyActive",
        "MissSchedule",
    }
)
"""Events whose message is a line of its own: they tell what no object's change shows."""
SPAN_MS = 1_000
LONE_PODS = "pods"
"""The subject of pods that no controller keeps."""


class Fact(msgspec.Struct, frozen=True):
    """One thing that happened to one object; `subject` and `what` say it for many.

    >>> Fact(0, LONE_PODS, "pods are in CrashLoopBackOff", "web").line()
    'pod/web: is in CrashLoopBackOff'
    >>> Fact(0, "replicaset/web-1", "pods became ready", "web-1-abcde").line(3)
    'replicaset/web-1: 3 pods became ready'
    """

    at_ms: int
    subject: str
    what: str
    name: str = ""
    bad: bool = False

    def line(self, count: int = 1) -> str:
        if not self.name:
            return f"{self.subject}: {self.what}" + (f" ({count} times)" if count > 1 else "")
        if count > 1:
            return f"{self.subject}: {count} {self.what}"
        if self.subject == LONE_PODS:
            return f"pod/{self.name}: {_singular(self.what).removeprefix('pod ')}"
        return f"{self.subject}: {_singular(self.what)} ({self.name})"


def _singular(what: str) -> str:
    what = what.replace("pods ", "pod ", 1)
    return what.replace(" were ", " was ", 1).replace(" are ", " is ", 1)


def facts(resource: Resource, change: Change, at_ms: int) -> Iterator[Fact]:
    """What a change of one object means to a person."""
    if resource == "pods":
        yield from _pod_facts(change, at_ms)
    elif resource in ("deployments.apps", "statefulsets.apps"):
        yield from _workload_facts(change, at_ms)
    elif resource == JOBS:
        yield from _job_facts(change, at_ms)
    elif resource == "daemonsets.apps":
        yield from _daemon_set_facts(change, at_ms)
    elif resource == "nodes":
        yield from _node_facts(change, at_ms)
    elif resource == "events" and change.new is not None:
        yield from _event_facts(change.new, at_ms)


def _pod_facts(change: Change, at_ms: int) -> Iterator[Fact]:
    doc = change.new or change.old
    if doc is None:
        return
    view = pod(doc)
    owner = view.metadata.controller
    subject = f"{owner.kind.lower()}/{owner.name}" if owner is not None else LONE_PODS
    for what, bad in _pod_steps(pod(change.old) if change.old else None, change.new):
        yield Fact(at_ms, subject, what, view.metadata.name, bad)


def _pod_steps(old: Pod | None, new_doc: Document | None) -> Iterator[tuple[str, bool]]:
    if new_doc is None:
        yield "pods were deleted", False
        return
    new = pod(new_doc)
    if old is None:
        yield "pods were created", False
    elif new.spec.node_name and not old.spec.node_name:
        yield "pods were scheduled", False
    if old is None:
        return
    if _ready(new) and not _ready(old):
        yield "pods became ready", False
    elif new.status.phase == "Succeeded" != old.status.phase:
        yield "pods completed", False
    elif _ready(old) and not _ready(new) and new.active:
        yield "pods became unready", True
    if new.metadata.deletion_timestamp is not None and old.metadata.deletion_timestamp is None:
        yield "pods were asked to terminate", False
    for reason in sorted(_troubles(new_doc) - _troubles(old.doc)):
        yield f"pods are in {reason}", True
    if new.status.phase == "Failed" and old.status.phase != "Failed":
        yield f"pods failed {new.status.reason}".rstrip(), True


def _ready(view: Pod) -> bool:
    ready = view.status.condition("Ready")
    return ready is not None and ready.status == "True"


def _troubles(doc: Document) -> set[str]:
    statuses = children(doc, "status", "containerStatuses")
    reasons = {text(status, "state", "waiting", "reason") for status in statuses}
    return reasons - {"", "ContainerCreating", "PodInitializing"}


def _workload_facts(change: Change, at_ms: int) -> Iterator[Fact]:
    if change.new is None or change.old is None:
        return
    subject = f"{text(change.new, 'kind').lower()}/{metadata(change.new).name}"
    wanted = number(change.new, "spec", "replicas", default=1)
    before, now = _available(change.old), _available(change.new)
    updated = number(change.new, "status", "updatedReplicas")
    updated += number(change.new, "spec", "updateStrategy", "rollingUpdate", "partition")
    if now != before and now == wanted and updated >= wanted:
        yield Fact(at_ms, subject, f"all {wanted} replicas are available")
    elif now < before and now < wanted:
        yield Fact(at_ms, subject, f"{now} of {wanted} replicas are available", bad=True)
    if _progress(change.new) == "ProgressDeadlineExceeded" != _progress(change.old):
        yield Fact(at_ms, subject, "has exceeded its progress deadline", bad=True)


def _daemon_set_facts(change: Change, at_ms: int) -> Iterator[Fact]:
    if change.new is None or change.old is None:
        return
    subject, status = f"daemonset/{metadata(change.new).name}", child(change.new, "status")
    wanted, now = number(status, "desiredNumberScheduled"), number(status, "numberAvailable")
    updated = number(status, "updatedNumberScheduled")
    before = number(change.old, "status", "numberAvailable")
    if now > before and now == wanted == updated:
        yield Fact(at_ms, subject, f"is available on all {wanted} nodes")
    elif now < before and now < wanted:
        yield Fact(at_ms, subject, f"is available on {now} of {wanted} nodes", bad=True)


def _available(doc: Document) -> int:
    return number(doc, "status", "availableReplicas")


def _progress(doc: Document) -> str:
    return _condition(doc, "Progressing", "reason")


def _condition(doc: Document, kind: str, field: str) -> str:
    for condition in children(doc, "status", "conditions"):
        if text(condition, "type") == kind:
            return text(condition, field)
    return ""


def _job_facts(change: Change, at_ms: int) -> Iterator[Fact]:
    doc = change.new or change.old
    if doc is None:
        return
    meta = metadata(doc)
    owner = meta.controller
    if change.old is None and owner is not None:
        yield Fact(at_ms, f"{owner.kind.lower()}/{owner.name}", f"started job {meta.name}")
    for what, bad in job_steps(change.old, change.new):
        yield Fact(at_ms, f"job/{meta.name}", what, bad=bad)


def _node_facts(change: Change, at_ms: int) -> Iterator[Fact]:
    doc = change.new or change.old
    if doc is None:
        return
    subject = f"node/{metadata(doc).name}"
    if change.new is None:
        yield Fact(at_ms, subject, "was removed", bad=True)
        return
    before = _condition(change.old, "Ready", "status") if change.old is not None else ""
    now = _condition(doc, "Ready", "status")
    if now != before and now == "True":
        yield Fact(at_ms, subject, "is Ready")
    elif now != before and before == "True":
        yield Fact(at_ms, subject, f"is NotReady ({_condition(doc, 'Ready', 'reason')})", bad=True)


def _event_facts(doc: Document, at_ms: int) -> Iterator[Fact]:
    reason = text(doc, "reason")
    if reason in TOLD_EVENTS and number(doc, "count", default=1) == 1:
        kind = text(doc, "involvedObject", "kind").lower()
        subject = f"{kind}/{text(doc, 'involvedObject', 'name')}"
        yield Fact(at_ms, subject, text(doc, "message"), bad=text(doc, "type") == "Warning")


class Line(msgspec.Struct, frozen=True):
    """One line of a timeline: when, what, and whether it is bad news."""

    at_ms: int
    told: str
    bad: bool = False


def timeline(found: Iterable[Fact]) -> Iterator[Line]:
    """Gather facts, which come in order of time, into lines.

    >>> pods = [Fact(10 * n, "replicaset/web", "pods became ready", f"web-{n}") for n in range(3)]
    >>> [line.told for line in timeline(pods)]
    ['replicaset/web: 3 pods became ready']
    """
    gathered: dict[tuple[str, str], tuple[Fact, int]] = {}
    for fact in found:
        while gathered:
            oldest = next(iter(gathered))
            first, count = gathered[oldest]
            if fact.at_ms - first.at_ms < SPAN_MS:
                break
            del gathered[oldest]
            yield Line(first.at_ms, first.line(count), first.bad)
        key = (fact.subject, fact.what)
        first, count = gathered.get(key, (fact, 0))
        gathered[key] = (first, count + 1)
    for first, count in gathered.values():
        yield Line(first.at_ms, first.line(count), first.bad)
