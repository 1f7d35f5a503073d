"""Empty text: left out where it says nothing, kept and judged where it was chosen."""

from __future__ import annotations

import pytest

from kelm.core.api.defaulting.default import default
from kelm.effects.document import Document, child, document, value_at

ROLES = "roles.rbac.authorization.k8s.io"


@pytest.mark.parametrize("resource", ["configmaps", ROLES, "ingresses.networking.k8s.io"])
def test_an_empty_name_to_draw_from_is_none(resource: str) -> None:
    doc = document({"metadata": {"name": "a", "generateName": ""}})
    assert child(default(resource, doc), "metadata") == Document(name="a")


@pytest.mark.parametrize(
    ("resource", "doc", "path"),
    [
        ("storageclasses.storage.k8s.io", {"reclaimPolicy": ""}, ("reclaimPolicy",)),
        ("csidrivers.storage.k8s.io", {"spec": {"fsGroupPolicy": ""}}, ("spec", "fsGroupPolicy")),
        ("validatingadmissionpolicies.admissionregistration.k8s.io",
         {"spec": {"failurePolicy": ""}}, ("spec", "failurePolicy")),
        ("ingressclasses.networking.k8s.io", {"spec": {"parameters": {"scope": ""}}},
         ("spec", "parameters", "scope")),
    ],
)  # fmt: skip
def test_an_empty_choice_is_no_missing_one(
    resource: str, doc: dict[str, object], path: tuple[str, ...]
) -> None:
    assert value_at(default(resource, document({"metadata": {}, **doc})), *path) == ""


def test_levels_and_flows_have_their_numbers() -> None:
    queue = {"type": "Queue", "queuing": {"handSize": 0}}
    spec = {"type": "Limited", "limited": {"limitResponse": queue}}
    doc = default("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
                  document({"metadata": {}, "spec": spec}))  # fmt: skip
    limited = child(doc, "spec", "limited")
    assert (limited["nominalConcurrencyShares"], limited["lendablePercent"]) == (30, 0)
    assert child(limited, "limitResponse", "queuing") == document(
        {"handSize": 8, "queues": 64, "queueLengthLimit": 50}
    )
    flow = default("flowschemas.flowcontrol.apiserver.k8s.io", document({"metadata": {}}))
    assert child(flow, "spec")["matchingPrecedence"] == 1_000
