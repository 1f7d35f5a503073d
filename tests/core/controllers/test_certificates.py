"""Certificates: asked for, approved, signed for those who may have them, and swept away."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap
from returns.result import Failure

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.issuing import simulated_authority
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.api.authorization.roles import first_roles
from kelm.core.controllers.certificates.approver import CertificateApprover
from kelm.core.controllers.certificates.cleaner import CertificateCleaner
from kelm.core.controllers.certificates.kubelets import fault_of
from kelm.core.controllers.certificates.signer import SIGNERS
from kelm.core.objects.signing_requests import (
    API_CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    SIGNING_REQUESTS,
    Wanted,
    parse,
)
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Sync
from kelm.effects.commands import Create, Delete, Update
from kelm.effects.document import Document, children, document, text, thaw
from kelm.effects.refusals import Reason

CLIENT = ("digital signature", "client auth")
HOUR_MS = 3_600_000


KEY = ec.derive_private_key(7, ec.SECP256R1())


def key_of_requests() -> bytes:
    """The key of all requests here, in PEM."""
    return KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@lru_cache(maxsize=32)
def request(name: str, group: str = "", dns: str = "") -> str:
    """A PKCS#10 request, as `spec.request` has it."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if dns:
        names = x509.SubjectAlternativeName([x509.DNSName(dns)])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(KEY, hashes.SHA256())
    return b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


NODE = request("system:node:n-1", "system:nodes")


def asked(name: str, signer: str, wanted: str, usages: Any = CLIENT, **spec: Any) -> Create:
    body = {"request": wanted, "signerName": signer, "usages": list(usages), **spec}
    return Create(SIGNING_REQUESTS, "", document({"metadata": {"name": name}, "spec": body}))


def get(cluster: Cluster, name: str) -> Document:
    found = cluster.store.get(SIGNING_REQUESTS, name)
    assert found is not None
    return found


def decide(cluster: Cluster, name: str, verdict: str = "Approved") -> None:
    doc: Any = thaw(get(cluster, name))
    condition = {"type": verdict, "status": "True", "reason": "Person", "message": "said so"}
    doc["status"].setdefault("conditions", []).append(condition)
    cluster.ask(Update(SIGNING_REQUESTS, "", name, document(doc), subresource="approval"))


def told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    found = children(get(cluster, name), "status", "conditions")
    return [(text(one, "type"), text(one, "reason")) for one in found]


def certificate(cluster: Cluster, name: str) -> x509.Certificate:
    encoded = text(get(cluster, name), "status", "certificate")
    return x509.load_pem_x509_certificate(b64decode(encoded))


def test_a_kubelet_that_may_is_approved_and_gets_a_certificate_of_the_cluster() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("n", KUBELET_CLIENT, NODE, username="system:node:n-1"))
    cluster.run(3_000)
    condition = children(get(cluster, "n"), "status", "conditions")[0]
    assert (text(condition, "type"), text(condition, "reason")) == ("Approved", "AutoApproved")
    assert text(condition, "message") == (
        "Auto approving self kubelet client certificate after SubjectAccessReview."
    )
    assert text(condition, "lastUpdateTime") and text(condition, "lastTransitionTime")
    issued = certificate(cluster, "n")
    issued.verify_directly_issued_by(
        x509.load_pem_x509_certificate(simulated_authority().certificate)
    )
    assert issued.subject.rfc4514_string() == "O=system:nodes,CN=system:node:n-1"
    usage = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    lasts = issued.not_valid_after_utc - issued.not_valid_before_utc
    assert lasts.days == 365


def test_a_person_decides_about_other_clients_and_the_time_asked_for_is_kept() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("ann", API_CLIENT, request("ann"), expirationSeconds=3_600))
    cluster.run(3_000)
    assert told(cluster, "ann") == []
    decide(cluster, "ann")
    cluster.run(3_000)
    issued = certificate(cluster, "ann")
    lasts = issued.not_valid_after_utc - issued.not_valid_before_utc
    assert lasts.total_seconds() == 3_600 + 300


