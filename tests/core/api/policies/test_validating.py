"""Validating policies: what they refuse, and in which words.

Source: kubernetes v1.36, test/e2e/apimachinery/validatingadmissionpolicy.go,
test/integration/apiserver/cel/validatingadmissionpolicy_test.go (what is asked there).
"""

from __future__ import annotations

import pytest
from returns.result import Success

from kelm.core.api.conversation import Concluded, begin
from kelm.core.api.policies.validating import FAILURE_KEY
from kelm.effects.commands import Create, Delete, Update
from kelm.effects.document import Document, child, children
from tests.core.api.clusters import NOW_MS, config, done, refused, server_with
from tests.core.api.policies.policies import CONFIGS, DEPLOYMENTS, binding, policy, validating, web

MORE = {"expression": "object.spec.replicas > 1"}


def denied(*validations: object, creating: Create | None = None, **spec: object) -> str:
    """What is said to somebody who creates a deployment of one replica."""
    server = server_with(validating(validations=list(validations), **spec), binding())
    return refused(server, creating or web(1)).message


def allowed(*validations: object, **spec: object) -> bool:
    """Whether a deployment of one replica passes."""
    server = server_with(validating(validations=list(validations), **spec), binding())
    return bool(done(server, web(1)))


def config_of(name: str = "c", **data: str) -> Create:
    return Create("configmaps", "default", config(name, **data))


def test_a_failed_expression_is_refused_in_upstreams_words() -> None:
    server = server_with(validating(validations=[MORE]), binding())
    status = refused(server, web(1)).status()
    said = (
        "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
        "failed expression: object.spec.replicas > 1"
    )
    assert status["message"] == f'deployments.apps "web" is forbidden: {said}'
    assert (status["reason"], status["code"]) == ("Invalid", 422)
    assert children(child(status, "details"), "causes") == (Document(message=said),)
    assert done(server, web(2))


def test_a_policy_without_a_binding_is_asleep() -> None:
    assert done(server_with(validating(validations=[MORE])), web(1))


@pytest.mark.parametrize(
    ("reason", "code"),
    [("Forbidden", 403), ("RequestEntityTooLarge", 413), ("Invalid", 422)],
)
def test_the_reason_of_a_validation_decides_the_code(reason: str, code: int) -> None:
    server = server_with(validating(validations=[{**MORE, "reason": reason}]), binding())
    status = refused(server, web(1)).status()
    assert (status["reason"], status["code"]) == (reason, code)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"message": "too few"}, "too few"),
        ({"messageExpression": "'only ' + string(object.spec.replicas)"}, "only 1"),
        ({"message": "a", "messageExpression": "string(object.spec.replicas / 0)"}, "a"),
        ({"message": "a", "messageExpression": "' '"}, "a"),
        ({"message": "a", "messageExpression": "'x\\ny'"}, "a"),
        ({"messageExpression": "''"}, "failed expression: object.spec.replicas > 1"),
    ],
)
def test_the_message_is_the_expressions_else_the_standing_one(
    fields: dict[str, str], said: str
) -> None:
    assert denied({**MORE, **fields}).endswith(f"denied request: {said}")


def test_an_error_counts_as_a_no_unless_failures_are_ignored() -> None:
    broken = {"expression": "object.spec.nothing > 1"}
    assert denied(broken).endswith(
        "denied request: expression 'object.spec.nothing > 1' resulted in error: "
        "no such key: nothing"
    )
    assert allowed(broken, failurePolicy="Ignore")


def test_variables_build_on_one_another() -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "odd", "expression": "int(variables.replicas) % 2 == 1"},
    ]
    validations = [{"expression": "variables.replicas > 1"}, {"expression": "variables.odd"}]
    server = server_with(validating(variables=variables, validations=validations), binding())
    assert "variables.replicas > 1" in refused(server, web(1)).message
    assert "variables.odd" in refused(server, web(2)).message
    assert done(server, web(3))


def test_a_variable_that_nobody_asks_for_is_not_worked_out() -> None:
    variables = [{"name": "broken", "expression": "object.spec.nothing"}]
    assert allowed({"expression": "true"}, variables=variables)
    assert 'composited variable "broken" fails to evaluate' in denied(
        {"expression": "variables.broken == 1"}, variables=variables
    )


def test_an_update_sees_what_was_there_before() -> None:
    grows = {"expression": "oldObject == null || object.spec.replicas >= oldObject.spec.replicas"}
    server = server_with(validating(validations=[grows]), binding(), web(3))
    few, many = (Update("deployments.apps", "default", "web", web(one).object) for one in (2, 4))
    assert "failed expression" in refused(server, few).message
    assert done(server, many)


