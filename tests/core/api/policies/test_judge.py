"""What is wrong with policies and bindings, as upstream says it.

`judged.jsonl` has objects with what Kubernetes v1.36.2 has against each: its defaults, then its
validation, run over them. One made object is left out: upstream names the type of a field that
JSONPatch does not have `''`.

Source: kubernetes v1.36, pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kelm.core.api.defaulting.default import DEFAULTERS
from kelm.core.api.policies import registered
from kelm.core.api.validation.validate import validate_create
from kelm.core.api.webhooks.rules import VALIDATING
from kelm.effects.document import document

RECORDED = Path(__file__).with_name("judged.jsonl").read_text().splitlines()
RESOURCES = {
    "ValidatingAdmissionPolicy": registered.VALIDATING,
    "ValidatingAdmissionPolicyBinding": registered.VALIDATING_BINDINGS,
    "MutatingAdmissionPolicy": registered.MUTATING,
    "MutatingAdmissionPolicyBinding": registered.MUTATING_BINDINGS,
    "ValidatingWebhookConfiguration": VALIDATING,
}
CASES: list[Any] = [msgspec.json.decode(line) for line in RECORDED]


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_objects_are_judged_as_upstream_judges_them(kind: str) -> None:
    resource = RESOURCES[kind]
    of_kind = [case for case in CASES if case["object"]["kind"] == kind]
    assert of_kind
    for case in of_kind:
        full = DEFAULTERS[resource](document(case["object"]))
        assert [one.text for one in validate_create(resource, full)] == case["said"]