def test_what_is_denied_or_of_a_foreign_signer_gets_no_certificate() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("no", API_CLIENT, request("ann")))
    cluster.ask(asked("foreign", "example.com/mine", request("ann")))
    decide(cluster, "no", "Denied")
    decide(cluster, "foreign")
    cluster.run(10_000)
    assert text(get(cluster, "no"), "status", "certificate") == ""
    assert text(get(cluster, "foreign"), "status", "certificate") == ""


def test_an_approved_request_that_its_signer_does_not_take_has_failed() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("ann", API_CLIENT, request("ann"), ("client auth", "server auth")))
    decide(cluster, "ann")
    cluster.run(3_000)
    failed = children(get(cluster, "ann"), "status", "conditions")[1]
    assert (text(failed, "type"), text(failed, "reason")) == ("Failed", "SignerValidationFailure")
    assert text(failed, "message") == "invalid usage for client certificate: server auth"


SERVING = ("digital signature", "server auth")
OK = Wanted("system:node:n", ("system:nodes",))
SERVER = Wanted("system:node:n", ("system:nodes",), ("n.local",))


@pytest.mark.parametrize(
    ("signer", "wanted", "usages", "fault"),
    [
        (KUBELET_CLIENT, OK, (*CLIENT, "key encipherment"), ""),
        (KUBELET_CLIENT, SERVER, CLIENT, "DNS subjectAltNames are not allowed"),
        (
            KUBELET_CLIENT,
            Wanted("ann", ("system:nodes",)),
            CLIENT,
            "subject common name does not begin with system:node:",
        ),
        (
            KUBELET_CLIENT,
            OK,
            ("client auth",),
            "usages did not match [client auth digital signature key encipherment]",
        ),
        (KUBELET_SERVING, SERVER, SERVING, ""),
        (KUBELET_SERVING, OK, SERVING, "DNS or IP subjectAltName is required"),
        (
            KUBELET_SERVING,
            SERVER,
            CLIENT,
            "usages did not match [digital signature key encipherment server auth]",
        ),
        (
            API_CLIENT,
            Wanted("ann"),
            ("digital signature",),
            "missing required usage for client certificate: client auth",
        ),
        ("example.com/any", Wanted("ann"), (), ""),
    ],
)
def test_signers_say_what_they_do_not_sign(signer, wanted, usages, fault):
    assert fault_of(signer, wanted, usages) == fault


def test_where_roles_decide_a_kubelet_is_approved_once_a_role_allows_it() -> None:
    plane = ControlPlane().with_controller(CertificateApprover("RBAC"))
    cluster = Cluster(nodes=0, control_plane=plane)
    for command in first_roles():
        cluster.ask(command)
    who = {"username": "ann", "groups": ["bootstrappers"]}
    cluster.ask(asked("n", KUBELET_CLIENT, NODE, **who))
    cluster.run(60_000)
    assert told(cluster, "n") == []
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {
            "apiGroup": group,
            "kind": "ClusterRole",
            "name": "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        },
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "bootstrappers"}],
    }
    cluster.ask(Create(f"clusterrolebindings.{group}", "", document(binding)))
    cluster.run(3_000)
    assert told(cluster, "n") == [("Approved", "AutoApproved")]
    assert "self" not in text(children(get(cluster, "n"), "status", "conditions")[0], "message")


