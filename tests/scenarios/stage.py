"""A cluster without machines: the control plane runs, and the scenario says how the pods are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from returns.result import Failure

from kelm import Cluster
from kelm.core.objects.time import format_time
from kelm.effects.commands import Command, Create, Delete, Get, List, Patch, Update
from kelm.effects.document import document, thaw
from kelm.effects.refusals import Refusal

DEPLOYMENTS = "deployments.apps"
REPLICA_SETS = "replicasets.apps"
STATEFUL_SETS = "statefulsets.apps"
DAEMON_SETS = "daemonsets.apps"
JOBS = "jobs.batch"
SETTLING_MS = 3_000


class Stage:
    """A namespace `default` in which a scenario is played. Objects are plain dictionaries."""

    def __init__(self, nodes: int = 0, **settings: Any) -> None:
        self.cluster = Cluster(nodes=nodes, seed=0, replace_machines=False, **settings)

    # -- asking --------------------------------------------------------------------------------

    def ask(self, command: Command) -> Any:
        outcome = self.cluster.ask(command)
        assert not isinstance(outcome, Failure), (command, outcome)
        return thaw(outcome.unwrap())

    def refused(self, command: Command) -> Refusal:
        outcome = self.cluster.ask(command)
        assert isinstance(outcome, Failure), outcome
        return outcome.failure()

    def create(self, resource: str, body: Mapping[str, Any], namespace: str = "default") -> Any:
        return self.ask(Create(resource, namespace, document(dict(body))))

    def patch(self, resource: str, name: str, body: Any, subresource: str = "", **more: Any) -> Any:
        patch = document(body) if isinstance(body, dict) else tuple(map(document, body))
        namespace = more.pop("namespace", "default")
        return self.ask(Patch(resource, namespace, name, patch, subresource=subresource, **more))

    def update(self, resource: str, body: Mapping[str, Any], subresource: str = "") -> Any:
        name = body["metadata"]["name"]
        command = Update(resource, "default", name, document(dict(body)), subresource=subresource)
        return self.ask(command)

    def delete(self, resource: str, name: str, namespace: str = "default", **options: Any) -> None:
        self.ask(Delete(resource, namespace, name, **options))

    # -- looking -------------------------------------------------------------------------------

    def get(self, resource: str, name: str, namespace: str = "default") -> Any:
        return self.ask(Get(resource, namespace, name))

    def has(self, resource: str, name: str, namespace: str = "default") -> bool:
        return self.cluster.get(resource, name, namespace) is not None

    def all(self, resource: str, selector: str = "", namespace: str = "default") -> list[Any]:
        found: list[Any] = self.ask(List(resource, namespace, label_selector=selector))["items"]
        return found

    def names(self, resource: str, selector: str = "") -> list[str]:
        return [one["metadata"]["name"] for one in self.all(resource, selector)]

    def owned(self, resource: str, owner: Mapping[str, Any]) -> list[Any]:
        """What has `owner` as its controller, oldest first."""
        found = [one for one in self.all(resource) if controller_uid(one) == uid_of(owner)]
        return sorted(found, key=lambda one: int(one["metadata"]["resourceVersion"]))

    def condition(self, resource: str, name: str, kind: str) -> tuple[str, str]:
        """Status and reason of a condition; empty where it is not there."""
        for one in self.get(resource, name).get("status", {}).get("conditions", ()):
            if one["type"] == kind:
                return one["status"], one.get("reason", "")
        return "", ""

    def told(self, reason: str) -> list[str]:
        return [one["message"] for one in self.all("events") if one["reason"] == reason]

    # -- time and the kubelet's part -----------------------------------------------------------

    def settle(self, span_ms: int = SETTLING_MS) -> None:
        self.cluster.run(span_ms)

    def say(self, pod: str, **status: Any) -> None:
        self.patch("pods", pod, {"status": status}, "status", patch_type="strategic")

    def make_ready(self, pods: Iterable[Mapping[str, Any]], since_ms: int = 0) -> None:
        """The kubelet of these pods finds them running and ready, since so long ago."""
        now = format_time(self.cluster.now_ms - since_ms)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
        for one in pods:
            self.say(one["metadata"]["name"], phase="Running", conditions=[ready])

    def fail(self, pod: str, **more: Any) -> None:
        self.say(pod, phase="Failed", **more)

    def roll(self, until: Callable[[], bool], selector: str = "") -> None:
        """Let time pass and make every pod ready as it comes, until something holds."""
        for _ in range(100):
            if until():
                return
            self.make_ready(one for one in self.all("pods", selector) if not is_ready(one))
            self.settle(1_000)
        raise AssertionError("it never came true")


def uid_of(one: Mapping[str, Any]) -> str:
    uid: str = one["metadata"]["uid"]
    return uid


def name_of(one: Mapping[str, Any]) -> str:
    name: str = one["metadata"]["name"]
    return name


def controller_uid(one: Mapping[str, Any]) -> str:
    for owner in one["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return ""


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def pod_spec(image: str = "nginx:1", **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": image}], **more}


def workload(name: str, replicas: int, image: str = "nginx:1", **spec: Any) -> dict[str, Any]:
    """A Deployment, ReplicaSet or StatefulSet, whose pods are labelled with its name."""
    labels = {"app": name}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(image)},
            **spec,
        },
    }


def image_patch(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
