"""What is put right in an object after it was noted who set which field."""

from __future__ import annotations

import pytest

from kelm.core.api.server import ApiServer, carry_out
from kelm.core.api.verbs.request import Call
from kelm.effects.commands import Create, Update
from kelm.effects.document import Document, child, document

META = {"name": "thing", "namespace": "default"}
SOURCE = {"kind": "PersistentVolumeClaim", "name": "old"}


def _made(resource: str, doc: dict[str, object], namespace: str = "default") -> Document:
    server = ApiServer()
    space = Create("namespaces", "", document({"metadata": {"name": "default"}}))
    server, _ = carry_out(server, space, Call(0))
    server, outcome = carry_out(
        server, Create(resource, namespace, document(doc)), Call(0, manager="me")
    )
    made = outcome.unwrap()
    again = Update(resource, namespace, "thing", document({**doc, "metadata": META}))
    updated = carry_out(server, again, Call(0, manager="me"))[1].unwrap()
    assert child(updated, "spec") == child(made, "spec")
    return made


def _owned(doc: Document, *path: str) -> Document:
    [entry] = child(doc, "metadata")["managedFields"]  # type: ignore[misc,union-attr]
    return child(entry, "fieldsV1", *path)  # type: ignore[arg-type]


CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
}


@pytest.mark.parametrize(("said", "filled"), [("dataSource", "dataSourceRef"),
                                              ("dataSourceRef", "dataSource")])  # fmt: skip
def test_a_claim_says_twice_what_it_is_filled_from(said: str, filled: str) -> None:
    doc = {"metadata": META, "spec": {**CLAIM, said: SOURCE}}
    made = _made("persistentvolumeclaims", doc)
    assert child(made, "spec")[filled] == document(SOURCE)
    assert f"f:{filled}" not in _owned(made, "f:spec") and f"f:{said}" in _owned(made, "f:spec")


def test_a_source_in_another_namespace_is_said_once() -> None:
    spec = {**CLAIM, "dataSourceRef": {**SOURCE, "namespace": "other"}}
    made = _made("persistentvolumeclaims", {"metadata": META, "spec": spec})
    assert "dataSource" not in child(made, "spec")


def test_a_lease_keeps_nothing_of_coordinated_elections() -> None:
    spec = {"holderIdentity": "me", "strategy": "OldestEmulationVersion", "preferredHolder": "you"}
    server = ApiServer()
    space = Create("namespaces", "", document({"metadata": {"name": "default"}}))
    server, _ = carry_out(server, space, Call(0))
    new = Create(
        "leases.coordination.k8s.io", "default", document({"metadata": META, "spec": spec})
    )
    made = carry_out(server, new, Call(0, manager="me"))[1].unwrap()
    assert child(made, "spec") == Document(holderIdentity="me")
    assert "f:strategy" in _owned(made, "f:spec")


def test_a_role_that_permits_nothing_says_so_and_nobody_said_it() -> None:
    made = _made("roles.rbac.authorization.k8s.io", {"metadata": META})
    assert made["rules"] is None and "managedFields" not in child(made, "metadata")


def test_labels_of_a_job_that_are_its_templates_get_what_those_get() -> None:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}  # fmt: skip

    def labels(meta: dict[str, object]) -> Document:
        server = ApiServer()
        space = Create("namespaces", "", document({"metadata": {"name": "default"}}))
        server, _ = carry_out(server, space, Call(0))
        doc = {"metadata": {**META, **meta}, "spec": {"template": template}}
        made = carry_out(server, Create("jobs.batch", "default", document(doc)), Call(0))[1]
        return child(made.unwrap(), "metadata", "labels")

    assert labels({})["job-name"] == "thing"
    assert labels({"labels": {"app": "a"}}) == Document(app="a")


def test_items_that_are_one_value_have_no_owned_fields_of_their_own() -> None:
    made = _made("serviceaccounts", {"metadata": META, "secrets": [{"name": "a"}]})
    assert _owned(made, "f:secrets") == document({".": {}, 'k:{"name":"a"}': {}})
