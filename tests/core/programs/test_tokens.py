"""Tokens in volumes: real ones, made for who reads them, and renewed in time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
)
from kelm.adapters.simulator.issuing import simulated_authority
from kelm.adapters.simulator.token_key import token_key
from kelm.core.api.tokens.bearers import Bearer, bearer
from kelm.core.api.tokens.requests import ISSUER
from kelm.core.controllers.access.service_account import CERTIFICATE
from kelm.core.node.containers.logs import container_log
from kelm.core.node.files.promises import renewed_after
from kelm.core.node.pods.local import LocalPod
from kelm.effects.commands import List
from kelm.effects.document import Document, child, elements, number, text
from tests.core.programs.clusters import agnhost, ask, body, service, typed
from tests.core.programs.test_volumes import mounting

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
KEY = token_key(simulated_authority().token_key)
HOUR_MS = 3_600_000


def shell(command: str, **spec: Any) -> dict[str, Any]:
    """A pod in which a shell runs a command."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", command]}
    body = {"containers": [container], "restartPolicy": "Never", **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": body}


def projected(audience: str = "", seconds: int = 3_600) -> dict[str, Any]:
    wanted: dict[str, Any] = {"path": "token", "expirationSeconds": seconds}
    if audience:
        wanted["audience"] = audience
    return {"projected": {"sources": [{"serviceAccountToken": wanted}]}}


def local(cluster: Cluster) -> LocalPod:
    found: LocalPod = cluster.simulator.processes["kubelet/node-1"].state.pods["default/pod"]
    return found


def log(cluster: Cluster) -> list[str]:
    lines = container_log(local(cluster), "main", cluster.now_ms).unwrap()
    return [line.text for line in lines]


def started(pod: dict[str, Any], for_ms: int = 10_000) -> Cluster:
    cluster = Cluster(nodes=1)
    cluster.apply(pod)
    cluster.run(for_ms)
    return cluster


def claims_of(token: str) -> Document:
    claims = KEY.claims(token)
    assert claims is not None, token
    return claims


def whose(cluster: Cluster, token: str, *audiences: str) -> Any:
    wanted = audiences or (ISSUER,)
    return bearer(cluster.store, token, claims_of(token), cluster.now_ms, wanted)


def test_a_program_reads_its_pods_token_the_clusters_certificate_and_its_namespace() -> None:
    command = f"cd {FOLDER}; cat token; echo; cat namespace; echo; cat ca.crt"
    token, namespace, *certificate = log(started(cluster_pod := shell(command)))
    cluster = started(cluster_pod)
    assert namespace == "default"
    assert "\n".join(certificate) + "\n" == CERTIFICATE
    found = whose(cluster, token)
    assert isinstance(found, Bearer)
    extra = found.user.extra
    assert found.user.name == "system:serviceaccount:default:default"
    assert extra["authentication.kubernetes.io/pod-name"] == ("pod",)
    assert extra["authentication.kubernetes.io/pod-uid"] == (local(cluster).uid,)
    assert extra["authentication.kubernetes.io/node-name"] == ("node-1",)
    node = cluster.store.get("nodes", "node-1") or Document()
    assert extra["authentication.kubernetes.io/node-uid"] == (text(node, "metadata", "uid"),)
    said = claims_of(token)
    assert number(said, "exp") - number(said, "iat") == 365 * 24 * 3_600


def test_nothing_is_asked_for_a_pod_whose_files_nobody_reads() -> None:
    cluster = started(shell("ls /; echo $HOSTNAME; sleep 1000"))
    asked: list[object] = []
    cluster.simulator.issue = lambda *given: asked.append(given)  # type: ignore[assignment,func-returns-value]
    cluster.run(HOUR_MS)
    pod = local(cluster)
    assert (pod.promises, pod.promised, asked) == ({}, {}, [])


@pytest.mark.parametrize(
    ("context", "permissions", "user", "group"),
    [
        ({"runAsUser": 1000}, "-rw-------", 1000, 0),
        ({"fsGroup": 10_000}, "-rw-r-----", 0, 10_000),
        ({"runAsUser": 1000, "fsGroup": 10_000}, "-rw-r-----", 1000, 10_000),
        ({}, "-rw-r--r--", 0, 0),
    ],
)
def test_a_token_is_its_containers_users_and_his_alone(
    context: Any, permissions: str, user: int, group: int
) -> None:
    path = "/etc/volume/token"
    flags = (f"--{flag}={path}" for flag in ("file_perm", "file_owner", "file_content"))
    lines = log(started(mounting(projected(), *flags, securityContext=context)))
    assert f'perms of file "{path}": {permissions}' in lines
    assert f'owner UID of "{path}": {user}' in lines
    assert f'owner GID of "{path}": {group}' in lines
    assert any(line.startswith(f'content of file "{path}": eyJ') for line in lines)


def test_a_token_is_for_whom_and_for_how_long_its_volume_says() -> None:
    pod = mounting(projected("vault", 7_200), "--file_content=/etc/volume/token")
    cluster = started(pod)
    token = log(cluster)[0].rpartition(" ")[2]
    claims = claims_of(token)
    assert claims["aud"] == ("vault",)
    assert number(claims, "exp") - number(claims, "iat") == 7_200
    assert not isinstance(whose(cluster, token), Bearer)
    assert isinstance(whose(cluster, token, "vault"), Bearer)


def test_who_looks_from_outside_sees_what_the_program_saw() -> None:
    cluster = started(shell(f"cat {FOLDER}/token; echo; sleep 10000"))
    assert log(cluster) == [typed(cluster, "pod", "cat", f"{FOLDER}/token").out]


def test_who_looks_later_sees_a_token_that_is_not_old() -> None:
    cluster = started(shell("sleep 100000"))
    first = typed(cluster, "pod", "cat", f"{FOLDER}/token").out
    assert isinstance(whose(cluster, first), Bearer)
    cluster.run(renewed_after(3_607_000) - 20_000)
    assert typed(cluster, "pod", "cat", f"{FOLDER}/token").out == first
    cluster.run(20_000)
    second = typed(cluster, "pod", "cat", f"{FOLDER}/token").out
    assert second != first and isinstance(whose(cluster, second), Bearer)


def test_a_program_that_answers_reads_its_token_when_it_is_asked() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(agnhost("pod", "test-webserver"))
    cluster.apply(service("web", "pod", 80, 80))
    cluster.run_until_converged()
    assert local(cluster).promises == {}
    token = body(ask(cluster, "web", 80, f"{FOLDER}/token"))
    assert isinstance(whose(cluster, token), Bearer)


@pytest.mark.parametrize(
    ("audience", "phase", "word"),
    [
        ("bank", "Succeeded", "OK: Validated signature on JWT"),
        ("till", "Failed", 'oidc: expected audience "till" got ["bank"]'),
    ],
)
def test_a_program_checks_a_token_by_the_keys_that_its_issuer_tells(
    audience: str, phase: str, word: str
) -> None:
    pod = mounting(projected("bank", 600))
    words = ["test-service-account-issuer-discovery", "--token-path", "/etc/volume/token"]
    pod["spec"]["containers"][0]["args"] = [*words, "--audience", audience]
    cluster = started(pod)
    assert local(cluster).phase == phase
    assert any(line.endswith(word) for line in log(cluster))


def test_a_probe_that_reads_a_token_is_run_once_the_token_is_there() -> None:
    probe = {"exec": {"command": ["grep", "-q", "eyJ", f"{FOLDER}/token"]}, "periodSeconds": 5}
    pod = shell("sleep 100000")
    pod["spec"]["containers"][0] |= {"readinessProbe": probe, "livenessProbe": probe}
    cluster = started(pod)
    assert local(cluster).runs[0].ready and not events(cluster, "Unhealthy")
    cluster.run(2 * HOUR_MS)
    assert local(cluster).runs[0].ready and not events(cluster, "Unhealthy")


def test_a_program_that_reads_again_and_again_reads_a_new_token_in_time() -> None:
    cluster = started(shell(f"while true; do cat {FOLDER}/token; echo; sleep 60; done"))
    cluster.run(2 * HOUR_MS)
    tokens = list(dict.fromkeys(log(cluster)))
    times = [number(claims_of(token), "iat") for token in tokens]
    assert len(times) == 3
    ages = [after - before for before, after in pairwise(times)]
    assert all(2_885 <= age <= 2_890 for age in ages), ages


def test_a_volume_whose_token_is_refused_is_mounted_once_it_is_given() -> None:
    cluster = Cluster(nodes=1)
    cluster.simulator.issue, issue = None, cluster.simulator.issue
    cluster.apply(shell(f"cat {FOLDER}/token"))
    cluster.run(10_000)
    assert text(cluster.get("pods", "pod") or Document(), "status", "phase") == "Pending"
    told = [text(one, "message") for one in events(cluster, "FailedMount")]
    assert told and told[0].startswith('MountVolume.SetUp failed for volume "kube-api-access-')
    assert "failed to fetch token: the server does not allow this method" in told[0]
    cluster.simulator.issue = issue
    cluster.run(10_000)
    assert isinstance(whose(cluster, log(cluster)[0]), Bearer)
    assert len(events(cluster, "Pulled")) == len(events(cluster, "Created")) == 1


def events(cluster: Cluster, reason: str) -> list[Document]:
    listed = cluster.ask(List("events", "default")).unwrap()
    found = [one for one in elements(listed, "items") if isinstance(one, Document)]
    return [one for one in found if one.get("reason") == reason]


def test_a_kubelet_that_begins_anew_finds_out_what_its_programs_do() -> None:
    cluster = started(shell(f"while true; do cat {FOLDER}/token; echo; sleep 60; done"))
    cluster.inject(ProcessRestarted("kubelet/node-1"))
    cluster.run(10_000)
    pod = local(cluster)
    assert not any(run.behaviour.provisional for run in pod.runs)
    assert isinstance(whose(cluster, log(cluster)[-1]), Bearer)
    assert child(cluster.get("pods", "pod") or Document(), "status")["phase"] == "Running"


FAULTS = st.one_of(
    st.builds(RequestsRefused, st.sampled_from(["", "kubelet/node-1"]), count=st.integers(1, 3)),
    st.builds(AnswersLost, st.just("kubelet/node-1"), st.integers(1, 3)),
    st.just(ProcessRestarted("kubelet/node-1")),
)
STORM = st.lists(st.tuples(st.integers(0, 4_000), FAULTS), max_size=5)


@settings(max_examples=25, deadline=None)
@example(
    faults=[
        (3_167, RequestsRefused(count=3)),
        (0, ProcessRestarted("kubelet/node-1")),
        (3_167, ProcessRestarted("kubelet/node-1")),
    ],
    seed=0,
)
@given(faults=STORM, seed=st.integers(0, 9))
def test_whatever_is_lost_on_the_way_a_program_reads_a_good_token_in_the_end(
    faults: list[tuple[int, Any]], seed: int
) -> None:
    cluster = Cluster(nodes=1, order="random", seed=seed)
    for after_ms, fault in faults:
        cluster.inject(fault, after_ms)
    cluster.apply(shell(f"cat {FOLDER}/token; echo; cat {FOLDER}/ca.crt; sleep 100000"))
    cluster.run(5_000)
    cluster.inject(FaultsEnded())
    cluster.run(200_000)
    token, *certificate = log(cluster)
    event(f"faults: {len(faults)}")
    assert isinstance(whose(cluster, token), Bearer)
    assert "\n".join(certificate) + "\n" == CERTIFICATE
    pod = local(cluster)
    assert pod.promised == {} and pod.runs[0].stage == "running"
