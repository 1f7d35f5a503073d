"""What the kernel shows programs of their container: its group's bounds, parameters, devices."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import local_pod
from kelm.core.node.containers.logs import container_log
from kelm.core.node.files.entries import File
from kelm.core.node.files.kernel_files import MOST_SHARES, cgroup_tree, cpu_weight, parameter_path
from kelm.effects.commands import Patch
from kelm.effects.document import Document, document
from tests.core.programs.clusters import typed

REFUSED = ("ip: RTNETLINK answers: Operation not permitted\n", 2)


def cluster_with(container: dict[str, Any], **spec: Any) -> Cluster:
    cluster = Cluster(nodes=1)
    one = {"name": "main", "image": "busybox", "command": ["sleep", "1d"], **container}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one"},
            "spec": {"containers": [one], "terminationGracePeriodSeconds": 0, **spec},
        }
    )
    cluster.run_until_converged()
    return cluster


def said(cluster: Cluster, text: str) -> tuple[str, int | None]:
    found = typed(cluster, "one", "sh", "-c", text)
    return found.out + found.err, found.code


def test_a_container_reads_what_it_may_use_and_what_it_may_use_after_a_resize() -> None:
    read = "cd /sys/fs/cgroup; cat cpu.max memory.max cpu.weight"
    limits = {"cpu": "200m", "memory": "64Mi"}
    cluster = cluster_with({"resources": {"requests": {"cpu": "100m"}, "limits": limits}})
    assert said(cluster, read) == ("20000 100000\n67108864\n17\n", 0)
    wanted = {"requests": {"cpu": "200m"}, "limits": {"cpu": "300m"}}
    spec = {"containers": [{"name": "main", "resources": wanted}]}
    cluster.ask(Patch("pods", "default", "one", document({"spec": spec}), "strategic", "resize"))
    cluster.run_until_converged()
    assert said(cluster, read) == ("30000 100000\n67108864\n29\n", 0)


def test_a_container_without_bounds_has_none_and_cannot_give_itself_any() -> None:
    cluster = cluster_with({})
    assert said(cluster, "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max") == (
        "max 100000\nmax\n",
        0,
    )
    assert said(cluster, "echo 5 > /sys/fs/cgroup/memory.max") == (
        "sh: can't create /sys/fs/cgroup/memory.max: Read-only file system\n",
        1,
    )
    assert said(cluster, "ls /sys/fs/cgroup; mount -t cgroup2") == (
        "cpu.max\ncpu.weight\nmemory.max\ncgroup on /sys/fs/cgroup type cgroup2 (ro,relatime)\n",
        0,
    )
    assert "cgroup" not in said(cluster, "df")[0]


def test_a_volume_may_have_the_name_of_a_file_system_of_the_kernel() -> None:
    mount = {"name": "cgroup", "mountPath": "/data"}
    volumes = [{"name": "cgroup", "emptyDir": {}}]
    cluster = cluster_with({"volumeMounts": [mount]}, volumes=volumes)
    assert said(cluster, "touch /data/x; ls /data; cat /sys/fs/cgroup/memory.max") == (
        "x\nmax\n",
        0,
    )


def test_a_pods_own_sysctls_are_read_by_name_and_by_path() -> None:
    context = {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]}
    cluster = cluster_with({}, securityContext=context)
    assert said(cluster, "sysctl kernel.shm_rmid_forced; sysctl -n kernel/shm_rmid_forced") == (
        "kernel.shm_rmid_forced = 1\n1\n",
        0,
    )
    assert said(cluster, "cat /proc/sys/net/ipv4/tcp_syncookies") == ("1\n", 0)
    assert said(cluster, "sysctl net.ipv4.nothing") == (
        "sysctl: error reading key 'net.ipv4.nothing': No such file or directory\n",
        1,
    )
    assert said(cluster, "sysctl -w kernel.shm_rmid_forced=0") == (
        "sysctl: error setting key 'kernel.shm_rmid_forced': Read-only file system\n",
        1,
    )
    assert "kernel.shm_rmid_forced = 1\n" in said(cluster, "sysctl -a")[0]


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({}, REFUSED),
        ({"privileged": True}, ("", 0)),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, ("", 0)),
        (
            {"capabilities": {"add": ["SYS_TIME"]}},
            REFUSED,
        ),
        (
            {"privileged": True, "runAsUser": 7},
            REFUSED,
        ),
    ],
)
def test_who_may_make_devices_of_the_network(
    context: dict[str, Any], told: tuple[str, int]
) -> None:
    cluster = cluster_with({"securityContext": context})
    assert said(cluster, "ip link add dummy0 type dummy") == told
    made = said(cluster, "ip link add dummy0 type dummy; ip link show")[0]
    assert ("3: dummy0: <BROADCAST,NOARP> mtu 1500" in made) == (told == ("", 0))


def test_what_ip_refuses() -> None:
    cluster = cluster_with({"securityContext": {"privileged": True}})
    again = "ip link add name a type dummy; ip link add a type dummy"
    assert said(cluster, again) == ("ip: RTNETLINK answers: File exists\n", 2)
    assert said(cluster, "ip link add a type dummmy") == (
        "ip: RTNETLINK answers: Not supported\n",
        2,
    )
    assert said(cluster, "ip link del b") == ("ip: can't find device 'b'\n", 1)
    assert said(cluster, "ip link add a type dummy; ip link del a; ip link")[0].count("\n") == 2


@pytest.mark.parametrize(("allowed", "user"), [(None, 0), (True, 0), (False, 1000)])
def test_a_setuid_program_runs_as_its_owner_where_that_is_allowed(
    allowed: bool | None, user: int
) -> None:
    context: dict[str, Any] = {"runAsUser": 1000}
    if allowed is not None:
        context["allowPrivilegeEscalation"] = allowed
    image = "registry.k8s.io/e2e-test-images/nonewprivs:1.4"
    one = {"image": image, "command": None, "securityContext": context}
    cluster = cluster_with(one, restartPolicy="Never")
    found = local_pod(cluster, "default/one")
    assert found is not None
    lines = container_log(found[1], "main", cluster.now_ms).unwrap()
    assert [line.text for line in lines] == [f"Effective uid: {user}"]


def test_an_images_files_are_a_volume_that_is_read_only() -> None:
    image = {"reference": "registry.k8s.io/e2e-test-images/kitten:1.8"}
    cluster = cluster_with(
        {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        volumes=[{"name": "v", "image": image}],
    )
    assert "kitten.jpg" in said(cluster, "cat /v/data.json")[0]
    assert "Alpine Linux" in said(cluster, "cat /v/etc/os-release")[0]
    assert said(cluster, "echo > /v/x") == ("sh: can't create /v/x: Read-only file system\n", 1)


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_who_asks_for_more_never_weighs_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert 1 <= cpu_weight(less) <= cpu_weight(more) <= 10_000
    assert cpu_weight(MOST_SHARES) == 10_000


@given(st.integers(1, 1_000_000))
def test_a_quota_lets_a_container_have_its_limit_and_at_least_a_thousandth_of_a_second(
    milli: int,
) -> None:
    file = cgroup_tree(Document(limits=Document(cpu=f"{milli}m")))["/cpu.max"]
    assert isinstance(file, File)
    quota, period = map(int, file.data.split())
    assert (quota, period) == (max(1_000, milli * 100), 100_000)


def test_a_parameters_name_may_be_a_path() -> None:
    assert parameter_path("a.b") == parameter_path("a/b") == "/a/b"
