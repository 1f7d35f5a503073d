"""What a container finds in its environment, and what keeps it from being created."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.node.containers.behaviour import Behaviour
from kelm.core.node.containers.images import Image, Launch
from kelm.effects.commands import Create, Delete, List, Patch
from kelm.effects.document import document


def tell_environment(launch: Launch) -> Behaviour:
    """Ends at once, and leaves its environment as its last message."""
    said = "\n".join(f"{name}={launch.env[name]}" for name in sorted(launch.env))
    return Behaviour(exit_ms=0, message=said)


CONTROL_PLANE = ControlPlane().with_image("teller", Image(tell_environment))


def world(*manifests: dict[str, Any]) -> Cluster:
    cluster = Cluster(nodes=1, control_plane=CONTROL_PLANE)
    for manifest in manifests:
        cluster.apply(manifest)
    return cluster


def pod(namespace: str = "default", **container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "teller:1", **container}],
        },
    }


def config(kind: str, **data: str) -> dict[str, Any]:
    field = "data" if kind == "ConfigMap" else "stringData"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, field: data}


def state(cluster: Cluster) -> dict[str, Any]:
    status: Any = cluster.list("pods")[0]["status"]
    found: dict[str, Any] = status["containerStatuses"][0]["state"]
    return found


def environment(cluster: Cluster) -> dict[str, str]:
    cluster.run(30_000)
    said = state(cluster)["terminated"].get("message", "")
    return dict(line.split("=", 1) for line in said.splitlines())


def from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def test_an_environment_is_made_from_all_that_a_pod_refers_to() -> None:
    env = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "x", "key": "word"}}},
        {"name": "BOTH", "value": "$(KEY)-$(P_one)"},
        from_field("HOST", "status.hostIP"),
        from_field("IP", "status.podIP"),
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    cluster = world(
        config("ConfigMap", one="1"),
        config("Secret", word="hush"),
        pod(env=env, envFrom=[{"prefix": "P_", "configMapRef": {"name": "x"}}]),
    )
    found = environment(cluster)
    assert found["P_one"] == "1"
    assert (found["KEY"], found["BOTH"]) == ("hush", "hush-1")
    status: Any = cluster.list("pods")[0]["status"]
    assert (found["HOST"], found["IP"]) == (status["hostIP"], status["podIP"])
    assert found["CPU"] == "4"


def test_who_looks_at_the_environment_finds_the_services_of_its_namespace() -> None:
    web = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "my-web"},
        "spec": {"clusterIP": "10.96.0.77", "ports": [{"port": 80}]},
    }
    found = environment(world(web, pod(command=["sh", "-c", "env"])))
    assert found["MY_WEB_SERVICE_HOST"] == "10.96.0.77"
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert "MY_WEB_SERVICE_HOST" not in environment(world(web, pod(command=["serve"])))


def test_a_container_without_its_config_map_waits_for_it() -> None:
    cluster = world(pod(envFrom=[{"configMapRef": {"name": "x"}}]))
    cluster.run(15_000)
    waiting = state(cluster)["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert waiting["message"] == 'configmap "x" not found'
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    assert 'Error: configmap "x" not found' in [one["message"] for one in events]
    cluster.apply(config("ConfigMap", a="b"))
    assert environment(cluster)["a"] == "b"


def test_an_optional_source_may_be_missing_and_a_key_may_not() -> None:
    optional = [{"secretRef": {"name": "x", "optional": True}}]
    assert "word" not in environment(world(pod(envFrom=optional)))
    key = {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "b"}}}
    cluster = world(config("ConfigMap", a="1"), pod(env=[key]))
    cluster.run(15_000)
    message = "couldn't find key b in ConfigMap default/x"
    assert state(cluster)["waiting"]["message"] == message


def test_a_path_that_cannot_be_made_keeps_a_container_waiting_until_it_can() -> None:
    mount = {"name": "v", "mountPath": "/v", "subPathExpr": "$(WHERE)/$(NAME)"}
    env = [{"name": "NAME", "value": "foo"}, from_field("WHERE", "metadata.annotations['where']")]
    manifest = pod(env=env, volumeMounts=[mount])
    manifest["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    cluster = world(manifest)
    cluster.run(15_000)
    waiting = state(cluster)["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert waiting["message"] == "missing value for WHERE"
    note = document({"metadata": {"annotations": {"where": "here"}}})
    cluster.ask(Patch("pods", "default", "p", note)).unwrap()
    cluster.run(1_000)
    assert "terminated" in state(cluster)


def test_a_variable_keeps_the_value_that_its_container_was_started_with() -> None:
    cluster = world(config("ConfigMap", a="1"), pod(envFrom=[{"configMapRef": {"name": "x"}}]))
    assert environment(cluster) == {"a": "1"}
    cluster.ask(Patch("configmaps", "default", "x", document({"data": {"a": "2"}}))).unwrap()
    assert environment(cluster) == {"a": "1"}


names = st.sampled_from(("a", "b", "c"))


@settings(max_examples=15)
@given(
    data=st.dictionaries(names, st.text("xyz", min_size=1, max_size=3), max_size=3),
    wanted=st.lists(names, min_size=1, max_size=3, unique=True),
    late=st.booleans(),
)
def test_a_container_starts_when_all_keys_are_there_and_not_before(
    data: dict[str, str], wanted: list[str], late: bool
) -> None:
    env = [
        {"name": key.upper(), "valueFrom": {"configMapKeyRef": {"name": "x", "key": key}}}
        for key in wanted
    ]
    cluster = world(pod(env=env))
    if late:
        cluster.run(20_000)
    cluster.ask(Create("configmaps", "default", document(config("ConfigMap", **data)))).unwrap()
    cluster.run(30_000)
    if set(wanted) <= set(data):
        assert environment(cluster) == {key.upper(): data[key] for key in wanted}
    else:
        assert "waiting" in state(cluster)
        cluster.ask(Delete("pods", "default", "p")).unwrap()
        cluster.run(40_000)
        assert not cluster.list("pods")
