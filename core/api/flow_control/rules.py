"""What FlowSchemas and PriorityLevelConfigurations leave to the API, and what is wrong with them.

Source: kubernetes v1.36, pkg/apis/flowcontrol/validation/validation.go, v1/defaults.go,
apiserver/pkg/util/shufflesharding/dealer.go (RequiredEntropyBits).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2
from typing import Final

from kelm.core.api.defaulting.fill import filled, with_part
from kelm.core.api.flow_control.first import FIRST, LEVELS, SCHEMAS
from kelm.core.api.flow_control.printed import level_in_go, schema_in_go
from kelm.core.api.validation.fields import Rules, at, items
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, flag, number, text

LAST: Final = 10_000
METHODS: Final = ("ByNamespace", "ByUser")
VERBS: Final = (
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
)  # fmt: skip
SUBJECTS: Final = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
MOST_QUEUES: Final = 10_000_000
MOST_BITS: Final = 60
SHARES: Final = "must be a non-negative integer"
PERCENT: Final = "must be between 0 and 100, inclusive"
EACH_NAMESPACE: Final = "each member of this list must be '*' or a DNS-1123 label; "


def schema_defaults(doc: Document) -> Document:
    """A FlowSchema with its defaults."""

    def spec(found: Document) -> Document:
        if number(found, "matchingPrecedence"):
            return found
        return Document({**found, "matchingPrecedence": 1_000})

    return with_part(doc, "spec", spec)


def level_defaults(doc: Document) -> Document:
    """A PriorityLevelConfiguration with its defaults.

    >>> spec = Document(type="Limited", limited=Document())
    >>> level_defaults(Document(spec=spec))["spec"]["limited"]
    {'nominalConcurrencyShares': 30, 'lendablePercent': 0}
    """
    shares = "nominalConcurrencyShares"

    def exempt(found: Document) -> Document:
        return filled(found, ((shares, 0), ("lendablePercent", 0)))

    def queuing(found: Document) -> Document:
        zeroes = {key: value for key, value in found.items() if value != 0}
        usual = (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50))
        full = filled(Document(zeroes), usual)
        return found if full == found else full

    def limited(found: Document) -> Document:
        full = filled(found, ((shares, 30), ("lendablePercent", 0)))
        return with_part(full, "limitResponse", lambda it: with_part(it, "queuing", queuing))

    def spec(found: Document) -> Document:
        return with_part(with_part(found, "exempt", exempt), "limited", limited)

    return with_part(doc, "spec", spec)


def schema_rules(doc: Document) -> Rules:
    """What is wrong with a FlowSchema, metadata aside."""
    spec, name = child(doc, "spec"), text(doc, "metadata", "name")
    path, precedence = "spec.matchingPrecedence", number(spec, "matchingPrecedence")
    if precedence <= 0:
        yield invalid_value(path, precedence, "must be a positive value")
    if precedence > LAST:
        yield invalid_value(path, precedence, f"must not be greater than {LAST}")
    if precedence == 1 and name != "exempt":
        why = "only the schema named 'exempt' may have matchingPrecedence 1"
        yield invalid_value(path, precedence, why)
    method = text(spec, "distinguisherMethod", "type")
    if "distinguisherMethod" in spec and method not in METHODS:
        shown = Document(Type=method)
        yield not_supported("spec.distinguisherMethod.type", shown, METHODS)
    level = text(spec, "priorityLevelConfiguration", "name")
    where = "spec.priorityLevelConfiguration.name"
    if not level:
        yield required(where, "must reference a priority level")
    for why in dns1123_subdomain(level) if level else ():
        yield invalid_value(where, level, why)
    for here, rule in items(spec, "spec", "rules"):
        yield from _rule(rule, here)
    yield from _fixed(doc, SCHEMAS, schema_in_go)
    yield from conditions(doc)


def _fixed(doc: Document, resource: str, shown: Callable[[Document], Document]) -> Rules:
    """The mandatory ones are what they are."""
    name = text(doc, "metadata", "name")
    if name not in ("exempt", "catch-all"):
        return
    spec, wanted = child(doc, "spec"), child(FIRST[resource, name], "spec")
    why = f"spec of '{name}' must equal the fixed value"
    if resource == LEVELS and name == "exempt":
        why = "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"
        spec = Document({**spec, "exempt": wanted["exempt"]})
    if spec != wanted:
        yield invalid_value("spec", shown(child(doc, "spec")), why)


def _rule(rule: Document, path: str) -> Rules:
    for here, subject in items(rule, path, "subjects"):
        yield from _subject(subject, here)
    if not elements(rule, "subjects"):
        yield required(at(path, "subjects"), "subjects must contain at least one value")
    if not elements(rule, "resourceRules") and not elements(rule, "nonResourceRules"):
        why = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield required(path, why)
    for here, one in items(rule, path, "resourceRules"):
        yield from _resource_rule(one, here)
    for here, one in items(rule, path, "nonResourceRules"):
        yield from _verbs(one, here)
        yield from _urls(one, here)


def _subject(subject: Document, path: str) -> Rules:
    kind = text(subject, "kind")
    if kind not in SUBJECTS:
        yield not_supported(at(path, "kind"), kind, tuple(sorted(SUBJECTS)))
        return
    field = SUBJECTS[kind]
    here, named = at(path, field), child(subject, field)
    if field not in subject:
        yield required(here, f"{field} is required when subject kind is '{kind}'")
    else:
        yield from _named(named, here, account=kind == "ServiceAccount")
    order = ("serviceAccount", "user", "group")
    for other in order:
        if other != field and other in subject:
            owner = next(word for word, key in SUBJECTS.items() if key == other)
            why = f"{other} is forbidden when subject kind is not '{owner}'"
            yield forbidden(at(path, other), why)


def _named(named: Document, path: str, *, account: bool) -> Rules:
    name, namespace = text(named, "name"), text(named, "namespace")
    if not name:
        yield required(at(path, "name"))
    elif account and name != "*":
        for why in dns1123_subdomain(name):
            yield invalid_value(at(path, "name"), name, why)
    if account and not namespace:
        yield required(at(path, "namespace"), "must specify namespace for service account")
    for why in dns1123_label(namespace) if account and namespace else ():
        yield invalid_value(at(path, "namespace"), namespace, why)


def _verbs(rule: Document, path: str) -> Rules:
    verbs, where = elements(rule, "verbs"), at(path, "verbs")
    if not verbs:
        yield required(where, "verbs must contain at least one value")
    elif "*" in verbs:
        if len(verbs) > 1:
            why = "if '*' is present, must not specify other verbs"
            yield invalid_value(where, verbs, why)
    elif not set(verbs) <= set(VERBS):
        yield not_supported(where, verbs, VERBS)


def _resource_rule(rule: Document, path: str) -> Rules:
    yield from _verbs(rule, path)
    for key, one, many in (
        ("apiGroups", "api group", "api groups"),
        ("resources", "resource", "resources"),
    ):
        found = elements(rule, key)
        if not found:
            yield required(at(path, key), f"resource rules must supply at least one {one}")
        elif len(found) > 1 and "*" in found:
            why = f"if '*' is present, must not specify other {many}"
            yield invalid_value(at(path, key), found, why)
    namespaces, where = elements(rule, "namespaces"), at(path, "namespaces")
    if not namespaces and not flag(rule, "clusterScope"):
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        yield required(where, why)
    elif "*" in namespaces:
        if len(namespaces) > 1:
            why = "if '*' is present, must not specify other namespaces"
            yield invalid_value(where, namespaces, why)
    else:
        for index, one in enumerate(map(str, namespaces)):
            for why in dns1123_label(one):
                yield invalid_value(f"{where}[{index}]", one, EACH_NAMESPACE + why)


def _urls(rule: Document, path: str) -> Rules:
    urls, where = elements(rule, "nonResourceURLs"), at(path, "nonResourceURLs")
    if not urls:
        yield required(where, "nonResourceURLs must contain at least one value")
    elif "*" in urls:
        if len(urls) > 1:
            why = "if '*' is present, must not specify other non-resource URLs"
            yield invalid_value(where, urls, why)
    else:
        for index, one in enumerate(map(str, urls)):
            why = _url_fault(one)
            if why:
                yield invalid_value(f"{where}[{index}]", one, why)


def _url_fault(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if url.count("*") > 1 or ("*" in url and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def level_rules(doc: Document) -> Rules:
    """What is wrong with a PriorityLevelConfiguration, metadata aside."""
    spec, name = child(doc, "spec"), text(doc, "metadata", "name")
    kind = text(spec, "type")
    if (name == "exempt") != (kind == "Exempt"):
        why = "must be 'Exempt' if and only if `name` is 'exempt'"
        yield invalid_value("spec.type", kind, why)
    if kind == "Exempt":
        if "limited" in spec:
            yield forbidden("spec.limited", "must be nil if the type is not Limited")
        yield from _shares(child(spec, "exempt"), "spec.exempt")
    elif kind == "Limited":
        if "exempt" in spec:
            yield forbidden("spec.exempt", "must be nil if the type is Limited")
        if "limited" in spec:
            yield from _limited(child(spec, "limited"), "spec.limited")
        else:
            yield required("spec.limited", "must not be empty when type is Limited")
    else:
        yield not_supported("spec.type", kind, ("Exempt", "Limited"))
    yield from _fixed(doc, LEVELS, level_in_go)
    yield from conditions(doc)


def _shares(part: Document, path: str) -> Rules:
    shares, lendable = number(part, "nominalConcurrencyShares"), number(part, "lendablePercent")
    if shares < 0:
        yield invalid_value(at(path, "nominalConcurrencyShares"), shares, SHARES)
    if not 0 <= lendable <= 100:
        yield invalid_value(at(path, "lendablePercent"), lendable, PERCENT)


def _limited(part: Document, path: str) -> Rules:
    shares, lendable = number(part, "nominalConcurrencyShares"), number(part, "lendablePercent")
    if shares < 0:
        yield invalid_value(at(path, "nominalConcurrencyShares"), shares, SHARES)
    yield from _response(child(part, "limitResponse"), at(path, "limitResponse"))
    if not 0 <= lendable <= 100:
        yield invalid_value(at(path, "lendablePercent"), lendable, PERCENT)
    borrowing = number(part, "borrowingLimitPercent")
    if borrowing < 0:
        why = f"if specified, {SHARES}"
        yield invalid_value(at(path, "borrowingLimitPercent"), borrowing, why)


def _response(part: Document, path: str) -> Rules:
    kind, where = text(part, "type"), at(path, "queuing")
    if kind == "Reject":
        if "queuing" in part:
            why = "must be nil if limited.limitResponse.type is not Limited"
            yield forbidden(where, why)
    elif kind == "Queue":
        if "queuing" in part:
            yield from _queuing(child(part, "queuing"), where)
        else:
            why = "must not be empty if limited.limitResponse.type is Limited"
            yield required(where, why)
    else:
        yield not_supported(at(path, "type"), kind, ("Queue", "Reject"))


def _queuing(part: Document, path: str) -> Rules:
    length, queues, hand = (number(part, key) for key in ("queueLengthLimit", "queues", "handSize"))
    if length <= 0:
        yield invalid_value(at(path, "queueLengthLimit"), length, "must be positive")
    if queues <= 0:
        yield invalid_value(at(path, "queues"), queues, "must be positive")
    elif queues > MOST_QUEUES:
        why = f"must not be greater than {MOST_QUEUES}"
        yield invalid_value(at(path, "queues"), queues, why)
    where = at(path, "handSize")
    if hand <= 0:
        yield invalid_value(where, hand, "must be positive")
    elif hand > queues:
        yield invalid_value(where, hand, f"should not be greater than queues ({queues})")
    elif entropy_bits(queues, hand) > MOST_BITS:
        why = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater "
            f"than {MOST_BITS}"
        )
        yield invalid_value(where, hand, why)


def entropy_bits(queues: int, hand: int) -> int:
    """How many bits it takes to deal a hand of so many queues.

    >>> entropy_bits(128, 6), entropy_bits(1, 1)
    (42, 0)
    """
    return ceil(log2(queues) * hand)


def conditions(doc: Document) -> Rules:
    """Conditions have a type, and each its own."""
    seen: list[str] = []
    for path, one in items(child(doc, "status"), "status", "conditions"):
        kind = text(one, "type")
        if kind in seen:
            yield duplicate(at(path, "type"), kind)
        if not kind:
            yield required(at(path, "type"))
        seen.append(kind)


def status_update(_old: Document, new: Document) -> Violations:
    """What is wrong with a status that is written alone."""
    return tuple(conditions(new))
