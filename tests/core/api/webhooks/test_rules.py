"""Which webhook configurations are let in, and what they get by default."""

from __future__ import annotations

import pytest

from kelm.core.api.webhooks.rules import MUTATING, VALIDATING
from kelm.effects.commands import Create, Patch
from kelm.effects.document import Document, children, document
from tests.core.api.clusters import done, refused, server_with

RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
HOOK = {
    "name": "deny.example.com",
    "clientConfig": {"url": "https://hooks.example.com/deny"},
    "rules": [RULE],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}


def configuration(kind: str = "Validating", **fields: object) -> Document:
    hook = {**HOOK, **fields}
    hook = {key: value for key, value in hook.items() if value is not None}
    return document(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": "policy"},
            "webhooks": [hook],
        }
    )


def test_a_configuration_gets_its_defaults() -> None:
    service = {"service": {"name": "w", "namespace": "ops"}}
    given = configuration("Mutating", clientConfig=service)
    _, made = done(server_with(), Create(MUTATING, "", given))
    hook = children(made, "webhooks")[0]
    wanted = {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "Never",
        "timeoutSeconds": 10,
        "namespaceSelector": {},
        "objectSelector": {},
    }
    assert {key: hook[key] for key in wanted} == wanted
    assert children(hook, "rules")[0]["scope"] == "*"
    assert hook["clientConfig"] == {"service": {"name": "w", "namespace": "ops", "port": 443}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "deny.io"}, 'webhooks[0].name: Invalid value: "deny.io": should be a domain'),
        ({"sideEffects": "Some"}, 'webhooks[0].sideEffects: Unsupported value: "Some": supported'),
        ({"sideEffects": None}, "sideEffects: Required value: must specify one of None, NoneOn"),
        ({"timeoutSeconds": 31}, "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout"),
        ({"failurePolicy": "Maybe"}, 'failurePolicy: Unsupported value: "Maybe": supported values'),
        ({"admissionReviewVersions": ["v2"]}, "must include at least one of v1, v1beta1"),
        ({"admissionReviewVersions": []}, "Required value: must specify one of v1, v1beta1"),
        (
            {"clientConfig": {"url": "http://x/y"}},
            "'https' is the only allowed URL scheme; desired",
        ),
        ({"clientConfig": {}}, "clientConfig: Required value: exactly one of url or service"),
        (
            {"clientConfig": {"service": {"name": "w", "namespace": "o", "path": "deny"}}},
            "clientConfig.service.path: Invalid value: \"deny\": must start with a '/'",
        ),
        (
            {"rules": [{**RULE, "operations": []}]},
            "webhooks[0].rules[0].operations: Required value",
        ),
        (
            {"rules": [{**RULE, "resources": ["pods/*", "pods/exec"]}]},
            "if 'pods/*' is present, must not specify pods/exec",
        ),
        ({"rules": [{**RULE, "scope": "Here"}]}, 'scope: Unsupported value: "Here"'),
        (
            {"matchConditions": [{"name": "c", "expression": "1 =="}]},
            'webhooks[0].matchConditions[0].expression: Invalid value: "1 ==": '
            "compilation failed: ERROR: <input>:1:5: Syntax error: mismatched input",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, object], said: str) -> None:
    message = refused(server_with(), Create(VALIDATING, "", configuration(**fields))).message
    assert message.startswith(
        'ValidatingWebhookConfiguration.admissionregistration.k8s.io "policy" is invalid: '
    )
    assert said in message


def test_names_are_given_once() -> None:
    doc = document({**configuration(), "webhooks": [HOOK, HOOK]})
    message = refused(server_with(), Create(VALIDATING, "", doc)).message
    assert 'webhooks[1].name: Duplicate value: "deny.example.com"' in message


def test_a_change_is_judged_like_a_new_one() -> None:
    server = server_with(Create(VALIDATING, "", configuration()))
    patch = ({"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 0},)
    steps = tuple(document(step) for step in patch)
    refusal = refused(server, Patch(VALIDATING, "", "policy", steps, "json"))
    assert "webhooks[0].timeoutSeconds: Invalid value: 0" in refusal.message
