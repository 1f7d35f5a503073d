"""What outlives a container: volumes outlive its restarts, its machine's files outlive the pod."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import local_pod
from kelm.core.node.containers.behaviour import Behaviour, Write
from kelm.core.node.containers.logs import container_log
from kelm.core.node.files.entries import Change, File
from kelm.core.node.files.host_files import HOST, NO_HOST_FILES
from kelm.core.node.pods.local import NEW, LocalPod
from kelm.core.node.pods.recipe import pod_recipe
from kelm.core.node.pods.runs import files_at, with_run, with_written
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete
from kelm.effects.document import document

ONCE = "if [ -r /data/{0} ]; then exit 0; else touch /data/{0}; {1}; fi"
SHARED = {"hostPath": {"path": "/tmp/shared"}}


def pod(name: str, script: str, volume: dict[str, Any], **spec: Any) -> dict[str, Any]:
    command = ["sh", "-c", script]
    mounts = [{"name": "data", "mountPath": "/data"}]
    container = {"name": "main", "image": "busybox", "command": command, "volumeMounts": mounts}
    probe = spec.pop("readinessProbe", None)
    if probe is not None:
        container["readinessProbe"] = probe
    spec = {"containers": [container], "volumes": [{"name": "data", **volume}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def log_of(cluster: Cluster, name: str) -> list[str]:
    found = local_pod(cluster, f"default/{name}")
    assert found is not None
    return [line.text for line in container_log(found[1], "main", cluster.now_ms).unwrap()]


def status(cluster: Cluster, name: str) -> Any:
    found: Any = cluster.get("pods", name)
    return found["status"]


def test_what_every_run_wrote_to_a_volume_is_there_for_the_next() -> None:
    script = "echo x >> /data/runs; cp /data/runs /root/mine; [ $(wc -l < /data/runs) = 3 ]"
    cluster = Cluster(nodes=1)
    cluster.apply(pod("p", script, {"emptyDir": {}}, restartPolicy="OnFailure"))
    cluster.run(60_000)
    assert status(cluster, "p")["phase"] == "Succeeded"
    assert status(cluster, "p")["containerStatuses"][0]["restartCount"] == 2


def test_what_containers_write_one_after_the_other_in_one_moment_is_all_there() -> None:
    manifest = pod("p", "cat /data/f; sleep 600", {"emptyDir": {}})
    (main,) = manifest["spec"]["containers"]
    main["image"] = "busybox:1.36"
    manifest["spec"]["initContainers"] = [
        {**main, "name": f"init-{n}", "command": ["sh", "-c", f"echo {n} >> /data/f"]}
        for n in range(3)
    ]
    cluster = Cluster(nodes=1)
    cluster.apply(manifest)
    cluster.run(15_000)
    assert log_of(cluster, "p") == ["0", "1", "2"]


def test_pods_of_one_machine_share_its_files_and_those_of_another_do_not() -> None:
    cluster = Cluster(nodes=2)
    cluster.apply(pod("one", "echo hi > /data/f; sleep 600", SHARED, nodeName="node-1"))
    cluster.run(5_000)
    deeper = {"hostPath": {"path": "/tmp"}}
    cluster.apply(pod("two", "cat /data/shared/f", deeper, nodeName="node-1"))
    cluster.apply(pod("far", "cat /data/f", SHARED, nodeName="node-2"))
    cluster.run(5_000)
    assert log_of(cluster, "two") == ["hi"]
    assert log_of(cluster, "far") == ["cat: can't open '/data/f': No such file or directory"]


@pytest.mark.parametrize("deleted", [True, False])
def test_a_machines_files_outlive_the_pod_but_not_what_it_had_no_time_to_write(
    deleted: bool,
) -> None:
    cluster = Cluster(nodes=1)
    script = "touch /data/early; sleep 20; touch /data/late; sleep 600"
    limits = {"terminationGracePeriodSeconds": 1, "activeDeadlineSeconds": 600 if deleted else 10}
    cluster.apply(pod("one", script, SHARED, **limits))
    cluster.run(10_000)
    if deleted:
        cluster.ask(Delete("pods", "default", "one"))
    cluster.run(60_000)
    cluster.apply(pod("two", "ls /data", SHARED))
    cluster.run(5_000)
    assert log_of(cluster, "two") == ["early"]


def test_a_job_whose_pods_fail_once_on_one_machine_ends_well() -> None:
    template = pod("t", ONCE.format("foo-$JOB_COMPLETION_INDEX", "exit 42"), SHARED)["spec"]
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {
            "completions": 3,
            "parallelism": 3,
            "completionMode": "Indexed",
            "template": {"spec": {**template, "restartPolicy": "Never"}},
        },
    }
    cluster = Cluster(nodes=1)
    cluster.apply(job)
    cluster.run(60_000)
    found: Any = cluster.get("jobs.batch", "j")
    assert (found["status"]["succeeded"], found["status"]["failed"]) == (3, 3)


def test_a_probe_sees_what_a_pod_beside_it_writes_to_their_machine() -> None:
    probe = {"exec": {"command": ["test", "-e", "/data/go"]}, "periodSeconds": 1}
    cluster = Cluster(nodes=1)
    cluster.apply(pod("waits", "sleep 600", SHARED, readinessProbe=probe))
    cluster.run(10_000)
    assert not status(cluster, "waits")["containerStatuses"][0]["ready"]
    cluster.apply(pod("helps", "sleep 10; touch /data/go; sleep 600", SHARED))
    cluster.run(8_000)
    assert not status(cluster, "waits")["containerStatuses"][0]["ready"]
    cluster.run(10_000)
    assert status(cluster, "waits")["containerStatuses"][0]["ready"]


WRITES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from(["/x", "/y"])), max_size=12
)


@settings(max_examples=200)
@given(
    writes=WRITES,
    ends=st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    step=st.integers(1, 4),
)
def test_a_machines_files_are_what_was_written_by_those_who_lived(
    writes: list[tuple[int, str, str]], ends: dict[str, int], step: int
) -> None:
    files = NO_HOST_FILES
    for number, (at_ms, owner, path) in enumerate(writes):
        files = files.promised(owner, [(at_ms, Change(HOST, path, File(b"%d" % number)))])
    for owner, at_ms in ends.items():
        files = files.without(owner, at_ms)
    for now_ms in range(10):
        lived = [
            (at_ms, number, path)
            for number, (at_ms, owner, path) in enumerate(writes)
            if at_ms <= min(now_ms, ends.get(owner, 9))
        ]
        wanted = {path: File(b"%d" % number) for _, number, path in sorted(lived)}
        assert files.at(now_ms) == wanted
        if now_ms % step == 0:
            files = files.until(now_ms)


@settings(max_examples=200)
@given(
    own=st.lists(st.tuples(st.integers(0, 20), st.sampled_from("xy"), st.booleans()), max_size=8),
    others=st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from("xy"), st.booleans()), max_size=5
    ),
    ends_ms=st.integers(0, 45),
)
def test_files_are_as_whoever_wrote_last_left_them(
    own: list[tuple[int, str, bool]], others: list[tuple[int, str, bool]], ends_ms: int
) -> None:
    def change(number: int, path: str, gone: bool) -> Change:
        return Change("volume/v", path, None if gone else File(b"%d" % number))

    story = [(2 * at_ms, change(n, path, gone)) for n, (at_ms, path, gone) in enumerate(own)]
    told = [(2 * at_ms + 1, change(100 + n, *one)) for n, (at_ms, *one) in enumerate(others)]
    behaviour = Behaviour(writes=tuple(Write(at_ms, one) for at_ms, one in sorted_by_time(story)))
    run = replace(NEW, stage="running", started_ms=1_000, behaviour=behaviour)
    recipe = pod_recipe(document({"containers": [{"name": "main", "image": "i"}]}))
    local = LocalPod("n/p", ObjectRef("pods", "n", "p", "u"), recipe, (run,))
    for at_ms, one in sorted_by_time(told):
        if at_ms <= ends_ms:
            local = with_written(local, (one,), 1_000 + at_ms)
    ended = replace(run, stage="exited", ended_ms=1_000 + ends_ms)
    found = files_at(with_run(local, 0, ended), 2_000).get("volume/v", {})
    wanted: dict[str, object] = {}
    for at_ms, one in sorted_by_time(story + told):
        if at_ms <= ends_ms:
            wanted[one.path] = one.entry
    assert found == wanted


def sorted_by_time(changes: list[tuple[int, Change]]) -> list[tuple[int, Change]]:
    return sorted(changes, key=lambda one: one[0])


@pytest.mark.parametrize("shares_network", [False, True])
def test_a_file_of_the_machine_may_be_mounted_as_such(shares_network: bool) -> None:
    manifest = pod("p", "cat /etc/theirs; head -1 /etc/hosts", {}, hostNetwork=shares_network)
    spec = manifest["spec"]
    spec["volumes"] = [{"name": "data", "hostPath": {"path": "/etc/hosts", "type": "File"}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/etc/theirs"}]
    spec["restartPolicy"] = "Never"
    cluster = Cluster(nodes=1)
    cluster.apply(manifest)
    cluster.run(10_000)
    more = " (host network)." if shares_network else "."
    assert log_of(cluster, "p") == [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        f"# Kubernetes-managed hosts file{more}",
    ]
