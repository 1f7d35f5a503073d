"""Selectors of devices: what they see of a device, and what stops them."""

from __future__ import annotations

from returns.result import Failure, Success

from kelm.core.cel.devices import Device, compile_selector, device_of
from kelm.effects.document import document

GPU = {
    "name": "gpu-0",
    "allowMultipleAllocations": True,
    "attributes": {
        "model": {"string": "A100"},
        "cores": {"int": 8},
        "ecc": {"bool": True},
        "driverVersion": {"version": "1.2.3"},
        "pci.example.com/slot": {"int": 3},
    },
    "capacity": {"memory": {"value": "40Gi"}},
}


def gpu() -> Device:
    return device_of("gpu.example.com", document(GPU)).unwrap()


def asked(expression: str) -> Success[bool] | Failure[str]:
    return compile_selector(expression).unwrap().matches(gpu())  # type: ignore[return-value]


def test_attributes_and_capacities_are_found_by_domain() -> None:
    own = 'device.attributes["gpu.example.com"]'
    for expression in (
        'device.driver == "gpu.example.com"',
        f'{own}.model == "A100" && {own}.cores >= 8 && {own}.ecc',
        f'{own}.driverVersion.isGreaterThan(semver("1.0.0"))',
        'device.attributes["pci.example.com"].slot == 3',
        'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("10Gi"))',
        "device.allowMultipleAllocations",
        f"{own}.ecc",
        f"cel.bind(dra, {own}, dra.ecc && dra.cores == 8)",
    ):
        assert asked(expression) == Success(True), expression


def test_an_unknown_domain_is_empty_and_an_unknown_name_is_an_error() -> None:
    assert asked('device.attributes["else"].size() == 0') == Success(True)
    assert asked('"else" in device.attributes') == Success(False)
    assert asked('has(device.attributes["gpu.example.com"].model)') == Success(True)
    assert asked('has(device.attributes["gpu.example.com"].nothing)') == Success(False)
    found = asked('device.attributes["gpu.example.com"].nothing == 1')
    assert found == Failure("no such key: nothing")
    assert asked('device.attributes["else"].nothing == 1') == Failure("no such key: nothing")


def test_a_value_that_is_no_boolean_is_an_error() -> None:
    found = asked('device.attributes["gpu.example.com"].cores')
    assert isinstance(found, Failure)
    assert found.failure().startswith("CEL result of type int could not be converted to bool")


def test_what_does_not_compile_is_refused_in_the_apis_words() -> None:
    wrong = compile_selector("device.attribute.x").failure()
    assert wrong.startswith("compilation failed: ERROR: <input>:1:7: undefined field 'attribute'")


def test_a_device_that_cannot_be_read_says_which_attribute() -> None:
    broken = document({"attributes": {"v": {"version": "1"}}})
    assert device_of("d", broken) == Failure(
        "attribute v: parse semantic version: No Major.Minor.Patch elements found"
    )
    assert device_of("d", document({"attributes": {"v": {}}})) == Failure(
        "attribute v: unsupported attribute value"
    )
