"""Rules of ResourceClaims and their templates: which devices are asked for, and what was allocated.

A claim's specification never changes; its allocation is made once, and taken back as a whole.

Source: kubernetes v1.36, pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from returns.result import Failure

from kelm.core.api.validation.devices import names
from kelm.core.api.validation.fields import IMMUTABLE, Rules, at, choice, items, whole_number
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.pods.affinity import node_selector
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    required,
    too_long,
    too_many,
)
from kelm.effects.document import Document, child, children, elements, text

CLAIMS: Final = "resourceclaims.resource.k8s.io"
TEMPLATES: Final = "resourceclaimtemplates.resource.k8s.io"
MOST_REQUESTS, MOST_SELECTORS, MOST_ALTERNATIVES, MOST_CONSUMERS = 32, 32, 8, 256
EXPRESSION_LENGTH: Final = 10 * 1024
MODES: Final = ("All", "ExactCount")
ONE_KIND: Final = "exactly one of `exactly` or `firstAvailable` is required"


def claim_create(doc: Document) -> Violations:
    return (*metadata(doc, CLAIMS), *_devices(child(doc, "spec", "devices"), "spec.devices"))


def claim_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_unchanged_spec(old, new))


def template_create(doc: Document) -> Violations:
    devices = child(doc, "spec", "spec", "devices")
    return (*metadata(doc, TEMPLATES), *_devices(devices, "spec.spec.devices"))


def template_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_unchanged_spec(old, new))


def claim_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_status(old, new))


def _unchanged_spec(old: Document, new: Document) -> Rules:
    if old.get("spec") != new.get("spec"):
        yield invalid_value("spec", new.get("spec"), IMMUTABLE)


# -- what is asked for -------------------------------------------------------------------------


def request_names(devices: Document) -> frozenset[str]:
    """The names of a claim's requests, those of alternatives as `request/alternative`.

    >>> sorted(request_names(Document(requests=(Document(name="a", firstAvailable=(
    ...     Document(name="x"),)),))))
    ['a', 'a/x']
    """
    found = set()
    for request in children(devices, "requests"):
        name = text(request, "name")
        found.add(name)
        found.update(f"{name}/{text(one, 'name')}" for one in children(request, "firstAvailable"))
    return frozenset(found)


def _devices(devices: Document, path: str) -> Rules:
    known = request_names(devices)
    yield from names.once_each(devices, path, "requests", MOST_REQUESTS, _request)
    for where, constraint in items(devices, path, "constraints"):
        yield from names.request_references(constraint, where, known)
        match, distinct = text(constraint, "matchAttribute"), text(constraint, "distinctAttribute")
        if match:
            yield from names.fully_qualified(at(where, "matchAttribute"), match)
        elif distinct:
            yield from names.fully_qualified(at(where, "distinctAttribute"), distinct)
        else:
            either = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but '
            yield required(where, f"{either}multiple fields are set")
    for where, config in items(devices, path, "config"):
        yield from names.request_references(config, where, known)
        yield from configuration(config, where)


def configuration(config: Document, path: str) -> Rules:
    """Parameters for a driver, which alone knows what they mean."""
    opaque = config.get("opaque")
    if not isinstance(opaque, Document):
        yield required(at(path, "opaque"))
        return
    yield from names.driver(at(path, "opaque.driver"), text(opaque, "driver"))
    if not isinstance(opaque.get("parameters"), Document):
        yield required(at(path, "opaque.parameters"))


def _request(request: Document, path: str) -> Rules:
    yield from names.named(request, path, "name", dns1123_label)
    exactly, alternatives = request.get("exactly"), elements(request, "firstAvailable")
    if isinstance(exactly, Document) and alternatives:
        yield invalid_value(path, None, f"{ONE_KIND}, but multiple fields are set")
    elif isinstance(exactly, Document):
        yield from _wanted(exactly, at(path, "exactly"))
    elif alternatives:
        yield from names.once_each(request, path, "firstAvailable", MOST_ALTERNATIVES, _alternative)
    else:
        yield required(path, ONE_KIND)


def _alternative(request: Document, path: str) -> Rules:
    yield from names.named(request, path, "name", dns1123_label)
    yield from _wanted(request, path)


def _wanted(request: Document, path: str) -> Rules:
    """Which devices, and how many of them."""
    yield from names.named(request, path, "deviceClassName", dns1123_subdomain)
    yield from selectors(request, path)
    yield from choice(request, path, "allocationMode", MODES)
    count, mode = whole_number(request, "count") or 0, text(request, "allocationMode")
    if mode == "All" and count:
        detail = "must not be specified when allocationMode is 'All'"
        yield invalid_value(at(path, "count"), count, detail)
    elif mode == "ExactCount" and count <= 0:
        yield invalid_value(at(path, "count"), count, "must be greater than zero")
    for where, toleration in items(request, path, "tolerations"):
        yield from choice(toleration, where, "operator", ("Equal", "Exists"))
        if text(toleration, "operator") == "Exists" and text(toleration, "value"):
            detail = "must be empty for operator `Exists`"
            yield invalid_value(at(where, "value"), text(toleration, "value"), detail)


def selectors(doc: Document, path: str) -> Rules:
    """Expressions that devices must meet."""
    found = list(items(doc, path, "selectors"))
    if len(found) > MOST_SELECTORS:
        yield too_many(at(path, "selectors"), len(found), MOST_SELECTORS)
        return
    for where, selector in found:
        cel = selector.get("cel")
        expression = text(selector, "cel", "expression")
        if not isinstance(cel, Document):
            yield required(at(where, "cel"))
        elif len(expression) > EXPRESSION_LENGTH:
            yield too_long(at(where, "cel.expression"), EXPRESSION_LENGTH)
        else:
            wrong = _wrong_with(expression)
            if wrong:
                yield invalid_value(at(where, "cel.expression"), expression, wrong)


@lru_cache(maxsize=256)
def _wrong_with(expression: str) -> str:
    """What keeps an expression from being compiled, "" for nothing. The language is loaded late."""
    from kelm.core.cel.devices import compile_selector

    compiled = compile_selector(expression)
    return compiled.failure() if isinstance(compiled, Failure) else ""


# -- what was allocated ------------------------------------------------------------------------


def _status(old: Document, new: Document) -> Rules:
    allocated, before = (child(doc, "status", "allocation") for doc in (new, old))
    yield from _consumers(old, new)
    if before and allocated:
        if before != allocated:
            yield invalid_value("status.allocation", allocated, IMMUTABLE)
    elif allocated:
        yield from _allocation(allocated, request_names(child(new, "spec", "devices")))
    devices = {
        tuple(text(one, key) for key in ("driver", "pool", "device"))
        for one in children(allocated, "devices", "results")
    }
    for where, one in items(child(new, "status"), "status", "devices"):
        if tuple(text(one, key) for key in ("driver", "pool", "device")) not in devices:
            yield invalid_value(where, one, "must be an allocated device in the claim")


def _consumers(old: Document, new: Document) -> Rules:
    consumers = list(items(child(new, "status"), "status", "reservedFor"))
    path = "status.reservedFor"
    if len(consumers) > MOST_CONSUMERS:
        yield too_many(path, len(consumers), MOST_CONSUMERS)
        return
    seen: set[str] = set()
    for where, one in consumers:
        for key in ("resource", "name", "uid"):
            if not text(one, key):
                yield required(at(where, key))
        if text(one, "uid") in seen:
            yield duplicate(where, text(one, "uid"))
        seen.add(text(one, "uid"))
    if consumers and not child(new, "status", "allocation"):
        yield forbidden(path, "may not be specified when `allocated` is not set")
    elif consumers and text(new, "metadata", "deletionTimestamp"):
        known = children(old, "status", "reservedFor")
        if any(one not in known for _, one in consumers):
            why = "new entries may not be added while `deallocationRequested` or "
            yield forbidden(path, f"{why}`deletionTimestamp` are set")


def _allocation(allocation: Document, known: frozenset[str]) -> Rules:
    devices, path = child(allocation, "devices"), "status.allocation.devices"
    results = list(items(devices, path, "results"))
    if len(results) > MOST_REQUESTS:
        yield too_many(f"{path}.results", len(results), MOST_REQUESTS)
        return
    for where, result in results:
        yield from names.request_reference(at(where, "request"), text(result, "request"), known)
        yield from names.driver(at(where, "driver"), text(result, "driver"))
        yield from names.pool(at(where, "pool"), text(result, "pool"))
        yield from names.named(result, where, "device", dns1123_label)
    for where, config in items(devices, path, "config"):
        yield from choice(config, where, "source", ("FromClaim", "FromClass"))
        yield from names.request_references(config, where, known)
        yield from configuration(config, where)
    selector = allocation.get("nodeSelector")
    if isinstance(selector, Document):
        yield from node_selector(selector, "status.allocation.nodeSelector")
