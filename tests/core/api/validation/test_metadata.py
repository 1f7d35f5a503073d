"""Metadata: which faults are named, in which order, how often."""

from __future__ import annotations

from kelm.core.api.server import ApiServer, handle
from kelm.effects.commands import Create, Update
from kelm.effects.document import document


def _asked(metadata: dict[str, object], resource: str = "namespaces", **more: object):
    doc = document({"metadata": {"name": "shop", **metadata}, **more})
    return handle(ApiServer(), Create(resource, "", doc), 0)[1]


def _causes(outcome) -> list[tuple[str, str]]:
    return [
        (cause.field.removeprefix("metadata."), cause.message) for cause in outcome.failure().causes
    ]


def test_an_owner_without_anything_lacks_four_things():
    path = "ownerReferences"
    assert _causes(_asked({"ownerReferences": [{}]})) == [
        (f"{path}.apiVersion", 'Invalid value: "": version must not be empty'),
        *(
            (f"{path}.{key}", 'Invalid value: "": must not be empty')
            for key in ("kind", "name", "uid")
        ),
    ]


def test_two_controllers_are_named_with_their_kinds():
    owners = [
        {"apiVersion": "v1", "kind": "Node", "name": name, "uid": name, "controller": True}
        for name in ("one", "two")
    ]
    [(field, message)] = _causes(_asked({"ownerReferences": owners}))
    assert field == "ownerReferences"
    assert message.endswith('Found "true" in references for Node/one and Node/two')


def test_a_finalizer_is_judged_as_a_name_and_as_one_of_kubernetes():
    found = _causes(_asked({"finalizers": ["Not A Name"]}))
    assert [field for field, _ in found] == ["finalizers", "finalizers[0]"]
    assert "name part must consist of" in found[0][1]
    assert found[1][1].endswith(
        "name is neither a standard finalizer name nor is it fully qualified"
    )


def test_both_ways_of_waiting_for_dependents_exclude_each_other():
    [(field, message)] = _causes(_asked({"finalizers": ["orphan", "foregroundDeletion"]}))
    assert field == "finalizers"
    assert message.endswith("finalizer orphan and foregroundDeletion cannot be both set")


def test_finalizers_of_webhooks_may_be_any_words():
    kind = "validatingwebhookconfigurations.admissionregistration.k8s.io"
    assert _asked({"finalizers": ["any"]}, kind).unwrap()["metadata"]["finalizers"] == ("any",)


def test_an_update_is_judged_as_any_new_object_as_any_update_and_as_its_kind():
    server, made = handle(
        ApiServer(), Create("namespaces", "", document({"metadata": {"name": "a"}})), 0
    )
    bad = {"name": "a", "labels": {"x": "Not A Value!"}, "finalizers": ["any"]}
    outcome = handle(server, Update("namespaces", "", "a", document({"metadata": bad})), 0)[1]
    assert made.unwrap()
    assert [field for field, _ in _causes(outcome)] == [*["labels"] * 3, "finalizers[0]"]


def test_every_invalid_has_details():
    status = _asked({"name": "UPPER"}).failure().status()
    assert status["details"]["kind"] == "Namespace"
