"""The names by which devices, their drivers, pools, attributes and requests are known.

Source: kubernetes v1.36, pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, items
from kelm.core.api.validation.names import Complaints, dns1123_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    duplicate,
    invalid_value,
    required,
    too_long,
    too_many,
)
from kelm.effects.document import Document, elements, text

DRIVER_LENGTH: Final = 63
POOL_LENGTH: Final = 253
IDENTIFIER_LENGTH: Final = 32
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NO_IDENTIFIER: Final = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of "
    "alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for "
    "validation is '[A-Za-z_][A-Za-z0-9_]*')"
)
NO_REQUEST: Final = (
    "must be the name of a request in the claim or the name of a request and a subrequest "
    "separated by '/'"
)


def named(doc: Document, path: str, key: str, rule: Callable[[str], Complaints]) -> Rules:
    """A name that must be there."""
    value = text(doc, key)
    if value:
        yield from complaints(at(path, key), value, rule(value))
    else:
        yield required(at(path, key))


def driver(path: str, name: str) -> Rules:
    """Source: pkg/apis/core/validation/validation.go, ValidateCSIDriverName."""
    if not name:
        yield required(path)
        return
    if len(name) > DRIVER_LENGTH:
        yield too_long(path, DRIVER_LENGTH)
    yield from complaints(path, name, dns1123_subdomain(name.lower()))


def pool(path: str, name: str) -> Rules:
    if not name:
        yield required(path)
        return
    if len(name) > POOL_LENGTH:
        yield too_long(path, POOL_LENGTH)
    for part in name.split("/"):
        yield from complaints(path, part, dns1123_subdomain(part))


def qualified(path: str, name: str) -> Rules:
    """The name of an attribute or a capacity, with or without a domain."""
    domain, slash, rest = name.partition("/")
    if "/" in rest:
        return
    if not slash:
        yield from _identifier(path, name)
        return
    if domain:
        yield from driver(path, domain)
    else:
        yield invalid_value(path, "", "the domain must not be empty")
    if rest:
        yield from _identifier(path, rest)
    else:
        yield invalid_value(path, "", "the name must not be empty")


def fully_qualified(path: str, name: str) -> Rules:
    yield from qualified(path, name)
    if "/" not in name:
        detail = "a fully qualified name must be a domain and a name separated by a slash"
        yield invalid_value(path, name, detail)


def _identifier(path: str, name: str) -> Rules:
    if len(name) > IDENTIFIER_LENGTH:
        yield too_long(path, IDENTIFIER_LENGTH)
    if not IDENTIFIER.fullmatch(name):
        yield invalid_value(path, name, NO_IDENTIFIER)


def request_references(doc: Document, path: str, known: frozenset[str]) -> Rules:
    """Names of requests of a claim, each once; `known` are those that there are."""
    names = [str(one) for one in elements(doc, "requests")]
    yield from not_too_many(names, at(path, "requests"), 32)
    for index, name in enumerate(names):
        where = f"{at(path, 'requests')}[{index}]"
        yield from request_reference(where, name, known)
        if name in names[:index]:
            yield duplicate(where, name)


def request_reference(path: str, name: str, known: frozenset[str]) -> Rules:
    if name.count("/") > 1:
        yield invalid_value(path, name, NO_REQUEST)
        return
    for part in name.split("/"):
        yield from complaints(path, part, dns1123_label(part))
    if name not in known:
        yield invalid_value(path, name, NO_REQUEST)


def not_too_many(found: list[str] | tuple[object, ...], path: str, most: int) -> Rules:
    if len(found) > most:
        yield too_many(path, len(found), most)


def once_each(
    doc: Document, path: str, key: str, most: int, rule: Callable[[Document, str], Rules]
) -> Rules:
    """A list of at most so many objects, each judged by a rule, with a name of its own."""
    found = list(items(doc, path, key))
    if len(found) > most:
        yield too_many(at(path, key), len(found), most)
        return
    seen: set[str] = set()
    for where, item in found:
        yield from rule(item, where)
        name = text(item, "name")
        if name in seen:
            yield duplicate(where, name)
        seen.add(name)
