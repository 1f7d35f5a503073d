"""A small cluster for these tests: an API server, controllers, and machines that only beat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from returns.result import Failure

from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.pickers import Fifo, Picker
from kelm.core.api.bootstrap import new_server
from kelm.core.objects.time import format_micro_time, format_time
from kelm.core.runtime.queue import ControllerProgram
from kelm.effects.commands import Command, Create, List, Patch
from kelm.effects.document import Document, children, document, text
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason

START_MS = 1_767_225_600_000
LEASES = "leases.coordination.k8s.io"
TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
    for key in ("not-ready", "unreachable")
]


def tolerations(seconds: int | None) -> list[dict[str, Any]]:
    """What admission gives to every pod, for this long; None is for ever."""
    limit = {} if seconds is None else {"tolerationSeconds": seconds}
    return [{**one, **limit} for one in TOLERATIONS]


class World:
    """Time is milliseconds since the start; `seen` are all writes, with their times."""

    def __init__(self, *controllers: Any, picker: Picker | None = None, programs: Any = ()) -> None:
        self.simulator = Simulator(new_server(now_ms=START_MS), picker or Fifo(), START_MS)
        self.beating: dict[str, int] = {}
        self._moments: list[tuple[int, int]] = []
        self.simulator.after_event = self._note
        account = document({"metadata": {"name": "default"}})
        self.ask(Create("serviceaccounts", "default", account))
        for table in self.simulator.api.store.tables:
            self.simulator.publish(table, 0)
        for controller in controllers:
            self.simulator.start(controller.name, ControllerProgram(controller))
        for program in programs:
            self.simulator.start(program.name, program)

    @property
    def now_ms(self) -> int:
        return self.simulator.now_ms - START_MS

    def _note(self, simulator: Simulator, _event: object) -> None:
        revision = simulator.api.store.revision
        if not self._moments or self._moments[-1][0] < revision:
            self._moments.append((revision, self.now_ms))

    def written_at(self, revision: int) -> int:
        """When a revision was written (by a process, not by the test)."""
        return next(at_ms for known, at_ms in self._moments if known >= revision)

    def ask(self, command: Command) -> Document:
        outcome = self.simulator.ask(command)
        assert not isinstance(outcome, Failure), (command, outcome)
        return outcome.unwrap()

    def tell(self, command: Command) -> Outcome:
        return self.simulator.ask(command)

    def get(self, resource: str, name: str, namespace: str = "default") -> Document | None:
        key = f"{namespace}/{name}" if namespace else name
        return self.simulator.api.store.get(resource, key)

    def all(self, resource: str) -> list[Document]:
        return list(self.simulator.api.store.table(resource).objects())

    def changes(self, resource: str) -> Iterable[Any]:
        return self.simulator.api.store.table(resource).changes_since(0) or ()

    def events(self, reason: str) -> list[str]:
        found = children(self.ask(List("events")), "items")
        return [text(e, "message") for e in found if e.get("reason") == reason]

    def run_to(self, at_ms: int) -> None:
        """Let everything happen that is due by then."""
        while True:
            next_ms = self.simulator.future.next_ms
            beat_ms = min(self.beating.values(), default=None)
            due = [at for at in (next_ms, None if beat_ms is None else beat_ms + START_MS) if at]
            if not due or min(due) > at_ms + START_MS:
                break
            if beat_ms is not None and beat_ms + START_MS == min(due):
                self.simulator.future.now_ms = max(self.simulator.now_ms, beat_ms + START_MS)
                for node in [name for name, at in self.beating.items() if at == beat_ms]:
                    self._beat(node)
            else:
                self.simulator.step()
        self.simulator.future.now_ms = max(self.simulator.now_ms, at_ms + START_MS)

    def refuse(self, process: str, count: int) -> None:
        """The API refuses the next requests of a process."""
        fault = RequestsRefused(process, Reason.CONFLICT, count)
        self.simulator.happen(self.simulator.now_ms, fault)

    def lose_answers(self, process: str, count: int) -> None:
        self.simulator.happen(self.simulator.now_ms, AnswersLost(process, count))

    def stall(self, process: str, for_ms: int, resource: str = "") -> None:
        """A process hears nothing new for a while, of one resource or of all."""
        self.simulator.happen(self.simulator.now_ms, WatchStalled(process, for_ms, resource))

    def restart(self, process: str) -> None:
        self.simulator.happen(self.simulator.now_ms, ProcessRestarted(process))

    def add_node(self, name: str, zone: str = "") -> None:
        """A node that beats every 8 s from now on."""
        labels = {"topology.kubernetes.io/zone": zone} if zone else {}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {"conditions": self._conditions()},
        }
        self.ask(Create("nodes", "", document(node)))
        self.say_ready(name)
        lease = {
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"renewTime": format_micro_time(self.simulator.now_ms)},
        }
        self.tell(Create(LEASES, "kube-node-lease", document(lease)))
        self.beating[name] = self.now_ms + 8_000

    def _conditions(self, ready: str = "True") -> list[dict[str, str]]:
        now = format_time(self.simulator.now_ms)
        return [
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
                "reason": "Posted",
                "message": "",
            }
            for kind, status in (("MemoryPressure", "False"), ("Ready", ready))
        ]

    def say_ready(self, name: str, ready: str = "True") -> None:
        patch = document({"status": {"conditions": self._conditions(ready)}})
        self.ask(Patch("nodes", "", name, patch, patch_type="strategic", subresource="status"))

    def _beat(self, name: str) -> None:
        spec = document({"spec": {"renewTime": format_micro_time(self.simulator.now_ms)}})
        self.ask(Patch(LEASES, "kube-node-lease", name, spec))
        self.beating[name] = self.now_ms + 8_000

    def silence(self, name: str) -> None:
        del self.beating[name]

    def revive(self, name: str) -> None:
        self.say_ready(name)
        self._beat(name)

    def add_pod(self, name: str, node: str = "", **spec: Any) -> Document:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "default",
                **({"finalizers": spec.pop("finalizers")} if "finalizers" in spec else {}),
                **({"labels": spec.pop("labels")} if "labels" in spec else {}),
            },
            "spec": {
                "containers": [{"name": "c", "image": "nginx"}],
                **({"nodeName": node} if node else {}),
                **spec,
            },
        }
        self.ask(Create("pods", "default", document(body)))
        if node:
            self.set_status(name, phase="Running", conditions=[{"type": "Ready", "status": "True"}])
        found = self.get("pods", name)
        assert found is not None
        return found

    def set_status(self, name: str, **status: Any) -> None:
        patch = document({"status": status})
        self.ask(
            Patch("pods", "default", name, patch, patch_type="strategic", subresource="status")
        )

    def pods(self) -> list[str]:
        """Names of the pods that nobody asked to go."""
        return sorted(
            text(doc, "metadata", "name")
            for doc in self.all("pods")
            if not text(doc, "metadata", "deletionTimestamp")
        )

    def taints(self, node: str) -> list[str]:
        found = self.get("nodes", node, "")
        assert found is not None
        return [f"{t['key']}:{t['effect']}" for t in children(found, "spec", "taints")]

    def ready(self, node: str) -> str:
        found = self.get("nodes", node, "")
        assert found is not None
        return next(
            text(c, "status")
            for c in children(found, "status", "conditions")
            if c["type"] == "Ready"
        )

    def when(self, what: Any, until_ms: int, step_ms: int = 100) -> int:
        """The first time, in steps, at which something holds."""
        while not what():
            assert self.now_ms < until_ms, "it never came to that"
            self.run_to(self.now_ms + step_ms)
        return self.now_ms