def test_requests_go_an_hour_after_the_verdict_and_a_day_without_one() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("open", API_CLIENT, request("ann")))
    cluster.ask(asked("denied", API_CLIENT, request("ann")))
    cluster.ask(asked("foreign", "example.com/mine", request("ann")))
    cluster.ask(asked("brief", API_CLIENT, request("ann"), expirationSeconds=600))
    cluster.ask(asked("issued", API_CLIENT, request("ann")))
    decide(cluster, "denied", "Denied")
    for name in ("foreign", "brief", "issued"):
        decide(cluster, name)

    def left() -> list[str]:
        return [text(one, "metadata", "name") for one in cluster.list(SIGNING_REQUESTS)]

    cluster.run(599_000)
    assert sorted(left()) == ["brief", "denied", "foreign", "issued", "open"]
    cluster.run(5_000)
    assert sorted(left()) == ["denied", "foreign", "issued", "open"]
    cluster.run(HOUR_MS - 610_000)
    assert sorted(left()) == ["denied", "foreign", "issued", "open"]
    cluster.run(15_000)
    assert sorted(left()) == ["foreign", "open"]
    cluster.run(23 * HOUR_MS - 20_000)
    assert sorted(left()) == ["foreign", "open"]
    cluster.run(20_000)
    assert left() == []


NAMES = st.sampled_from(["a", "b", "c"])
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["node", "ann", "odd", "approve", "approve", "deny", "delete"]),
        NAMES,
        st.sampled_from([0, 1, 300]),
    ),
    min_size=4,
    max_size=14,
)
LOOPS = st.sampled_from([*(one.name for one in SIGNERS[:3]), "csrapproving", "csrcleaner"])
FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, LOOPS),
        st.builds(RequestsRefused, LOOPS, st.sampled_from(list(Reason)), st.just(2)),
        st.builds(AnswersLost, LOOPS, st.integers(1, 3)),
        st.builds(WatchStalled, LOOPS, st.integers(1, 5_000)),
    ),
    max_size=3,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    for number, (what, name, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        if what in ("approve", "deny"):
            doc: Any = thaw(cluster.store.get(SIGNING_REQUESTS, name) or Document())
            verdict = {"type": "Approved" if what == "approve" else "Denied", "status": "True"}
            doc.setdefault("status", {}).setdefault("conditions", []).append(verdict)
            ask: Any = Update(SIGNING_REQUESTS, "", name, document(doc), "approval")
        elif what == "delete":
            ask = Delete(SIGNING_REQUESTS, "", name)
        else:
            ask = {
                "node": asked(name, KUBELET_CLIENT, NODE, username="system:node:n-1"),
                "ann": asked(name, API_CLIENT, request("ann")),
                "odd": asked(name, KUBELET_SERVING, request("ann"), SERVING),
            }[what]
        cluster.simulator.ask(ask)
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(1_100_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_at_rest_all_that_was_approved_and_may_be_has_its_certificate_and_nothing_else_has(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    play(cluster, deeds, faults)
    for doc in cluster.list(SIGNING_REQUESTS):
        name = doc["metadata"]["name"]
        verdicts = {kind for kind, _ in told(cluster, name)}
        fits = "kubelet-serving" not in doc["spec"]["signerName"]
        assert ("certificate" in doc["status"]) == ("Approved" in verdicts and fits)
        assert ("Failed" in verdicts) == ("Approved" in verdicts and not fits)
        assert not {"Approved", "Denied"} <= verdicts
        if "certificate" in doc["status"]:
            wanted: Any = parse(doc["spec"]["request"])
            assert not isinstance(wanted, Failure)
            assert (
                wanted.unwrap().common_name in certificate(cluster, name).subject.rfc4514_string()
            )
            event("issued")
    for loop in (*SIGNERS, CertificateApprover(), CertificateCleaner()):
        caches = pmap({w.resource: cluster.store.table(w.resource) for w in loop.watches})
        for key in loop.every_key(caches):
            assert loop.reconcile(Sync(key, cluster.now_ms, caches)).batches == ()


def test_times_of_conditions_are_whole_seconds_of_the_cluster() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(asked("ann", API_CLIENT, request("ann")))
    decide(cluster, "ann")
    (condition,) = children(get(cluster, "ann"), "status", "conditions")
    assert text(condition, "lastUpdateTime") == format_time(cluster.now_ms)
