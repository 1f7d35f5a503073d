"""A scheduler between the API server's tables: it hears of every change at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from returns.result import Failure

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import ApiServer, handle
from kelm.core.objects.pod import Pod, pod
from kelm.core.scheduler.explain import Why, explain
from kelm.core.scheduler.program import Scheduler
from kelm.core.scheduler.state import State
from kelm.effects.commands import Bind, Command, Create, Delete, Patch, RecordEvent, Request
from kelm.effects.document import Document, document
from kelm.effects.messages import Answered, Observed, Outcome, TimerFired
from kelm.effects.refusals import Refusal

START_MS = 1_767_225_600_000


class World:
    """`busy`: what the scheduler asks for is not carried out yet; `deaf`: it hears of nothing."""

    def __init__(self, program: Scheduler | None = None) -> None:
        self.program = program or Scheduler()
        self.state: State = self.program.init()[0]
        self.api: ApiServer = new_server(now_ms=START_MS)
        self.now_ms = START_MS
        self.events: list[tuple[str, str, str]] = []
        self.binds: list[Bind] = []
        self.refuse: Refusal | None = None
        self.busy = False
        self.deaf = False
        self.waiting: list[Request] = []
        self.binding: set[str] = set()
        self._seen: dict[str, int] = {}
        self._templates: dict[str, Document] = {}
        self.namespace("default")

    # -- what others do ----------------------------------------------------------------------------

    def namespace(self, name: str, **labels: str) -> None:
        """A namespace with the account that its pods run under."""
        meta = {"name": name, "labels": labels}
        if self.api.store.get("namespaces", name) is None:
            self.do(Create("namespaces", "", document({"metadata": meta})))
        account = document({"metadata": {"name": "default"}})
        self.do(Create("serviceaccounts", name, account))

    def priority(self, value: int, **fields: Any) -> str:
        """A priority class of this value, by its name."""
        name = f"p{value}{'-'.join(fields)}".lower()
        resource = "priorityclasses.scheduling.k8s.io"
        if self.api.store.get(resource, name) is None:
            doc = {"metadata": {"name": name}, "value": value, **fields}
            self.do(Create(resource, "", document(doc)))
        return name

    def node(self, name: str, **fields: Any) -> None:
        """A ready node with 4 CPUs, 8 GiB and 110 places; `fields` are labels, offers and its spec.

        It is stored as it is: the API would taint a new node until it is ready.
        """
        offered = {"cpu": "4", "memory": "8Gi", "pods": "110", **fields.pop("offers", {})}
        labels = {"kubernetes.io/hostname": name, **fields.pop("labels", {})}
        meta = {"name": name, "uid": name, "labels": labels}
        status = {"allocatable": offered, "capacity": offered}
        kind = {"apiVersion": "v1", "kind": "Node"}
        doc = document({**kind, "metadata": meta, "spec": fields, "status": status})
        self.put("nodes", name, doc)

    def put(self, resource: str, key: str, doc: Document) -> None:
        """Store an object as it is, whatever the API would say to it."""
        store = self.api.store.put(resource, key, doc)
        self.api = ApiServer(store, self.api.events, self.api.ranges)
        self.hear()

    def remove(self, resource: str, key: str) -> None:
        """Forget a stored object at once, whatever the API would say to it."""
        last = self.api.store.get(resource, key)
        assert last is not None
        store = self.api.store.remove(resource, key, last)
        self.api = ApiServer(store, self.api.events, self.api.ranges)
        self.hear()

    def pod(
        self,
        name: str,
        requests: dict[str, str] | None = None,
        *,
        labels: dict[str, str] | None = None,
        namespace: str = "default",
        **spec: Any,
    ) -> None:
        container: dict[str, Any] = {"name": "c", "image": "nginx"}
        if requests:
            container["resources"] = {"requests": requests}
        if "ports" in spec:
            container["ports"] = spec.pop("ports")
        whole = self._shared({"containers": [container], **spec})
        meta = {"name": name, "labels": self._shared(labels or {"app": name})}
        self.do(Create("pods", namespace, document({"metadata": meta, "spec": whole})))

    def _shared(self, given: dict[str, Any]) -> Document:
        """One document for all that is equal, as pods of one template have."""
        return self._templates.setdefault(json.dumps(given, sort_keys=True), document(given))

    def delete(self, name: str, namespace: str = "default") -> None:
        self.do(Delete("pods", namespace, name, grace_period_seconds=0))

    def deletion(self, name: str) -> Command:
        """What asks a pod to go, and leaves it there until its node has ended it."""
        return Delete("pods", "default", name, grace_period_seconds=30)

    def delete_node(self, name: str) -> None:
        self.do(Delete("nodes", "", name))

    def patch(self, resource: str, name: str, patch: Any, subresource: str = "") -> None:
        namespace = "" if resource in ("nodes", "namespaces") else "default"
        self.do(Patch(resource, namespace, name, document(patch), subresource=subresource))

    def do(self, command: Command) -> None:
        """Have the API do something, and the scheduler hear of it."""
        self.api, outcome = handle(self.api, command, self.now_ms)
        assert not isinstance(outcome, Failure), outcome
        self.hear()

    # -- the scheduler -----------------------------------------------------------------------------

    def hear(self) -> None:
        if self.deaf:
            return
        for watch in self.program.subscriptions(self.state).watches:
            table = self.api.store.table(watch.resource)
            seen = self._seen.get(watch.resource)
            changes = () if seen is None else table.changes_since(seen) or ()
            self._seen[watch.resource] = self.api.store.revision
            if seen is None or changes:
                message = Observed(self.now_ms, watch.resource, table, changes, seen is None)
                self._tell(message)

    def _tell(self, message: Any) -> None:
        self.state, requests = self.program.update(self.state, message)
        for request in requests:
            if isinstance(request.command, Bind):
                assert request.command.uid not in self.binding, "asked for twice at a time"
                self.binding.add(request.command.uid)
        self.waiting.extend(requests)
        if not self.busy:
            self.carry_out()

    def carry_out(self) -> None:
        """Do what was asked for, answer it, and let the scheduler hear of it."""
        waiting, self.waiting = self.waiting, []
        for request in waiting:
            self._execute(request)
        if waiting:
            self.hear()

    def _execute(self, request: Request) -> None:
        command = request.command
        outcome: Outcome
        if isinstance(command, RecordEvent):
            self.events.append((command.regarding.name, command.reason, command.message))
        if isinstance(command, Bind) and self.refuse is not None:
            outcome = Failure(self.refuse)
        else:
            self.api, outcome = handle(self.api, command, self.now_ms)
            if isinstance(command, Bind) and not isinstance(outcome, Failure):
                self.binds.append(command)
        if isinstance(command, Bind):
            self.binding.discard(command.uid)
        if request.id:
            self._tell(Answered(self.now_ms, request.id, outcome))

    def restart(self) -> None:
        """The scheduler forgets everything and lists anew."""
        self.state = self.program.init()[0]
        self.waiting.clear()
        self.binding.clear()
        self._seen.clear()
        self.hear()

    def relisted(self) -> State:
        """What a scheduler knows that lists everything now, and has nothing to decide."""
        program = Scheduler(name="nobody", profile=self.program.profile)
        state = program.init()[0]
        for watch in program.subscriptions(state).watches:
            table = self.api.store.table(watch.resource)
            message = Observed(self.now_ms, watch.resource, table, (), replaced=True)
            state, _ = program.update(state, message)
        return state

    def wait(self, ms: int) -> None:
        """Let time pass, and the scheduler's timers fire."""
        until_ms = self.now_ms + ms
        while (at_ms := self.state.wake_at_ms) is not None and at_ms <= until_ms:
            self.now_ms = max(self.now_ms, at_ms)
            self._tell(TimerFired(self.now_ms))
        self.now_ms = until_ms

    # -- what came of it ---------------------------------------------------------------------------

    def seen(self, name: str, namespace: str = "default") -> Pod:
        doc = self.api.store.get("pods", f"{namespace}/{name}")
        assert doc is not None
        return pod(doc)

    def where(self, name: str) -> str:
        return self.seen(name).spec.node_name

    def why(self, name: str) -> Why:
        """What the scheduler thinks of every node for this pod now."""
        return explain(self.program.profile, self.state, self.seen(name).doc)

    def told(self, name: str) -> list[str]:
        """What FailedScheduling said of a pod, oldest first."""
        return [said for one, reason, said in self.events if (one, reason) == (name, FAILED)]

    def places(self) -> dict[str, str]:
        docs: Iterable[Any] = self.api.store.table("pods").objects()
        return {pod(doc).metadata.name: pod(doc).spec.node_name for doc in docs}


FAILED = "FailedScheduling"
