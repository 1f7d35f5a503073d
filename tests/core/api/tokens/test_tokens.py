"""Tokens of service accounts: what is in one, and whose it is for how long."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.api.server import ApiServer
from kelm.core.api.tokens.bearers import Bearer, Unproven, bearer
from kelm.core.api.tokens.requests import AUDIENCES, ISSUER, TokenRequest, issued, token_request
from kelm.core.objects.meta import metadata
from kelm.effects.commands import Bind, Create, Delete
from kelm.effects.document import Document, child, document, number, text
from kelm.effects.refusals import Reason, Refusal
from tests.core.api.clusters import NOW_MS, done, pod, server_with

POD = {"kind": "Pod", "apiVersion": "v1", "name": "web"}
NODE = {"kind": "Node", "apiVersion": "v1", "name": "n1"}
SECRET = {"kind": "Secret", "apiVersion": "v1", "name": "s"}
MINUTE_MS = 60_000


def named(kind: str, name: str) -> Create:
    namespace = "" if kind == "nodes" else "default"
    return Create(kind, namespace, document({"metadata": {"name": name}}))


def shop(*, bound: bool = True) -> ApiServer:
    """A namespace with an account, a pod of it on a node, a node and a Secret."""
    made = (named("nodes", "n1"), named("secrets", "s"), named("serviceaccounts", "robot"))
    server = server_with(*made, Create("pods", "default", pod(serviceAccountName="robot")))
    if not bound:
        return server
    return done(server, Bind("default", "web", uid(server, "pods", "default/web"), "n1"))[0]


def uid(server: ApiServer, resource: str, key: str) -> str:
    found = server.store.get(resource, key)
    assert found is not None
    return metadata(found).uid


def ask(server: ApiServer, meta: Any = None, name: str = "robot", **spec: Any) -> Any:
    body = document({"metadata": meta or {}, "spec": spec})
    return token_request(server.store, "default", name, body, NOW_MS, "id-1")


def asked(server: ApiServer, **spec: Any) -> TokenRequest:
    found = ask(server, **spec)
    assert isinstance(found, TokenRequest), found
    return found


def refused(server: ApiServer, meta: Any = None, name: str = "robot", **spec: Any) -> Refusal:
    found = ask(server, meta, name, **spec)
    assert isinstance(found, Refusal)
    return found


def shown(server: ApiServer, claims: Document, now_ms: int = NOW_MS, **more: Any) -> Any:
    return bearer(server.store, "", claims, now_ms, **more)


def why(server: ApiServer, claims: Document, now_ms: int = NOW_MS, **more: Any) -> str:
    found = shown(server, claims, now_ms, **more)
    assert isinstance(found, Unproven)
    return found.why


def test_a_token_says_whose_it_is_for_whom_and_until_when() -> None:
    server = shop()
    request = asked(server)
    account = uid(server, "serviceaccounts", "default/robot")
    second = NOW_MS // 1_000
    assert request.claims == {
        "aud": (ISSUER,),
        "exp": second + 3_600,
        "iat": second,
        "iss": ISSUER,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "default",
            "serviceaccount": {"name": "robot", "uid": account},
        },
        "nbf": second,
        "sub": "system:serviceaccount:default:robot",
    }
    answer = issued(request, "a.b.c")
    assert answer["status"] == {"token": "a.b.c", "expirationTimestamp": "2026-01-01T01:00:00Z"}
    assert answer["spec"] == {
        "audiences": (ISSUER,),
        "expirationSeconds": 3_600,
        "boundObjectRef": None,
    }
    assert answer["metadata"] == {
        "name": "robot",
        "namespace": "default",
        "uid": account,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }


def test_a_pods_token_names_the_pod_and_its_node() -> None:
    server = shop()
    private = child(asked(server, boundObjectRef=POD).claims, "kubernetes.io")
    assert private["pod"] == {"name": "web", "uid": uid(server, "pods", "default/web")}
    assert private["node"] == {"name": "n1", "uid": uid(server, "nodes", "n1")}
    assert "node" not in child(asked(shop(bound=False), boundObjectRef=POD).claims, "kubernetes.io")
    gone = done(server, Delete("nodes", "", "n1"))[0]
    named_only = child(asked(gone, boundObjectRef=POD).claims, "kubernetes.io")
    assert named_only["node"] == {"name": "n1"}


@pytest.mark.parametrize(
    ("seconds", "audiences", "holds"),
    [
        (3_607, (), 365 * 24 * 3_600),
        (3_607, (ISSUER,), 365 * 24 * 3_600),
        (3_607, ("vault",), 3_607),
        (3_607, (ISSUER, "vault"), 3_607),
        (3_606, (), 3_606),
    ],
)
def test_what_every_pod_asks_for_holds_for_a_year_and_is_to_be_renewed_in_an_hour(
    seconds: int, audiences: tuple[str, ...], holds: int
) -> None:
    spec = {"boundObjectRef": POD, "expirationSeconds": seconds, "audiences": list(audiences)}
    request = asked(shop(), **spec)
    began = number(request.claims, "iat")
    assert number(request.claims, "exp") - began == holds
    extended = holds > seconds
    warned = child(request.claims, "kubernetes.io").get("warnafter")
    assert warned == (began + seconds if extended else None)
    assert text(request.answer, "status", "expirationTimestamp") < "2026-01-01T01:00:08Z"


def test_only_a_pods_token_is_extended() -> None:
    for reference in ({}, {"boundObjectRef": NODE}, {"boundObjectRef": SECRET}):
        claims = asked(shop(), expirationSeconds=3_607, **reference).claims
        assert number(claims, "exp") - number(claims, "iat") == 3_607


@pytest.mark.parametrize(
    ("meta", "name", "spec", "reason", "words"),
    [
        ({}, "nobody", {}, Reason.NOT_FOUND, 'serviceaccounts "nobody" not found'),
        ({"name": "x"}, "robot", {}, Reason.INVALID, 'metadata.name: Invalid value: "x": must'),
        ({"namespace": "x"}, "robot", {}, Reason.BAD_REQUEST, "the namespace of the provided"),
        ({"uid": "x"}, "robot", {}, Reason.CONFLICT, "the UID in the token request (x) does not"),
        ({}, "robot", {"expirationSeconds": 599}, Reason.INVALID, "less than 10 minutes"),
        ({}, "robot", {"expirationSeconds": 2**32 + 1}, Reason.INVALID, "larger than 2^32 sec"),
        ({}, "robot", {"boundObjectRef": {}}, Reason.BAD_REQUEST, "of type /, Kind="),
        (
            {},
            "robot",
            {"boundObjectRef": {**POD, "apiVersion": "apps/v1"}},
            Reason.BAD_REQUEST,
            "cannot bind token to object of type apps/v1, Kind=Pod",
        ),
        ({}, "robot", {"boundObjectRef": {**POD, "name": "x"}}, Reason.NOT_FOUND, 'pods "x" not'),
        ({}, "robot", {"boundObjectRef": {**NODE, "name": "x"}}, Reason.NOT_FOUND, 'nodes "x"'),
        (
            {},
            "robot",
            {"boundObjectRef": {**SECRET, "uid": "x"}},
            Reason.CONFLICT,
            'on Secret "s": the UID in the bound object reference (x) does not match',
        ),
        ({}, "default", {"boundObjectRef": POD}, Reason.BAD_REQUEST, "with different service"),
    ],
)
def test_what_no_token_is_given_for(
    meta: Any, name: str, spec: Any, reason: Reason, words: str
) -> None:
    found = refused(shop(), meta, name, **spec)
    assert (found.reason, words in found.message) == (reason, True), found.message


def test_a_bearer_is_known_with_its_pod_its_node_and_which_token_it_showed() -> None:
    server = shop()
    found = shown(server, asked(server, boundObjectRef=POD).claims)
    assert isinstance(found, Bearer)
    assert found.user.name == "system:serviceaccount:default:robot"
    assert found.user.uid == uid(server, "serviceaccounts", "default/robot")
    assert found.audiences == AUDIENCES
    prefix = "authentication.kubernetes.io/"
    assert found.user.extra == {
        f"{prefix}credential-id": ("JTI=id-1",),
        f"{prefix}node-name": ("n1",),
        f"{prefix}node-uid": (uid(server, "nodes", "n1"),),
        f"{prefix}pod-name": ("web",),
        f"{prefix}pod-uid": (uid(server, "pods", "default/web"),),
    }


def test_a_token_is_for_one_of_those_who_ask() -> None:
    server = shop()
    claims = asked(server, audiences=["vault", "bank"]).claims
    assert shown(server, claims, audiences=("bank", "till")).audiences == ("bank",)
    said = f'token audiences ["vault" "bank"] is invalid for the target audiences ["{ISSUER}"]'
    assert why(server, claims) == said
    assert why(server, Document({**claims, "iss": "somebody else"})) == ""


@pytest.mark.parametrize(
    ("bound", "delete"),
    [
        (POD, Delete("pods", "default", "web", grace_period_seconds=0)),
        (NODE, Delete("nodes", "", "n1")),
        (SECRET, Delete("secrets", "default", "s")),
    ],
)
def test_a_token_ends_with_what_it_is_bound_to(bound: Any, delete: Delete) -> None:
    server = shop()
    claims = asked(server, boundObjectRef=bound).claims
    free = asked(server).claims
    after = done(server, delete)[0]
    assert why(after, claims) == "service account token has been invalidated"
    assert isinstance(shown(after, free), Bearer)


def test_a_pods_token_outlives_its_node() -> None:
    server = shop()
    claims = asked(server, boundObjectRef=POD).claims
    assert isinstance(shown(done(server, Delete("nodes", "", "n1"))[0], claims), Bearer)


def test_a_namesake_is_somebody_else() -> None:
    server = shop()
    free, kept = asked(server).claims, asked(server, boundObjectRef=SECRET).claims
    before = uid(server, "secrets", "default/s")
    again = done(server, Delete("secrets", "default", "s"))[0]
    again = done(again, named("secrets", "s"))[0]
    now = uid(again, "secrets", "default/s")
    said = f"secret UID ({now}) does not match service account secret ref claim ({before})"
    assert why(again, kept) == said
    gone = done(server, Delete("serviceaccounts", "default", "robot"))[0]
    assert why(gone, free) == 'serviceaccounts "robot" not found'
    other = done(gone, named("serviceaccounts", "robot"))[0]
    assert "does not match claim" in why(other, free)


def test_what_is_being_deleted_still_counts_for_a_minute() -> None:
    server = shop()
    claims = asked(server, boundObjectRef=POD).claims
    going = done(server, Delete("pods", "default", "web"))[0]
    ends = metadata(going.store.get("pods", "default/web") or Document()).deletion_timestamp
    assert ends == "2026-01-01T00:00:30Z"
    assert isinstance(shown(going, claims, NOW_MS + 90_000), Bearer)
    assert why(going, claims, NOW_MS + 90_001) == "service account token has been invalidated"


@given(
    seconds=st.integers(600, 2**32),
    bound=st.sampled_from([None, POD, NODE, SECRET]),
    after_s=st.integers(-400, 2**33),
    at_the_end=st.none() | st.integers(-70, 70),
)
def test_a_token_holds_from_when_to_when_it_says(
    seconds: int, bound: Any, after_s: int, at_the_end: int | None
) -> None:
    """But for a minute on each side, as clocks differ."""
    server = SHOP
    reference = {} if bound is None else {"boundObjectRef": bound}
    claims = asked(server, expirationSeconds=seconds, **reference).claims
    if at_the_end is not None:
        after_s = number(claims, "exp") - NOW_MS // 1_000 + at_the_end
    holds = isinstance(shown(server, claims, NOW_MS + after_s * 1_000), Bearer)
    event(f"holds: {holds}")
    second = NOW_MS // 1_000 + after_s
    assert holds == (number(claims, "nbf") - 60 <= second <= number(claims, "exp") + 60)


SHOP = shop()
