"""Controllers against the API's own rules, without a simulator: deliver, wake, do, answer."""

from __future__ import annotations

from typing import Any

from returns.result import Failure

from kelm.core.api.server import ApiServer, handle
from kelm.core.controllers.services.endpoints.controller import EndpointsController
from kelm.core.controllers.services.endpointslice.controller import EndpointSliceController
from kelm.core.objects.time import format_time
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store.table import Table
from kelm.effects.commands import Bind, Command, Create, Delete, Patch, Request, Update
from kelm.effects.document import Document, child, document, thaw
from kelm.effects.messages import Answered, Observed, TimerFired
from kelm.effects.refusals import Reason, Refusal

START_MS = 1_767_225_600_000
LOST = Refusal(Reason.TIMEOUT, "lost", unknown_outcome=True)


class Process:
    """One controller's program with its view of the store."""

    def __init__(self, controller: Any) -> None:
        self.program = ControllerProgram(controller)
        self.state, _ = self.program.init()
        self.seen: dict[str, Table] = {}
        self.requests: list[Request] = []


class Bench:
    """A store, and controllers that watch it."""

    def __init__(self, *controllers: Any) -> None:
        self.server = ApiServer()
        self.now_ms = START_MS
        self.written: list[Command] = []
        self.processes = [
            Process(one)
            for one in controllers or (EndpointSliceController(), EndpointsController())
        ]
        self.do(Create("namespaces", "", document({"metadata": {"name": "default"}})))
        self.create("serviceaccounts", {"metadata": {"name": "default"}})

    def do(self, command: Command) -> Document:
        self.server, outcome = handle(self.server, command, self.now_ms)
        if isinstance(outcome, Failure):
            raise AssertionError(outcome.failure())
        return outcome.unwrap()

    def table(self, resource: str) -> Table:
        return self.server.store.table(resource)

    def deliver(self, process: Process, resource: str) -> None:
        """Let one watch catch up."""
        table, seen = self.table(resource), process.seen.get(resource)
        if seen is not None and seen.revision == table.revision:
            return
        changes = table.changes_since(seen.revision) if seen is not None else None
        message = Observed(self.now_ms, resource, table, changes or (), replaced=changes is None)
        process.seen[resource] = table
        self._update(process, message)

    def deliver_all(self, process: Process) -> None:
        for watch in process.program.controller.watches:
            self.deliver(process, watch.resource)

    def wake(self, process: Process) -> None:
        if process.program.subscriptions(process.state).wake_at_ms is not None:
            wake_at_ms = process.program.subscriptions(process.state).wake_at_ms
            if wake_at_ms <= self.now_ms:
                self._update(process, TimerFired(self.now_ms))

    def serve(self, process: Process, *, lost: bool = False, refused: bool = False) -> None:
        """Carry out a process's oldest request and answer it."""
        request = process.requests.pop(0)
        outcome: Any = Failure(LOST)
        if not refused:
            self.server, outcome = handle(self.server, request.command, self.now_ms)
            self.written.append(request.command)
        if request.id:
            heard = Failure(LOST) if lost else outcome
            self._update(process, Answered(self.now_ms, request.id, heard))

    def _update(self, process: Process, message: Any) -> None:
        process.state, requests = process.program.update(process.state, message)
        process.requests.extend(requests)

    def settle(self, bound: int = 500) -> None:
        """Run fairly until nothing is left to do, timers included."""
        for _ in range(bound):
            before = self.server.store.revision
            for process in self.processes:
                self.deliver_all(process)
                self.wake(process)
                while process.requests:
                    self.serve(process)
            idle = all(
                process.program.subscriptions(process.state).wake_at_ms is None
                for process in self.processes
            )
            if before == self.server.store.revision and idle:
                return
            self.now_ms += 1 if not idle else 0
        raise AssertionError("no end in sight")

    # -- what users and kubelets do -------------------------------------------------------------

    def create(self, resource: str, manifest: dict[str, Any]) -> Document:
        namespace = "" if resource == "nodes" else "default"
        return self.do(Create(resource, namespace, document(manifest)))

    def change(self, resource: str, name: str, fields: dict[str, Any], sub: str = "") -> Document:
        """Replace top-level fields of an object."""
        namespace = "" if resource == "nodes" else "default"
        key = f"{namespace}/{name}" if namespace else name
        old = thaw(self.table(resource).get(key))
        assert isinstance(old, dict)
        return self.do(Update(resource, namespace, name, document({**old, **fields}), sub))

    def node(self, name: str, zone: str = "") -> None:
        labels = {"topology.kubernetes.io/zone": zone} if zone else {}
        self.create("nodes", {"metadata": {"name": name, "labels": labels}})

    def service(self, name: str = "web", **spec: Any) -> Document:
        whole = {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}
        return self.create("services", {"metadata": {"name": name}, "spec": whole})

    def pod(self, name: str, app: str = "web", ports: Any = (), **spec: Any) -> Document:
        container = {"name": "c", "image": "x", "ports": list(ports)}
        manifest = {
            "metadata": {"name": name, "labels": {"app": app}},
            "spec": {"containers": [container], **spec},
        }
        return self.create("pods", manifest)

    def run(self, name: str, ip: str, node: str = "node-1", *, ready: bool = True) -> None:
        """Bind a pod, once, and let its kubelet say how it is."""
        doc = self.table("pods").get(f"default/{name}")
        assert doc is not None
        if not child(doc, "spec").get("nodeName"):
            uid = child(doc, "metadata")["uid"]
            self.do(Bind("default", name, uid, node))  # type: ignore[arg-type]
        self.status(name, ip, ready=ready)

    def status(self, name: str, ip: str, *, ready: bool, phase: str = "Running") -> None:
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": format_time(self.now_ms),
        }
        status = {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [condition]}
        patch = document({"status": status})
        self.do(Patch("pods", "default", name, patch, subresource="status"))

    def delete(self, resource: str, name: str, grace: int | None = None) -> None:
        namespace = "" if resource == "nodes" else "default"
        self.do(Delete(resource, namespace, name, grace_period_seconds=grace))

    def writes(self) -> list[Command]:
        """The controllers' writes since the last call."""
        written, self.written = self.written, []
        return written

    def slices(self) -> list[Any]:
        found = self.table("endpointslices.discovery.k8s.io").objects()
        return [thaw(doc) for doc in found]

    def endpoints(self, name: str = "web") -> Any:
        doc = self.table("endpoints").get(f"default/{name}")
        return None if doc is None else thaw(doc)
