"""Roots that may not be written to, and parts of volumes that are mounted."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import local_pod
from kelm.core.node.containers.logs import container_log

READ_ONLY = {"securityContext": {"readOnlyRootFilesystem": True}}


def said(script: str, *, volumes: list[str] | None = None, **more: Any) -> list[str]:
    """What a script says in a container of busybox."""
    command = ["/bin/sh", "-c", script]
    container = {"name": "main", "image": "busybox", "command": command, **more}
    spec: dict[str, Any] = {"restartPolicy": "Never", "containers": [container]}
    spec["volumes"] = [{"name": name, "emptyDir": {}} for name in volumes or ()]
    cluster = Cluster(nodes=1)
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    cluster.run(10_000)
    found = local_pod(cluster, "default/p")
    assert found is not None
    return [line.text for line in container_log(found[1], "main", cluster.now_ms).unwrap()]


@pytest.mark.parametrize(
    ("path", "refused"),
    [("/file", True), ("/tmp/file", True), ("/dev/file", False), ("/dev/termination-log", False)],
)
def test_a_root_that_may_not_be_written_to(path: str, refused: bool) -> None:
    words = f"/bin/sh: can't create {path}: Read-only file system"
    assert said(f"echo test > {path}; sleep 240", **READ_ONLY) == ([words] if refused else [])


def test_its_volumes_may_be_written_to_all_the_same() -> None:
    mounts = [{"name": "work", "mountPath": "/tmp"}]
    script = "echo one > /tmp/file; cat /tmp/file; mkdir /x"
    assert said(script, volumes=["work"], volumeMounts=mounts, **READ_ONLY) == [
        "one",
        "mkdir: can't create directory '/x': Read-only file system",
    ]


@pytest.mark.parametrize("field", ["subPath", "subPathExpr"])
def test_a_part_of_a_volume_that_is_mounted_is_a_directory_of_it(field: str) -> None:
    part = "logs/one" if field == "subPath" else "logs/$(NAME)"
    mounts = [
        {"name": "work", "mountPath": "/part", field: part},
        {"name": "work", "mountPath": "/whole"},
    ]
    script = "test -d /whole/logs/one && echo there; echo x > /part/f; cat /whole/logs/one/f"
    env = [{"name": "NAME", "value": "one"}]
    assert said(script, volumes=["work"], volumeMounts=mounts, env=env) == ["there", "x"]
