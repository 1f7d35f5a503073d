"""Objects live as long as an owner does, whatever is seen in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.adapters.simulator.pickers import Random
from kelm.core.controllers.deletion.garbage_collector.program import GarbageCollectorProgram
from kelm.effects.commands import Command, Create, Delete, Patch
from kelm.effects.document import Document, children, document, elements, text
from kelm.effects.messages import Outcome
from tests.core.controllers.world import World

COLLECTOR = "garbage-collector"


def world_with_collector(picker: Any = None) -> World:
    world = World(picker=picker, programs=[GarbageCollectorProgram()])
    world.run_to(100)
    return world


def refer(owner: Document, kind: str = "ConfigMap", **more: Any) -> dict[str, Any]:
    meta = {field: text(owner, "metadata", field) for field in ("name", "uid")}
    return {"apiVersion": "v1", "kind": kind, **meta, **more}


def make(
    world: World, name: str, *owners: dict[str, Any], resource: str = "configmaps", **meta: Any
) -> Document:
    fields = {"name": name, "ownerReferences": list(owners), **meta}
    namespace = meta.get("namespace", "default")
    return world.ask(Create(resource, namespace, document({"metadata": fields})))


def remove(world: World, name: str, policy: Any = "") -> None:
    world.ask(Delete("configmaps", "default", name, propagation_policy=policy))


def names(world: World) -> list[str]:
    return sorted(text(doc, "metadata", "name") for doc in world.all("configmaps"))


def owners(world: World, name: str) -> list[str]:
    doc = world.get("configmaps", name)
    assert doc is not None
    return [text(ref, "name") for ref in children(doc, "metadata", "ownerReferences")]


def test_dependents_go_with_their_last_owner_and_their_own_dependents_too() -> None:
    world = world_with_collector()
    one, two = make(world, "one"), make(world, "two")
    child = make(world, "child", refer(one))
    make(world, "both", refer(one), refer(two))
    make(world, "grandchild", refer(child))
    remove(world, "one")
    world.run_to(1_000)
    assert names(world) == ["both", "two"]
    assert owners(world, "both") == ["two"]


def test_an_owner_that_never_was_is_no_owner() -> None:
    world = world_with_collector()
    one = make(world, "one")
    make(world, "wrong-uid", {**refer(one), "uid": "nobody"})
    make(world, "wrong-kind", {**refer(one), "kind": "Secret"})
    make(world, "unknown-kind", {**refer(one), "kind": "Gadget"})
    world.run_to(1_000)
    assert names(world) == ["one", "unknown-kind"]


def test_an_owner_in_another_namespace_is_no_owner_and_one_in_none_is() -> None:
    world = world_with_collector()
    one = make(world, "one")
    node = world.ask(Create("nodes", "", document({"metadata": {"name": "n"}})))
    make(world, "abroad", refer(one), namespace="kube-system")
    make(world, "of-a-node", refer(node, "Node"), namespace="kube-system")
    world.run_to(1_000)
    assert names(world) == ["of-a-node", "one"]
    world.ask(Delete("nodes", "", "n"))
    world.run_to(2_000)
    assert names(world) == ["one"]


def test_in_the_foreground_an_owner_waits_for_those_that_block_it() -> None:
    world = world_with_collector()
    one, two = make(world, "one"), make(world, "two")
    make(world, "plain", refer(one))
    make(world, "held", refer(one, blockOwnerDeletion=True), finalizers=["x.io/hold"])
    make(world, "lucky", refer(one, blockOwnerDeletion=True), refer(two))
    remove(world, "one", "Foreground")
    world.run_to(1_000)
    assert names(world) == ["held", "lucky", "one", "two"]
    assert owners(world, "lucky") == ["two"]
    world.ask(Patch("configmaps", "default", "held", document({"metadata": {"finalizers": None}})))
    world.run_to(2_000)
    assert names(world) == ["lucky", "two"]


def test_an_owner_waits_no_longer_for_one_that_lives_by_another() -> None:
    world = world_with_collector()
    one, two = make(world, "one"), make(world, "two")
    make(world, "lucky", refer(one, blockOwnerDeletion=True), refer(two))
    remove(world, "one", "Foreground")
    world.run_to(1_000)
    assert names(world) == ["lucky", "two"]


def test_an_owner_that_nobody_heard_of_yet_keeps_its_dependents() -> None:
    world = world_with_collector()
    world.stall(COLLECTOR, 5_000, "secrets")
    world.run_to(200)
    owner = make(world, "owner", resource="secrets")
    make(world, "child", refer(owner, "Secret"))
    world.run_to(20_000)
    assert names(world) == ["child"]
    world.ask(Delete("secrets", "default", "owner"))
    world.run_to(21_000)
    assert names(world) == []


def test_one_that_finds_a_new_owner_at_the_last_moment_lives() -> None:
    saved = 0
    for wait_ms in range(8):
        world = world_with_collector()
        one, two = make(world, "one"), make(world, "two")
        make(world, "child", refer(one))
        world.run_to(1_000)
        remove(world, "one")
        world.run_to(1_000 + wait_ms)
        adopted = document({"metadata": {"ownerReferences": [refer(one), refer(two)]}})
        if world.get("configmaps", "child") is None:
            continue
        world.ask(Patch("configmaps", "default", "child", adopted))
        world.run_to(5_000)
        assert names(world) == ["child", "two"]
        saved += 1
    assert 2 < saved < 8


def test_orphans_lose_their_owner_and_live() -> None:
    world = world_with_collector()
    one = make(world, "one")
    child = make(world, "child", refer(one))
    make(world, "grandchild", refer(child))
    remove(world, "one", "Orphan")
    world.run_to(1_000)
    assert names(world) == ["child", "grandchild"]
    assert owners(world, "child") == []


def test_a_circle_of_foreground_deletions_ends() -> None:
    world = world_with_collector()
    one = make(world, "one")
    two = make(world, "two", refer(one, blockOwnerDeletion=True))
    back = document({"metadata": {"ownerReferences": [refer(two, blockOwnerDeletion=True)]}})
    world.ask(Patch("configmaps", "default", "one", back))
    world.run_to(500)
    remove(world, "one", "Foreground")
    world.run_to(60_000)
    assert names(world) == []


def test_a_thousand_dependents_cost_one_request_each() -> None:
    world = world_with_collector()
    one = make(world, "one")
    for number in range(1_000):
        make(world, f"child-{number}", refer(one))
    world.run_to(1_000)
    asked = spy(world)
    remove(world, "one")
    world.run_to(20_000)
    assert names(world) == []
    assert len([command for command in asked if isinstance(command, Delete)]) == 1_001
    assert len(asked) == 1_001


def spy(world: World) -> list[Command]:
    """Every command from now on."""
    asked: list[Command] = []
    real = world.simulator.ask

    def ask(command: Command) -> Outcome:
        asked.append(command)
        return real(command)

    world.simulator.ask = ask  # type: ignore[method-assign]
    return asked


KINDS = {"ConfigMap": "configmaps", "Secret": "secrets"}


class Judge:
    """Looks at every deletion that the collector asks for, at the moment when it is done."""

    def __init__(self, world: World) -> None:
        self.world, self.guilty, self.by_test = world, list[str](), False
        self._real = world.simulator.ask
        world.simulator.ask = self.ask  # type: ignore[method-assign]

    def ask(self, command: Command) -> Outcome:
        before = self.world.simulator.api.store
        outcome = self._real(command)
        if not self.by_test and isinstance(command, Delete):
            after = self.world.simulator.api.store
            doc = before.get(command.resource, f"{command.namespace}/{command.name}")
            if after is not before and doc is not None and self.has_living_owner(doc):
                self.guilty.append(command.name)
        return outcome

    def has_living_owner(self, doc: Document) -> bool:
        """An owner that exists and does not wait for this object."""
        for ref in children(doc, "metadata", "ownerReferences"):
            owner = self.world.get(KINDS[text(ref, "kind")], text(ref, "name"))
            if owner is not None and text(owner, "metadata", "uid") == ref["uid"]:
                return text(ref, "uid") not in self.ever_waiting()
        return False

    def ever_waiting(self) -> set[str]:
        """Owners that were once being deleted in the foreground: there is no way back."""
        return {
            text(change.new, "metadata", "uid")
            for resource in KINDS.values()
            for change in self.world.changes(resource)
            if change.new is not None
            and text(change.new, "metadata", "deletionTimestamp")
            and "foregroundDeletion" in (change.new["metadata"].get("finalizers") or ())
        }


NODES = 9
GRAPH = st.lists(
    st.lists(st.tuples(st.integers(0, NODES - 1), st.booleans()), max_size=3),
    min_size=3,
    max_size=NODES,
)
DEEDS = ["Background", "Foreground", "Orphan", "free", "lose", "refuse", "stall", "stall secrets"]
STORM = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(DEEDS), st.integers(0, NODES - 1)), max_size=10
)


def kind_of(number: int) -> str:
    return "Secret" if number % 2 else "ConfigMap"


def grow(world: World, graph: list[list[tuple[int, bool]]]) -> None:
    """Objects that refer to earlier ones; a reference to a later one is to nobody."""
    made: dict[int, Document] = {}
    for number, references in enumerate(graph):
        refs: list[dict[str, Any]] = []
        for target, block in dict(references).items():
            known = made.get(target, document({"metadata": {"name": "x", "uid": "nobody"}}))
            ref = refer(known, kind_of(target), blockOwnerDeletion=block)
            if all(ref["uid"] != other["uid"] for other in refs):
                refs.append(ref)
        held = ["x.io/hold"] if number % 4 == 1 else []
        resource = KINDS[kind_of(number)]
        made[number] = make(world, f"n{number}", *refs, resource=resource, finalizers=held)
        world.run_to(world.now_ms + number % 3)


def strike(world: World, judge: Judge, what: str, number: int) -> None:
    resource, name = KINDS[kind_of(number)], f"n{number}"
    judge.by_test = True
    if what == "free":
        free(world, resource, name)
    elif what == "lose":
        world.lose_answers(COLLECTOR, 2)
    elif what == "refuse":
        world.refuse(COLLECTOR, 2)
    elif what.startswith("stall"):
        world.stall(COLLECTOR, 500, what.partition(" ")[2])
    else:
        policy: Any = what
        world.tell(Delete(resource, "default", name, propagation_policy=policy))
    judge.by_test = False


def free(world: World, resource: str, name: str) -> None:
    """Take the test's own finalizer off an object."""
    doc = world.get(resource, name)
    held = [] if doc is None else list(elements(doc, "metadata", "finalizers"))
    if "x.io/hold" in held:
        held.remove("x.io/hold")
        patch = document({"metadata": {"finalizers": held or None}})
        world.tell(Patch(resource, "default", name, patch))


