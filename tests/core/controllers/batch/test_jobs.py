"""Jobs in a cluster, as their users see them."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.core.objects.batch import JOBS, job
from kelm.core.objects.pod import pod
from kelm.effects.commands import Create, Delete, List, Patch
from kelm.effects.document import children, document, text
from kelm.effects.refusals import Reason

TRACKING = "batch.kubernetes.io/job-tracking"


def manifest(*command: str, name: str = "work", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox", "command": list(command or ("sleep", "5"))}
    policy = spec.pop("restartPolicy", "Never")
    template = {"spec": {"restartPolicy": policy, "containers": [container]}}
    whole = {"template": template, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": whole}


def started(*command: str, **spec: Any) -> Cluster:
    cluster = Cluster(nodes=2)
    cluster.apply(manifest(*command, **spec))
    return cluster


def conditions(cluster: Cluster) -> list[tuple[str, str, str]]:
    status = job(cluster.get(JOBS, "work")).status
    return [(one.type, one.status, one.reason) for one in status.conditions]


def events(cluster: Cluster, kind: str = "Job") -> list[tuple[str, str]]:
    found = children(cluster.ask(List("events")).unwrap(), "items")
    about = [one for one in found if text(one, "involvedObject", "kind") == kind]
    return [(text(one, "reason"), text(one, "message")) for one in about]


def patch(cluster: Cluster, **spec: Any) -> None:
    cluster.ask(Patch(JOBS, "default", "work", document({"spec": spec}))).unwrap()


def test_a_suspended_job_has_no_pods_and_no_start_time() -> None:
    cluster = started(suspend=True, completions=2, parallelism=2)
    cluster.run(3_000)
    assert not cluster.list("pods")
    assert job(cluster.get(JOBS, "work")).status.start_time is None
    patch(cluster, suspend=False)
    cluster.run(3_000)
    assert len(cluster.list("pods")) == 2
    assert job(cluster.get(JOBS, "work")).status.start_time == "2026-01-01T00:00:05Z"
    patch(cluster, suspend=True)
    cluster.run_until_converged()
    status = job(cluster.get(JOBS, "work")).status
    assert (status.start_time, status.active, status.failed) == (None, 0, 0)
    patch(cluster, suspend=False)
    cluster.run_until_converged()
    assert conditions(cluster)[0] == ("Suspended", "False", "JobResumed")
    assert conditions(cluster)[-1][0] == "Complete"
    told = [reason for reason, _ in events(cluster)]
    assert told.count("Suspended") == told.count("Resumed") == 1
    assert told.count("SuccessfulDelete") == 2


def test_a_job_that_is_active_for_too_long_fails() -> None:
    cluster = started("sleep", "60", activeDeadlineSeconds=10)
    cluster.run_until_converged()
    assert conditions(cluster) == [
        ("FailureTarget", "True", "DeadlineExceeded"),
        ("Failed", "True", "DeadlineExceeded"),
    ]
    told = ("DeadlineExceeded", "Job was active longer than specified deadline")
    assert told in events(cluster)
    assert not cluster.list("pods")


def test_a_finished_job_with_a_time_to_live_goes_with_its_pods() -> None:
    cluster = started("true", ttlSecondsAfterFinished=20)
    cluster.run_until_converged()
    assert cluster.list("pods")
    cluster.run(25_000)
    assert not cluster.list(JOBS)
    assert not cluster.list("pods")


def test_the_pods_of_a_deleted_job_can_go() -> None:
    cluster = started("sleep", "600", parallelism=3)
    cluster.run(5_000)
    cluster.ask(Delete(JOBS, "default", "work", propagation_policy="Background")).unwrap()
    cluster.run_until_converged()
    assert not cluster.list("pods")


def test_pods_that_a_deleted_job_leaves_behind_lose_the_finalizer() -> None:
    cluster = started("sleep", "600")
    cluster.run(5_000)
    cluster.ask(Delete(JOBS, "default", "work", propagation_policy="Orphan")).unwrap()
    cluster.run_until_converged()
    (left,) = (pod(doc) for doc in cluster.list("pods"))
    assert left.active
    assert not left.metadata.finalizers
    assert left.metadata.controller is None


def test_a_pod_that_nobody_controls_is_adopted_and_counted() -> None:
    cluster = Cluster(nodes=2)
    labels = {"labels": {"app": "mine"}}
    lone = manifest("sleep", "20")["spec"]["template"]["spec"]
    meta = {"name": "lone", **labels}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": lone})
    cluster.run(1_000)
    selector = {"matchLabels": {"app": "mine"}}
    whole = manifest("sleep", "20", manualSelector=True, selector=selector, completions=1)
    whole["spec"]["template"]["metadata"] = labels
    cluster.apply(whole)
    cluster.run(1_000)
    (adopted,) = (pod(doc) for doc in cluster.list("pods"))
    assert adopted.metadata.name == "lone"
    assert adopted.metadata.controller is not None
    assert adopted.metadata.finalizers == (TRACKING,)
    cluster.run_until_converged()
    assert job(cluster.get(JOBS, "work")).status.succeeded == 1
    assert pod(cluster.get("pods", "lone")).metadata.finalizers == ()


def test_a_job_of_another_controller_is_left_alone() -> None:
    cluster = started(managedBy="example.com/queue")
    cluster.run_until_converged()
    assert not cluster.list("pods")
    assert not conditions(cluster)


def test_what_cannot_be_made_is_told_and_made_later() -> None:
    cluster = Cluster(nodes=2)
    cluster.inject(RequestsRefused("job-controller", Reason.FORBIDDEN, 1))
    cluster.apply(manifest("true"))
    cluster.run_until_converged()
    told = events(cluster)
    assert told[0][0] == "FailedCreate"
    assert told[0][1].startswith("Error creating: ")
    assert conditions(cluster)[-1][0] == "Complete"


def test_restarts_in_place_count_against_the_limit() -> None:
    cluster = started("sh", "-c", "exit 1", restartPolicy="OnFailure", backoffLimit=2)
    cluster.run_until_converged()
    assert conditions(cluster)[-1] == ("Failed", "True", "BackoffLimitExceeded")


def test_an_indexed_pod_knows_its_index() -> None:
    cluster = started("sleep", "1", completions=2, completionMode="Indexed", parallelism=2)
    cluster.run_until_converged()
    for index, one in enumerate(pod(doc) for doc in cluster.list("pods")):
        assert one.metadata.name.startswith(f"work-{index}-")
        assert text(one.spec.doc, "hostname") == f"work-{index}"
        name = "batch.kubernetes.io/job-completion-index"
        assert one.metadata.labels is not None
        assert one.metadata.labels[name] == str(index)
        (env,) = children(children(one.spec.doc, "containers")[0], "env")
        assert text(env, "valueFrom", "fieldRef", "fieldPath") == f"metadata.labels['{name}']"


def test_a_failure_that_is_to_be_ignored_is_not_counted() -> None:
    rule = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}
    cluster = started("sh", "-c", "exit 42", backoffLimit=0, podFailurePolicy={"rules": [rule]})
    cluster.run(120_000)
    status = job(cluster.get(JOBS, "work")).status
    assert status.failed == 0
    assert len(cluster.list("pods")) > 2
    assert status.finished is None


def test_one_index_is_enough_where_the_success_policy_says_so() -> None:
    rules = {"rules": [{"succeededIndexes": "1"}]}
    script = 'test "$JOB_COMPLETION_INDEX"; sleep 5'
    cluster = started(
        "sh", "-c", script, completions=3, completionMode="Indexed", successPolicy=rules
    )
    cluster.run_until_converged()
    status = job(cluster.get(JOBS, "work")).status
    assert status.completed_indexes == "0,1"
    assert conditions(cluster)[-1] == ("Complete", "True", "SuccessPolicy")
    assert status.conditions[-1].message == "Matched rules at index 0"


def test_a_job_cannot_be_made_twice() -> None:
    cluster = started("true")
    outcome = cluster.ask(Create(JOBS, "default", document(manifest("true"))))
    assert outcome.failure().reason is Reason.ALREADY_EXISTS
