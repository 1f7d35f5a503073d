"""Claims are made from templates for pods, reserved, freed when nobody uses them, and deleted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.controllers.resource_claim.controller import ResourceClaims
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import Document, children, document, text, thaw
from tests.core.controllers.world import World

CLAIMS, TEMPLATES = "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"
FINALIZER = "resource.kubernetes.io/delete-protection"
REQUESTS = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}
RESULT = {"request": "gpu", "driver": "gpu.example.com", "pool": "n0", "device": "d0"}


def world() -> World:
    return World(ResourceClaims())


def template(world: World, name: str = "t", **meta: Any) -> None:
    spec = {"metadata": meta, "spec": {"devices": REQUESTS}}
    world.ask(Create(TEMPLATES, "default", document({"metadata": {"name": name}, "spec": spec})))


def pod(world: World, name: str, *entries: dict[str, Any], **spec: Any) -> Document:
    containers = [{"name": "c", "image": "nginx"}]
    whole = {"containers": containers, "resourceClaims": list(entries), **spec}
    doc = document({"metadata": {"name": name}, "spec": whole})
    return world.ask(Create("pods", "default", doc))


MADE = {"name": "gpu", "resourceClaimTemplateName": "t"}
SHARED = {"name": "gpu", "resourceClaimName": "shared"}


def allocated(world: World, name: str, *users: Document) -> None:
    """What a scheduler would do: protect the claim, allocate it, reserve it."""
    meta = {"finalizers": [FINALIZER]}
    world.ask(Patch(CLAIMS, "default", name, document({"metadata": meta})))
    reserved = [
        {"resource": "pods", "name": text(u, "metadata", "name"), "uid": text(u, "metadata", "uid")}
        for u in users
    ]
    status: dict[str, Any] = {"allocation": {"devices": {"results": [RESULT]}}}
    if reserved:
        status["reservedFor"] = reserved
    world.ask(Patch(CLAIMS, "default", name, document({"status": status}), subresource="status"))


def shared(world: World) -> None:
    meta = {"name": "shared"}
    world.ask(
        Create(CLAIMS, "default", document({"metadata": meta, "spec": {"devices": REQUESTS}}))
    )


def claim_of(world: World, name: str) -> Any:
    doc = world.get("pods", name)
    assert doc is not None
    (status,) = children(doc, "status", "resourceClaimStatuses")
    claim = world.get(CLAIMS, text(status, "resourceClaimName"))
    return None if claim is None else thaw(claim)


def test_a_claim_is_made_from_a_template_and_the_pod_is_told_its_name() -> None:
    it = world()
    template(it, labels={"team": "a"}, annotations={"note": "b"})
    made_for = pod(it, "web", MADE)
    it.run_to(1_000)
    claim = claim_of(it, "web")
    assert claim["metadata"]["name"].startswith("web-gpu-")
    assert claim["metadata"]["labels"] == {"team": "a"}
    assert claim["metadata"]["annotations"] == {
        "note": "b",
        "resource.kubernetes.io/pod-claim-name": "gpu",
    }
    (owner,) = claim["metadata"]["ownerReferences"]
    assert owner["uid"] == text(made_for, "metadata", "uid") and owner["controller"]
    assert claim["spec"]["devices"]["requests"][0]["exactly"]["count"] == 1
    assert len(it.all(CLAIMS)) == 1


def test_a_pod_waits_for_its_template_and_is_told_so_once() -> None:
    it = world()
    pod(it, "web", MADE)
    it.run_to(60_000)
    said = 'PodResourceClaim gpu: resource claim template "t": '
    assert it.events("FailedResourceClaimCreation") == [
        f'{said}resourceclaimtemplate.resource.k8s.io "t" not found'
    ]
    template(it)
    it.run_to(61_000)
    assert claim_of(it, "web")


def test_a_claim_that_its_pod_was_not_told_of_is_not_made_again() -> None:
    it = world()
    template(it)
    it.lose_answers("resource-claim-controller", 1)
    it.refuse("resource-claim-controller", 0)
    pod(it, "web", MADE)
    it.run_to(60_000)
    assert len(it.all(CLAIMS)) == 1 and claim_of(it, "web")


def test_an_allocated_claim_is_reserved_for_a_pod_that_got_its_node_otherwise() -> None:
    it = world()
    shared(it)
    allocated(it, "shared")
    web = pod(it, "web", SHARED, nodeName="n0")
    it.run_to(1_000)
    claim: Any = thaw(it.get(CLAIMS, "shared") or Document())
    uid = text(web, "metadata", "uid")
    assert claim["status"]["reservedFor"] == [{"resource": "pods", "name": "web", "uid": uid}]


def test_a_claim_whose_pods_are_done_is_freed_and_loses_its_protection() -> None:
    it = world()
    shared(it)
    pods = [pod(it, name, SHARED, nodeName="n0") for name in ("a", "b")]
    allocated(it, "shared", *pods)
    it.run_to(1_000)
    ended = document({"status": {"phase": "Succeeded"}})
    it.ask(Patch("pods", "default", "a", ended, subresource="status"))
    it.run_to(2_000)
    claim: Any = thaw(it.get(CLAIMS, "shared") or Document())
    assert [one["name"] for one in claim["status"]["reservedFor"]] == ["b"]
    it.ask(Delete("pods", "default", "b", grace_period_seconds=0))
    it.run_to(3_000)
    claim = thaw(it.get(CLAIMS, "shared") or Document())
    assert "allocation" not in claim.get("status", {}) and "reservedFor" not in claim["status"]
    assert FINALIZER not in claim["metadata"].get("finalizers", [])


def test_a_claim_that_is_being_deleted_goes_once_nobody_uses_it() -> None:
    it = world()
    shared(it)
    web = pod(it, "web", SHARED, nodeName="n0")
    allocated(it, "shared", web)
    it.ask(Delete(CLAIMS, "default", "shared"))
    it.run_to(1_000)
    assert it.get(CLAIMS, "shared") is not None
    it.ask(Delete("pods", "default", "web", grace_period_seconds=0))
    it.run_to(2_000)
    assert it.get(CLAIMS, "shared") is None


def test_a_claim_that_was_made_for_a_pod_goes_when_the_pod_has_ended() -> None:
    it = world()
    template(it)
    web = pod(it, "web", MADE, nodeName="n0")
    it.run_to(1_000)
    name = claim_of(it, "web")["metadata"]["name"]
    allocated(it, name, web)
    ended = document({"status": {"phase": "Failed"}})
    it.ask(Patch("pods", "default", "web", ended, subresource="status"))
    it.run_to(2_000)
    assert it.get(CLAIMS, name) is None


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["pod", "end", "delete", "lose", "stall"]), st.integers(0, 2)),
        max_size=10,
    )
)
def test_nobody_who_is_done_keeps_a_claim_and_nobody_has_two(steps: Any) -> None:
    """Whatever happens, with lost answers and late watches: at rest every claim is somebody's."""
    it = world()
    template(it)
    for number, (word, which) in enumerate(steps):
        name = f"p{which}"
        there = it.get("pods", name)
        if word == "pod" and there is None:
            pod(it, name, MADE, nodeName="n0")
        elif word == "end" and there is not None:
            ended = document({"status": {"phase": "Succeeded"}})
            it.ask(Patch("pods", "default", name, ended, subresource="status"))
        elif word == "delete" and there is not None:
            it.ask(Delete("pods", "default", name, grace_period_seconds=0))
        elif word == "lose":
            it.lose_answers("resource-claim-controller", which)
        elif word == "stall":
            it.stall("resource-claim-controller", 1_000 * which, "pods")
        it.run_to(500 * (number + 1))
        for doc in it.all(CLAIMS):
            owner = text(children(doc, "metadata", "ownerReferences")[0], "name")
            user = it.get("pods", owner)
            if user is not None and not children(doc, "status", "reservedFor"):
                name = text(doc, "metadata", "name")
                if "allocation" not in thaw(doc).get("status", {}):
                    allocated(it, name, user)
    it.run_to(120_000)
    owners = []
    for doc in it.all(CLAIMS):
        (owner,) = children(doc, "metadata", "ownerReferences")
        alive = it.get("pods", text(owner, "name"))
        if alive is None:
            continue  # the garbage collector's
        assert text(alive, "metadata", "uid") == text(owner, "uid")
        assert text(alive, "status", "phase") != "Succeeded", "a claim of a pod that has ended"
        owners.append(text(owner, "uid"))
    assert len(owners) == len(set(owners)), "two claims for one"
