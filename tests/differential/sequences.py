"""Which sequences there are: of every kind's example, and of its mutants."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.differential.mutants import mutants
from tests.differential.objects import Example
from tests.differential.steps import PARTIAL, PARTIAL_LIST, PATCHES, TABLE, Sequence, Step

DRY = "dryRun=All"


def _all(_label: str) -> bool:
    return True


def faults(example: Example, wanted: Callable[[str], bool] = _all) -> Iterator[Sequence]:
    """Every mutant asked to be created, and to replace the example: nothing is kept of them."""
    tried = list(mutants(example.object, wanted))
    new = tuple(
        Step("POST", f"{example.collection}?{DRY}", mutant.object, label=mutant.label)
        for mutant in tried
    )
    yield Sequence(f"create/{example.name}", new)
    replacing = tuple(
        Step("PUT", f"{example.path}?{DRY}", mutant.object, label=mutant.label)
        for mutant in tried
        if not mutant.label.startswith("metadata.name")
    )
    made = Step("POST", example.collection, example.object, label="create")
    yield Sequence(f"update/{example.name}", (made, *replacing))


def life(example: Example) -> Sequence:
    """One object from its creation to its deletion, in every form that is asked for."""
    where, name = example.collection, example.path
    selected = f"{where}?labelSelector=tested%3Dyes"
    tested = {"metadata": {"labels": {"tested": "yes"}}}
    apply = {
        "apiVersion": example.object["apiVersion"],
        "kind": example.object["kind"],
        "metadata": {"name": example.object["metadata"]["name"], "labels": {"by": "apply"}},
    }
    unknown = copy.deepcopy(example.object) | {"unheard": 1}
    steps: list[Step] = [
        Step("GET", name, label="get before"),
        Step("POST", f"{where}?{DRY}", example.object, label="dry create"),
        Step("POST", f"{where}?fieldValidation=Strict", unknown, label="unknown field, strict"),
        Step("POST", f"{where}?{DRY}&fieldValidation=Warn", unknown, label="unknown field, warn"),
        Step("POST", where, example.object, label="create"),
        Step("POST", where, example.object, label="create again"),
        Step("GET", name, label="get"),
        Step("GET", name, accept=TABLE, label="table"),
        Step("GET", name, accept=PARTIAL, label="partial"),
        Step("PATCH", name, tested, PATCHES["merge"], label="merge patch"),
        Step("PATCH", name, tested, PATCHES["merge"], label="merge patch again"),
        Step("PATCH", name, tested, PATCHES["strategic"], label="strategic patch"),
        Step("PATCH", name, _test("yes"), PATCHES["json"], label="json patch"),
        Step("PATCH", name, _test("no"), PATCHES["json"], label="json patch that fails"),
        Step("PATCH", f"{name}?fieldManager=one", apply, PATCHES["apply"], label="apply"),
        Step("PATCH", f"{name}?fieldManager=two", _by(apply, "two"), PATCHES["apply"],
             label="apply, conflict"),
        Step("PATCH", f"{name}?fieldManager=two&force=true", _by(apply, "two"), PATCHES["apply"],
             label="apply, forced"),
        Step("PATCH", name, apply, PATCHES["apply"], label="apply without manager"),
        Step("PUT", name, _with(example.object, resourceVersion="1"), label="stale update"),
        Step("PUT", name, _with(example.object, uid="other"), label="update of another uid"),
        Step("PUT", name, _with(example.object, resourceVersion="$rv"), label="update"),
        Step("PUT", name, example.object, label="update of any version"),
        Step("PATCH", name, tested, PATCHES["merge"], label="merge patch once more"),
        Step("GET", selected, label="list"),
        Step("GET", selected, accept=TABLE, label="list as table"),
        Step("GET", selected, accept=PARTIAL_LIST, label="list partial"),
        Step("GET", f"{where}?limit=0&fieldSelector=metadata.name%3Dnobody", label="list none"),
        Step("GET", f"{where}?fieldSelector=spec.unheard%3D1", label="unknown selector"),
        Step("GET", f"{where}?labelSelector=a+in+b", label="bad selector"),
    ]  # fmt: skip
    if "status" in example.info.subresources:
        steps += [
            Step("GET", f"{name}/status", label="get status"),
            Step("PUT", f"{name}/status", example.object, label="put status"),
            Step("PATCH", f"{name}/status", tested, PATCHES["merge"], label="patch status"),
            Step("PATCH", f"{name}/status?fieldManager=one", apply, PATCHES["apply"],
                 label="apply status"),
        ]  # fmt: skip
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    free = {"metadata": {"finalizers": None}}
    steps += [
        Step("DELETE", name, {"preconditions": {"uid": "other"}}, label="delete of another uid"),
        Step("DELETE", name, {"preconditions": {"resourceVersion": "1"}}, label="stale delete"),
        Step("DELETE", name, {"propagationPolicy": "Sideways"}, label="delete, bad policy"),
        Step("DELETE", f"{name}?{DRY}", {}, label="dry delete"),
        Step("PATCH", name, held, PATCHES["merge"], label="finalizer"),
        Step("DELETE", name, {"propagationPolicy": "Foreground", "gracePeriodSeconds": 0},
             label="delete in the foreground"),
        Step("PATCH", name, free, PATCHES["merge"], label="finalizers gone"),
        Step("GET", name, label="get after"),
        Step("DELETE", name, {}, label="delete again"),
    ]  # fmt: skip
    return Sequence(f"life/{example.name}", tuple(steps))


def _test(value: str) -> list[dict[str, str]]:
    path = "/metadata/labels/tested"
    return [
        {"op": "test", "path": path, "value": value},
        {"op": "replace", "path": path, "value": "sure"},
    ]


def _by(apply: dict[str, Any], who: str) -> dict[str, Any]:
    return apply | {"metadata": apply["metadata"] | {"labels": {"by": who}}}


def _with(doc: dict[str, Any], **fields: str) -> dict[str, Any]:
    return doc | {"metadata": doc["metadata"] | fields}
