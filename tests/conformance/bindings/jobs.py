"""Jobs, rule by rule: tables to functions of `kelm.core.controllers.batch.job`."""

from __future__ import annotations

from typing import Any

from kelm.core.controllers.batch.job import (
    backoff,
    finishing,
    indexes,
    manage,
    per_index,
    pod_failure_policy,
    seen,
    success_policy,
    template,
    tracking,
)
from kelm.core.objects.batch import Job, JobCondition, Uncounted, job
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.time import format_time, parse_time
from kelm.core.objects.views import view
from kelm.effects.document import Document, document, thaw

Case = dict[str, Any]
Sides = tuple[object, object]


def _job(given: Case) -> Job:
    """A Job of a table; per index there are only Indexed ones."""
    spec = given.get("spec", {})
    if "backoffLimitPerIndex" in spec:
        spec = {"completionMode": "Indexed", **spec}
    return job(document({**given, "spec": spec}))


def _pods(given: list[Case]) -> tuple[Pod, ...]:
    return tuple(pod(document(one)) for one in given)


def _indexed(given: Case) -> Pod:
    """A pod of which only the index and the phase were recorded; "-" is none."""
    annotations = {} if given["index"] == "-" else {indexes.COMPLETION_INDEX: given["index"]}
    meta = {"annotations": annotations, "finalizers": [seen.TRACKING]}
    return pod(document({"metadata": meta, "status": {"phase": given["phase"]}}))


def _shown(one: Pod) -> Case:
    index = (one.metadata.annotations or {}).get(indexes.COMPLETION_INDEX, "-")
    return {"index": index, "phase": one.status.phase}


def _record(given: Case | None) -> backoff.BackoffRecord:
    if given is None:
        return backoff.NO_FAILURES
    at = given["lastFailureTime"]
    last_ms = None if at is None else parse_time(at)
    return backoff.BackoffRecord(given["failuresAfterLastSuccess"], last_ms)


