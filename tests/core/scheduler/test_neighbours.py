"""Pods that want to be near others, far from them, or evenly spread."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kelm.effects.commands import Create
from kelm.effects.document import document
from tests.core.scheduler.world import World

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def zones(count: int, each: int = 1) -> World:
    world = World()
    for number in range(count * each):
        world.node(f"n{number}", labels={ZONE: f"z{number % count}"})
    return world


def term(labels: dict[str, str], key: str = HOST, **more: Any) -> dict[str, Any]:
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": key, **more}


def far(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def near(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def spread(key: str, labels: dict[str, str], skew: int = 1, **more: Any) -> list[dict[str, Any]]:
    one = {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", **more}
    return [{**one, "labelSelector": {"matchLabels": labels}}]


def burst(world: World, *pods: tuple[str, dict[str, Any]]) -> None:
    """Pods that the scheduler hears of all at once."""
    world.deaf = True
    for name, fields in pods:
        world.pod(name, **fields)
    world.deaf = False
    world.hear()


def test_pods_of_one_burst_keep_their_distance() -> None:
    world = zones(3)
    x = {"app": "x"}
    fields = {"labels": x, "affinity": far(term(x))}
    burst(world, *((f"p{number}", fields) for number in range(4)))
    assert sorted(world.places().values()) == ["", "n0", "n1", "n2"]


def test_a_pod_that_minds_is_minded_by_the_next_of_the_same_burst() -> None:
    world = zones(1)
    x = {"app": "x"}
    burst(world, ("picky", {"affinity": far(term(x))}), ("x", {"labels": x}))
    assert world.places() == {"picky": "n0", "x": ""}
    assert "didn't satisfy existing pods anti-affinity rules" in world.told("x")[0]
    world.delete("picky")
    assert world.where("x") == "n0"


def test_a_follower_waits_for_its_leader_and_goes_to_its_zone() -> None:
    world = zones(2, 2)
    world.pod("f", affinity=near(term({"app": "lead"}, ZONE)))
    assert world.where("f") == ""
    world.pod("lead", nodeSelector={HOST: "n1"})
    assert world.where("f") in ("n1", "n3")


def test_the_first_of_a_kind_may_be_near_itself() -> None:
    world = zones(2, 2)
    me = {"app": "me"}
    fields = {"labels": me, "affinity": near(term(me, ZONE))}
    burst(world, *((f"p{number}", fields) for number in range(4)))
    assert len({name[-1:] in "02" for name in world.places().values()}) == 1


def test_a_burst_is_spread_over_zones_whatever_their_size() -> None:
    world = World()
    for number in range(9):
        world.node(f"n{number}", labels={ZONE: "big" if number else "small"})
    x = {"app": "x"}
    fields = {"labels": x, "topologySpreadConstraints": spread(ZONE, x)}
    burst(world, *((f"p{number}", fields) for number in range(10)))
    assert Counter(place == "n0" for place in world.places().values()) == {True: 5, False: 5}


def test_a_pod_that_is_being_deleted_does_not_count_for_spreading() -> None:
    world = zones(2)
    x = {"app": "x"}
    fields: dict[str, Any] = {"labels": x, "topologySpreadConstraints": spread(ZONE, x)}
    world.pod("a", **fields, nodeSelector={HOST: "n0"})
    world.pod("b", **fields, nodeSelector={HOST: "n0"})
    assert world.places() == {"a": "n0", "b": "n0"}, "only the nodes that it selects count"
    fields["topologySpreadConstraints"] = spread(ZONE, x, nodeAffinityPolicy="Ignore")
    world.pod("c", **fields, nodeSelector={HOST: "n0"})
    assert world.where("c") == ""
    world.do(world.deletion("a"))
    world.do(world.deletion("b"))
    assert world.where("c") == "n0"


def test_min_domains_keep_a_zone_from_taking_all() -> None:
    world = zones(2)
    x = {"app": "x"}
    fields = {"labels": x, "topologySpreadConstraints": spread(ZONE, x, minDomains=3)}
    burst(world, *((f"p{number}", fields) for number in range(3)))
    assert sorted(world.places().values()) == ["", "n0", "n1"]


def test_only_pods_of_the_same_version_count_with_match_label_keys() -> None:
    world = zones(2)
    for version, names in (("1", ("a", "b", "c")), ("2", ("d", "e"))):
        labels = {"app": "x", "v": version}
        rule = spread(ZONE, {"app": "x"}, matchLabelKeys=["v"])
        for name in names:
            world.pod(name, labels=labels, topologySpreadConstraints=rule)
    places = world.places()
    assert {places["d"], places["e"]} == {"n0", "n1"}


def test_mismatch_label_keys_keep_tenants_apart() -> None:
    world = zones(2)
    rule = far(term({}, ZONE, mismatchLabelKeys=["tenant"]))
    rule["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0][
        "labelSelector"
    ] = {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]}
    for name, tenant in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "2"), ("e", "3")):
        first = {"nodeSelector": {HOST: "n0"}} if tenant == "1" else {}
        world.pod(name, labels={"tenant": tenant}, affinity=rule, **first)
    assert world.places() == {"a": "n0", "b": "n0", "c": "n1", "d": "n1", "e": ""}


def test_namespaces_are_chosen_by_their_labels_as_they_are_now() -> None:
    world = zones(2)
    world.namespace("red", team="one")
    world.namespace("blue", team="two")
    x = {"app": "x"}
    world.pod("x1", labels=x, namespace="red", nodeSelector={HOST: "n0"})
    world.pod("x2", labels=x, namespace="blue", nodeSelector={HOST: "n1"})
    chosen = {"namespaceSelector": {"matchLabels": {"team": "one"}}}
    rule = far(term(x, **chosen))
    world.pod("a", affinity=rule)
    assert world.where("a") == "n1"
    world.patch("namespaces", "blue", {"metadata": {"labels": {"team": "one"}}})
    world.patch("namespaces", "red", {"metadata": {"labels": {"team": "two"}}})
    world.pod("b", affinity=rule)
    assert world.where("b") == "n0"


def test_pods_of_a_service_are_spread_over_zones_without_being_told_to() -> None:
    world = World()
    for number in range(4):
        offers = {"cpu": "64", "memory": "256Gi"} if number < 3 else {}
        world.node(f"n{number}", labels={ZONE: "b" if number == 3 else "a"}, offers=offers)
    for number in range(2):
        world.pod(f"lone{number}", {"cpu": "1"}, labels={"app": "lone"})
    assert "n3" not in world.places().values()
    ports = [{"port": 80}]
    service = {"metadata": {"name": "s"}, "spec": {"selector": {"app": "web"}, "ports": ports}}
    world.do(Create("services", "default", document(service)))
    for number in range(4):
        world.pod(f"web{number}", {"cpu": "1"}, labels={"app": "web"})
    assert "n3" in {place for name, place in world.places().items() if name.startswith("web")}


def test_labels_of_pods_and_nodes_may_change() -> None:
    world = zones(2)
    x = {"app": "x"}
    world.pod("x", labels=x, nodeSelector={HOST: "n0"})
    world.pod("a", affinity=far(term(x, ZONE)), nodeSelector={HOST: "n0"})
    assert world.where("a") == ""
    world.patch("pods", "x", {"metadata": {"labels": {"app": "y"}}})
    assert world.where("a") == "n0"
    world.patch("pods", "x", {"metadata": {"labels": {"app": "x"}}})
    world.patch("nodes", "n1", {"metadata": {"labels": {ZONE: "z0"}}})
    world.pod("b", affinity=far(term(x, ZONE)))
    assert world.where("b") == ""
    world.patch("nodes", "n0", {"metadata": {"labels": {ZONE: "z9"}}})
    assert world.where("b") == "n1"
