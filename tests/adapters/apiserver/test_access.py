"""Who may do what, over HTTP: roles, reviews, tokens of service accounts, impersonation."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from kelm.core.api.authorization.decide import Mode
from kelm.core.api.authorization.roles import first_roles
from kelm.core.api.bootstrap import new_server
from kelm.core.api.rest.access import Impersonation, User
from kelm.core.api.server import handle
from kelm.core.api.tokens.requests import ISSUER
from kelm.core.controllers.access.service_account_tokens import legacy_claims
from kelm.core.objects.time import parse_time
from kelm.effects.document import document
from tests.adapters.apiserver.client import Client, still_app

NOW_MS = parse_time("2026-01-01T00:00:00Z")
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PODS = "/api/v1/namespaces/default/pods"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


def client_of(mode: Mode) -> Client:
    server = new_server(now_ms=NOW_MS)
    for command in first_roles():
        server, outcome = handle(server, command, NOW_MS)
        outcome.unwrap()
    client = Client(still_app(server, NOW_MS, mode))
    client.ask("POST", ACCOUNTS, {"metadata": {"name": "bob"}})
    return client


@pytest.fixture
def client() -> Client:
    return client_of("RBAC")


def token(client: Client, **spec: Any) -> dict[str, str]:
    reply = client.ask("POST", f"{ACCOUNTS}/bob/token", {"spec": spec})
    assert reply.status == 201, reply.body
    return {"Authorization": f"Bearer {reply.body['status']['token']}"}


def bind(client: Client, role: str, subject: dict[str, str], namespace: str = "") -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    body = {"metadata": {"name": f"b-{role}"}, "roleRef": reference, "subjects": [subject]}
    path = f"/namespaces/{namespace}/rolebindings" if namespace else "/clusterrolebindings"
    assert client.ask("POST", f"{ROLES}{path}", body).status == 201


BOB = {"kind": "ServiceAccount", "name": "bob", "namespace": "default"}


def test_a_service_account_may_do_what_its_roles_permit(client: Client) -> None:
    bob = token(client)
    assert client.ask("GET", PODS, headers=bob).status == 403
    bind(client, "view", BOB, "default")
    assert client.ask("GET", PODS, headers=bob).status == 200
    assert client.ask("GET", "/api/v1/pods", headers=bob).status == 403
    assert client.ask("DELETE", PODS, headers=bob).status == 403
    assert client.ask("GET", "/apis", headers=bob).status == 200


def test_without_roles_everybody_who_is_known_may_do_everything() -> None:
    client = client_of("AlwaysAllow")
    assert client.ask("GET", "/api/v1/secrets", headers=token(client)).status == 200


def test_a_token_ends_with_its_time_and_with_its_account(client: Client) -> None:
    engine: Any = client.app.engine
    bob = token(client, expirationSeconds=600)
    assert client.ask("GET", "/version", headers=bob).status == 200
    engine.at_ms += 661_000
    assert client.ask("GET", "/version", headers=bob).status == 401
    fresh = token(client)
    client.ask("DELETE", f"{ACCOUNTS}/bob")
    assert client.ask("GET", "/version", headers=fresh).status == 401


def test_a_token_that_somebody_changed_is_none(client: Client) -> None:
    header, payload, signature = token(client)["Authorization"].split(" ")[1].split(".")
    for forged in (f"{header}.{payload}.{signature[::-1]}", f"{header}.e30.{signature}", "a.b.c"):
        headers = {"Authorization": f"Bearer {forged}"}
        assert client.ask("GET", "/version", headers=headers).status == 401


def test_a_token_cannot_be_too_short_or_bound_to_nothing(client: Client) -> None:
    path = f"{ACCOUNTS}/bob/token"
    short = client.ask("POST", path, {"spec": {"expirationSeconds": 10}})
    assert (short.status, short.body["reason"]) == (422, "Invalid")
    bound = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "gone"}}
    assert client.ask("POST", path, {"spec": bound}).status == 404
    assert client.ask("POST", f"{ACCOUNTS}/nobody/token", {"spec": {}}).status == 404


def test_reviews_answer_for_oneself_and_for_others(client: Client) -> None:
    bind(client, "view", BOB, "default")
    wanted = {"verb": "list", "resource": "pods", "namespace": "default"}
    path = "/apis/authorization.k8s.io/v1"
    own = {"spec": {"resourceAttributes": wanted}}
    mine = client.ask("POST", f"{path}/selfsubjectaccessreviews", own, token(client))
    assert mine.body["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "b-view/default" of ClusterRole "view" to '
        'ServiceAccount "bob/default"',
    }
    other = {"spec": {"user": "ann", "resourceAttributes": wanted}}
    theirs = client.ask("POST", f"{path}/subjectaccessreviews", other)
    assert theirs.body["status"]["allowed"] is False
    rules = client.ask(
        "POST", f"{path}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
    )
    assert rules.body["status"]["resourceRules"][0]["verbs"] == ["*"]
    nothing = client.ask("POST", f"{path}/selfsubjectaccessreviews", {"spec": {}})
    assert nothing.status == 422


def test_tokens_are_told_whose_they_are(client: Client) -> None:
    path = "/apis/authentication.k8s.io/v1"
    given = token(client)["Authorization"].split(" ")[1]
    review = client.ask("POST", f"{path}/tokenreviews", {"spec": {"token": given}}).body
    assert review["status"]["user"]["username"] == "system:serviceaccount:default:bob"
    wrong = client.ask("POST", f"{path}/tokenreviews", {"spec": {"token": "x"}}).body
    assert "authenticated" not in wrong["status"]
    me = client.ask("POST", f"{path}/selfsubjectreviews", {}).body
    assert me["status"]["userInfo"]["username"] == "kubernetes-admin"


def test_a_review_says_for_whom_a_token_is_and_what_is_wrong_with_it(client: Client) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"

    def review(given: str, *audiences: str) -> Any:
        spec = {"token": given, "audiences": list(audiences)}
        return client.ask("POST", path, {"spec": spec}).body["status"]

    vault = token(client, audiences=["vault"])["Authorization"].split(" ")[1]
    good = review(vault, "vault", "bank")
    assert (good["authenticated"], good["audiences"]) == (True, ["vault"])
    (credential,) = good["user"]["extra"]["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("JTI=")
    assert review(vault) == {
        "user": {},
        "error": '[invalid bearer token, token audiences ["vault"] is invalid for the target '
        f'audiences ["{ISSUER}"]]',
    }
    assert review("abc") == {"user": {}, "error": "invalid bearer token"}
    assert client.ask("GET", "/version", headers={"Authorization": f"Bearer {vault}"}).status == 401
    nothing = client.ask("POST", path, {"spec": {"token": ""}})
    assert (nothing.status, nothing.body["message"][:17]) == (400, "token is required")
    client.ask("DELETE", f"{ACCOUNTS}/bob")
    lost = review(vault, "vault")
    assert lost["error"] == '[invalid bearer token, serviceaccounts "bob" not found]'


def test_others_find_the_keys_with_which_tokens_are_checked(client: Client) -> None:
    found = client.ask("GET", "/.well-known/openid-configuration")
    assert found.body == {
        "issuer": ISSUER,
        "jwks_uri": "https://127.0.0.1:6443/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
    assert found.headers["cache-control"] == "public, max-age=3600"
    keys = client.ask("GET", "/openid/v1/jwks")
    assert keys.headers["content-type"] == "application/jwk-set+json"
    given = token(client, audiences=["vault"])["Authorization"].split(" ")[1]
    key: Any = jwt.PyJWKSet.from_dict(json.loads(keys.raw))[jwt.get_unverified_header(given)["kid"]]
    options: Any = {f"verify_{one}": False for one in ("exp", "nbf", "iat")}
    claims = jwt.decode(given, key.key, ["ES256"], options, audience="vault", issuer=ISSUER)
    assert claims["sub"] == "system:serviceaccount:default:bob"
    assert client.ask("POST", "/openid/v1/jwks", {}).status == 405


def test_only_who_may_discover_the_issuer_finds_its_keys(client: Client) -> None:
    for path in ("/.well-known/openid-configuration", "/openid/v1/jwks"):
        assert client.ask("GET", path, headers=token(client)).status == 200
        assert client.ask("GET", path, headers={"Authorization": ""}).status == 403
        refused = client.ask("GET", path, headers={"Impersonate-User": "ann"})
        assert refused.status == 403


def test_more_is_known_of_somebody_than_a_name(client: Client) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    as_ann = {
        "Impersonate-User": "ann",
        "Impersonate-Uid": "u-1",
        "Impersonate-Extra-Acme.com%2Fproject": "shop",
        "Impersonate-Group": "system:masters",
    }
    assert client.ask("POST", path, {}, as_ann).body["status"]["userInfo"] == {
        "username": "ann",
        "uid": "u-1",
        "groups": ["system:masters", "system:authenticated"],
        "extra": {"acme.com/project": ["shop"]},
    }
    asked = Impersonation("ann", ("dev",), "u-1", document({"scopes": ["view"]}))
    assert [
        (one.api_group, one.resource, one.subresource, one.name)
        for one in asked.questions(User("admin"))
    ] == [
        ("", "users", "", "ann"),
        ("", "groups", "", "dev"),
        ("authentication.k8s.io", "userextras", "scopes", "view"),
        ("authentication.k8s.io", "uids", "", "u-1"),
    ]


def test_who_may_impersonate_is_somebody_else(client: Client) -> None:
    as_ann = {"Impersonate-User": "ann"}
    assert client.ask("GET", PODS, headers=as_ann).status == 403
    as_master = {**as_ann, "Impersonate-Group": "system:masters"}
    assert client.ask("GET", PODS, headers=as_master).status == 200
    refused = client.ask("GET", PODS, headers={**token(client), **as_ann})
    assert 'cannot impersonate resource "users"' in refused.body["message"]


def test_a_token_out_of_a_secret_holds_as_long_as_the_secret_has_it(client: Client) -> None:
    bob = client.ask("GET", f"{ACCOUNTS}/bob").body
    claims = legacy_claims(document({"metadata": bob["metadata"]}), "bob-token")
    signed = client.app.tokens.key.sign(claims)
    held = {"Authorization": f"Bearer {signed}"}
    assert client.ask("GET", "/version", headers=held).status == 401
    meta = {
        "name": "bob-token",
        "annotations": {
            "kubernetes.io/service-account.name": "bob",
            "kubernetes.io/service-account.uid": bob["metadata"]["uid"],
        },
    }
    secret = {"type": "kubernetes.io/service-account-token", "stringData": {"token": signed}}
    secrets = "/api/v1/namespaces/default/secrets"
    assert client.ask("POST", secrets, {"metadata": meta, **secret}).status == 201
    assert client.ask("GET", "/version", headers=held).status == 200
    labels = client.ask("GET", f"{secrets}/bob-token").body["metadata"]["labels"]
    assert labels == {"kubernetes.io/legacy-token-last-used": "2026-01-01"}
    metrics = client.ask("GET", "/metrics").raw.decode()
    assert "\nserviceaccount_legacy_tokens_total 1.0\n" in metrics
    assert "\nserviceaccount_legacy_manual_token_uses_total 1.0\n" in metrics
    mark = {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}}
    merge = {"Content-Type": "application/merge-patch+json"}
    client.ask("PATCH", f"{secrets}/bob-token", mark, merge)
    assert client.ask("GET", "/version", headers=held).status == 401
    review = {"spec": {"token": signed}}
    said = client.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).body
    assert "has been marked invalid" in said["status"]["error"]
    client.ask("DELETE", f"{secrets}/bob-token")
    assert client.ask("GET", "/version", headers=held).status == 401
