"""DaemonSets by example: what a user sees of them, and what is easily got wrong."""

from __future__ import annotations

import json
from typing import Any

from kelm import Cluster
from kelm.adapters.apiserver.encoding import Encoding
from kelm.adapters.simulator.inputs import RequestsRefused
from kelm.core.controllers.templates.revisions import data_text
from kelm.core.controllers.workloads.daemonset.fit import Fit
from kelm.core.controllers.workloads.daemonset.manage import manage
from kelm.core.controllers.workloads.daemonset.scene import Scene
from kelm.core.objects.daemon_set import TEMPLATE_GENERATION, daemon_set
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import Remove, SetImage
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete, List, Update
from kelm.effects.document import Document, document, with_value
from kelm.effects.refusals import Reason
from tests.properties.test_daemonsets import DS, manifest, placed

ON_DELETE = {"type": "OnDelete"}


def started(*arguments: Any, **spec: Any) -> Cluster:
    cluster = Cluster(nodes=3, seed=0)
    cluster.apply(manifest(*arguments, **spec))
    cluster.run_until_converged()
    return cluster


def told(cluster: Cluster, reason: str) -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [one["message"] for one in events if one["reason"] == reason]


def test_every_pod_says_for_which_node_it_is_and_from_which_template() -> None:
    cluster = started()
    assert placed(cluster) == ["node-1", "node-2", "node-3"]
    one: Any = cluster.list("pods")[0]
    labels = one["metadata"]["labels"]
    revision: Any = cluster.list("controllerrevisions.apps")[0]
    assert labels["pod-template-generation"] == "1"
    assert f"agent-{labels['controller-revision-hash']}" == revision["metadata"]["name"]
    assert f"Created pod: {one['metadata']['name']}" in told(cluster, "SuccessfulCreate")


def test_the_data_of_a_revision_is_the_text_that_a_client_works_out() -> None:
    doc: Any = started().list("controllerrevisions.apps")[0]
    sent = json.loads(Encoding().object(doc))["data"]
    assert json.dumps(sent, separators=(",", ":")) == data_text(doc["data"])


def test_a_change_of_the_template_is_counted_and_no_other_change() -> None:
    cluster = started()
    annotations: Any = cluster.get(DS.resource, "agent")["metadata"]["annotations"]  # type: ignore[index,call-overload]
    assert annotations[TEMPLATE_GENERATION] == "1"
    cluster.do(SetImage(DS, (("c", "nginx:2"),)))
    doc: Any = cluster.get(DS.resource, "agent")
    assert doc["metadata"]["annotations"][TEMPLATE_GENERATION] == "2"
    stripped = with_value(doc, ("metadata", "annotations"), Document(mine="x"))
    stripped = with_value(stripped, ("spec", "minReadySeconds"), 3)
    cluster.ask(Update(DS.resource, "default", "agent", stripped)).unwrap()
    doc = cluster.get(DS.resource, "agent")
    assert doc["metadata"]["annotations"] == {"mine": "x", TEMPLATE_GENERATION: "2"}


def test_with_on_delete_only_a_deleted_pod_gets_the_new_template() -> None:
    cluster = started(ON_DELETE)
    cluster.do(SetImage(DS, (("c", "nginx:2"),)))
    cluster.run(60_000)
    first: Any = cluster.list("pods")[0]["metadata"]
    cluster.do(Remove(ObjectRef("pods", "default", first["name"])))
    cluster.run_until_converged()
    specs: list[Any] = [doc["spec"] for doc in cluster.list("pods")]
    images = sorted(spec["containers"][0]["image"] for spec in specs)
    assert images == ["nginx:1", "nginx:1", "nginx:2"]
    status: Any = cluster.get(DS.resource, "agent")["status"]  # type: ignore[index]
    assert status["updatedNumberScheduled"] == 1


def test_what_was_orphaned_is_adopted_again() -> None:
    cluster = started()
    uids = sorted(doc["metadata"]["uid"] for doc in cluster.list("pods"))  # type: ignore[index,call-overload,type-var]
    cluster.ask(Delete(DS.resource, "default", "agent", propagation_policy="Orphan")).unwrap()
    cluster.run(10_000)
    assert cluster.get(DS.resource, "agent") is None
    cluster.apply(manifest())
    cluster.run_until_converged()
    found: list[Any] = [doc["metadata"] for doc in cluster.list("pods")]
    assert sorted(meta["uid"] for meta in found if meta.get("ownerReferences")) == uids
    assert len(cluster.list("controllerrevisions.apps")) == 1


def test_a_refused_pod_is_told_and_made_later() -> None:
    cluster = started()
    name: Any = cluster.list("pods")[0]["metadata"]["name"]  # type: ignore[index,call-overload]
    cluster.inject(RequestsRefused("daemonset-controller", Reason.FORBIDDEN, 1))
    cluster.do(Remove(ObjectRef("pods", "default", name)))
    cluster.run_until_converged()
    assert placed(cluster) == ["node-1", "node-2", "node-3"]
    assert [words[:15] for words in told(cluster, "FailedCreate")] == ["Error creating:"]


def test_a_failed_pod_is_replaced_at_once_and_then_ever_later() -> None:
    one = daemon_set(document(manifest()))
    failed = pod(
        document(
            {
                "metadata": {"name": "agent-x", "namespace": "default"},
                "spec": {"nodeName": "a"},
                "status": {"phase": "Failed"},
            }
        )
    )

    def look(now_ms: int) -> Scene:
        return Scene(one, "hash", {"a": Fit(True, True)}, {"a": (failed,)}, now_ms)

    first = manage(look(0), {})
    assert first.delete == (failed,)
    second = manage(look(500), first.backoffs)
    assert (second.delete, second.waiting_until_ms) == ((), 1_000)
    third = manage(look(1_000), second.backoffs)
    assert (third.delete, third.backoffs["a"].until_ms) == ((failed,), 3_000)


def test_a_name_that_is_taken_is_counted_and_another_one_found() -> None:
    probe: Any = started().list("controllerrevisions.apps")[0]
    taken = probe["metadata"]["name"]
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": taken},
        "data": {"spec": {"template": {"other": True}}},
        "revision": 1,
    }
    cluster = Cluster(nodes=3, seed=0)
    cluster.apply(revision, manifest())
    cluster.run_until_converged()
    status: Any = cluster.get(DS.resource, "agent")["status"]  # type: ignore[index]
    assert status["collisionCount"] == 1
    assert len(cluster.list("controllerrevisions.apps")) == 2
