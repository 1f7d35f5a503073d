"""Namespaces: what they are given, and that nothing outlives them."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.adapters.simulator.pickers import Random
from kelm.core.controllers.access.service_account import ROOT_CA, RootCA, ServiceAccounts
from kelm.core.controllers.deletion.garbage_collector.program import GarbageCollectorProgram
from kelm.core.controllers.deletion.namespaces.controller import NamespaceDeletion
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import children, document, text
from tests.core.controllers.world import World

CONTROLLER = "namespace-controller"


def world_with_shop(picker: Any = None) -> World:
    world = World(
        NamespaceDeletion(),
        ServiceAccounts(),
        RootCA(),
        picker=picker,
        programs=[GarbageCollectorProgram()],
    )
    world.add_node("n")
    world.ask(Create("namespaces", "", document({"metadata": {"name": "shop"}})))
    world.run_to(1_000)
    return world


def put(world: World, resource: str, name: str, finalizers: list[str] | None = None) -> None:
    meta = {"name": name, "finalizers": finalizers or []}
    world.ask(Create(resource, "shop", document({"metadata": meta})))


def put_pod(world: World, name: str, grace: int, phase: str = "Running") -> None:
    spec = {
        "containers": [{"name": "c", "image": "nginx"}],
        "nodeName": "n",
        "terminationGracePeriodSeconds": grace,
    }
    pod = document({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    world.ask(Create("pods", "shop", pod))
    status = document({"status": {"phase": phase}})
    world.ask(Patch("pods", "shop", name, status, subresource="status"))


def contents(world: World) -> list[str]:
    store = world.simulator.api.store
    return sorted(
        f"{resource}/{text(doc, 'metadata', 'name')}"
        for resource in store.resources()
        for doc in store.table(resource).select("namespace", "shop")
    )


def conditions(world: World) -> dict[str, tuple[str, str, str]]:
    shop = world.get("namespaces", "shop", "")
    assert shop is not None
    return {
        text(c, "type"): (text(c, "status"), text(c, "reason"), text(c, "message"))
        for c in children(shop, "status", "conditions")
    }


def test_every_namespace_gets_an_account_and_the_root_ca_and_gets_them_back() -> None:
    world = world_with_shop()
    assert contents(world) == [f"configmaps/{ROOT_CA}", "serviceaccounts/default"]
    world.ask(Delete("serviceaccounts", "shop", "default"))
    world.ask(Delete("configmaps", "shop", ROOT_CA))
    world.run_to(2_000)
    assert contents(world) == [f"configmaps/{ROOT_CA}", "serviceaccounts/default"]
    spoilt = document({"data": {"ca.crt": "mine"}})
    world.ask(Patch("configmaps", "shop", ROOT_CA, spoilt))
    world.run_to(3_000)
    found = world.get("configmaps", ROOT_CA, "shop")
    assert found is not None and text(found, "data", "ca.crt") != "mine"


def test_a_deleted_namespace_is_emptied_after_five_seconds_and_goes() -> None:
    world = world_with_shop()
    put(world, "configmaps", "a")
    put(world, "secrets", "b")
    world.ask(Delete("namespaces", "", "shop"))
    world.run_to(5_900)
    assert contents(world) != []
    world.run_to(6_100)
    assert world.get("namespaces", "shop", "") is None
    assert contents(world) == []


def test_pods_go_before_the_rest_and_it_says_what_it_waits_for() -> None:
    world = world_with_shop()
    put(world, "configmaps", "held", ["example.com/hold"])
    put_pod(world, "web", 2)
    world.ask(Delete("namespaces", "", "shop"))
    world.run_to(7_000)
    assert "configmaps/held" in contents(world)
    assert conditions(world)["NamespaceDeletionContentFailure"] == (
        "True",
        "ContentDeletionFailed",
        "Failed to delete all resource types, 1 remaining: unexpected items still remain in "
        "namespace: shop for gvr: /v1, Resource=pods",
    )
    world.ask(Delete("pods", "shop", "web", grace_period_seconds=0))
    world.run_to(8_500)
    assert conditions(world)["NamespaceDeletionContentFailure"][0] == "False", "tried again soon"
    world.run_to(20_000)
    told = conditions(world)
    assert told["NamespaceDeletionContentFailure"][0] == "False"
    assert told["NamespaceContentRemaining"][2] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert told["NamespaceFinalizersRemaining"][2] == (
        "Some content in the namespace has finalizers remaining: "
        "example.com/hold in 1 resource instances"
    )
    free = document({"metadata": {"finalizers": None}})
    world.ask(Patch("configmaps", "shop", "held", free))
    freed = world.now_ms
    gone = world.when(lambda: world.get("namespaces", "shop", "") is None, 60_000)
    assert gone - freed <= 9_000


def test_pods_that_take_their_time_are_waited_for_without_a_word() -> None:
    world = world_with_shop()
    put_pod(world, "web", 30)
    world.ask(Delete("namespaces", "", "shop"))
    world.run_to(25_000)
    assert conditions(world)["NamespaceDeletionContentFailure"][:2] == ("False", "ContentDeleted")
    world.ask(Delete("pods", "shop", "web", grace_period_seconds=0))
    world.run_to(60_000)
    assert world.get("namespaces", "shop", "") is None


CONTENT = st.lists(
    st.tuples(
        st.sampled_from(["configmaps", "secrets", "serviceaccounts", "pods"]),
        st.booleans(),
        st.integers(0, 40),
    ),
    max_size=6,
)
STORM = st.lists(
    st.tuples(
        st.integers(0, 8_000), st.sampled_from(["free", "refuse", "lose", "stall", "restart"])
    ),
    max_size=5,
)


def free_all(world: World) -> None:
    """Take every finalizer away, and have the node finish its pods."""
    store = world.simulator.api.store
    for resource in ("configmaps", "secrets", "serviceaccounts"):
        for doc in list(store.table(resource).select("namespace", "shop")):
            if text(doc, "metadata", "deletionTimestamp"):
                name = text(doc, "metadata", "name")
                free = document({"metadata": {"finalizers": None}})
                world.tell(Patch(resource, "shop", name, free))
    for doc in list(store.table("pods").select("namespace", "shop")):
        if text(doc, "metadata", "deletionTimestamp"):
            name = text(doc, "metadata", "name")
            world.tell(Delete("pods", "shop", name, grace_period_seconds=0))


def strike(world: World, what: str) -> None:
    if what == "free":
        free_all(world)
    elif what == "refuse":
        world.refuse(CONTROLLER, 3)
    elif what == "lose":
        world.lose_answers(CONTROLLER, 3)
    elif what == "stall":
        world.stall(CONTROLLER, 20_000)
    else:
        world.restart(CONTROLLER)


@given(content=CONTENT, storm=STORM, seed=st.integers(0, 1_000))
def test_a_namespace_ends_and_nothing_of_it_is_left(
    content: list[tuple[str, bool, int]], storm: list[tuple[int, str]], seed: int
) -> None:
    world = world_with_shop(Random(seed))
    for number, (resource, is_held, grace) in enumerate(content):
        if resource == "pods":
            put_pod(world, f"o{number}", grace, "Succeeded" if is_held else "Running")
        else:
            put(world, resource, f"o{number}", ["x.io/hold"] if is_held else [])
    world.ask(Delete("namespaces", "", "shop"))
    for wait_ms, what in storm:
        world.run_to(world.now_ms + wait_ms)
        strike(world, what)
        gone = world.get("namespaces", "shop", "") is None
        assert not gone or contents(world) == []
    event(f"{len(contents(world)) > 0} left after the storm")
    for _ in range(10):
        world.run_to(world.now_ms + 60_000)
        free_all(world)
    assert world.get("namespaces", "shop", "") is None
    assert contents(world) == []
