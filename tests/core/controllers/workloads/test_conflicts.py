"""What the workload controllers do when somebody else was faster."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from pyrsistent import pmap
from returns.result import Failure

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import ApiServer, handle
from kelm.core.controllers.workloads.deployment.controller import DEPLOYMENT_CONTROLLER
from kelm.core.controllers.workloads.replicaset.controller import REPLICA_SETS
from kelm.core.runtime.controller import Controller, Plan, Sync
from kelm.core.runtime.queue import refused, under_way
from kelm.effects.commands import Command, Create, Patch, RecordEvent, Update
from kelm.effects.document import document, text, thaw
from kelm.effects.refusals import Reason, Refusal

KEY = "default/web"
CONFLICT = Refusal(Reason.CONFLICT, "the object has been modified")


def ask(server: ApiServer, command: Command) -> ApiServer:
    server, outcome = handle(server, command, 1_000)
    assert not isinstance(outcome, Failure), outcome
    return server


def look(server: ApiServer, controller: Controller, key: str = KEY) -> Plan:
    caches = pmap({w.resource: server.store.table(w.resource) for w in controller.watches})
    return controller.reconcile(Sync(key, 1_000, caches))  # type: ignore[arg-type]


def carried_out(server: ApiServer, plan: Plan) -> ApiServer:
    for command in (command for batch in plan.batches for command in batch):
        server = ask(server, command)
    return server


def web(image: str = "nginx:1") -> dict[str, Any]:
    labels = {"app": "web"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": 4, "selector": {"matchLabels": labels}, "template": pods}
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}


def rolling() -> ApiServer:
    """A Deployment whose old ReplicaSet is about to shrink: two new pods are available."""
    server = new_server()
    server = ask(server, Create("deployments.apps", "default", document(web())))
    server = carried_out(server, look(server, DEPLOYMENT_CONTROLLER))
    server = told(server, 0, replicas=4, readyReplicas=4, availableReplicas=4)
    server = carried_out(server, look(server, DEPLOYMENT_CONTROLLER))
    image = document({"spec": web("nginx:2")["spec"]})
    server = ask(server, Patch("deployments.apps", "default", "web", image))
    for _ in range(2):
        server = carried_out(server, look(server, DEPLOYMENT_CONTROLLER))
    server = told(server, 0, replicas=3, readyReplicas=3, availableReplicas=3)
    return told(server, 1, replicas=2, readyReplicas=2, availableReplicas=2)


def told(server: ApiServer, number: int, **status: int) -> ApiServer:
    """The ReplicaSet with this number has told its status."""
    found = list(server.store.table("replicasets.apps").objects())[number]
    patch = document({"status": {**status, "observedGeneration": 1}})
    name = text(found, "metadata", "name")
    return ask(server, Patch("replicasets.apps", "default", name, patch, subresource="status"))


def test_a_rollout_that_cannot_shrink_its_old_pods_still_tells_how_it_stands() -> None:
    plan = look(rolling(), DEPLOYMENT_CONTROLLER)
    shrink, events, status = plan.batches
    assert isinstance(shrink[0], Update) and shrink[0].resource == "replicasets.apps"
    assert isinstance(events[0], RecordEvent) and "Scaled down" in events[0].message
    after = refused(replace(under_way(plan), later=plan.batches[1:]), CONFLICT)
    assert after.later == (status,)
    assert after.failed, "it is tried again"
    assert isinstance(status[0], Update) and status[0].subresource == "status"


def test_a_status_that_was_found_out_is_written_though_the_replica_set_has_changed() -> None:
    server = new_server()
    body = {"metadata": {"name": "web", "namespace": "default"}, "spec": {**web()["spec"]}}
    server = ask(server, Create("replicasets.apps", "default", document(body)))
    plan = look(server, REPLICA_SETS)
    smaller = document({"spec": {"replicas": 1}})
    server = ask(server, Patch("replicasets.apps", "default", "web", smaller))
    status = plan.batches[-1]
    assert isinstance(handle(server, status[0], 1_000)[1], Failure)
    last = refused(replace(under_way(plan), later=()), CONFLICT)
    assert last.later == (plan.instead,) and not last.failed
    server = ask(server, plan.instead[0])
    found: Any = thaw(server.store.get("replicasets.apps", KEY))  # type: ignore[arg-type]
    assert found["spec"]["replicas"] == 1
    assert found["status"]["observedGeneration"] == 1
    again = refused(replace(last, later=()), CONFLICT)
    assert again.failed and not again.later, "it is tried once only"


def test_a_status_is_not_written_into_a_namesake() -> None:
    server = new_server()
    body = document({"metadata": {"name": "web"}, "spec": web()["spec"]})
    server = ask(server, Create("replicasets.apps", "default", body))
    plan = look(server, REPLICA_SETS)
    other = new_server(seed=7)
    other = ask(other, Create("replicasets.apps", "default", body))
    assert isinstance(handle(other, plan.instead[0], 1_000)[1], Failure)
