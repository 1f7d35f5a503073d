"""Roles that gather the rules of others have them, and only them, whatever happens."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.api.authorization.decide import CLUSTER_ROLES
from kelm.core.api.authorization.roles import first_roles
from kelm.core.controllers.access.cluster_role_aggregation import MANAGER
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import document, elements
from kelm.effects.refusals import Reason


def rule(resource: str) -> dict[str, Any]:
    return {"verbs": ["get"], "apiGroups": [""], "resources": [resource]}


def role(name: str, labels: dict[str, str], *resources: str) -> Create:
    rules = [rule(one) for one in resources]
    body = {"metadata": {"name": name, "labels": labels}, "rules": rules}
    return Create(CLUSTER_ROLES, "", document(body))


def gathering(name: str, labels: dict[str, str], *chosen: dict[str, str]) -> Create:
    selectors = [{"matchLabels": one} for one in chosen]
    body = {
        "metadata": {"name": name, "labels": labels},
        "aggregationRule": {"clusterRoleSelectors": selectors},
        "rules": [rule("nonsense")],
    }
    return Create(CLUSTER_ROLES, "", document(body))


def resources(cluster: Cluster, name: str) -> list[str]:
    found: Any = cluster.store.get(CLUSTER_ROLES, name)
    return [one["resources"][0] for one in elements(found, "rules")]


def test_a_role_gathers_by_selector_and_name_each_rule_once() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(gathering("whole", {}, {"to": "whole"}, {"also": "whole"}))
    cluster.ask(role("b", {"to": "whole"}, "pods", "secrets"))
    cluster.ask(role("a", {"also": "whole"}, "nodes", "pods"))
    cluster.ask(role("c", {"to": "elsewhere"}, "events"))
    cluster.run(1_000)
    assert resources(cluster, "whole") == ["pods", "secrets", "nodes"]
    cluster.ask(Delete(CLUSTER_ROLES, "", "b"))
    cluster.run(1_000)
    assert resources(cluster, "whole") == ["nodes", "pods"]


def test_a_rule_that_a_role_says_twice_is_gathered_once() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(gathering("whole", {}, {"to": "whole"}))
    cluster.ask(role("a", {"to": "whole"}, "pods", "pods"))
    cluster.run(1_000)
    assert resources(cluster, "whole") == ["pods"]


def test_what_is_gathered_is_gathered_on() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(gathering("admin", {}, {"to": "admin"}))
    cluster.ask(gathering("edit", {"to": "admin"}, {"to": "edit"}))
    cluster.ask(role("a", {"to": "edit"}, "pods"))
    cluster.run(1_000)
    assert resources(cluster, "admin") == ["pods"]


def test_who_owns_the_rules_then_is_the_controller() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(gathering("whole", {}, {"to": "whole"}))
    cluster.ask(role("a", {"to": "whole"}, "pods"))
    cluster.run(1_000)
    found: Any = cluster.store.get(CLUSTER_ROLES, "whole")
    owned = {one["manager"]: one["fieldsV1"] for one in found["metadata"]["managedFields"]}
    assert owned[MANAGER] == {"f:rules": {}}
    cluster.ask(Delete(CLUSTER_ROLES, "", "a"))
    cluster.run(1_000)
    assert resources(cluster, "whole") == []


def test_the_roles_of_a_new_cluster_are_whole_from_the_beginning() -> None:
    cluster = Cluster(nodes=0)
    for command in first_roles():
        cluster.ask(command)
    before = cluster.store.table(CLUSTER_ROLES)
    cluster.run(10_000)
    assert cluster.store.table(CLUSTER_ROLES) is before


NAMES, LABELS = ["a", "b", "c", "d"], st.sampled_from(["x", "y", "z"])
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["role", "role", "gathering", "delete", "label", "spoil"]),
        st.sampled_from(NAMES),
        LABELS,
        LABELS,
        st.sampled_from([0, 1, 50]),
    ),
    min_size=4,
    max_size=16,
)
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, st.just(MANAGER)),
        st.builds(RequestsRefused, st.just(MANAGER), st.sampled_from(list(Reason)), st.just(2)),
        st.builds(AnswersLost, st.just(MANAGER), st.integers(1, 3)),
        st.builds(WatchStalled, st.just(MANAGER), st.integers(1, 5_000)),
    ),
    max_size=3,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, name, label, other, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        patch = {"metadata": {"labels": {"to": other}}}
        command = {
            "role": role(name, {"to": label}, label, other),
            # Of letters further on only: roles that gather each other come to no end.
            "gathering": gathering(name, {"to": label}, *({"to": n} for n in "xyz" if n > label)),
            "delete": Delete(CLUSTER_ROLES, "", name),
            "label": Patch(CLUSTER_ROLES, "", name, document(patch)),
            "spoil": Patch(CLUSTER_ROLES, "", name, document({"rules": [rule("spoilt")]})),
        }[what]
        cluster.simulator.ask(command)
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(1_100_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_at_rest_every_gathering_role_has_what_those_have_that_it_chooses(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    play(cluster, deeds, faults)
    roles: list[Any] = list(cluster.list(CLUSTER_ROLES))
    for one in roles:
        if "aggregationRule" not in one:
            continue
        selectors = one["aggregationRule"].get("clusterRoleSelectors", ())
        labels = [selector["matchLabels"]["to"] for selector in selectors]
        expected = [
            each
            for other in roles
            if other["metadata"].get("labels", {}).get("to") in labels and other is not one
            for each in elements(other, "rules")
        ]
        have = list(elements(one, "rules"))
        if not expected and have in ([document(rule("nonsense"))], [document(rule("spoilt"))]):
            continue  # What somebody else wrote there stays, as upstream.
        assert all(each in expected for each in have) and all(each in have for each in expected)
        assert len(have) == len([each for n, each in enumerate(have) if each not in have[:n]])
        event("gathered something" if have else "gathered nothing")
