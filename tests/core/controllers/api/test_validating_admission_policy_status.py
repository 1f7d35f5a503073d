"""Policies are told once per generation where their expressions do not fit the kinds they meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.policies.registered import VALIDATING
from kelm.core.api.policies.type_checking import expression_warnings
from kelm.effects.commands import Create, Patch
from kelm.effects.document import document

DEPLOYMENTS = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}


def spec(*validations: Any, rules: Any = (DEPLOYMENTS,), **more: Any) -> dict[str, Any]:
    every = [{"operations": ["CREATE"], **one} for one in rules]
    given = [one if isinstance(one, dict) else {"expression": one} for one in validations]
    return {"matchConstraints": {"resourceRules": every}, "validations": given, **more}


def warnings(*validations: Any, **more: Any) -> list[tuple[str, str]]:
    found: Any = expression_warnings(document({"spec": spec(*validations, **more)}), ())
    return [(one["fieldRef"], one["warning"]) for one in found]


def crontabs() -> Create:
    properties = {"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    body = {
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {"plural": "crontabs", "kind": "CronTab"},
            "versions": [version],
        },
    }
    return Create(DEFINITIONS, "", document(body))


def policy(name: str, wanted: dict[str, Any]) -> Create:
    return Create(VALIDATING, "", document({"metadata": {"name": name}, "spec": wanted}))


def status(cluster: Cluster, name: str) -> Any:
    found = cluster.store.get(VALIDATING, name)
    assert found is not None
    return found.get("status")


def test_a_policy_that_fits_is_told_so_and_one_that_does_not_where() -> None:
    cluster = Cluster(nodes=0)
    confused = {
        "expression": "object.spec.replicas > '1'",
        "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas",
    }
    cluster.ask(policy("fits", spec("object.spec.replicas > 1")))
    cluster.ask(policy("confused", spec(confused)))
    cluster.run(1_000)
    assert status(cluster, "fits") == {"observedGeneration": 1, "typeChecking": {}}
    first, second = status(cluster, "confused")["typeChecking"]["expressionWarnings"]
    assert first == {
        "fieldRef": "spec.validations[0].expression",
        "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for "
        "'_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n"
        " | .....................^\n",
    }
    assert second["fieldRef"] == "spec.validations[0].messageExpression"
    assert "'_+_' applied to '(string, int)'" in second["warning"]


def test_custom_resources_are_checked_by_their_schema() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(crontabs())
    cluster.run(1_000)
    rule = {"apiGroups": ["stable.example.com"], "apiVersions": ["v1"], "resources": ["crontabs"]}
    asked = ("object.spec.replicas > '1'", "object.spec.maxRetries < 10", "has(object.metadata)")
    cluster.ask(policy("confused", spec(*asked, rules=[rule])))
    cluster.run(1_000)
    first, second = status(cluster, "confused")["typeChecking"]["expressionWarnings"]
    assert "'_>_' applied to '(int, string)'" in first["warning"]
    assert second["fieldRef"] == "spec.validations[1].expression"
    assert "undefined field 'maxRetries'" in second["warning"]


def test_a_new_generation_is_checked_again_and_what_it_repairs_is_no_longer_said() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(policy("one", spec("object.spec.nope == 1")))
    cluster.run(1_000)
    assert len(status(cluster, "one")["typeChecking"]["expressionWarnings"]) == 1
    better = document({"spec": {"validations": [{"expression": "object.spec.paused == true"}]}})
    cluster.ask(Patch(VALIDATING, "", "one", better))
    cluster.run(1_000)
    assert status(cluster, "one")["observedGeneration"] == 2
    assert not status(cluster, "one").get("typeChecking")


@pytest.mark.parametrize(
    "expression",
    [
        "object.metadata.labels['a'] == 'b' && oldObject.spec.paused",
        "object.metadata.creationTimestamp < timestamp('2026-01-01T00:00:00Z')",
        "object.spec.strategy.rollingUpdate.maxSurge == 1",
        "object.spec.template.spec.containers.all(c, c.image.startsWith('a'))",
        "request.userInfo.username == 'ann' && namespaceObject.metadata.name == 'x'",
        "authorizer.group('').resource('pods').check('get').allowed()",
    ],
)
def test_what_fits_is_not_warned_of(expression: str) -> None:
    assert warnings(expression) == []


def test_variables_have_types_but_forget_objects() -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "more", "expression": "variables.replicas + 1"},
        {"name": "spec", "expression": "object.spec"},
        {"name": "wrong", "expression": "object.nope"},
    ]
    asked = ("variables.more == 'a'", "variables.spec.nope", "variables.wrong", "variables.no")
    found = warnings(*asked, variables=variables)
    assert [where for where, _ in found] == [f"spec.validations[{at}].expression" for at in (0, 3)]


def test_parameters_have_the_type_of_their_kind() -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    ((where, said),) = warnings("params.data['a'] == 'b'", "params.dat == 1", paramKind=kind)
    assert where == "spec.validations[1].expression"
    assert "undefined field 'dat'" in said
    unknown = {"apiVersion": "example.com/v1", "kind": "Nobody"}
    assert warnings("params.anything == 1", paramKind=unknown) == []


def test_each_kind_has_its_say_in_the_order_of_kinds() -> None:
    rule = {**DEPLOYMENTS, "resources": ["statefulsets", "deployments"]}
    ((_, said),) = warnings("object.spec.nope", rules=[rule])
    deployments, between, statefulsets = said.partition("\n\n")
    assert between
    assert deployments.startswith("apps/v1, Kind=Deployment: ERROR")
    assert statefulsets.startswith("apps/v1, Kind=StatefulSet: ERROR")


@pytest.mark.parametrize("word", ["*", "apps/*", "*/*"])
@pytest.mark.parametrize("field", ["apiGroups", "apiVersions"])
def test_a_rule_with_a_wildcard_among_groups_or_versions_names_no_kind(
    field: str, word: str
) -> None:
    rule = {**DEPLOYMENTS, field: [*DEPLOYMENTS[field], word]}
    assert warnings("object.nope", rules=[rule]) == []
    assert warnings("object.nope", rules=[rule, DEPLOYMENTS]) != []


@pytest.mark.parametrize("word", ["*", "*/*", "deployments/status"])
def test_wildcards_and_parts_among_resources_are_passed_over(word: str) -> None:
    assert warnings("object.nope", rules=[{**DEPLOYMENTS, "resources": [word]}]) == []
    assert warnings("object.nope", rules=[{**DEPLOYMENTS, "resources": ["deployments", word]}])


@settings(max_examples=20)
@given(st.permutations(["deployments", "daemonsets", "statefulsets", "replicasets"]))
def test_the_order_of_resources_changes_nothing(names: list[str]) -> None:
    rule = {**DEPLOYMENTS, "resources": names}
    ordered = {**DEPLOYMENTS, "resources": sorted(names)}
    assert warnings("object.nope", rules=[rule]) == warnings("object.nope", rules=[ordered])
