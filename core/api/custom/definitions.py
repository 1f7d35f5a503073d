"""CustomResourceDefinitions themselves: completed, judged, and established at once.

Upstream's controllers establish a definition some milliseconds after it was stored; here it is
established with the write, as no other definition can claim its names meanwhile.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go,
validation/validation.go, pkg/controller/status/naming_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.api.custom.conversion_rules import conversion_faults
from kelm.core.api.custom.definition import DEFINITIONS, custom_resource, has_rules
from kelm.core.api.custom.selectable import selectable_faults
from kelm.core.api.defaulting.fill import filled, with_part
from kelm.core.api.resources import RESOURCES
from kelm.core.api.validation.violation import (
    Violation,
    Violations,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.api.webhooks.client_config import DEFAULT_PORT
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.document import Document, Json, child, children, flag, text


def completed(doc: Document) -> Document:
    """A definition with its defaults."""
    spec = child(doc, "spec")
    names = child(spec, "names")
    kind = text(names, "kind")
    full = Document(
        {
            **names,
            "singular": text(names, "singular") or kind.lower(),
            "listKind": text(names, "listKind") or f"{kind}List",
        }
    )
    conversion = _conversion(child(spec, "conversion") or Document(strategy="None"))
    return Document({**doc, "spec": Document({**spec, "names": full, "conversion": conversion})})


def _conversion(conversion: Document) -> Document:
    """How to convert, with the port of the webhook's Service."""

    def at_port(service: Document) -> Document:
        return filled(service, (("port", DEFAULT_PORT),))

    def webhook(found: Document) -> Document:
        return with_part(found, "clientConfig", lambda it: with_part(it, "service", at_port))

    return with_part(conversion, "webhook", webhook)


def faults(store: Store, doc: Document) -> Violations:
    """What is wrong with a definition."""
    return tuple(_faults(store, doc))


def _faults(store: Store, doc: Document) -> Iterator[Violation]:
    spec, name = child(doc, "spec"), text(doc, "metadata", "name")
    group, plural = text(spec, "group"), text(spec, "names", "plural")
    wanted = f"{plural}.{group}"
    if name != wanted:
        yield invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    for field in ("plural", "kind"):
        if not text(spec, "names", field):
            yield required(f"spec.names.{field}")
    if not group:
        yield required("spec.group")
    if text(spec, "scope") not in ("Cluster", "Namespaced"):
        yield not_supported("spec.scope", text(spec, "scope"), ("Cluster", "Namespaced"))
    versions = children(spec, "versions")
    if sum(flag(one, "storage") for one in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield invalid_value("spec.versions", spec.get("versions"), why)
    for index, one in enumerate(versions):
        if "openAPIV3Schema" not in child(one, "schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")
    yield from _rule_faults(versions)
    yield from selectable_faults(versions)
    yield from conversion_faults(spec)
    yield from _taken(store, name, group, text(spec, "names", "kind"))


def _rule_faults(versions: tuple[Document, ...]) -> Iterator[Violation]:
    """What is wrong with the rules of each version's schema.

    A schema that all versions share stands, in refusals, where it stood before there were versions.
    """
    schemas = [child(one, "schema", "openAPIV3Schema") for one in versions]
    shared = all(schema == schemas[0] for schema in schemas)
    for index, schema in enumerate(schemas[:1] if shared else schemas):
        if not has_rules(schema):
            continue
        from kelm.core.api.custom.rules.judge import rule_faults, written_faults

        path = "spec.validation" if shared else f"spec.versions[{index}].schema"
        path = f"{path}.openAPIV3Schema"
        yield from written_faults(schema, path) or rule_faults(schema, path)


def _taken(store: Store, name: str, group: str, kind: str) -> Iterator[Violation]:
    built_in = any(info.group == group and info.kind == kind for info in RESOURCES.values())
    others = (
        one for one in store.table(DEFINITIONS).objects() if text(one, "metadata", "name") != name
    )
    claimed = any(
        found is not None and found.info.group == group and found.info.kind == kind
        for found in map(custom_resource, others)
    )
    if built_in or claimed:
        yield invalid_value("spec.names.kind", kind, "is already in use")


def status_of(doc: Document, old: Document | None, now_ms: int) -> Document:
    """The status of a definition whose names nobody else has.

    >>> from kelm.effects.document import document
    >>> one = {"name": "v1", "served": True, "storage": True}
    >>> doc = completed(document({"spec": {"names": {"kind": "Gadget"}, "versions": [one]}}))
    >>> status_of(doc, None, 0)["storedVersions"]
    ('v1',)
    """
    spec, before = child(doc, "spec"), child(old, "status") if old is not None else Document()
    storage = next(
        (text(one, "name") for one in children(spec, "versions") if flag(one, "storage")), ""
    )
    stored = tuple(map(str, _values(before.get("storedVersions"))))
    conditions: Json = before.get("conditions")
    if not conditions:
        conditions = (
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", now_ms),
            _condition(
                "Established",
                "InitialNamesAccepted",
                "the initial names have been accepted",
                now_ms,
            ),
        )
    return Document(
        conditions=conditions,
        acceptedNames=child(spec, "names"),
        storedVersions=stored if storage in stored else (*stored, storage),
    )


def _values(value: Json) -> tuple[Json, ...]:
    return value if isinstance(value, tuple) else ()


def _condition(kind: str, reason: str, message: str, now_ms: int) -> Document:
    return Document(
        type=kind,
        status="True",
        lastTransitionTime=format_time(now_ms),
        reason=reason,
        message=message,
    )
