"""Selectors of devices: does a device of a driver fit what a claim or a class asks for?

    compile_selector('device.driver == "gpu.example.com" && device.attributes["gpu"].model == "a"')

Source: kubernetes v1.36, dynamic-resource-allocation/cel/compile.go; api/resource/v1/types.go (the
limits); pkg/features/kube_features.go (DRAConsumableCapacity is on, DRAListTypeAttributes off).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import BOOL, STRING, Type, map_of, object_type, shown
from kelm.core.cel.compile import Program, compile_expression
from kelm.core.cel.libraries.quantities import QuantityValue
from kelm.core.cel.libraries.versions import read
from kelm.core.cel.running.values import EvaluationFault, Value, type_name
from kelm.core.objects.quantity import parse_quantity
from kelm.effects.document import EMPTY, Document, child, flag

MOST_COST: Final = 1_000_000
MOST_LENGTH: Final = 10 * 1024
_ANY: Final = Type("dyn", "any")
_QUANTITY: Final = object_type("kubernetes.Quantity")
_FIELDS: Final = {
    "driver": STRING,
    "allowMultipleAllocations": BOOL,
    "attributes": map_of(STRING, map_of(STRING, _ANY)),
    "capacity": map_of(STRING, map_of(STRING, _QUANTITY)),
}
ENVIRONMENT: Final = Environment(
    {"device": object_type("kubernetes.DRADevice")},
    {"kubernetes.DRADevice": _FIELDS},
    binds=True,
)


class _Domains(dict[str, Value]):
    """Values by domain; a domain without any is empty and no error."""

    def get(self, key: str, default: Value = None) -> Value:
        return super().get(key, EMPTY)


class Device(msgspec.Struct, frozen=True):
    """A device as selectors see it: made once, asked by many."""

    bindings: dict[str, Value]


def device_of(driver: str, device: Document) -> Result[Device, str]:
    """A device of a ResourceSlice (`spec.devices[]`), or what in it no selector can read.

    Names without a domain are the driver's.

    >>> from kelm.effects.document import document
    >>> gpu = device_of("gpu.example.com", document({"attributes": {"cores": {"int": 8}}})).unwrap()
    >>> asked = 'device.attributes["gpu.example.com"].cores >= 8'
    >>> compile_selector(asked).unwrap().matches(gpu)
    <Success: True>
    """
    attributes, capacity = _Domains(), _Domains()
    try:
        for domain, name, given in _named(driver, child(device, "attributes")):
            try:
                attributes[domain] = {**attributes.get(domain), name: _attribute(given)}
            except EvaluationFault as fault:
                return Failure(f"attribute {name}: {fault.message}")
        for domain, name, given in _named(driver, child(device, "capacity")):
            quantity = QuantityValue(parse_quantity(_amount(given)))
            capacity[domain] = {**capacity.get(domain), name: quantity}
    except ValueError as wrong:
        return Failure(str(wrong))
    fields = {
        "driver": driver,
        "allowMultipleAllocations": flag(device, "allowMultipleAllocations"),
        "attributes": attributes,
        "capacity": capacity,
    }
    return Success(Device({"device": fields}))


def _named(driver: str, values: Document) -> Iterator[tuple[str, str, Document]]:
    for name, given in values.items():
        domain, slash, identity = name.partition("/")
        if isinstance(given, Document):
            yield (domain, identity, given) if slash else (driver, name, given)


def _attribute(given: Document) -> Value:
    for kind in ("int", "bool", "string"):
        if given.get(kind) is not None:
            return given[kind]
    version = given.get("version")
    if isinstance(version, str):
        try:
            return read(version)
        except EvaluationFault as fault:
            raise EvaluationFault(f"parse semantic version: {fault.message}") from None
    raise EvaluationFault("unsupported attribute value")


def _amount(given: Document) -> str | int | float:
    value = given.get("value")
    return value if isinstance(value, str | int | float) else "0"


class Selector(msgspec.Struct, frozen=True):
    """A selector that is ready to be asked."""

    program: Program

    def matches(self, device: Device, limit: int = MOST_COST) -> Result[bool, str]:
        """Whether a device fits; or why that cannot be said, which stops an allocation."""
        found = self.program.evaluate(device.bindings, limit).result
        if isinstance(found, Failure):
            return Failure(found.failure().message)
        value = found.unwrap()
        if isinstance(value, bool):
            return Success(value)
        said = f"CEL result of type {type_name(value)} could not be converted to bool: "
        return Failure(f"{said}type conversion error from '{type_name(value)}' to 'bool'")


def compile_selector(expression: str) -> Result[Selector, str]:
    """Compile a selector, or say what is wrong with it in the API's words.

    >>> compile_selector("device.driver").failure()
    'must evaluate to bool or the unknown type, not string'
    """
    compiled = compile_expression(expression, ENVIRONMENT)
    if isinstance(compiled, Failure):
        errors = compiled.failure()
        how = "program instantiation failed" if errors.while_planning else "compilation failed"
        return Failure(f"{how}: {errors.text}")
    program = compiled.unwrap()
    if program.type != BOOL and program.type != _ANY:
        said = f"must evaluate to bool or the unknown type, not {shown(program.type)}"
        return Failure(said)
    return Success(Selector(program))
