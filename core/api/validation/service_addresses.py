"""Rules of IPAddresses and ServiceCIDRs: the addresses that Services may have.

Source: kubernetes v1.36, pkg/apis/networking/validation/validation.go (ValidateIPAddress,
ValidateServiceCIDR).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.addresses import cidr
from kelm.core.api.validation.fields import IMMUTABLE, Rules, complaints, has_text
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import dns1123_subdomain, path_segment
from kelm.core.api.validation.violation import Struct, Violations, invalid_value, required
from kelm.effects.document import Document, child, elements, text

ADDRESSES: Final = "ipaddresses.networking.k8s.io"
RANGES: Final = "servicecidrs.networking.k8s.io"
_PARENT: Final = "spec.parentRef"
_CIDRS: Final = "spec.cidrs"


def address_create(doc: Document) -> Violations:
    return (*metadata(doc, ADDRESSES), *_parent(child(doc, "spec")))


def address_update(old: Document, new: Document) -> Violations:
    parent = _parent(child(new, "spec"))
    found = (*metadata_again(old, new, ADDRESSES), *parent, *metadata_update(old, new))
    before, after = (_form(doc) for doc in (old, new))
    return found if before == after else (*found, invalid_value(_PARENT, after, IMMUTABLE))


def _form(doc: Document) -> Document | None:
    """What an address belongs to, as Go shows it."""
    parent = child(doc, "spec").get("parentRef")
    if not isinstance(parent, Document):
        return None
    keys = ("group", "resource", "namespace", "name")
    return Struct({key.capitalize(): text(parent, key) for key in keys})


def _parent(spec: Document) -> Rules:
    """An address belongs to something: its resource and name are needed."""
    parent = spec.get("parentRef")
    if not isinstance(parent, Document):
        yield required(_PARENT)
        return
    group = text(parent, "group")
    if group:
        yield from complaints(f"{_PARENT}.group", group, dns1123_subdomain(group))
    for key in ("resource", "name", "namespace"):
        if text(parent, key):
            value = text(parent, key)
            yield from complaints(f"{_PARENT}.{key}", value, path_segment(value))
        elif key != "namespace":
            yield from has_text(parent, _PARENT, key)


def range_create(doc: Document) -> Violations:
    return (*metadata(doc, RANGES), *_ranges(elements(doc, "spec", "cidrs")))


def _ranges(cidrs: tuple[object, ...]) -> Rules:
    if not cidrs:
        yield required(_CIDRS, "at least one CIDR required")
        return
    listed = tuple(map(str, cidrs))
    if len(listed) > 2:
        yield invalid_value(_CIDRS, listed, "may only hold up to 2 values")
        return
    wrong = [
        violation
        for index, one in enumerate(listed)
        for violation in cidr(f"{_CIDRS}[{index}]", one)
    ]
    yield from wrong
    if not wrong and len(listed) == 2 and (":" in listed[0]) == (":" in listed[1]):
        why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
        yield invalid_value(_CIDRS, listed, f"{why}2001:db8::/64")


def range_update(old: Document, new: Document) -> Violations:
    """A range stays; one of a single family may get the other one."""
    was, now = elements(old, "spec", "cidrs"), elements(new, "spec", "cidrs")
    violations: list[Rules] = [metadata_update(old, new)]
    if len(was) == len(now) or (len(was), len(now)) == (1, 2):
        violations.append(_kept(was, now))
        if len(now) > len(was):
            violations.append(_ranges(now))
    else:
        violations.append(
            iter((invalid_value(_CIDRS, child(new, "spec").get("cidrs"), IMMUTABLE),))
        )
    return tuple(one for rules in violations for one in rules)


def _kept(was: tuple[object, ...], now: tuple[object, ...]) -> Rules:
    for index, (before, after) in enumerate(zip(was, now, strict=False)):
        if before != after:
            yield invalid_value(f"{_CIDRS}[{index}]", str(after), IMMUTABLE)
