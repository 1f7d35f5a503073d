"""Many objects of one document: nobody can tell that the API did not do all the work again."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from kelm.core.api.server import ApiServer, handle
from kelm.core.api.verbs.mould import mould_of
from kelm.effects.commands import Command, Create, Delete, Patch
from kelm.effects.document import Document, document, freeze, thaw, value_at
from kelm.effects.messages import Outcome, unwrap_or_failure
from kelm.effects.refusals import Refusal
from tests.core.api.clusters import NOW_MS, done, pod, server_with


def unnamed(**metadata: object) -> Document:
    found = {"labels": {"app": "web"}, "generateName": "web-", **metadata}
    return Document({**pod(), "metadata": freeze(found)})


PODS = (
    unnamed(),
    unnamed(ownerReferences=[{"apiVersion": "v1", "kind": "ReplicaSet", "name": "a", "uid": "u"}]),
    unnamed(annotations={"kubernetes.io/config.mirror": "x"}),
    unnamed(name="web"),
    unnamed(name="web-"),
    unnamed(generateName="Web-"),
    unnamed(labels={"a/b/c": "d"}),
    unnamed(namespace="elsewhere"),
    unnamed(resourceVersion="7"),
    Document({**unnamed(), "spec": document({"containers": [{"name": "c"}]})}),
    Document({**unnamed(), "spec": document({**pod()["spec"], "priorityClassName": "high"})}),  # type: ignore[dict-item]
)
LIMITS = document(
    {
        "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "100m"}}]},
    }
)
HIGH = document({"metadata": {"name": "high"}, "value": 1_000})
NO_TOKEN = document({"automountServiceAccountToken": False})
WORLD: tuple[Command, ...] = (
    Create("limitranges", "default", LIMITS),
    Delete("limitranges", "default", "limits"),
    Create("priorityclasses.scheduling.k8s.io", "", HIGH),
    Patch("serviceaccounts", "default", "default", NO_TOKEN),
    Delete("serviceaccounts", "default", "default"),
    Create("serviceaccounts", "default", document({"metadata": {"name": "default"}})),
    Create("namespaces", "", document({"metadata": {"name": "elsewhere"}})),
    Create("serviceaccounts", "elsewhere", document({"metadata": {"name": "default"}})),
    Delete("namespaces", "", "default"),
)
NAMESPACES = st.sampled_from((*["default"] * 4, "elsewhere", ""))
RESOURCES = st.sampled_from((*["pods"] * 5, "configmaps"))


@st.composite
def histories(draw: st.DrawFn) -> list[Command]:
    """One document asked for again and again while the world changes."""
    one = draw(st.sampled_from((*PODS, *PODS[:2] * 6)))
    history: list[Command] = list(draw(st.lists(st.sampled_from(WORLD), max_size=3)))
    for _ in range(draw(st.integers(2, 5))):
        history.append(Create(draw(RESOURCES), draw(NAMESPACES), one))
        history.extend(draw(st.lists(st.sampled_from(WORLD), min_size=1, max_size=2)))
    return history


def fresh(command: Command) -> Command:
    """The same command of documents that nobody has ever looked at."""
    if not isinstance(command, Create):
        return command
    copy = freeze(thaw(command.object))
    assert isinstance(copy, Document)
    return Create(command.resource, command.namespace, copy)


def lived(history: list[Command]) -> tuple[ApiServer, list[Document | Refusal]]:
    server, outcomes = server_with(), list[Outcome]()
    for number, command in enumerate(history):
        server, outcome = handle(server, command, NOW_MS + 1_000 * number)
        outcomes.append(outcome)
    return server, [unwrap_or_failure(outcome) for outcome in outcomes]


ONE = Create("pods", "default", PODS[0])


@given(history=histories())
@example(history=[ONE, WORLD[0], ONE])
@example(history=[ONE, WORLD[4], ONE])
@example(history=[ONE, WORLD[8], ONE])
@example(history=[ONE, WORLD[6], WORLD[7], Create("pods", "elsewhere", PODS[0])])
@example(history=[ONE, Create("configmaps", "default", PODS[0])])
@example(history=[Create("pods", "default", PODS[4])] * 2)
def test_equal_documents_fare_as_one_document_does(history: list[Command]) -> None:
    server, outcomes = lived(history)
    other, expected = lived([fresh(command) for command in history])
    assert outcomes == expected
    assert list(server.store.table("pods").objects()) == list(other.store.table("pods").objects())


def test_the_second_pod_of_a_document_shares_what_the_first_became() -> None:
    request = Create("pods", "default", unnamed())
    server, first = done(server_with(), request)
    assert mould_of(request.object) is not None
    _, second = done(server, request)
    assert first["spec"] is second["spec"]
    assert value_at(first, "metadata", "uid") != value_at(second, "metadata", "uid")


def test_a_document_that_changes_nothing_does_not_keep_itself() -> None:
    request = Create("pods", "default", unnamed())
    done(server_with(), request)
    mould = mould_of(request.object)
    assert mould is not None and mould.object is not request.object
