"""Mutating policies: what they make of an object, and what they must not.

Source: kubernetes v1.36, test/integration/apiserver/cel/mutatingadmissionpolicy_test.go,
apiserver/pkg/admission/plugin/policy/mutating/patch (what is asked there).
"""

from __future__ import annotations

import pytest

from kelm.effects.document import Document, child, text
from tests.core.api.clusters import done, refused, server_with
from tests.core.api.policies.policies import (
    applied,
    binding,
    json_patch,
    mutating,
    mutating_binding,
    validating,
    web,
)

MANY = applied("Object{spec: Object.spec{replicas: 1337}}")


def made(*mutations: object, **spec: object) -> Document:
    """A deployment of one replica after a policy with these mutations."""
    server = server_with(mutating("m", *mutations, **spec), mutating_binding("m"))
    return done(server, web(1))[1]


def denied(*mutations: object, **spec: object) -> Document:
    server = server_with(mutating("m", *mutations, **spec), mutating_binding("m"))
    return refused(server, web(1)).status()


def labels(doc: Document) -> Document:
    return child(doc, "metadata", "labels")


def test_a_configuration_is_applied() -> None:
    doc = made(MANY)
    assert child(doc, "spec")["replicas"] == 1337
    assert text(doc, "spec", "template", "spec", "restartPolicy") == "Always"


def test_a_patch_is_made_step_by_step() -> None:
    doc = made(
        json_patch(
            "[JSONPatch{op: 'test', path: '/spec/replicas', value: 1},"
            " JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': 'b'}},"
            " JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('x/y'),"
            " value: string(object.spec.replicas)}]"
        )
    )
    assert labels(doc) == {"a": "b", "x/y": "1"}


def test_a_failed_test_changes_nothing() -> None:
    doc = made(
        json_patch(
            "[JSONPatch{op: 'test', path: '/spec/replicas', value: 2},"
            " JSONPatch{op: 'replace', path: '/spec/replicas', value: 9}]"
        )
    )
    assert child(doc, "spec")["replicas"] == 1


def test_mutations_see_what_those_before_them_made() -> None:
    once_more = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")
    assert child(made(once_more, once_more), "spec")["replicas"] == 3


def test_policies_come_in_the_order_of_their_names_and_before_the_validating_ones() -> None:
    double = applied("Object{spec: Object.spec{replicas: object.spec.replicas * 2}}")
    add = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")
    server = server_with(
        mutating("b", double),
        mutating("a", add),
        mutating_binding("a"),
        mutating_binding("b"),
        validating(validations=[{"expression": "object.spec.replicas == 4"}]),
        binding(),
    )
    assert child(done(server, web(1))[1], "spec")["replicas"] == 4


@pytest.mark.parametrize(("asked_again", "found"), [("Never", 12), ("IfNeeded", 13)])
def test_who_wants_to_be_asked_again_is_when_others_changed_the_object(
    asked_again: str, found: int
) -> None:
    one = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")
    ten = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 10}}")
    server = server_with(
        mutating("a", one, reinvocationPolicy=asked_again),
        mutating("b", ten),
        mutating_binding("a"),
        mutating_binding("b"),
    )
    assert child(done(server, web(1))[1], "spec")["replicas"] == found


def test_what_can_only_be_replaced_as_a_whole_may_not_be_applied() -> None:
    command = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: "
        "Object.spec.template.spec{containers: [Object.spec.template.spec.containers{"
        "name: 'c', command: ['sh']}]}}}}"
    )
    status = denied(applied(command))
    assert status["message"] == (
        "policy 'm' with binding 'm-bound' denied request: error applying patch: invalid "
        "ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
        ".spec.template.spec.containers[0].command"
    )
    assert (status["reason"], status["code"]) == ("Invalid", 403)


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (applied("Object{spec: Object.metadata{replicas: 1}}"), 'unexpected type name "Object.met'),
        (json_patch("[JSONPatch{op: 'remove', path: '/nowhere'}]"), "JSON Patch: "),
        (applied("Object{spec: Object.spec{replicas: object.x}}"), "no such key: x"),
    ],
)
def test_what_cannot_be_changed_is_refused_unless_failures_are_ignored(
    mutation: object, said: str
) -> None:
    assert said in text(denied(mutation), "message")
    assert child(made(mutation, failurePolicy="Ignore"), "spec")["replicas"] == 1


def test_match_conditions_narrow_what_a_policy_changes() -> None:
    few = [{"name": "few", "expression": "object.spec.replicas < 1"}]
    assert child(made(MANY, matchConditions=few), "spec")["replicas"] == 1


def test_a_policy_without_a_binding_changes_nothing() -> None:
    assert child(done(server_with(mutating("m", MANY)), web(1))[1], "spec")["replicas"] == 1
