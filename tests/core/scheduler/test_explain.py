"""Every plugin's word on every node, worked out when somebody asks."""

from __future__ import annotations

from tests.core.scheduler.world import World


def test_a_refusal_names_the_plugin_and_its_words() -> None:
    world = World()
    world.node("n1", unschedulable=True)
    world.node("n2", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    world.node("n3")
    world.pod("a", {"cpu": "5"})
    why = world.why("a")
    assert {name: (no.plugin, no.reasons, no.hopeless) for name, no in why.refused.items()} == {
        "n1": ("NodeUnschedulable", ("node(s) were unschedulable",), True),
        "n2": ("TaintToleration", ("node(s) had untolerated taint(s)",), True),
        "n3": ("NodeResourcesFit", ("Insufficient cpu",), True),
    }
    assert world.told("a")[0].startswith(why.message)


def test_scores_are_told_by_plugin_and_add_up() -> None:
    world = World()
    world.node("n1")
    world.node("n2", offers={"cpu": "8"})
    world.node("n3", taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    world.pod("a", {"cpu": "2", "memory": "1Gi"}, schedulingGates=[{"name": "x.io/a"}])
    why = world.why("a")
    assert why.scores["n1"].by_plugin == {
        "NodeResourcesFit": (50 + 87) // 2,
        "NodeResourcesBalancedAllocation": 50 + (50 + 81 - 100) // 2,
        "TaintToleration": 300,
    }
    assert why.scores["n3"].by_plugin["TaintToleration"] == 0
    assert all(one.total == sum(one.by_plugin.values()) for one in why.scores.values())
    assert why.best == ("n2",)
    world.patch("pods", "a", {"spec": {"schedulingGates": None}})
    assert world.where("a") == "n2"