def test_a_deletion_has_no_object() -> None:
    rule = {"expression": "request.operation != 'DELETE' || oldObject.data.keep != 'yes'"}
    keeping = policy("p", {"resourceRules": [CONFIGS]}, validations=[rule])
    server = server_with(keeping, binding(), config_of("a", keep="yes"), config_of("b", keep="no"))
    assert "failed expression" in refused(server, Delete("configmaps", "default", "a")).message
    assert done(server, Delete("configmaps", "default", "b"))


def test_what_a_policy_excludes_it_is_not_about() -> None:
    free = {**CONFIGS, "resourceNames": ["free"]}
    constraints = {"resourceRules": [CONFIGS], "excludeResourceRules": [free]}
    server = server_with(policy("p", constraints, validations=[{"expression": "false"}]), binding())
    assert done(server, config_of("free"))
    assert refused(server, config_of("bound"))


@pytest.mark.parametrize(
    ("constraints", "meant"),
    [
        ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
        ({"objectSelector": {"matchLabels": {"app": "other"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}, False),
    ],
)
def test_selectors_say_what_policies_and_bindings_are_about(
    constraints: dict[str, object], meant: bool
) -> None:
    never = {"expression": "false"}
    meaning = {"resourceRules": [DEPLOYMENTS], **constraints}
    by_policy = (policy("p", meaning, validations=[never]), binding())
    by_binding = (validating(validations=[never]), binding(matchResources=constraints))
    for commands in (by_policy, by_binding):
        server = server_with(*commands)
        assert bool(refused(server, web())) if meant else done(server, web())


def test_match_conditions_narrow_what_a_policy_is_about() -> None:
    never = {"expression": "false"}
    narrow = {"name": "many", "expression": "object.spec.replicas > 5"}
    assert allowed(never, matchConditions=[narrow])
    broken = {"name": "broken", "expression": "object.nothing == 1"}
    assert allowed(never, matchConditions=[broken, narrow])
    assert denied(never, matchConditions=[{**broken, "expression": "object.a > 1"}]).endswith(
        "expression 'object.a > 1' resulted in error: no such key: a"
    )


def test_expressions_know_the_namespace_the_asker_and_who_may_what() -> None:
    assert allowed(
        {"expression": "namespaceObject.metadata.name == 'default'"},
        {"expression": "request.userInfo.username == 'kubernetes-admin'"},
        {"expression": "request.resource.resource == 'deployments' && request.name == 'web'"},
        {"expression": "!authorizer.group('apps').resource('deployments').check('x').errored()"},
    )


PARAMS = {"apiVersion": "v1", "kind": "ConfigMap"}


def test_parameters_are_found_by_name_in_the_objects_namespace() -> None:
    rule = {"expression": "object.spec.replicas <= int(params.data.most)"}
    limited = validating(paramKind=PARAMS, validations=[rule])
    ref = {"name": "limits", "parameterNotFoundAction": "Deny"}
    server = server_with(limited, binding(paramRef=ref))
    assert refused(server, web(1)).message.endswith(
        "denied request: failed to configure binding: no params found for policy binding with "
        "`Deny` parameterNotFoundAction"
    )
    server = done(server, config_of("limits", most="2"))[0]
    assert done(server, web(2))
    assert "failed expression" in refused(server, web(3)).message


def test_every_selected_parameter_has_its_say_and_none_is_none() -> None:
    rule = {"expression": "object.spec.replicas <= int(params.data.most)"}
    limited = validating(paramKind=PARAMS, validations=[rule])
    ref = {"selector": {}, "parameterNotFoundAction": "Allow"}
    server = server_with(limited, binding(paramRef=ref))
    assert done(server, web(9))
    server = server_with(
        limited, binding(paramRef=ref), config_of("a", most="5"), config_of("b", most="2")
    )
    assert done(server, web(2))
    assert refused(server, web(3))


def test_bindings_that_warn_or_audit_let_pass_and_say_so() -> None:
    notes = [{"key": "replicas", "valueExpression": "'has ' + string(object.spec.replicas)"}]
    limited = validating(validations=[MORE], auditAnnotations=notes)
    server = server_with(limited, binding(validationActions=["Warn", "Audit"]))
    _, turn = begin(server, web(1), NOW_MS)
    assert isinstance(turn, Concluded)
    assert isinstance(turn.outcome, Success)
    assert turn.warnings == (
        "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': "
        "failed expression: object.spec.replicas > 1",
    )
    assert turn.annotations["p/replicas"] == "has 1"
    assert '"policy":"p"' in str(turn.annotations[FAILURE_KEY])


def test_policies_do_not_judge_policies() -> None:
    everything = {**CONFIGS, "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    never = policy("p", {"resourceRules": [everything]}, validations=[{"expression": "false"}])
    server = server_with(never, binding())
    assert done(server, policy("another", {"resourceRules": [CONFIGS]}, validations=[MORE]))
    assert refused(server, config_of())