def backoff_record(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    ended = [
        map(parse_time, given[name]) for name in ("newSucceededFinishedAt", "newFailedFinishedAt")
    ]
    found = backoff.next_record(_record(given["stored"]), *ended)
    at = expected["lastFailureTime"]
    wanted = (expected["failuresAfterLastSuccess"], None if at is None else parse_time(at))
    return (found.failures, found.last_failure_ms), wanted


def _limits(given: Case) -> tuple[int, int]:
    names = ("defaultBackoffSeconds", "maxBackoffSeconds")
    first, longest = (round(given[name] * 1_000) for name in names)
    return first, longest


def backoff_remaining(case: Case) -> Sides:
    given = case["input"]
    now_ms = parse_time(given["now"])
    found = backoff.remaining_ms(_record(given), now_ms, *_limits(given))
    return {"seconds": found / 1_000}, case["expected"]


def backoff_remaining_per_index(case: Case) -> Sides:
    given = case["input"]
    last = given["lastFailedPod"]
    one = None if last is None else pod(document(last))
    found = per_index.index_remaining_ms(one, parse_time(given["now"]), *_limits(given))
    return {"seconds": found / 1_000}, case["expected"]


def delayed_deletion(case: Case) -> Sides:
    given = case["input"]
    one, pods = _job(given["job"]), _pods(given["pods"])
    looked = seen.see(one, pods, 0, untracked=frozenset(given["finalizerAlreadyRemoved"]))
    failed = per_index.failed_indexes(one, pods)
    kept = per_index.kept_for_replacement(looked, failed or ())
    return {"keptPodUids": sorted(p.metadata.uid for p in kept.values())}, case["expected"]


def duplicate_removal(case: Case) -> Sides:
    given = case["input"]
    remove, keep = manage.split_by_index(
        [_indexed(one) for one in given["pods"]], given["completions"]
    )
    found = {"keep": list(map(_shown, keep)), "remove": list(map(_shown, remove))}
    return found, case["expected"]


def ensure_condition(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    before = tuple(view(JobCondition, document(one)) for one in given["conditions"] or ())
    wanted = JobCondition(given["type"], given["status"], reason=given["reason"])
    after = finishing.ensured(before, wanted)
    shown = [thaw(one.document()) for one in after]
    return {"conditions": shown, "updated": after is not before}, expected


def failed_indexes(case: Case) -> Sides:
    given = case["input"]
    found = per_index.failed_indexes(_job(given["job"]), _pods(given["pods"]))
    return {"failedIndexes": indexes.format_intervals(found or ())}, case["expected"]


def failure_count(case: Case) -> Sides:
    meta = {"annotations": case["input"]["annotations"]}
    return {"count": per_index.failure_count(pod(document({"metadata": meta})))}, case["expected"]


def first_pending(case: Case) -> Sides:
    given = case["input"]
    active = (indexes.completion_index(_indexed(one)) for one in given["activePods"])
    taken = indexes.with_indexes(
        indexes.merged(
            indexes.parse_intervals(given["succeededIndexes"], given["completions"]),
            indexes.parse_intervals(given["failedIndexes"] or "", given["completions"]),
        ),
        sorted({index for index in active if index is not None}),
    )
    found = indexes.first_missing(taken, given["count"], given["completions"])
    return {"indexes": list(found)}, case["expected"]


def independent_indexes(case: Case) -> Sides:
    given = case["input"]
    kept = {int(index): pod(document(one)) for index, one in given["lastFailedPods"].items()}
    now_ms = parse_time(given["now"])
    now, wait_ms = per_index.free_to_start(given["indexesToAdd"], kept, now_ms)
    return {"indexesNow": list(now), "retryAfterSeconds": wait_ms / 1_000}, case["expected"]


def index_failed(case: Case) -> Sides:
    given = case["input"]
    found = per_index.is_index_failed(_job(given["job"]), pod(document(given["pod"])))
    return {"indexFailed": found}, case["expected"]


def index_membership(case: Case) -> Sides:
    given = case["input"]
    intervals = indexes.parse_intervals(given["intervals"], 2**31)
    return {"has": indexes.has_index(intervals, given["index"])}, case["expected"]


def new_failure_count(case: Case) -> Sides:
    given = case["input"]
    last = given["lastFailedPod"]
    one = None if last is None else pod(document(last))
    counted, ignored = per_index.next_counts(_job(given["job"]), one)
    return {"failureCount": counted, "ignoredFailureCount": ignored}, case["expected"]


def new_finished(case: Case) -> Sides:
    given = case["input"]
    one = _job({"status": given["status"]})
    gone = frozenset(given["finalizerAlreadyRemoved"])
    looked = seen.see(one, _pods(given["pods"]), 0, untracked=gone)
    return {
        "newSucceededUids": [p.metadata.uid for p in looked.new_succeeded],
        "newFailedUids": [p.metadata.uid for p in looked.new_failed],
    }, case["expected"]


def failure_policy(case: Case) -> Sides:
    given = case["input"]
    policy = given["podFailurePolicy"]
    one = _job({"spec": {} if policy is None else {"podFailurePolicy": policy}})
    found = pod_failure_policy.judge(one, pod(document(given["pod"])))
    return {
        "failsJob": bool(found.failure),
        "countFailed": found.counts,
        "action": found.action or None,
    }, case["expected"]


def finished_time(case: Case) -> Sides:
    found = backoff.finished_ms(pod(document(case["input"])))
    return {"finishedAt": format_time(found)}, case["expected"]


def generate_name(case: Case) -> Sides:
    given = case["input"]
    found = template.indexed_generate_name(given["jobName"], given["index"])
    return {"generateName": found}, case["expected"]


def succeeded_indexes(case: Case) -> Sides:
    given = case["input"]
    spec = {"completionMode": "Indexed", "completions": given["completions"]}
    status = {"completedIndexes": given["completedIndexes"]}
    one = job(document({"spec": spec, "status": status}))
    looked = seen.see(one, tuple(map(_indexed, given["pods"])), 0)
    return {
        "fromStatus": indexes.format_intervals(looked.indexes_before),
        "all": indexes.format_intervals(looked.indexes),
    }, case["expected"]


def success_policy_match(case: Case) -> Sides:
    given = case["input"]
    policy = given["successPolicy"] or {}
    rules = [document(rule) for rule in policy.get("rules") or ()]
    succeeded = indexes.parse_intervals(given["succeededIndexes"], given["completions"])
    found = success_policy.rule_met(rules, given["completions"], succeeded)
    return {"met": found is not None, "rule": found}, case["expected"]


def job_tracking(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    one, pods = _job(given["job"]), _pods(given["pods"])
    gone = frozenset(given["finalizerAlreadyRemoved"])
    looked = seen.see(one, pods, parse_time(given["now"]), untracked=gone)
    status = _status_of(looked)
    finish = given.get("finishedCondition")
    found = tracking.track(
        looked,
        status,
        finish=None if finish is None else view(JobCondition, document(finish)),
        failed=per_index.failed_indexes(one, pods),
        changed=given["needsFlush"],
    )
    failing = given.get("statusWritesFail", False)
    removals = 0 if failing else len(found.let_go)
    stuck = given.get("podPatchesFail", False) and removals > 0
    written = [found.first] if failing else [found.first, None if stuck else found.last]
    shown = [_bare(status.document()) for status in written if status is not None]
    return {
        "statusUpdates": shown,
        "finalizerRemovals": removals,
        "error": stuck or (failing and bool(shown)),
    }, expected


def _status_of(looked: seen.Seen) -> Any:
    from msgspec.structs import replace

    given = looked.job.status
    uncounted = given.uncounted or Uncounted()
    return replace(given, terminating=looked.terminating, uncounted=uncounted)


def _bare(status: Document) -> Case:
    found: Any = thaw(status)
    for name in ("terminating", "completionTime"):
        found.pop(name, None)
    if not found["uncountedTerminatedPods"]:
        del found["uncountedTerminatedPods"]
    if "conditions" in found:
        kept = ("type", "status")
        found["conditions"] = [{k: one[k] for k in kept} for one in found["conditions"]]
    return found  # type: ignore[no-any-return]


BINDINGS = {
    "job-backoff-record": backoff_record,
    "job-backoff-remaining": backoff_remaining,
    "job-backoff-remaining-per-index": backoff_remaining_per_index,
    "job-delayed-pod-deletion": delayed_deletion,
    "job-duplicate-index-removal": duplicate_removal,
    "job-ensure-condition": ensure_condition,
    "job-failed-indexes": failed_indexes,
    "job-failure-count-annotation": failure_count,
    "job-first-pending-indexes": first_pending,
    "job-independent-indexes": independent_indexes,
    "job-index-failed": index_failed,
    "job-index-membership": index_membership,
    "job-new-failure-count": new_failure_count,
    "job-new-finished-pods": new_finished,
    "job-pod-failure-policy-match": failure_policy,
    "job-pod-finished-time": finished_time,
    "job-pod-generate-name": generate_name,
    "job-succeeded-indexes": succeeded_indexes,
    "job-success-policy-match": success_policy_match,
    "job-tracking": job_tracking,
}
