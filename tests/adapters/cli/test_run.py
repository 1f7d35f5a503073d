"""`kelm run` as a person uses it: the guestbook, faults, and wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from kelm.adapters.cli.main import main
from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.trace import follow, read_lines

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
GUESTBOOK = str(EXAMPLES / "guestbook.yaml")


def kelm(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["run", *arguments], input=given)


def test_the_guestbook_converges_and_is_told():
    result = kelm(GUESTBOOK)
    assert result.exit_code == 0, result.output
    for told in (
        "Scaled up replica set frontend-",
        "deployment/frontend: all 3 replicas are available",
        "NAME           READY   UP-TO-DATE   AVAILABLE   AGE",
        "frontend       3/3     3            3",
        "80:30080/TCP",
        "default/frontend       100.000%",
        "Converged: everything is as it was asked for",
    ):
        assert told in result.output


def test_a_rolling_update_loses_no_request():
    result = kelm(
        GUESTBOOK, "-o", "json", "--at", "10s", "set image deployment/frontend php=guestbook:v5"
    )
    report = json.loads(result.output)
    assert report["converged"]
    frontend = next(s for s in report["availability"] if s["service"] == "default/frontend")
    assert frontend["failedRequests"] == 0
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in report["objects"]
        if pod["kind"] == "Pod" and pod["metadata"]["labels"].get("tier") == "frontend"
    }
    assert images == {"guestbook:v5"}


def test_jobs_end_and_say_how():
    result = kelm(str(EXAMPLES / "job.yaml"))
    assert result.exit_code == 0, result.output
    for told in (
        "job/pi: is complete, 1 pod succeeded",
        "job/parts: is complete, 5 pods succeeded",
        "job/flawed: has failed (BackoffLimitExceeded: Job has reached the",
        "NAME     STATUS     COMPLETIONS   DURATION   AGE",
        "parts    Complete   5/5",
        "Converged: everything is as it was asked for",
    ):
        assert told in result.output


def test_a_cron_job_makes_a_job_every_minute():
    result = kelm(str(EXAMPLES / "cronjob.yaml"), "--until", "150s")
    assert result.exit_code == 0, result.output
    for told in (
        "cronjob/hello: started job hello-29453761",
        "job/hello-29453762: is complete, 1 pod succeeded",
        "NAME    SCHEDULE    TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE",
        "hello   * * * * *   <none>     False     0        32s",
    ):
        assert told in result.output


def test_pods_follow_the_load_and_it_is_told():
    rises = ("--at", "30s", "load deployment/shop cpu=800m")
    result = kelm(str(EXAMPLES / "autoscaling.yaml"), *rises)
    assert result.exit_code == 0, result.output
    for told in (
        "> load deployment/shop cpu=800m",
        "horizontalpodautoscaler/shop: New size: 8; reason: cpu resource utilization",
        "deployment/shop: all 8 replicas are available",
        "shop   Deployment/shop   cpu: 50%/50%   2         10        8",
    ):
        assert told in result.output
    assert "RECOVERY" not in result.output


def test_a_node_is_drained_and_everything_runs_elsewhere():
    result = kelm(
        GUESTBOOK,
        *("--at", "20s", "drain node-1"),
        *("--at", "30s", "label deployment/frontend tier=shop --overwrite"),
        *("--at", "30s", "taint node node-2 dedicated=db:NoSchedule"),
    )
    assert result.exit_code == 0, result.output
    assert "> drain node-1" in result.output
    assert "default/frontend       100.000%" in result.output
    assert "node-1   Ready,SchedulingDisabled" in result.output
    late = kelm(GUESTBOOK, "--at", "1s", "drain node-9")
    assert late.exit_code == 2 and "no node is called 'node-9'" in late.output


def test_an_eviction_that_a_budget_refuses_is_told(tmp_path: Path):
    manifests = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"a": "b"}}}
        | {"spec": {"containers": [{"name": "app", "image": "nginx"}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}}
        | {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}},
    ]
    file = tmp_path / "web.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    result = kelm(str(file), "--at", "20s", "evict pod/web")
    assert result.exit_code == 0, result.output
    assert "refused: Cannot evict pod as it would violate the pod's disruption" in result.output
    gone = kelm(str(file), "--at", "20s", "evict pod/gone")
    assert gone.exit_code == 2 and 'pods "gone" not found' in gone.output


def test_a_lost_machine_is_replaced_and_its_pods_come_back():
    result = kelm(GUESTBOOK, "--at", "60s", "crash node/node-1", "-o", "yaml")
    assert result.exit_code == 0, result.output
    report = yaml.safe_load(result.output)
    nodes = {o["metadata"]["name"] for o in report["objects"] if o["kind"] == "Node"}
    assert "node-1" not in nodes
    assert len(nodes) == 3
    (recovery,) = report["recovery"]
    assert 240_000 < recovery["recoveredAfterMs"] < 420_000
    assert any("is NotReady" in line["told"] for line in report["timeline"])


def test_until_a_time_says_what_is_stuck_and_fails():
    manifest = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "huge"},
            "spec": {
                "containers": [
                    {"name": "c", "image": "x", "resources": {"requests": {"cpu": "64"}}}
                ]
            },
        }
    )
    result = kelm("-", "--until", "1m", given=manifest)
    assert result.exit_code == 1
    assert "Not converged after 1m of cluster time. Stuck:" in result.output
    assert "pods default/huge: is not scheduled: 0/3 nodes are available: 3 Insufficient cpu" in (
        result.output
    )


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (["no-such.yaml"], "", "no-such.yaml: no such file or folder"),
        (["-"], "a: [", "standard input:2:1: did not find expected node content"),
        (["-"], "{apiVersion: v1, kind: Pot, metadata: {name: a}}", 'no matches for kind "Pot"'),
        (
            ["-"],
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: []}}",
            "spec.containers: Required value",
        ),
        ([GUESTBOOK, "--at", "1s", "crash node/nowhere"], "", "no node is called 'nowhere'"),
        ([GUESTBOOK, "--at", "1s", "dance"], "", "no action 'dance'"),
        ([GUESTBOOK, "--at", "soon", "cordon node-1"], "", "'soon' is no span such as 90s"),
        ([GUESTBOOK, "--at", "1s", "scale deploy/none --replicas=2"], "", "not found"),
        ([GUESTBOOK, "--until", "never"], "", "'never' is no span"),
        ([GUESTBOOK, "--until", "1s", "--at", "2s", "cordon node-1"], "", "after --until"),
    ],
)
def test_wrong_input_gets_one_clear_error(arguments: list[str], given: str, told: str) -> None:
    result = kelm(*arguments, given=given)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_trace_replays_bit_for_bit(tmp_path: Path):
    trace = tmp_path / "run.jsonl"
    for order in ("fifo", "random"):
        result = kelm(
            GUESTBOOK, "--order", order, "--trace", str(trace), "--at", "5s", "crash node/node-1"
        )
        assert result.exit_code == 0, result.output
        header, *lines = read_lines(trace.read_text().splitlines())
        settings = {key: value for key, value in header.items() if key != "kelm"}
        settings["zones"] = tuple(settings["zones"])
        assert follow(Cluster(**settings).simulator, lines) is None


def test_a_trace_with_a_load_and_a_drain_replays_bit_for_bit(tmp_path: Path):
    trace = tmp_path / "run.jsonl"
    result = kelm(
        *(str(EXAMPLES / "autoscaling.yaml"), "--trace", str(trace)),
        *("--at", "10s", "load deployment/shop cpu=600m hits=3"),
        *("--at", "40s", "drain node-2"),
    )
    assert result.exit_code == 0, result.output
    header, *lines = read_lines(trace.read_text().splitlines())
    settings = {key: value for key, value in header.items() if key != "kelm"}
    settings["zones"] = tuple(settings["zones"])
    assert follow(Cluster(**settings).simulator, lines) is None


def test_watching_tells_the_same_story():
    quiet, live = kelm(GUESTBOOK), kelm(GUESTBOOK, "--watch")
    told = [line for line in quiet.output.splitlines() if "deployment/" in line]
    assert [line for line in live.output.splitlines() if "deployment/" in line] == told


def test_several_sources_and_wide_tables(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}"
    )
    result = kelm(GUESTBOOK, str(tmp_path), "-o", "wide", "--nodes", "5")
    assert result.exit_code == 0, result.output
    assert "apply 7 objects" in result.output
    assert "CONTAINER-RUNTIME" in result.output


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (("-",), "", "standard input: no objects in there"),
        ((GUESTBOOK, "--trace", "/nonexistent/trace"), "", "--trace /nonexistent/trace: No such"),
        (
            ("-",),
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replics: 3}}",
            'Deployment "a": strict decoding error: unknown field "spec.replics" '
            '(did you mean "replicas"?)',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    arguments: tuple[str, ...], given: str, told: str
):
    result = kelm(*arguments, given=given)
    assert result.exit_code == 2
    assert told in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_pods_of_nobody_are_told_by_their_own_names():
    pod = """
        {apiVersion: v1, kind: Pod, metadata: {name: once}, spec: {restartPolicy: Never,
        containers: [{name: c, image: busybox, command: [sleep, "3"]}]}}"""
    result = kelm("-", "--until", "10s", given=pod)
    assert "apply 1 object from" in result.output
    assert "pod/once: was created" in result.output
    assert "pod/once: completed" in result.output
    assert "unready" not in result.output
