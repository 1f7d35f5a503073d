"""A process that watches less than before hears nothing of the rest."""

from __future__ import annotations

import msgspec

from kelm import Cluster
from kelm.effects.commands import Requests
from kelm.effects.messages import Message, Observed
from kelm.effects.program import Subscriptions, Watch


class Satisfied(msgspec.Struct, frozen=True):
    """Watches the pods of a node until it has heard of one, and ConfigMaps all the time."""

    name: str = "satisfied"

    def init(self) -> tuple[tuple[str, ...], Requests]:
        return (), ()

    def update(self, state: tuple[str, ...], message: Message) -> tuple[tuple[str, ...], Requests]:
        heard = message.resource if isinstance(message, Observed) else ""
        return (*state, *[heard for change in getattr(message, "changes", ())]), ()

    def subscriptions(self, state: tuple[str, ...]) -> Subscriptions:
        pods = Watch("pods", field="spec.nodeName", value="node-1")
        watches = (Watch("configmaps"), Watch("nodes"), pods)
        return Subscriptions(watches[:1] if "pods" in state else watches)


def test_a_watch_that_was_given_up_brings_nothing_more() -> None:
    cluster = Cluster(nodes=1, keep_history=False)
    cluster.simulator.start("satisfied", Satisfied())
    for name in ("a", "b"):
        spec = {"containers": [{"name": "app", "image": "nginx"}]}
        cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
        cluster.run(30_000)
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last"}})
    cluster.run(1_000)
    heard = cluster.simulator.processes["satisfied"].state
    assert heard.count("pods") == 1 and heard[-1] == "configmaps"
