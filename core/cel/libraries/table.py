"""All functions with what they do and what they may be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kelm.core.cel.checking.environment import STANDARD, Overload
from kelm.core.cel.checking.types import Type
from kelm.core.cel.libraries import (
    addresses,
    authorizers,
    formatting,
    lists,
    named_formats,
    optionals,
    quantities,
    strings,
    times,
    urls,
    versions,
)
from kelm.core.cel.running.calls import Signature
from kelm.core.cel.running.conversions import CONVERSIONS
from kelm.core.cel.running.operators import OPERATORS
from kelm.core.cel.running.plan import Function
from kelm.core.cel.running.values import (
    Duration,
    MapList,
    Optional,
    SetList,
    Timestamp,
    TypeOf,
    UInt,
    Value,
)
from kelm.effects.document import Document

_CLASSES: Final[dict[str, frozenset[type]]] = {
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "uint": frozenset({UInt}),
    "double": frozenset({float}),
    "string": frozenset({str}),
    "bytes": frozenset({bytes}),
    "timestamp": frozenset({Timestamp}),
    "duration": frozenset({Duration}),
    "list": frozenset({tuple, SetList, MapList}),
    "map": frozenset({dict, Document}),
    "type": frozenset({TypeOf}),
    "optional_type": frozenset({Optional}),
    "kubernetes.Quantity": frozenset({quantities.QuantityValue}),
    "kubernetes.Semver": frozenset({versions.Version}),
    "kubernetes.URL": frozenset({urls.Url}),
    "kubernetes.NamedFormat": frozenset({named_formats.Format}),
    "net.IP": frozenset({addresses.Ip}),
    "net.CIDR": frozenset({addresses.Cidr}),
    "kubernetes.authorization.Authorizer": frozenset({authorizers.Authorizer}),
    "kubernetes.authorization.PathCheck": frozenset({authorizers.PathCheck}),
    "kubernetes.authorization.GroupCheck": frozenset({authorizers.GroupCheck}),
    "kubernetes.authorization.ResourceCheck": frozenset({authorizers.ResourceCheck}),
    "kubernetes.authorization.Decision": frozenset({authorizers.Decision}),
}


def classes_of(one: Type) -> frozenset[type] | None:
    """The classes of the values of a type; None where any will do."""
    return _CLASSES.get(one.name or one.kind)


def signatures_of(overloads: tuple[Overload, ...]) -> tuple[Signature, ...]:
    """What a function may be given, each way once."""
    found = (tuple(map(classes_of, one.args)) for one in overloads)
    return tuple(dict.fromkeys(found))


def with_signatures(
    functions: Mapping[str, Callable[..., Value]], declared: Mapping[str, tuple[Overload, ...]]
) -> dict[str, Function]:
    return {name: (function, signatures_of(declared[name])) for name, function in functions.items()}


FUNCTIONS: Final[dict[str, Function]] = {
    **{name: (function, ()) for name, function in (*OPERATORS.items(), *CONVERSIONS.items())},
    **with_signatures(
        {
            **times.FUNCTIONS,
            **optionals.FUNCTIONS,
            **strings.FUNCTIONS,
            **lists.FUNCTIONS,
            **formatting.FUNCTIONS,
            **quantities.FUNCTIONS,
            **versions.FUNCTIONS,
            **addresses.FUNCTIONS,
            **urls.FUNCTIONS,
            **named_formats.FUNCTIONS,
            **authorizers.FUNCTIONS,
        },
        STANDARD,
    ),
}
"""Every function of every environment. Operators and conversions look at what they get."""