@given(graph=GRAPH, storm=STORM, seed=st.integers(0, 10_000))
def test_no_orphan_survives_and_nothing_with_a_living_owner_is_deleted(
    graph: list[list[tuple[int, bool]]], storm: list[tuple[int, str, int]], seed: int
) -> None:
    world = world_with_collector(Random(seed))
    judge = Judge(world)
    if seed % 2:
        world.stall(COLLECTOR, 1_000, "secrets")
        world.run_to(world.now_ms + 1)
    grow(world, graph)
    for wait_ms, what, number in storm:
        world.run_to(world.now_ms + wait_ms)
        strike(world, judge, what, number)
    world.run_to(world.now_ms + 600_000)
    for number in range(NODES):
        strike(world, judge, "free", number)
    world.run_to(world.now_ms + 600_000)
    assert judge.guilty == []
    docs = [doc for resource in KINDS.values() for doc in world.all(resource)]
    left = {text(doc, "metadata", "uid"): doc for doc in docs}
    event(f"left {min(len(left), 4)} of {len(graph)}")
    for doc in left.values():
        assert not text(doc, "metadata", "deletionTimestamp"), "it was never let go"
        refs = children(doc, "metadata", "ownerReferences")
        assert all(ref["uid"] in left for ref in refs), "an owner is gone"
    writes = world.simulator.api.store.revision
    world.run_to(world.now_ms + 60_000)
    assert world.simulator.api.store.revision == writes
