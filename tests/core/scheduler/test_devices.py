"""Devices are given to claims where a pod can use them, to each claim once, and taken back."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.objects.devices import CLAIMS, CLASSES, FINALIZER, SLICES
from kelm.effects.commands import Create, Delete
from kelm.effects.document import Document, children, document, text, thaw
from kelm.effects.refusals import Reason, Refusal
from tests.core.scheduler.world import World

DRIVER = "gpu.example.com"


def device(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def slice_of(world: World, node: str, *devices: dict[str, Any], **more: Any) -> None:
    """The devices of one node; `more` are other fields of the slice."""
    name = more.pop("name", f"{node}-slice")
    pool = {"name": node or "shared", "generation": 1, "resourceSliceCount": 1}
    place = {"nodeName": node} if node else {}
    spec = {"driver": DRIVER, "pool": pool, **place, "devices": list(devices), **more}
    world.do(Create(SLICES, "", document({"metadata": {"name": name}, "spec": spec})))


def a_class(world: World, name: str = "gpu", **spec: Any) -> None:
    world.do(Create(CLASSES, "", document({"metadata": {"name": name}, "spec": spec})))


def one(name: str = "r", **more: Any) -> dict[str, Any]:
    return {"name": name, "exactly": {"deviceClassName": "gpu", **more}}


def claim(world: World, name: str, *requests: dict[str, Any], **devices: Any) -> None:
    spec = {"devices": {"requests": list(requests or (one(),)), **devices}}
    doc = document({"metadata": {"name": name}, "spec": spec})
    world.do(Create(CLAIMS, "default", doc))


def uses(*names: str) -> dict[str, Any]:
    return {"resourceClaims": [{"name": name, "resourceClaimName": name} for name in names]}


def devices_of(world: World, name: str) -> list[str]:
    """The devices that a claim has."""
    doc = world.api.store.get(CLAIMS, f"default/{name}") or Document()
    results = children(doc, "status", "allocation", "devices", "results")
    return [text(result, "device") for result in results]


def status_of(world: World, name: str) -> Any:
    doc: Any = thaw(world.api.store.get(CLAIMS, f"default/{name}") or Document())
    return doc.get("status", {})


def two_nodes() -> World:
    world = World()
    for name in ("n0", "n1"):
        world.node(name, labels={"rack": name[1]})
    a_class(world)
    return world


def why(world: World, name: str, node: str = "n0") -> tuple[str, ...]:
    said = world.why(name)
    return said.everywhere.reasons if said.everywhere else said.refused[node].reasons


# -- where pods go ---------------------------------------------------------------------------------


def test_a_pod_goes_where_a_device_is_and_the_claim_says_so() -> None:
    world = two_nodes()
    slice_of(world, "n1", device("d0"))
    claim(world, "c")
    world.pod("p", **uses("c"))
    assert world.where("p") == "n1" and devices_of(world, "c") == ["d0"]
    doc: Any = thaw(world.api.store.get(CLAIMS, "default/c") or Document())
    assert doc["metadata"]["finalizers"] == [FINALIZER]
    (user,) = doc["status"]["reservedFor"]
    assert user["name"] == "p" and user["uid"] == world.seen("p").metadata.uid
    term = doc["status"]["allocation"]["nodeSelector"]["nodeSelectorTerms"][0]["matchFields"][0]
    assert term == {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    assert world.seen("p").status.nominated_node_name == ""


def test_a_device_is_had_once_and_the_next_pod_waits_for_it() -> None:
    world = two_nodes()
    slice_of(world, "n1", device("d0"))
    for name in ("a", "b"):
        claim(world, name)
        world.pod(name, **uses(name))
    assert world.places() == {"a": "n1", "b": ""}
    said = world.told("b")[0]
    assert said.startswith("0/2 nodes are available: 2 cannot allocate all claims.")
    assert "still not schedulable, preemption: " in said
    world.put(CLAIMS, "default/a", freed(world, "a"))
    assert world.where("b") == "n1"


def freed(world: World, name: str) -> Document:
    doc: Any = thaw(world.api.store.get(CLAIMS, f"default/{name}") or Document())
    del doc["status"]
    return document(doc)


def test_two_pods_of_one_burst_get_two_devices() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"), device("d1"))
    for name in ("a", "b", "c"):
        claim(world, name)
    world.deaf = True
    for name in ("a", "b", "c"):
        world.pod(name, **uses(name))
    world.deaf = False
    world.hear()
    assert sorted(world.places().values()) == ["", "n0", "n0"]
    assert sorted(devices_of(world, "a") + devices_of(world, "b")) == ["d0", "d1"]


def test_pods_share_a_claim_where_its_devices_are() -> None:
    world = two_nodes()
    slice_of(world, "n1", device("d0"))
    claim(world, "c")
    world.pod("a", **uses("c"))
    world.pod("b", **uses("c"))
    assert world.places() == {"a": "n1", "b": "n1"}
    assert [user["name"] for user in status_of(world, "c")["reservedFor"]] == ["a", "b"]


def test_what_is_missing_is_said_before_nodes_are_looked_at() -> None:
    world = two_nodes()
    world.pod("p", **uses("c"))
    assert why(world, "p") == ('could not find ResourceClaim "default/c"',)
    claim(world, "c", {"name": "r", "exactly": {"deviceClassName": "other"}})
    assert why(world, "p") == ("request r: device class other does not exist",)
    a_class(world, "other")
    assert why(world, "p") == ("cannot allocate all claims",)
    slice_of(world, "n0", device("d0"))
    assert world.where("p") == "n0"


def test_a_pod_waits_for_a_claim_that_is_made_for_it_and_takes_no_namesakes() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    entry = {"name": "gpu", "resourceClaimTemplateName": "t"}
    world.pod("p", resourceClaims=[entry])
    assert why(world, "p") == ('pod "default/p": ResourceClaim not created yet',)
    claim(world, "p-gpu-x")
    told = {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "p-gpu-x"}]}
    world.patch("pods", "p", {"status": told}, "status")
    said = "ResourceClaim default/p-gpu-x was not created for Pod default/p (Pod is not owner)"
    assert why(world, "p") == (said,)
    doc: Any = thaw(world.api.store.get(CLAIMS, "default/p-gpu-x") or Document())
    uid = world.seen("p").metadata.uid
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": True}
    doc["metadata"]["ownerReferences"] = [owner]
    doc["status"] = {"x": 1}
    world.put(CLAIMS, "default/p-gpu-x", document(doc))
    assert world.where("p") == "n0"


# -- what is asked for -----------------------------------------------------------------------------


def test_several_devices_and_all_of_a_node() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    slice_of(world, "n1", device("d0"), device("d1"), device("d2"))
    claim(world, "two", one(count=2))
    world.pod("two", **uses("two"))
    assert world.where("two") == "n1" and devices_of(world, "two") == ["d0", "d1"]
    claim(world, "all", one(allocationMode="All"))
    world.pod("all", **uses("all"))
    assert world.where("all") == "n0" and devices_of(world, "all") == ["d0"]


def test_the_best_alternative_that_can_be_had_is_taken() -> None:
    world = two_nodes()
    a_class(world, "big")
    slice_of(world, "n0", device("d0"), device("d1"))
    options = [
        {"name": "many", "deviceClassName": "gpu", "count": 3},
        {"name": "some", "deviceClassName": "gpu", "count": 2},
    ]
    claim(world, "c", {"name": "r", "firstAvailable": options})
    world.pod("p", **uses("c"))
    assert world.where("p") == "n0" and devices_of(world, "c") == ["d0", "d1"]
    results = status_of(world, "c")["allocation"]["devices"]["results"]
    assert {result["request"] for result in results} == {"r/some"}


def test_a_node_with_the_better_alternative_is_liked_more() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    slice_of(world, "n1", device("d0"), device("d1"))
    options = [
        {"name": "two", "deviceClassName": "gpu", "count": 2},
        {"name": "one", "deviceClassName": "gpu"},
    ]
    claim(world, "c", {"name": "r", "firstAvailable": options})
    world.pod("p", schedulingGates=[{"name": "x.io/wait"}], **uses("c"))
    scores = world.why("p").scores
    assert scores["n1"].by_plugin["DynamicResources"] == 200
    assert scores["n0"].by_plugin["DynamicResources"] == 2 * (7 * 100 // 8)


def test_devices_of_a_claim_agree_in_an_attribute_or_differ_in_it() -> None:
    world = two_nodes()
    numa = [{"attributes": {"numa": {"int": number}}} for number in (0, 1, 1)]
    slice_of(world, "n0", *(device(f"d{i}", **one_) for i, one_ in enumerate(numa)))
    same = [{"matchAttribute": f"{DRIVER}/numa"}]
    claim(world, "same", one(count=2), constraints=same)
    world.pod("same", **uses("same"))
    assert devices_of(world, "same") == ["d1", "d2"]
    claim(world, "more", one(count=2), constraints=same)
    world.pod("more", **uses("more"))
    assert world.where("more") == ""
    other = two_nodes()
    slice_of(other, "n0", *(device(f"d{i}", **one_) for i, one_ in enumerate(numa)))
    claim(other, "c", one(count=2), constraints=[{"distinctAttribute": f"{DRIVER}/numa"}])
    other.pod("c", **uses("c"))
    assert devices_of(other, "c") == ["d0", "d1"]


def test_an_earlier_choice_is_taken_back_where_a_later_request_finds_nothing() -> None:
    world = two_nodes()
    first = device("d0", attributes={"model": {"string": "a"}})
    rest = [device(f"d{i}", attributes={"model": {"string": "b"}}) for i in (1, 2)]
    slice_of(world, "n0", first, *rest)
    claim(world, "c", one("x"), one("y"), constraints=[{"matchAttribute": f"{DRIVER}/model"}])
    world.pod("p", **uses("c"))
    assert devices_of(world, "c") == ["d1", "d2"]


def test_tainted_devices_are_had_by_those_who_tolerate_it() -> None:
    world = two_nodes()
    taint = {"key": "broken", "value": "yes", "effect": "NoSchedule"}
    slice_of(world, "n0", device("d0", taints=[taint]))
    claim(world, "c")
    world.pod("p", **uses("c"))
    assert world.where("p") == ""
    claim(world, "t", one(tolerations=[{"key": "broken", "operator": "Exists"}]))
    world.pod("t", **uses("t"))
    assert world.where("t") == "n0"


def test_admin_access_takes_nothing_from_others() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    claim(world, "a")
    world.pod("a", **uses("a"))
    claim(world, "admin", one(adminAccess=True))
    world.pod("admin", **uses("admin"))
    assert world.where("admin") == "n0" and devices_of(world, "admin") == ["d0"]
    claim(world, "b")
    world.pod("b", **uses("b"))
    assert world.where("b") == ""


def test_a_shared_device_is_had_until_its_capacity_is_taken() -> None:
    world = two_nodes()
    policy = {"default": "10Gi", "validRange": {"min": "10Gi", "step": "10Gi"}}
    memory = {"memory": {"value": "40Gi", "requestPolicy": policy}}
    slice_of(world, "n0", device("d0", allowMultipleAllocations=True, capacity=memory))
    for name, size in (("a", "15Gi"), ("b", ""), ("c", "20Gi"), ("d", "10Gi")):
        asked = {"capacity": {"requests": {"memory": size}}} if size else {}
        claim(world, name, one(**asked))
        world.pod(name, **uses(name))
    assert world.places() == {"a": "n0", "b": "n0", "c": "", "d": "n0"}
    (result,) = status_of(world, "a")["allocation"]["devices"]["results"]
    assert result["consumedCapacity"] == {"memory": "20Gi"} and len(result["shareID"]) == 36


def test_parts_of_a_device_are_had_until_its_counters_are_used_up() -> None:
    world = two_nodes()

    def part(name: str, size: str) -> dict[str, Any]:
        used = {"counterSet": "whole", "counters": {"memory": {"value": size}}}
        return device(name, consumesCounters=[used])

    pool = {"name": "n0", "generation": 1, "resourceSliceCount": 2}
    counters = [{"name": "whole", "counters": {"memory": {"value": "40Gi"}}}]
    spec = {"driver": DRIVER, "pool": pool, "nodeName": "n0", "sharedCounters": counters}
    world.do(Create(SLICES, "", document({"metadata": {"name": "counters"}, "spec": spec})))
    parts = [part("half-0", "20Gi"), part("half-1", "20Gi"), part("whole", "40Gi")]
    slice_of(world, "n0", *parts, pool=pool)
    for name in ("a", "b", "c"):
        claim(world, name)
        world.pod(name, **uses(name))
    assert devices_of(world, "a") + devices_of(world, "b") == ["half-0", "half-1"]
    assert world.where("c") == "", "the whole has been given away in two halves"


def test_of_a_pool_that_is_being_rewritten_nothing_is_given_away() -> None:
    world = two_nodes()
    pool = {"name": "n0", "generation": 2, "resourceSliceCount": 2}
    slice_of(world, "n0", device("d0"), pool=pool)
    claim(world, "c")
    world.pod("p", **uses("c"))
    assert world.where("p") == ""
    slice_of(world, "n0", device("d1"), pool=pool, name="rest")
    assert world.where("p") == "n0"


def cel(expression: str) -> dict[str, Any]:
    return {"cel": {"expression": expression}}


def test_claims_and_classes_select_devices_by_what_they_are() -> None:
    world = World()
    world.node("n0")
    a_class(world, selectors=[cel(f"device.driver == '{DRIVER}'")])
    models = [
        device(f"d{i}", attributes={"model": {"string": name}}) for i, name in enumerate("ab")
    ]
    slice_of(world, "n0", *models)
    here = f"device.attributes['{DRIVER}'].model"
    claim(world, "b", one(selectors=[cel(f"{here} == 'b'")]))
    world.pod("b", **uses("b"))
    assert world.where("b") == "n0" and devices_of(world, "b") == ["d1"]
    claim(world, "c", one(selectors=[cel(f"{here} == 'c'")]))
    world.pod("c", **uses("c"))
    assert why(world, "c") == ("cannot allocate all claims",)


def test_a_selector_that_cannot_be_answered_is_told() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    claim(world, "c", one(selectors=[cel("device.attributes['x.io'].size > 3")]))
    world.pod("p", **uses("c"))
    assert world.where("p") == ""
    (said,) = why(world, "p")
    assert said.startswith("claim default/c: selector #0: CEL runtime error: ")


def test_parameters_of_class_and_claim_are_handed_to_the_driver() -> None:
    world = World()
    world.node("n0")
    opaque = {"opaque": {"driver": DRIVER, "parameters": {"mode": "fast"}}}
    a_class(world, config=[opaque])
    slice_of(world, "n0", device("d0"), device("d1"))
    claim(world, "c", one("x"), one("y"), config=[{"requests": ["y"], **opaque}])
    world.pod("p", **uses("c"))
    config = status_of(world, "c")["allocation"]["devices"]["config"]
    assert [(one_["source"], list(one_["requests"])) for one_ in config] == [
        ("FromClass", ["x", "y"]),
        ("FromClaim", ["y"]),
    ]


# -- what goes wrong -------------------------------------------------------------------------------


def test_a_binding_that_fails_takes_the_reservation_back_and_is_tried_again() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    claim(world, "c")
    world.refuse = Refusal(Reason.INTERNAL_ERROR, "no")
    world.pod("p", **uses("c"))
    assert world.where("p") == ""
    world.refuse = None
    world.wait(20_000)
    assert world.where("p") == "n0"
    assert [user["name"] for user in status_of(world, "c")["reservedFor"]] == ["p"]


def test_devices_that_no_node_of_the_pod_can_reach_are_taken_back() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    slice_of(world, "n1", device("d0"))
    claim(world, "c")
    world.pod("a", **uses("c"))
    first = world.where("a")
    other = "n1" if first == "n0" else "n0"
    world.delete("a")
    doc: Any = thaw(world.api.store.get(CLAIMS, "default/c") or Document())
    doc["status"].pop("reservedFor")
    world.put(CLAIMS, "default/c", document(doc))
    world.pod("b", nodeSelector={"kubernetes.io/hostname": other}, **uses("c"))
    assert world.where("b") == other, world.told("b")


def test_a_claim_that_is_being_deleted_is_not_used() -> None:
    world = two_nodes()
    slice_of(world, "n0", device("d0"))
    claim(world, "c")
    world.pod("a", **uses("c"))
    world.do(Delete(CLAIMS, "default", "c"))
    world.pod("b", **uses("c"))
    assert why(world, "b") == ('resourceclaim "c" is being deleted',)


@given(
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    steps=st.lists(
        st.tuples(st.sampled_from(["pod", "pod", "free", "busy", "restart"]), st.integers(0, 5)),
        max_size=12,
    ),
)
def test_no_device_is_had_twice_and_no_pod_waits_in_vain(counts: Any, steps: Any) -> None:
    world = World()
    a_class(world)
    for index, count in enumerate(counts):
        world.node(f"n{index}")
        if count:
            slice_of(world, f"n{index}", *(device(f"d{number}") for number in range(count)))
    made: list[str] = []
    for word, number in steps:
        name = f"c{number}"
        if word == "pod" and name not in made:
            made.append(name)
            claim(world, name, one(count=1 + number % 2))
            world.pod(name, **uses(name))
        elif word == "free" and devices_of(world, name) and not world.busy:
            world.delete(name)
            world.put(CLAIMS, f"default/{name}", freed(world, name))
        elif word == "busy":
            world.busy = not world.busy
            if not world.busy:
                world.carry_out()
        elif word == "restart" and not world.busy:
            world.restart()
    world.busy = False
    world.carry_out()
    world.wait(20_000)
    taken = [
        (text(result, "pool"), text(result, "device"))
        for doc in world.api.store.table(CLAIMS).objects()
        for result in children(doc, "status", "allocation", "devices", "results")
    ]
    assert len(taken) == len(set(taken)), "a device was given away twice"
    for name in made:
        if devices_of(world, name):
            continue
        doc = world.api.store.get("pods", f"default/{name}")
        if doc is not None:
            assert not world.why(name).scores, f"{name} waits in vain"
    event(f"devices taken: {min(len(taken), 4)}")
