"""Jobs that are done, and hints to kubelets."""

from __future__ import annotations

from kelm.core.controllers.batch.ttl_after_finished import TTLAfterFinished
from kelm.core.controllers.nodes.ttl import ANNOTATION, NodeTTL, ttl_seconds
from kelm.core.objects.meta import annotations_of
from kelm.core.objects.time import format_time
from kelm.effects.commands import Create, Patch
from kelm.effects.document import document
from tests.core.controllers.world import START_MS, World

TEMPLATE = {
    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "nginx"}]},
}


def test_a_finished_job_goes_when_its_time_is_over_and_not_before() -> None:
    world = World(TTLAfterFinished())
    for name, ttl in (("short", 10), ("kept", None)):
        limit = {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
        job = {"metadata": {"name": name}, "spec": {"template": TEMPLATE, **limit}}
        world.ask(Create("jobs.batch", "default", document(job)))
    world.run_to(5_000)
    done = format_time(START_MS + 5_000)
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": done}
    met = {**condition, "type": "SuccessCriteriaMet"}
    status = {"conditions": [met, condition], "startTime": done, "completionTime": done}
    for name in ("short", "kept"):
        patch = document({"status": status})
        world.ask(Patch("jobs.batch", "default", name, patch, subresource="status"))
    world.run_to(14_900)
    assert world.get("jobs.batch", "short")
    world.run_to(15_100)
    short = world.get("jobs.batch", "short")
    assert short is not None and short["metadata"]["deletionTimestamp"]  # type: ignore[index, call-overload]
    world.run_to(60_000)
    kept = world.get("jobs.batch", "kept")
    assert kept is not None and "deletionTimestamp" not in kept["metadata"]  # type: ignore[operator]


def test_every_node_is_told_how_long_secrets_may_be_kept() -> None:
    world = World(NodeTTL())
    for number in range(101):
        world.add_node(f"n{number}")
        world.beating.clear()
    world.run_to(1_000)
    assert {annotations_of(node)[ANNOTATION] for node in world.all("nodes")} == {"15"}


def test_a_size_near_a_bound_does_not_waver() -> None:
    assert [ttl_seconds(nodes, 15) for nodes in (89, 90, 100, 500, 501)] == [0, 15, 15, 15, 30]
    assert [ttl_seconds(nodes, 0) for nodes in (90, 100, 101)] == [0, 0, 15]
