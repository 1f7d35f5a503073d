"""Formats by name: `format.dns1123Label().validate(x)`.

Source: kubernetes v1.36, apiserver/pkg/cel/library/format.go; kube-openapi/pkg/validation/strfmt.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import msgspec

from kelm.core.api.validation.names import (
    as_prefix,
    dns1035_label,
    dns1123_label,
    dns1123_subdomain,
    label_value,
    qualified_name,
)
from kelm.core.cel.libraries.urls import why_no_url
from kelm.core.cel.running.conversions import moment_of
from kelm.core.cel.running.values import NONE, Optional, Value

Complaints: TypeAlias = "tuple[str, ...]"
Rule: TypeAlias = Callable[[str], Complaints]

_UUID: Final = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE
)


def _uri(text: str) -> Complaints:
    why = why_no_url(text)
    return (why,) if why else ()


def _uuid(text: str) -> Complaints:
    return () if _UUID.fullmatch(text) else ("does not match the UUID format",)


def is_base64(text: str) -> bool:
    """Whether a text is base64 as Go reads it strictly."""
    try:
        a2b_base64(text.encode(), strict_mode=True)
    except Error:
        return False
    return len(text) % 4 == 0


def _byte(text: str) -> Complaints:
    return () if is_base64(text) else ("invalid base64",)


def is_date(text: str) -> bool:
    """Whether a text is a full date of RFC 3339."""
    return len(text) == 10 and moment_of(f"{text}T00:00:00Z") is not None


def _date(text: str) -> Complaints:
    return () if is_date(text) else ("invalid date",)


def _datetime(text: str) -> Complaints:
    return () if moment_of(text.upper()) is not None else ("invalid datetime",)


class Format(msgspec.Struct, frozen=True):
    """A format. `pattern_size` is the length of a pattern that upstream takes for its cost."""

    name: str
    rule: Rule
    pattern_size: int
    type_name = "kubernetes.NamedFormat"


FORMATS: Final = {
    "dns1123Label": Format("DNS1123Label", dns1123_label, 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", dns1123_subdomain, 60),
    "dns1035Label": Format("DNS1035Label", dns1035_label, 30),
    "qualifiedName": Format("QualifiedName", qualified_name, 60),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", partial(as_prefix, dns1123_label), 30),
    "dns1123SubdomainPrefix": Format(
        "DNS1123SubdomainPrefix", partial(as_prefix, dns1123_subdomain), 60
    ),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", partial(as_prefix, dns1035_label), 30),
    "labelValue": Format("LabelValue", label_value, 40),
    "uri": Format("URI", _uri, 1103),
    "uuid": Format("uuid", _uuid, 70),
    "byte": Format("byte", _byte, 84),
    "date": Format("date", _date, 71),
    "datetime": Format("datetime", _datetime, 71),
}


def _named(name: str) -> Optional:
    found = FORMATS.get(name)
    return NONE if found is None else Optional(found)


def _validate(named: Format, text: str) -> Optional:
    complaints = named.rule(text)
    return Optional(tuple(complaints)) if complaints else NONE


def _constant(named: Format) -> Callable[[], Format]:
    return lambda: named


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    **{f"format.{name}": _constant(one) for name, one in FORMATS.items()},
    "format.named": _named,
    "validate": _validate,
}
