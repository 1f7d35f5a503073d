"""What takes more than a verb on a resource: giving on permissions, approving, signing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.apiserver.client import Client, Reply
from tests.adapters.apiserver.test_access import ACCOUNTS, BOB, ROLES, bind, client_of, token
from tests.core.controllers.test_certificates import NODE, request

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
GROUP = "rbac.authorization.k8s.io"
BOBS_GROUPS = '["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]'


@pytest.fixture
def client() -> Client:
    return client_of("RBAC")


def role(client: Client, name: str, *rules: dict[str, Any], **more: Any) -> None:
    body = {"metadata": {"name": name}, "rules": list(rules), **more}
    assert client.ask("POST", f"{ROLES}/clusterroles", body).status == 201


def rule(verbs: list[str], resources: list[str], group: str = "", **more: Any) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources, **more}


EDITOR = rule(["create", "update", "patch", "get"], ["clusterroles", "clusterrolebindings"], GROUP)


def editor(client: Client, *more: dict[str, Any]) -> dict[str, str]:
    """Bob, who may edit roles and read pods, and no more than that."""
    role(client, "editor", EDITOR, rule(["get", "list"], ["pods"]), *more)
    bind(client, "editor", BOB)
    return token(client)


def makes(client: Client, bob: dict[str, str], *rules: dict[str, Any], **more: Any) -> Reply:
    body = {"metadata": {"name": "mine"}, "rules": list(rules), **more}
    return client.ask("POST", f"{ROLES}/clusterroles", body, bob)


def test_nobody_puts_into_a_role_what_he_has_not(client: Client) -> None:
    bob = editor(client)
    refused = makes(client, bob, rule(["get", "delete", "watch"], ["pods", "secrets"]))
    assert refused.status == 403
    assert refused.body["message"] == (
        'clusterroles.rbac.authorization.k8s.io "mine" is forbidden: user '
        f'"system:serviceaccount:default:bob" (groups={BOBS_GROUPS}) is attempting to grant RBAC '
        "permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete" "watch"]}'
    )
    assert makes(client, bob, rule(["get"], ["pods"])).status == 201


def test_neither_an_update_nor_a_patch_of_a_role_gives_more(client: Client) -> None:
    bob = editor(client)
    made = makes(client, bob, rule(["get"], ["pods"])).body
    path = f"{ROLES}/clusterroles/mine"
    more = {**made, "rules": [rule(["get"], ["secrets"])]}
    assert client.ask("PUT", path, more, bob).status == 403
    patch = {"rules": [rule(["*"], ["*"])]}
    kind = {"Content-Type": "application/merge-patch+json"}
    assert client.ask("PATCH", path, patch, {**bob, **kind}).status == 403
    kept = {"metadata": {"finalizers": ["example.com/kept"]}}
    role(client, "great", rule(["*"], ["*"], "*"))
    great = f"{ROLES}/clusterroles/great"
    assert client.ask("PATCH", great, kept, {**bob, **kind}).status == 200
    labelled = {"metadata": {"labels": {"a": "b"}}}
    assert client.ask("PATCH", great, labelled, {**bob, **kind}).status == 403
    assert client.ask("PATCH", path, labelled, {**bob, **kind}).status == 200


def test_a_role_that_gathers_takes_everything_of_its_author(client: Client) -> None:
    bob = editor(client)
    gathers = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}
    refused = makes(client, bob, **gathers)
    assert refused.status == 403
    assert refused.body["message"].endswith(
        "must have cluster-admin privileges to use the aggregationRule"
    )


def test_who_may_escalate_may_give_what_he_has_not(client: Client) -> None:
    bob = editor(client, rule(["escalate"], ["clusterroles"], GROUP))
    assert makes(client, bob, rule(["*"], ["*"], "*")).status == 201


def binds(client: Client, bob: dict[str, str], name: str) -> Reply:
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": name}
    body = {"metadata": {"name": f"of-{name}"}, "roleRef": reference, "subjects": [BOB]}
    return client.ask("POST", f"{ROLES}/clusterrolebindings", body, bob)


def test_nobody_binds_a_role_that_has_more_than_he(client: Client) -> None:
    bob = editor(client, rule(["bind"], ["clusterroles"], GROUP, resourceNames=["view"]))
    role(client, "less", rule(["get"], ["pods"]))
    refused = binds(client, bob, "cluster-admin")
    assert refused.status == 403
    assert "attempting to grant RBAC permissions not currently held:\n" in refused.body["message"]
    assert '{NonResourceURLs:["*"], Verbs:["*"]}' in refused.body["message"]
    assert binds(client, bob, "less").status == 201
    assert binds(client, bob, "view").status == 201
    assert binds(client, bob, "nothing").status == 404


def test_without_roles_nothing_of_this_is_asked() -> None:
    client = client_of("AlwaysAllow")
    client.ask("POST", ACCOUNTS, {"metadata": {"name": "bob"}})
    assert makes(client, token(client), rule(["*"], ["*"], "*")).status == 201


def asks(client: Client, headers: Any = None, name: str = "r", **spec: Any) -> Reply:
    wanted = {
        "request": NODE,
        "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
        "usages": ["client auth", "digital signature"],
        **spec,
    }
    body = {"metadata": {"name": name}, "spec": wanted}
    return client.ask("POST", CSRS, body, headers)


def test_a_request_says_who_made_it_whatever_it_said_itself(client: Client) -> None:
    role(client, "asks", rule(["create"], ["certificatesigningrequests"], "certificates.k8s.io"))
    bind(client, "asks", BOB)
    made = asks(
        client, token(client), username="ann", groups=["system:masters"], extra={"a": ["b"]}
    )
    assert made.status == 201
    spec = made.body["spec"]
    assert spec["username"] == "system:serviceaccount:default:bob"
    assert spec["groups"][0] == "system:serviceaccounts"
    assert list(spec["extra"]) == ["authentication.kubernetes.io/credential-id"]
    assert made.body["status"] == {}


APPROVED = {"type": "Approved", "status": "True", "reason": "Said", "message": "so"}


def update(client: Client, sub: str, headers: Any, **status: Any) -> Reply:
    body = client.ask("GET", f"{CSRS}/r").body
    return client.ask("PUT", f"{CSRS}/r/{sub}", {**body, "status": status}, headers)


def test_approving_and_signing_take_the_signers_permission(client: Client) -> None:
    group, name = "certificates.k8s.io", "kubernetes.io/kube-apiserver-client-kubelet"
    changes = rule(
        ["update"],
        ["certificatesigningrequests/approval", "certificatesigningrequests/status"],
        group,
    )
    role(client, "changes", changes)
    bind(client, "changes", BOB)
    bob = token(client)
    asks(client)
    refused = update(client, "approval", bob, conditions=[APPROVED])
    assert (refused.status, refused.body["message"]) == (
        403,
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to '
        f'approve requests with signerName "{name}"',
    )
    role(client, "approves", rule(["approve"], ["signers"], group, resourceNames=[name]))
    bind(client, "approves", BOB)
    assert update(client, "approval", bob, conditions=[APPROVED]).status == 200
    failed = {"type": "Failed", "status": "True"}
    refused = update(client, "status", bob, conditions=[APPROVED, failed])
    assert "user not permitted to sign" in refused.body["message"]
    role(client, "signs", rule(["sign"], ["signers"], group, resourceNames=["kubernetes.io/*"]))
    bind(client, "signs", BOB)
    assert update(client, "status", bob, conditions=[APPROVED, failed]).status == 200


def test_each_subresource_changes_what_is_its_own(client: Client) -> None:
    asks(client)
    approved = update(client, "approval", None, conditions=[APPROVED])
    assert approved.status == 200
    (condition,) = approved.body["status"]["conditions"]
    assert condition["lastUpdateTime"] == condition["lastTransitionTime"] != ""
    for sub, status, field, why in (
        ("approval", {"conditions": []}, "status.conditions", 'remove a condition of type "App'),
        ("status", {"conditions": []}, "status.conditions", 'remove a condition of type "Approv'),
        (
            "approval",
            {"conditions": [APPROVED, {"type": "Denied", "status": "True"}]},
            "status.conditions",
            "Approved and Denied conditions are mutually exclusive",
        ),
        (
            "approval",
            {"conditions": [{**APPROVED, "status": "False"}]},
            "status.conditions[0].status",
            'Unsupported value: "False": supported values: "True"',
        ),
    ):
        refused = update(client, sub, None, **status)
        assert refused.status == 422, (sub, status)
        causes = refused.body["details"]["causes"]
        assert any(one["field"] == field and why in one["message"] for one in causes), causes


def test_a_certificate_is_set_once_and_must_be_one(client: Client) -> None:
    asks(client)
    refused = update(client, "status", None, certificate="aGVsbG8=")
    assert "must contain at least one CERTIFICATE PEM block" in refused.body["message"]
    made = client.ask("GET", f"{CSRS}/r").body
    moved = {**made, "spec": {**made["spec"], "usages": ["any"]}, "metadata": made["metadata"]}
    kept = client.ask("PUT", f"{CSRS}/r", moved)
    assert (kept.status, kept.body["spec"]["usages"]) == (200, made["spec"]["usages"])
    denied = {"type": "Denied", "status": "True"}
    same = client.ask("PUT", f"{CSRS}/r", {**made, "status": {"conditions": [denied]}})
    assert same.body["status"] == {}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"request": "aGVsbG8="}, "PEM block type must be CERTIFICATE REQUEST"),
        ({"usages": []}, "spec.usages: Required value"),
        ({"usages": ["any", "fly"]}, 'spec.usages[1]: Unsupported value: "fly"'),
        ({"usages": ["any", "any"]}, 'spec.usages[1]: Duplicate value: "any"'),
        ({"signerName": ""}, "spec.signerName: Required value"),
        ({"signerName": "mine"}, "must be a fully qualified domain and path of the form"),
        ({"signerName": "mine/x"}, "should be a domain with at least two segments"),
        ({"signerName": "kubernetes.io/legacy-unknown"}, "the legacy signerName is not allowed"),
        ({"expirationSeconds": 599}, "may not specify a duration less than 600 seconds"),
    ],
)
def test_a_request_that_cannot_be_is_refused(client: Client, spec: Any, said: str) -> None:
    refused = asks(client, **spec)
    assert refused.status == 422
    assert said in refused.body["message"]


def test_nobody_becomes_a_master_by_certificate(client: Client) -> None:
    signer = "kubernetes.io/kube-apiserver-client"
    wanted = request("ann", "system:masters")
    refused = asks(client, signerName=signer, request=wanted)
    assert (refused.status, refused.body["message"]) == (
        403,
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of '
        f"{signer} signer with system:masters group is not allowed",
    )
