"""What the API fills in and refuses of claims for devices, of classes and of slices."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.core.api.defaulting.default import default
from kelm.core.api.validation.validate import (
    validate_create,
    validate_status_update,
    validate_update,
)
from kelm.effects.document import document, thaw, with_value

CLAIMS, CLASSES = "resourceclaims.resource.k8s.io", "deviceclasses.resource.k8s.io"
SLICES, TEMPLATES = "resourceslices.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"


def claim(*requests: dict[str, Any], **devices: Any) -> Any:
    meta = {"name": "c", "namespace": "default"}
    spec = {"devices": {"requests": list(requests), **devices}}
    return default(CLAIMS, document({"metadata": meta, "spec": spec}))


def a_slice(**spec: Any) -> Any:
    pool = {"name": "n0", "generation": 1, "resourceSliceCount": 1}
    whole = {"driver": "gpu.example.com", "pool": pool, "nodeName": "n0", **spec}
    return document({"metadata": {"name": "s"}, "spec": whole})


def exactly(name: str = "gpu", **more: Any) -> dict[str, Any]:
    return {"name": name, "exactly": {"deviceClassName": "gpu", **more}}


def words(violations: Any) -> list[str]:
    return [one.text for one in violations]


def test_a_request_is_for_one_device_where_it_does_not_say_how_many() -> None:
    both = {"name": "b", "firstAvailable": [{"name": "x", "deviceClassName": "gpu"}]}
    requests = thaw(claim(exactly(), both))["spec"]["devices"]["requests"]
    assert requests[0]["exactly"]["allocationMode"] == "ExactCount"
    assert requests[0]["exactly"]["count"] == 1
    assert requests[1]["firstAvailable"][0]["count"] == 1
    every = thaw(claim(exactly(allocationMode="All")))["spec"]["devices"]["requests"][0]
    assert "count" not in every["exactly"]
    template = {"metadata": {"name": "t"}, "spec": thaw({"spec": {"devices": {}}})}
    template["spec"]["spec"]["devices"] = {"requests": [exactly()]}
    made: Any = thaw(default(TEMPLATES, document(template)))
    assert made["spec"]["spec"]["devices"]["requests"][0]["exactly"]["count"] == 1


PATH = "spec.devices.requests[0]"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (claim(exactly()), []),
        (
            claim({"name": "a"}),
            [f"{PATH}: Required value: exactly one of `exactly` or `firstAvailable` is required"],
        ),
        (
            claim(exactly(deviceClassName="")),
            [f"{PATH}.exactly.deviceClassName: Required value"],
        ),
        (
            claim(exactly(allocationMode="All", count=2)),
            [
                f"{PATH}.exactly.count: Invalid value: 2: must not be specified when "
                "allocationMode is 'All'"
            ],
        ),
        (
            claim(exactly(count=-1)),
            [f"{PATH}.exactly.count: Invalid value: -1: must be greater than zero"],
        ),
        (
            claim(exactly(allocationMode="Some")),
            [
                f'{PATH}.exactly.allocationMode: Unsupported value: "Some": supported values: '
                '"All", "ExactCount"'
            ],
        ),
        (
            claim(exactly("a"), exactly("a")),
            ['spec.devices.requests[1]: Duplicate value: "a"'],
        ),
        (
            claim(exactly(), constraints=[{"requests": ["other"], "matchAttribute": "x.io/a"}]),
            [
                'spec.devices.constraints[0].requests[0]: Invalid value: "other": must be the '
                "name of a request in the claim or the name of a request and a subrequest "
                "separated by '/'"
            ],
        ),
        (
            claim(exactly(), constraints=[{"matchAttribute": "plain"}]),
            [
                'spec.devices.constraints[0].matchAttribute: Invalid value: "plain": a fully '
                "qualified name must be a domain and a name separated by a slash"
            ],
        ),
    ],
)
def test_a_claim_says_clearly_what_it_wants(given: Any, said: list[str]) -> None:
    assert words(validate_create(CLAIMS, given)) == said


def pod(*entries: dict[str, Any], uses: tuple[str, ...] = ()) -> Any:
    claims = [{"name": name} for name in uses]
    container = {"name": "c", "image": "nginx", "resources": {"claims": claims}}
    spec = {"containers": [container], "resourceClaims": list(entries)}
    meta = {"name": "p", "namespace": "default"}
    return default("pods", document({"metadata": meta, "spec": spec}))


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        (pod({"name": "a"}), "spec.resourceClaims[0]", "must specify one of: "),
        (
            pod({"name": "a", "resourceClaimName": "c", "resourceClaimTemplateName": "t"}),
            "spec.resourceClaims[0]",
            "at most one of ",
        ),
        (pod(*[{"name": "a", "resourceClaimName": "c"}] * 2), "spec.resourceClaims[1].name", ""),
        (
            pod({"name": "a", "resourceClaimName": "c"}, uses=("b",)),
            "spec.containers[0].resources.claims[0]",
            "must be one of the names in pod.spec.resourceClaims: a",
        ),
        (
            pod({"name": "a", "resourceClaimName": "c"}, uses=("a", "a")),
            "spec.containers[0].resources.claims[1]",
            "",
        ),
    ],
)
def test_a_pod_names_its_claims_and_its_containers_use_them(
    given: Any, field: str, said: str
) -> None:
    (found,) = [one for one in validate_create("pods", given) if "laims" in one.field]
    assert found.field == field and found.detail.startswith(said)


def test_a_pod_may_use_a_claim_in_a_container() -> None:
    given = pod({"name": "a", "resourceClaimName": "c"}, uses=("a",))
    assert not [one for one in validate_create("pods", given) if "laims" in one.field]


def test_an_expression_has_to_make_sense() -> None:
    def wrong(expression: str) -> list[str]:
        given = claim(exactly(selectors=[{"cel": {"expression": expression}}]))
        return [one.field for one in validate_create(CLAIMS, given)]

    assert wrong("device.driver == 'x'") == []
    assert wrong("device.driver") == [f"{PATH}.exactly.selectors[0].cel.expression"]
    assert wrong("device.nothing == 1") == [f"{PATH}.exactly.selectors[0].cel.expression"]


def test_a_claim_never_wants_something_else() -> None:
    old, new = claim(exactly()), claim(exactly(count=2))
    assert [one.field for one in validate_update(CLAIMS, old, new)] == ["spec"]
    assert validate_update(CLAIMS, old, old) == ()


def test_what_was_allocated_stays_so_until_it_is_taken_back() -> None:
    result = {"request": "gpu", "driver": "gpu.example.com", "pool": "n0", "device": "d0"}
    user = {"resource": "pods", "name": "p", "uid": "u"}
    free = claim(exactly())
    taken = with_value(free, ("status",), document({"allocation": {"devices": {}}}))
    given = {"allocation": {"devices": {"results": [result]}}, "reservedFor": [user]}
    held = with_value(free, ("status",), document(given))
    assert validate_status_update(CLAIMS, free, held) == ()
    assert [one.field for one in validate_status_update(CLAIMS, held, taken)] == [
        "status.allocation"
    ]
    nobodys = with_value(free, ("status",), document({"reservedFor": [user]}))
    assert words(validate_status_update(CLAIMS, free, nobodys)) == [
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"
    ]
    other = {"allocation": {"devices": {"results": [{**result, "request": "x"}]}}}
    wrong = with_value(free, ("status",), document(other))
    assert [one.field for one in validate_status_update(CLAIMS, free, wrong)] == [
        "status.allocation.devices.results[0].request"
    ]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (a_slice(), []),
        (a_slice(devices=[{"name": "d", "attributes": {"model": {"string": "a"}}}]), []),
        (a_slice(allNodes=True), ["spec"]),
        (a_slice(nodeName=None), ["spec"]),
        (a_slice(driver=""), ["spec.driver"]),
        (a_slice(devices=[{"name": "d"}, {"name": "d"}]), ["spec.devices[1]"]),
        (
            a_slice(devices=[{"name": "d", "attributes": {"model": {}}}]),
            ["spec.devices[0].attributes[model]"],
        ),
        (
            a_slice(devices=[{"name": "d", "attributes": {"v": {"version": "1"}}}]),
            ["spec.devices[0].attributes[v].version"],
        ),
        (a_slice(devices=[{"name": "d", "nodeName": "n0"}]), ["spec.devices[0]"]),
        (a_slice(devices=[{"name": f"d{i}"} for i in range(129)]), ["spec.devices"]),
    ],
)
def test_a_slice_says_whose_devices_are_where(given: Any, fields: list[str]) -> None:
    assert [one.field for one in validate_create(SLICES, given)] == fields


def test_a_slice_stays_in_its_pool_and_a_class_names_extended_resources() -> None:
    moved = a_slice(pool={"name": "n1", "generation": 1, "resourceSliceCount": 1}, nodeName="n1")
    said = [one.field for one in validate_update(SLICES, a_slice(), moved)]
    assert said == ["spec.pool.name", "spec.nodeName"]
    kind = document({"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "cpu"}})
    assert [one.field for one in validate_create(CLASSES, kind)] == ["spec.extendedResourceName"]
