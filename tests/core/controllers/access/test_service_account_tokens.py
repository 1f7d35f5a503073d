"""Secrets with tokens of service accounts: filled in, kept, gone with their account."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import jwt
import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.issuing import simulated_authority
from kelm.core.controllers.access.service_account import CERTIFICATE
from kelm.core.controllers.access.service_account_tokens import Learned, ServiceAccountTokens
from kelm.core.objects.meta import annotations_of as annotations
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table, put
from kelm.effects.commands import Create, Delete, Get, Patch, SignToken
from kelm.effects.document import Document, document, text
from kelm.effects.refusals import Reason, Refusal

CONTROLLER = ServiceAccountTokens(CERTIFICATE)
ANNOTATION = "kubernetes.io/service-account."


def account(name: str, secrets: tuple[str, ...] = ()) -> Create:
    listed = [{"name": one} for one in secrets]
    body = {"metadata": {"name": name}, **({"secrets": listed} if listed else {})}
    return Create("serviceaccounts", "default", document(body))


def secret(name: str, owner: str, **data: str) -> Create:
    meta = {"name": name, "annotations": {f"{ANNOTATION}name": owner}}
    body = {"metadata": meta, "type": "kubernetes.io/service-account-token", "stringData": data}
    return Create("secrets", "default", document(body))


def get(cluster: Cluster, resource: str, name: str) -> Document | None:
    return cluster.store.get(resource, f"default/{name}")


def found(cluster: Cluster, name: str) -> Document:
    doc = get(cluster, "secrets", name)
    assert doc is not None
    return doc


def data(cluster: Cluster, name: str) -> dict[str, str]:
    held: Any = found(cluster, name).get("data") or {}
    return {key: b64decode(value).decode() for key, value in held.items()}


def claims(token: str) -> dict[str, Any]:
    key: Any = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    public = key.prepare_key(simulated_authority().token_key).public_key()
    return jwt.decode(token, public, ["ES256"])


def test_the_simulated_authority_is_the_one_that_namespaces_are_told_of() -> None:
    assert simulated_authority().certificate.decode() == CERTIFICATE


def test_a_secret_gets_a_signed_token_the_root_certificate_and_its_namespace() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(account("robot"))
    cluster.ask(secret("robot-token", "robot"))
    cluster.run(2_000)
    uid = text(get(cluster, "serviceaccounts", "robot"), "metadata", "uid")
    assert annotations(found(cluster, "robot-token"))[f"{ANNOTATION}uid"] == uid
    held = data(cluster, "robot-token")
    assert (held["namespace"], held["ca.crt"]) == ("default", CERTIFICATE)
    assert claims(held["token"]) == {
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:default:robot",
        "kubernetes.io/serviceaccount/namespace": "default",
        "kubernetes.io/serviceaccount/secret.name": "robot-token",
        "kubernetes.io/serviceaccount/service-account.name": "robot",
        "kubernetes.io/serviceaccount/service-account.uid": uid,
    }


def test_what_is_in_a_secret_already_stays_but_for_another_certificate() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(account("robot"))
    cluster.ask(
        secret("t", "robot", token="mine", namespace="here", **{"ca.crt": "x", "more": "y"})
    )
    cluster.run(2_000)
    held = {"token": "mine", "namespace": "here", "ca.crt": CERTIFICATE, "more": "y"}
    assert data(cluster, "t") == held


def test_a_secret_goes_with_its_account_and_one_of_nobody_goes_at_once() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(account("robot"))
    cluster.ask(secret("t", "robot"))
    cluster.ask(secret("stray", "nobody"))
    cluster.run(2_000)
    assert get(cluster, "secrets", "stray") is None
    cluster.ask(Delete("serviceaccounts", "default", "robot"))
    cluster.run(2_000)
    assert get(cluster, "secrets", "t") is None


def test_a_token_is_not_of_an_account_that_came_back_under_its_name() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(account("robot"))
    cluster.ask(secret("t", "robot"))
    cluster.run(2_000)
    cluster.ask(Delete("serviceaccounts", "default", "robot"))
    cluster.ask(account("robot"))
    cluster.run(2_000)
    assert get(cluster, "secrets", "t") is None


def test_an_account_forgets_its_secret_that_is_deleted() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(account("robot", ("t", "other")))
    cluster.ask(secret("t", "robot"))
    cluster.run(2_000)
    cluster.ask(Delete("secrets", "default", "t"))
    cluster.run(2_000)
    robot = get(cluster, "serviceaccounts", "robot")
    assert robot is not None and robot["secrets"] == (Document(name="other"),)


def test_a_token_is_signed_once_and_only_for_the_account_as_it_is() -> None:
    cluster = Cluster(nodes=0)
    signed: list[SignToken] = []
    on_local = cluster.simulator.on_local
    assert on_local is not None

    def note(simulator: Any, command: Any) -> Any:
        signed.append(command)
        return on_local(simulator, command)

    cluster.simulator.on_local = note
    cluster.ask(account("robot"))
    cluster.ask(secret("t", "robot"))
    cluster.run(600_000)
    assert len(signed) == 1


def believed(**tables: list[dict[str, Any]]) -> Any:
    found = {"secrets": Table("secrets"), "serviceaccounts": Table("serviceaccounts")}
    for resource, docs in tables.items():
        for number, doc in enumerate(docs, 1):
            key = f"default/{doc['metadata']['name']}"
            found[resource] = put(found[resource], key, document(doc), number)
    return pmap(found)


SECRET = {
    "metadata": {
        "name": "t",
        "namespace": "default",
        "annotations": {f"{ANNOTATION}name": "robot"},
    },
    "type": "kubernetes.io/service-account-token",
}


def test_an_account_that_is_not_heard_of_yet_is_asked_for_before_its_secret_is_deleted() -> None:
    plan = CONTROLLER.reconcile(Sync("default/t", 7, believed(secrets=[SECRET])))
    assert plan.batches == ((Get("serviceaccounts", "default", "robot"),),)
    sync = Sync("default/t", 7, believed(secrets=[SECRET]), plan.memory)
    gone = CONTROLLER.refused(sync, plan.batches[0][0], Refusal(Reason.NOT_FOUND, "gone"))
    (batch,) = CONTROLLER.reconcile(msgspec.structs.replace(sync, memory=gone)).batches
    assert batch == (Delete("secrets", "default", "t"),)
    failed = Refusal(Reason.SERVICE_UNAVAILABLE, "later")
    assert CONTROLLER.refused(sync, plan.batches[0][0], failed) is None


def test_a_token_that_was_signed_for_another_account_is_not_used() -> None:
    robot = {"metadata": {"name": "robot", "namespace": "default", "uid": "new"}}
    caches = believed(secrets=[SECRET], serviceaccounts=[robot])
    memory = Learned(token="signed", account_uid="old")
    (batch,) = CONTROLLER.reconcile(Sync("default/t", 7, caches, memory)).batches
    assert isinstance(batch[0], SignToken)
    assert batch[0].claims["kubernetes.io/serviceaccount/service-account.uid"] == "new"


NAMES = st.sampled_from(["a", "b"])
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["account", "secret", "secret", "drop account", "drop secret", "spoil"]),
        NAMES,
        NAMES,
        st.sampled_from([0, 1, 30]),
    ),
    min_size=4,
    max_size=16,
)
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, st.just(CONTROLLER.name)),
        st.builds(
            RequestsRefused, st.just(CONTROLLER.name), st.sampled_from(list(Reason)), st.just(2)
        ),
        st.builds(AnswersLost, st.just(CONTROLLER.name), st.integers(1, 3)),
        st.builds(WatchStalled, st.just(CONTROLLER.name), st.integers(1, 5_000)),
    ),
    max_size=3,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, name, owner, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        commands = {
            "account": account(owner, (name,)),
            "secret": secret(name, owner),
            "drop account": Delete("serviceaccounts", "default", owner),
            "drop secret": Delete("secrets", "default", name),
            "spoil": Patch("secrets", "default", name, document({"data": {"token": None}})),
        }
        cluster.simulator.ask(commands[what])
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(1_100_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_at_rest_every_token_is_of_its_living_account_and_nothing_is_left_to_do(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    play(cluster, deeds, faults)
    secrets = list(cluster.store.table("secrets").objects())
    for doc in secrets:
        name = text(doc, "metadata", "name")
        owner = get(cluster, "serviceaccounts", annotations(doc)[f"{ANNOTATION}name"])
        assert owner is not None
        uid = text(owner, "metadata", "uid")
        told = claims(data(cluster, name)["token"])
        assert told["kubernetes.io/serviceaccount/service-account.uid"] == uid
        assert annotations(doc)[f"{ANNOTATION}uid"] == uid
    event(f"{len(secrets)} secrets")
    caches = pmap({w.resource: cluster.store.table(w.resource) for w in CONTROLLER.watches})
    for key in CONTROLLER.every_key(caches):
        assert CONTROLLER.reconcile(Sync(key, cluster.now_ms, caches)).batches == ()
