"""IPAddresses of Services beside a real API server: the same requests, the same addresses."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kelm import Cluster
from kelm.core.api.validation.service_addresses import ADDRESSES
from kelm.effects.commands import Command, Create, Delete, List, Patch
from kelm.effects.document import children, document, thaw
from tests.realcluster.binaries import SERVERS, have
from tests.realcluster.servers import Servers, running

pytestmark = [pytest.mark.realcluster, pytest.mark.timeout(300)]
RANGE = "10.96.0.0/12"
REPAIRED_S = 150
"""Upstream looks at everything again every minute."""

Doc = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    if not have(*SERVERS):
        pytest.skip("no API server: python -m tests.realcluster build")
    with running() as started:
        yield started


def service(name: str, **spec: Any) -> Command:
    whole = {"ports": [{"port": 80}], **spec}
    return Create("services", "default", document({"metadata": {"name": name}, "spec": whole}))


def changed(name: str, **spec: Any) -> Command:
    return Patch("services", "default", name, document({"spec": spec}))


def by_hand(name: str) -> Command:
    parent = {"resource": "services", "namespace": "default", "name": "nobody"}
    doc = {"metadata": {"name": name}, "spec": {"parentRef": parent}}
    return Create(ADDRESSES, "", document(doc))


def path_of(command: Any) -> str:
    name = "" if isinstance(command, Create) else f"/{command.name}"
    if command.resource == ADDRESSES:
        return f"/apis/networking.k8s.io/v1/ipaddresses{name}"
    return f"/api/v1/namespaces/{command.namespace}/services{name}"


def asked(servers: Servers, command: Any) -> Doc:
    """What the real API server answers."""
    method = {Create: "POST", Patch: "PATCH", Delete: "DELETE"}[type(command)]
    body = None
    if isinstance(command, Create):
        kind = ("v1", "Service")
        if command.resource == ADDRESSES:
            kind = ("networking.k8s.io/v1", "IPAddress")
        body = {"apiVersion": kind[0], "kind": kind[1], **dict(thaw(command.object))}  # type: ignore[call-overload]
    elif isinstance(command, Patch):
        body = thaw(command.patch)
    return http(servers, method, path_of(command), body)


def http(servers: Servers, method: str, path: str, body: object = None) -> Doc:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    request = urllib.request.Request(
        servers.url + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": kind},
    )
    try:
        with urllib.request.urlopen(request, context=servers.tls()) as answer:
            found: Doc = json.load(answer)
    except urllib.error.HTTPError as refused:
        found = json.load(refused)
    return found


def plain(docs: list[Doc]) -> dict[str, tuple[Doc, Doc]]:
    """What IPAddresses say, but for the API server's own and for what a watch adds."""
    return {
        doc["metadata"]["name"]: (doc["metadata"].get("labels", {}), doc["spec"])
        for doc in docs
        if doc["spec"]["parentRef"]["name"] != "kubernetes"
    }


def real(servers: Servers) -> dict[str, tuple[Doc, Doc]]:
    return plain(http(servers, "GET", "/apis/networking.k8s.io/v1/ipaddresses")["items"])


def ours(cluster: Cluster) -> dict[str, tuple[Doc, Doc]]:
    found = cluster.ask(List(ADDRESSES)).unwrap()
    return plain([dict(thaw(one)) for one in children(found, "items")])  # type: ignore[call-overload]


STEPS: tuple[Command, ...] = (
    service("web", clusterIP="10.96.7.7"),
    service("second", clusterIP="10.96.7.7"),
    by_hand("10.96.7.8"),
    service("second", clusterIP="10.96.7.8"),
    by_hand("10.96.7.7"),
    service("headless", clusterIP="None"),
    changed("web", type="NodePort"),
    changed("web", type="ExternalName", externalName="a.example.com"),
    service("third", clusterIP="10.96.7.7"),
    changed("web", type="ClusterIP", externalName=None, clusterIP="10.96.7.9"),
    Delete("services", "default", "third"),
    Delete(ADDRESSES, "", "10.96.7.8"),
    service("second", clusterIP="10.96.7.8"),
    Delete("services", "default", "web"),
)


def test_the_same_requests_leave_the_same_addresses(servers: Servers) -> None:
    cluster = Cluster(nodes=0)
    for step in STEPS:
        outcome = cluster.ask(step)
        said = asked(servers, step)
        if said.get("status") == "Failure":
            assert outcome.failure().message == said["message"], step
        else:
            assert outcome.unwrap() is not None, step
        assert eventually(lambda: real(servers), ours(cluster)) == ours(cluster), step


def test_what_somebody_spoils_is_repaired_alike(servers: Servers) -> None:
    cluster = Cluster(nodes=0)
    steps: tuple[Command, ...] = (
        service("spoilt", clusterIP="10.96.8.1"),
        service("bare", clusterIP="10.96.8.2"),
        Patch(ADDRESSES, "", "10.96.8.1", document({"metadata": {"labels": None}})),
        Delete(ADDRESSES, "", "10.96.8.2"),
    )
    for step in steps:
        cluster.ask(step)
        asked(servers, step)
    cluster.run(1_000)
    wanted = ours(cluster)
    assert set(wanted) == {"10.96.8.1", "10.96.8.2"}
    touch = document({"metadata": {"labels": {"a": "b"}}})
    for name in ("spoilt", "bare"):  # a real one looks at a Service that changes, or once a minute
        asked(servers, Patch("services", "default", name, touch))
    found = eventually(lambda: {k: v for k, v in real(servers).items() if k in wanted}, wanted)
    assert found == wanted


def eventually(look: Callable[[], Any], wanted: Any) -> Any:
    """What is seen once it is as wanted, or in the end."""
    end = time.monotonic() + REPAIRED_S
    while (seen := look()) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return seen
