"""What a kubelet costs: microseconds per pod from bound to ready, per heartbeat, bytes per status.

python -m tests.benchmarks.kubelet
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

from returns.result import Success

from kelm.core.node.program import Kubelet
from kelm.core.node.state import NodeState
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Patch, RecordEvent, Request
from kelm.effects.document import Document, document
from kelm.effects.messages import Answered, Observed, TimerFired

NODES, PODS_PER_NODE = 50, 100
START_MS = 1_700_000_000_000
SPEC = document(
    {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}},
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
    }
)

LEASE = document({"metadata": {"name": "node", "resourceVersion": "1"}, "spec": {}})


class Bench:
    """One node under the clock: time in `update` and `subscriptions` only."""

    def __init__(self, index: int) -> None:
        self.kubelet = Kubelet(node=f"node-{index}", index=index)
        self.state: NodeState = self.kubelet.init()[0]
        self.now_ms = START_MS
        self.pods = Table("pods")
        self.spent = 0.0
        self.commands = 0
        self.tell(Observed(self.now_ms, "nodes", Table("nodes"), (), True))
        self.tell(Observed(self.now_ms, "pods", self.pods, (), True))

    def tell(self, message: Any) -> tuple[Request, ...]:
        begin = time.process_time()
        self.state, requests = self.kubelet.update(self.state, message)
        self.kubelet.subscriptions(self.state)
        self.spent += time.process_time() - begin
        self.commands += len(requests)
        self.carry_out(requests)
        return requests

    def carry_out(self, requests: tuple[Request, ...]) -> None:
        for request in requests:
            command = request.command
            if isinstance(command, RecordEvent):
                continue
            doc = getattr(command, "object", LEASE)
            if isinstance(command, Patch) and command.resource == "pods":
                key = f"{command.namespace}/{command.name}"
                old = self.pods.get(key)
                assert old is not None
                assert isinstance(command.patch, tuple)
                doc = Document({**old, "status": command.patch[-1]["value"]})  # type: ignore[index,call-overload]
            if isinstance(command, Patch) and command.resource == "pods":
                self.put(key, doc)
                doc = self.pods.get(key) or doc
            self.tell(Answered(self.now_ms, request.id, Success(doc)))

    def put(self, key: str, doc: Document) -> None:
        revision = self.pods.revision + 1
        metadata: Any = doc["metadata"]
        doc = Document(
            {**doc, "metadata": Document({**metadata, "resourceVersion": str(revision)})}
        )
        self.pods = tables.put(self.pods, key, doc, revision)
        changes = self.pods.changes_since(revision - 1) or ()
        self.tell(Observed(self.now_ms, "pods", self.pods, changes))

    def bind(self, number: int) -> None:
        name = f"web-{number}"
        metadata = Document(
            name=name, namespace="default", uid=f"{self.kubelet.node}-{number}", generation=1
        )
        scheduled = Document(
            type="PodScheduled",
            status="True",
            lastProbeTime=None,
            lastTransitionTime="2023-11-14T22:13:20Z",
        )
        status = Document(phase="Pending", qosClass="Burstable", conditions=(scheduled,))
        spec = Document({**SPEC, "nodeName": self.kubelet.node})
        doc = Document(apiVersion="v1", kind="Pod", metadata=metadata, spec=spec, status=status)
        self.put(f"default/{name}", doc)

    def run(self, for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        while (wake_at_ms := self.kubelet.subscriptions(self.state).wake_at_ms) is not None:
            if wake_at_ms > until_ms:
                break
            self.now_ms = wake_at_ms
            self.tell(TimerFired(wake_at_ms))
        self.now_ms = until_ms


def size_of(value: object, seen: set[int]) -> int:
    """Bytes of a value and of all that it holds and nothing before it held."""
    if id(value) in seen or isinstance(value, type) or value is None:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(k, seen) + size_of(v, seen) for k, v in value.items())
    if isinstance(value, tuple | list):
        return size + sum(size_of(item, seen) for item in value)
    fields = getattr(value, "__struct_fields__", ())
    return size + sum(size_of(getattr(value, name), seen) for name in fields)


def main() -> None:
    gc.disable()
    benches = [Bench(index) for index in range(NODES)]
    for bench in benches:
        bench.spent = 0.0
        bench.commands = 0
        for number in range(PODS_PER_NODE):
            bench.bind(number)
            bench.now_ms += 7
        bench.run(3_000)
    pods = NODES * PODS_PER_NODE
    docs = [doc for bench in benches for doc in bench.pods.objects()]
    phases = {doc["status"]["phase"] for doc in docs}  # type: ignore[index,call-overload]
    assert phases == {"Running"}, phases
    spent = sum(bench.spent for bench in benches)
    commands = sum(bench.commands for bench in benches)
    print(f"{spent / pods * 1e6:.1f} us a pod from bound to ready, {commands / pods:.1f} commands")
    beats = 0
    for bench in benches:
        bench.run(20_000)
        bench.spent, bench.commands = 0.0, 0
        bench.run(100_000)
        beats += bench.commands
    spent = sum(bench.spent for bench in benches)
    print(f"{spent / beats * 1e6:.1f} us a heartbeat (asked and answered), {beats} beats")
    seen: set[int] = set()
    statuses = sum(size_of(doc["status"], seen) for doc in docs)
    state = sum(size_of(dict(bench.state.pods), seen) for bench in benches)
    print(f"{statuses / pods:.0f} bytes a status, {state / pods:.0f} bytes of state a pod")


if __name__ == "__main__":
    main()
