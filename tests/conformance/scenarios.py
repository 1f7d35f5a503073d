"""What a cluster does for its users, told once for every platform.

Each scenario has a namespace of its own, so that many can run at once on one API server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kelm.core.laws.convergence import unsettled
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import Scale, SetImage, Undo
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import Document, child, children, document, number, text
from tests.conformance.witness import Seen
from tests.conformance.worlds import World, apply, deployment, do, done

GUESTBOOK = Path(__file__).resolve().parents[2] / "docs" / "examples" / "guestbook.yaml"
MINUTE_MS = 60_000
DEPLOYMENTS = "deployments.apps"
RESERVED = ("node-5", "node-6")
"""Machines that are there to be lost."""
RESERVATION = "kelm.test/reserved"


def namespace(world: World, name: str) -> str:
    """A new namespace, seen and with its service account."""
    meta = Document(name=name)
    done(
        world, Create("namespaces", "", Document(apiVersion="v1", kind="Namespace", metadata=meta))
    )

    def ready(seen: Seen) -> bool:
        return any(True for _ in seen.tables["configmaps"].select("namespace", name))

    assert world.run_until(ready, MINUTE_MS), "the namespace gets no root CA"
    return name


def ref(where: str, name: str) -> ObjectRef:
    return ObjectRef(DEPLOYMENTS, where, name)


def converges(world: World, where: str, within_ms: int = MINUTE_MS) -> None:
    """Everything in a namespace becomes what it was asked to be."""

    def stuck(seen: Seen) -> list[str]:
        found = unsettled(seen.store)
        return [f"{one.resource} {one.key}: {one.why}" for one in found if f"{where}/" in one.key]

    if not world.run_until(lambda seen: not stuck(seen), within_ms):
        raise AssertionError(stuck(world.seen))


def pods_of(seen: Seen, where: str) -> list[Document]:
    return list(seen.tables["pods"].select("namespace", where))


def active(docs: list[Document]) -> list[Document]:
    return [doc for doc in docs if pod(doc).active]


def ready(docs: list[Document]) -> int:
    return sum(pod(doc).ready for doc in active(docs))


def guestbook_converges(world: World) -> None:
    where = namespace(world, "guestbook")
    apply(world, where, GUESTBOOK)

    def served(seen: Seen) -> bool:
        slices = seen.tables["endpointslices.discovery.k8s.io"].select("namespace", where)
        counts = {
            text(one, "metadata", "labels", "kubernetes.io/service-name"): len(
                [e for e in children(one, "endpoints") if child(e, "conditions").get("ready")]
            )
            for one in slices
        }
        return counts == {"frontend": 3, "redis-master": 1, "redis-slave": 2}

    converges(world, where)
    assert world.run_until(served, MINUTE_MS)
    assert len(pods_of(world.seen, where)) == 6


def rolling_update_keeps_its_bounds(world: World) -> None:
    where = namespace(world, "rolling")
    apply(world, where, deployment("web", 4))
    converges(world, where)
    assert world.run_until(lambda seen: ready(pods_of(seen, where)) == 4, MINUTE_MS)
    since_ms = world.now_ms
    do(world, SetImage(ref(where, "web"), (("c", "web:2"),)))

    def new(seen: Seen) -> bool:
        images = [child(doc, "spec")["containers"][0]["image"] for doc in pods_of(seen, where)]  # type: ignore[index,call-overload]
        return images == ["web:2"] * 4

    assert world.run_until(new, MINUTE_MS)
    converges(world, where)
    for docs in world.seen.pods_since(since_ms, where):
        assert len(active(docs)) <= 5, "more than one above what was asked for"
        assert ready(docs) >= 3, "more than one below what was asked for"


def scaling(world: World) -> None:
    where = namespace(world, "scaling")
    apply(world, where, deployment("web", 2))
    converges(world, where)
    for replicas in (5, 1):
        do(world, Scale(ref(where, "web"), replicas))
        assert world.run_until(
            lambda seen: ready(pods_of(seen, where)) == len(pods_of(seen, where)) == replicas,  # noqa: B023
            MINUTE_MS,
        )


def undo(world: World) -> None:
    where = namespace(world, "undoing")
    apply(world, where, deployment("web", 2))
    converges(world, where)
    before = {
        text(doc, "metadata", "name") for doc in world.seen.tables["replicasets.apps"].objects()
    }

    def rolled(image: str) -> Callable[[Seen], bool]:
        def condition(seen: Seen) -> bool:
            found = seen.tables[DEPLOYMENTS].get(f"{where}/web") or Document()
            images = [
                str(child(doc, "spec")["containers"][0]["image"])  # type: ignore[index,call-overload]
                for doc in pods_of(seen, where)
            ]
            status = child(found, "status")
            whole = number(status, "updatedReplicas") == number(status, "readyReplicas") == 2
            return whole and images == [image] * 2

        return condition

    do(world, SetImage(ref(where, "web"), (("c", "web:2"),)))
    assert world.run_until(rolled("web:2"), MINUTE_MS)
    do(world, Undo(ref(where, "web"), 0))
    assert world.run_until(rolled("web:1"), MINUTE_MS)
    found = world.seen.tables[DEPLOYMENTS].get(f"{where}/web")
    assert found is not None
    revision = text(found, "metadata", "annotations", "deployment.kubernetes.io/revision")
    assert revision == "3" and before


def foreground_delete(world: World) -> None:
    where = namespace(world, "foreground")
    apply(world, where, deployment("web", 3, terminationGracePeriodSeconds=1))
    converges(world, where)
    assert world.run_until(lambda seen: len(pods_of(seen, where)) == 3, MINUTE_MS)
    done(world, Delete(DEPLOYMENTS, where, "web", propagation_policy="Foreground"))
    whole = (DEPLOYMENTS, f"{where}/web")
    assert world.run_until(lambda seen: whole in seen.ended, MINUTE_MS)
    assert world.run_until(lambda seen: not pods_of(seen, where), MINUTE_MS)
    ended = world.seen.ended
    below = [at for (_, key), at in ended.items() if key.startswith(f"{where}/web-")]
    assert len(below) == 4, "one ReplicaSet and three pods"
    assert max(below) < ended[whole], "an owner ends after what it owns"


def node_lost(world: World) -> None:
    where = namespace(world, "lost")
    for name in RESERVED:
        taint = Document(key=RESERVATION, value="yes", effect="NoSchedule")
        patch = Document(spec=Document(taints=(taint,)))
        done(world, Patch("nodes", "", name, patch))
    terms = [
        {
            "matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": RESERVED}
            ]
        }
    ]
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }
    impatient = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    ]
    tolerations = [{"key": RESERVATION, "operator": "Exists"}, *impatient]
    apply(world, where, deployment("web", 2, affinity=affinity, tolerations=tolerations))
    converges(world, where)
    lost = text(pods_of(world.seen, where)[0], "spec", "nodeName")
    assert lost in RESERVED
    world.crash(lost)

    def moved(seen: Seen) -> bool:
        here = [doc for doc in active(pods_of(seen, where)) if pod(doc).ready]
        return len(here) == 2 and all(text(doc, "spec", "nodeName") != lost for doc in here)

    assert world.run_until(moved, 2 * MINUTE_MS)


def namespace_deleted(world: World) -> None:
    where = namespace(world, "doomed")
    apply(world, where, deployment("web", 2, terminationGracePeriodSeconds=1))
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "b"},
    }
    apply(world, where, document(config))
    converges(world, where)
    done(world, Delete("namespaces", "", where))

    def gone(seen: Seen) -> bool:
        return seen.tables["namespaces"].get(where) is None

    assert world.run_until(gone, 2 * MINUTE_MS)

    def empty(seen: Seen) -> bool:
        return not any(
            next(table.select("namespace", where), None) for table in seen.tables.values()
        )

    assert world.run_until(empty, MINUTE_MS)


def stateful_set_keeps_its_order(world: World) -> None:
    where = namespace(world, "stateful")
    whole = deployment("db", 3, terminationGracePeriodSeconds=1)
    spec = child(whole, "spec")
    kept = {key: spec[key] for key in ("replicas", "selector", "template")}
    headless = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "db"},
        "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 80}]},
    }
    stateful = Document(
        apiVersion="apps/v1",
        kind="StatefulSet",
        metadata=Document(name="db"),
        spec=Document({**kept, "serviceName": "db"}),
    )
    since_ms = world.now_ms
    apply(world, where, document(headless), stateful)
    assert world.run_until(lambda seen: ready(pods_of(seen, where)) == 3, MINUTE_MS)
    for docs in world.seen.pods_since(since_ms, where):
        names = sorted(text(doc, "metadata", "name") for doc in docs)
        assert names == [f"db-{place}" for place in range(len(names))], "one after the other"
        assert ready(docs) >= len(docs) - 1, "each waits for the one before"


def job_runs_to_its_end(world: World) -> None:
    where = namespace(world, "job")
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", "sleep 1"]}
    pods = {"restartPolicy": "Never", "containers": [container]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"completions": 3, "parallelism": 2, "template": {"spec": pods}},
    }
    apply(world, where, document(job))

    def complete(seen: Seen) -> bool:
        found = seen.tables["jobs.batch"].get(f"{where}/work") or Document()
        conditions = children(found, "status", "conditions")
        return any(one.get("type") == "Complete" for one in conditions)

    assert world.run_until(complete, MINUTE_MS)
    found = world.seen.tables["jobs.batch"].get(f"{where}/work")
    assert found is not None and number(found, "status", "succeeded") == 3
    assert len(pods_of(world.seen, where)) == 3, "as many pods as completions"


Scenario = Callable[[World], None]
SCENARIOS: tuple[Scenario, ...] = (
    guestbook_converges,
    rolling_update_keeps_its_bounds,
    scaling,
    undo,
    foreground_delete,
    node_lost,
    namespace_deleted,
    stateful_set_keeps_its_order,
    job_runs_to_its_end,
)
