"""Volumes as files: their content, modes and owners, and what follows their sources."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from returns.result import Failure

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import local_pod
from kelm.core.node.containers.logs import container_log
from kelm.core.node.pods.local import LocalPod
from kelm.effects.commands import Patch
from kelm.effects.document import document
from tests.core.programs.clusters import AGNHOST

CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "config"},
    "data": {"data-1": "value-1", "data-2": "value-2"},
    "binaryData": {"dump.bin": b64encode(b"\xde\xca\xfe").decode()},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "secret"},
    "data": {"data-1": b64encode(b"value-1\n").decode()},
}


def mounting(
    volume: dict[str, Any], *args: str, path: str = "/etc/volume", **more: Any
) -> dict[str, Any]:
    """A pod that runs once with a volume."""
    mount = {"name": "volume", "mountPath": path, **more.pop("mount", {})}
    container = {"name": "main", "image": AGNHOST, "volumeMounts": [mount]}
    container["args"] = ["mounttest", *args]
    container.update(more.pop("container", {}))
    spec = {"restartPolicy": "Never", "containers": [container], **more}
    spec["volumes"] = [{"name": "volume", **volume}]
    metadata = {"name": "pod", "labels": {"app": "one"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def ran(pod: dict[str, Any], *others: dict[str, Any], for_ms: int = 10_000) -> Cluster:
    cluster = Cluster(nodes=1)
    for other in others:
        cluster.apply(other)
    cluster.apply(pod)
    cluster.run(for_ms)
    return cluster


def here(cluster: Cluster) -> LocalPod:
    found = local_pod(cluster, "default/pod")
    assert found is not None
    return found[1]


def log_of(cluster: Cluster, container: str = "main") -> list[str]:
    log = container_log(here(cluster), container, cluster.now_ms)
    assert not isinstance(log, Failure), log
    return [line.text for line in log.unwrap()]


SAID = 'content of file "/etc/volume/data-1": value-1'


@pytest.mark.parametrize(
    ("volume", "mode"),
    [
        ({"configMap": {"name": "config"}}, "-rw-r--r--"),
        ({"configMap": {"name": "config", "defaultMode": 0o400}}, "-r--------"),
        ({"secret": {"secretName": "secret", "defaultMode": 0o400}}, "-r--------"),
        ({"projected": {"sources": [{"configMap": {"name": "config"}}]}}, "-rw-r--r--"),
        (
            {
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [{"secret": {"name": "secret"}}],
                }
            },
            "-r--r-----",
        ),
        (
            {
                "configMap": {
                    "name": "config",
                    "items": [{"key": "data-1", "path": "data-1", "mode": 0o600}],
                }
            },
            "-rw-------",
        ),
    ],
)
def test_keys_are_files_with_their_modes(volume: dict[str, Any], mode: str) -> None:
    path = "/etc/volume/data-1"
    pod = mounting(volume, f"--file_content={path}", f"--file_mode={path}")
    cluster = ran(pod, CONFIG, SECRET)
    assert log_of(cluster)[:2] == [f'mode of file "{path}": {mode}', SAID]
    doc = cluster.get("pods", "pod")
    assert doc is not None and doc["status"]["phase"] == "Succeeded"  # type: ignore[index,call-overload]


def test_a_group_may_read_and_a_stranger_not_what_is_private() -> None:
    volume = {"configMap": {"name": "config", "defaultMode": 0o400}}
    path = "/etc/volume/data-1"
    words = (f"--file_content={path}", f"--file_mode={path}", f"--file_owner={path}")
    grouped = mounting(volume, *words, securityContext={"runAsUser": 1000, "fsGroup": 1001})
    assert log_of(ran(grouped, CONFIG)) == [
        f'mode of file "{path}": -r--r-----',
        f'owner UID of "{path}": 0',
        f'owner GID of "{path}": 1001',
        SAID,
    ]
    alone = mounting(volume, f"--file_content={path}", securityContext={"runAsUser": 1000})
    assert "permission denied" in log_of(ran(alone, CONFIG))[0]


def test_downward_fields_and_resources_are_files() -> None:
    items = [
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}},
    ]
    resources = {"limits": {"cpu": "1250m", "memory": "64Mi"}}
    script = "cat /etc/volume/name; echo; cat /etc/volume/labels; echo; cat /etc/volume/cpu"
    container = {"image": "busybox", "args": ["sh", "-c", script], "resources": resources}
    pod = mounting({"downwardAPI": {"items": items}}, container=container)
    assert log_of(ran(pod)) == [
        "pod",
        'app="one"',
        'topology.kubernetes.io/zone="zone-a"',
        "2",
    ]


@pytest.mark.parametrize(("medium", "kind"), [("", "ext2/ext3"), ("Memory", "tmpfs")])
def test_an_empty_directory_takes_files_with_their_modes(medium: str, kind: str) -> None:
    path = "/etc/volume/test-file"
    words = ("--fs_type=/etc/volume", f"--new_file_0666={path}", f"--file_perm={path}")
    assert log_of(ran(mounting({"emptyDir": {"medium": medium}}, *words))) == [
        f'mount type of "/etc/volume": {kind}',
        f'content of file "{path}": mount-tester new file',
        "",
        f'perms of file "{path}": -rw-rw-rw-',
    ]


def test_containers_of_a_pod_share_their_volumes_and_nothing_else() -> None:
    pod = mounting({"emptyDir": {}})
    mount = [{"name": "volume", "mountPath": "/data"}]
    writer = {"name": "writer", "image": "busybox", "volumeMounts": mount}
    writer["args"] = ["sh", "-c", "echo shared > /data/f; echo own > /tmp/f"]
    reader = {"name": "main", "image": "busybox", "volumeMounts": mount}
    reader["args"] = ["sh", "-c", "cat /data/f; cat /tmp/f"]
    pod["spec"].update(initContainers=[writer], containers=[reader])
    assert log_of(ran(pod)) == ["shared", "cat: can't open '/tmp/f': No such file or directory"]


def test_a_part_of_a_volume_is_mounted_by_itself() -> None:
    pod = mounting(
        {"configMap": {"name": "config"}},
        "--file_content=/etc/one",
        path="/etc/one",
        mount={"subPath": "data-2"},
    )
    assert log_of(ran(pod, CONFIG)) == ['content of file "/etc/one": value-2']


def test_what_is_missing_keeps_a_pod_waiting_until_it_comes_unless_it_is_optional() -> None:
    words = ("--file_content=/etc/volume/data-1",)
    cluster = ran(mounting({"configMap": {"name": "config"}}, *words))
    doc = cluster.get("pods", "pod")
    assert doc is not None and doc["status"]["phase"] == "Pending"  # type: ignore[index,call-overload]
    told = [fact["message"] for fact in cluster.list("events")] or [str(cluster.api.events)]
    assert any('MountVolume.SetUp failed for volume "volume"' in str(one) for one in told)
    cluster.apply(CONFIG)
    cluster.run(10_000)
    assert log_of(cluster) == [SAID]
    optional = mounting(
        {"configMap": {"name": "none", "optional": True}}, "--file_mode=/etc/volume"
    )
    assert log_of(ran(optional)) == ['mode of file "/etc/volume": drwxrwxrwx']


def test_a_loop_shows_what_a_source_has_become() -> None:
    words = ("--break_on_expected_content=false", "--file_content_in_loop=/etc/volume/data-1")
    cluster = ran(mounting({"configMap": {"name": "config"}}, *words, "--retry_time=120"), CONFIG)
    assert log_of(cluster)[0] == SAID
    patch = document({"data": {"data-1": "value-2"}})
    cluster.ask(Patch("configmaps", "default", "config", patch)).unwrap()
    cluster.run(5_000)
    log = log_of(cluster)
    assert log[-1] == 'content of file "/etc/volume/data-1": value-2' and SAID in log
    cluster.run(200_000)
    doc = cluster.get("pods", "pod")
    assert doc is not None and doc["status"]["phase"] == "Succeeded"  # type: ignore[index,call-overload]


def test_the_end_of_a_program_is_told_by_its_message_file_or_its_log() -> None:
    def message(script: str, **more: str) -> object:
        container = {"image": "busybox", "args": ["sh", "-c", script], **more}
        cluster = ran(mounting({"emptyDir": {}}, container=container))
        doc = cluster.get("pods", "pod")
        assert doc is not None
        state = doc["status"]["containerStatuses"][0]["state"]  # type: ignore[index,call-overload]
        return state["terminated"].get("message")  # type: ignore[index,call-overload,union-attr]

    custom = "/dev/termination-custom-log"
    assert message(f"echo -n DONE > {custom}", terminationMessagePath=custom) == "DONE"
    from_log = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    assert message("echo -n DONE; exit 1", **from_log) == "DONE"
    assert message("echo -n DONE", **from_log) is None
    file_first = "echo -n OK > /dev/termination-log; echo DONE"
    assert message(file_first, **from_log) == "OK"
