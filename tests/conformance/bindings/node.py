"""What a node decides, against the recorded tables."""

from __future__ import annotations

from typing import Any

from kelm.core.node.actions import ABSENT, Found, Sandbox, pod_actions
from kelm.core.node.backoff import Backoff, after_failure, is_waiting
from kelm.core.node.phase import NOTHING, Standing, pod_phase
from kelm.core.node.probes import ProbeState, observe
from kelm.core.node.recipe import Probe, pod_recipe, recipe
from kelm.core.node.restart import restarts_after, should_restart
from kelm.effects.document import document

Case = dict[str, Any]


def _standing(status: Case | None) -> Standing:
    if status is None:
        return NOTHING
    state, last = status.get("state", {}), status.get("lastState", {})
    ended = state.get("terminated", last.get("terminated"))
    doing = next((name for name in ("running", "waiting", "terminated") if name in state), "none")
    return Standing(
        doing,  # type: ignore[arg-type]
        exit_code=(ended or {}).get("exitCode", 0),
        ran_before="terminated" in last,
        started=bool(status.get("started")),
    )


def phase(case: Case) -> tuple[object, object]:
    given = case["input"]
    pod = pod_recipe(document(given["spec"]))
    statuses = given["initContainerStatuses"] + given["containerStatuses"]
    by_name = {status["name"]: status for status in statuses}
    standings = [_standing(by_name.get(one.name)) for one in pod.containers]
    actual = pod_phase(
        pod,
        standings,
        is_terminal=given["podIsTerminal"],
        has_initialized=given["podHasInitialized"],
    )
    return actual, case["expected"]["phase"]


def actions(case: Case) -> tuple[object, object]:
    given = case["input"]
    pod = pod_recipe(document(given["spec"]))
    found = {}
    for one in reversed(given["runtime"]["containers"]):
        found[one["name"]] = Found(
            one["state"], one.get("exitCode", 0), changed=bool(one.get("specChanged"))
        )
    sandboxes = [
        Sandbox(one["ready"], one["attempt"], bool(one.get("ip")))
        for one in given["runtime"]["sandboxes"]
    ]
    done = pod_actions(
        pod,
        [found.get(one.name, ABSENT) for one in pod.containers],
        sandboxes,
        deleted=given["podDeleting"],
    )
    first = pod.init_count
    actual = {
        "killPod": done.kill_pod,
        "createSandbox": done.create_sandbox,
        "attempt": done.attempt,
        "initContainersToStart": [i for i in done.start if i < first],
        "containersToStart": [i - first for i in done.start if i >= first],
        "kill": [pod.containers[i].name for i in done.kill],
    }
    return actual, case["expected"]


def restart(case: Case) -> tuple[object, object]:
    given = case["input"]
    expected = case["expected"]["restart"]
    if case["kind"] == "rules":
        one = recipe(document({"name": "c", "image": "i", **given["container"]}))
        return restarts_after(one, given["restartPolicy"], given["exitCode"]), expected
    one, latest = recipe(document({"name": "c", "image": "i"})), given["latest"]
    return should_restart(
        one,
        given["restartPolicy"],
        latest["state"] if latest else "absent",
        (latest or {}).get("exitCode", 0),
        pod_deleted=given["podDeleted"],
    ), expected


def backoff(case: Case) -> tuple[object, object]:
    given = case["input"]
    limits = {
        "initial_ms": int(given["initialSeconds"] * 1000),
        "max_ms": int(given["maxSeconds"] * 1000),
    }
    entry: Backoff | None = None
    if case["kind"] == "timeline":
        inside = []
        for tick in given["ticks"]:
            now_ms = int(tick * 1000)
            waiting = is_waiting(entry, now_ms, max_ms=limits["max_ms"])
            inside.append(waiting)
            entry = entry if waiting else after_failure(entry, now_ms, **limits)
        return inside, case["expected"]["inBackoff"]
    now_ms, delays = 0, []
    for gap in given["secondsBetweenFailures"]:
        now_ms += int(gap * 1000)
        entry = after_failure(entry, now_ms, **limits)
        delays.append(entry.delay_ms / 1000)
    return delays, case["expected"]["delaySeconds"]


_PUBLISHED = {"success": True, "failure": False, "unknown": None}
_NAMES = {True: "success", False: "failure", None: "unknown"}


def probe(case: Case) -> tuple[object, object]:
    given = case["input"]
    one = Probe(
        given["probe"],
        success_threshold=given.get("successThreshold", 1),
        failure_threshold=given.get("failureThreshold", 3),
    )
    state = ProbeState(0, _PUBLISHED[given["initialState"]])
    published = []
    for result in given["results"]:
        state = observe(one, state, result == "success")
        published.append(_NAMES[state.published])
    return {"published": published, "onHold": state.on_hold}, case["expected"]


BINDINGS = {
    "kubelet-podphase": phase,
    "kubelet-pod-actions": actions,
    "kubelet-restart-decision": restart,
    "crashloop-backoff": backoff,
    "probe-thresholds": probe,
}
