"""What a node decides, against the recorded tables."""

from __future__ import annotations

from typing import Any

from returns.result import Failure

from kelm.core.node.containers.backoff import Backoff, after_failure, is_waiting
from kelm.core.node.containers.env import Surroundings, command_line, environment
from kelm.core.node.containers.expansion import expand
from kelm.core.node.containers.field_path import field_value, format_map, split_subscript
from kelm.core.node.containers.probes import ProbeState, initial, observe
from kelm.core.node.containers.restart import restarts_after, should_restart
from kelm.core.node.containers.service_env import service_variables
from kelm.core.node.pods.actions import ABSENT, Found, Sandbox, pod_actions
from kelm.core.node.pods.eviction import PodUsage, ranked, signals_in_order
from kelm.core.node.pods.phase import NOTHING, Standing, pod_phase
from kelm.core.node.pods.recipe import Probe, pod_recipe, recipe
from kelm.core.objects.quantity import whole_units
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
    if case["kind"] == "initial-delay":
        return _delayed_probe(given), case["expected"]
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


def _delayed_probe(given: Case) -> object:
    one = Probe(given["probe"], initial_delay_ms=given["initialDelaySeconds"] * 1000)
    state = initial(one, 0)
    if given["runningSeconds"] * 1000 >= state.next_ms:
        state = observe(one, state, given["result"] == "success")
    return {"state": _NAMES[state.published]}


def expansion(case: Case) -> tuple[object, object]:
    given = case["input"]
    if "text" in given:
        return {"text": expand(given["text"], given["variables"])}, case["expected"]
    return _command(case)


def _command(case: Case) -> tuple[object, object]:
    given, expected = case["input"], case["expected"]
    return {
        field: list(command_line(given[field] or (), given["variables"])) for field in expected
    }, {field: words or [] for field, words in expected.items()}


def field_path(case: Case) -> tuple[object, object]:
    given = case["input"]
    if case["kind"] == "format-map":
        return {"text": format_map(given["map"])}, case["expected"]
    if case["kind"] == "split":
        found = split_subscript(given["fieldPath"])
        actual: Case = {"ok": found is not None}
        if found is not None:
            actual |= {"path": found[0], "subscript": found[1]}
        return actual, case["expected"]
    value = field_value(document(given["object"]), given["fieldPath"])
    failed = isinstance(value, Failure)
    return {"error": True} if failed else {"value": value.unwrap()}, case["expected"]


def environment_variables(case: Case) -> tuple[object, object]:
    given = case["input"]
    if case["kind"] == "service":
        found = service_variables(document(given["service"]))
        return {"env": [list(pair) for pair in found]}, case["expected"]
    spec = {"nodeName": "node-name", "serviceAccountName": "special"}
    if "enableServiceLinks" in given:
        spec["enableServiceLinks"] = given["enableServiceLinks"]
    addresses = {
        "podIPs": [{"ip": ip} for ip in given["podIPs"]],
        "hostIPs": [{"ip": "127.0.0.1"}, {"ip": "::1"}],
    }
    metadata = {
        "name": "dapi-test-pod-name",
        "namespace": given["namespace"],
        **given.get("podMetadata", {}),
    }
    sources = {"configmaps": given.get("configMap"), "secrets": given.get("secret")}
    around = Surroundings(
        services=tuple(document(one) for one in given["services"]),
        lookup=lambda kind, name: document(sources[kind]) if sources[kind] else None,
    )
    env = environment(
        document({"metadata": metadata, "spec": spec, "status": addresses}),
        document(given["container"]),
        around,
    )
    return {"error": True} if isinstance(env, Failure) else {"env": env.unwrap()}, case["expected"]


def _usage(pod: Case) -> PodUsage:
    def requested(name: str) -> int:
        return sum(whole_units(one.get(name, 0)) for one in pod.get("requests", ()))

    disk = pod.get("diskBytes")
    inodes = pod.get("diskInodes", pod.get("inodes"))
    return PodUsage(
        pod["name"],
        priority=pod.get("priority", 0),
        memory_bytes=pod.get("workingSetBytes"),
        memory_request_bytes=requested("memory"),
        disk_bytes=None if disk is None else sum(disk.values()),
        disk_request_bytes=requested("ephemeral-storage"),
        inodes=sum(inodes.values()) if isinstance(inodes, dict) else inodes,
        processes=next(
            (pod[key] for key in ("processCount", "processes", "process") if key in pod), None
        ),
    )


def eviction(case: Case) -> tuple[object, object]:
    given = case["input"]
    if "signals" in given:
        return {"order": signals_in_order(given["signals"])}, case["expected"]
    order = ranked([_usage(pod) for pod in given["pods"]], given["orderBy"])
    return {"order": [pod.name for pod in order]}, case["expected"]


BINDINGS = {
    "env-expansion": expansion,
    "downward-fieldpath": field_path,
    "service-and-container-env": environment_variables,
    "eviction-ranking": eviction,
    "kubelet-podphase": phase,
    "kubelet-pod-actions": actions,
    "kubelet-restart-decision": restart,
    "crashloop-backoff": backoff,
    "probe-thresholds": probe,
}
