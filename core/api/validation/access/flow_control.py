"""Rules of FlowSchemas and PriorityLevelConfigurations.

Source: kubernetes v1.36, pkg/apis/flowcontrol/validation/validation.go;
apiserver/pkg/util/shufflesharding, RequiredEntropyBits.
"""

from __future__ import annotations

from math import ceil, log2
from typing import Final

from kelm.core.api.flow_control.first import LEVELS as LEVELS
from kelm.core.api.flow_control.first import SCHEMAS as SCHEMAS
from kelm.core.api.flow_control.fixed import fixed_level, fixed_schema
from kelm.core.api.validation.fields import Rules, at, complaints, items, whole_number
from kelm.core.api.validation.metadata import metadata, metadata_again
from kelm.core.api.validation.names import Complaints, dns1123_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, Json, child, elements, flag, text

MOST_PRECEDENCE: Final = 10_000
MOST_QUEUES: Final = 10_000_000
HASH_BITS: Final = 60
EXEMPT: Final = "exempt"
ALL: Final = "*"
VERBS: Final = (
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
)  # fmt: skip
DISTINGUISHERS: Final = ("ByNamespace", "ByUser")
SUBJECTS: Final = (("serviceAccount", "ServiceAccount"), ("user", "User"), ("group", "Group"))


def schema_create(doc: Document) -> Violations:
    return (*metadata(doc, SCHEMAS), *_schema(doc))


def schema_update(old: Document, new: Document) -> Violations:
    return (*metadata_again(old, new, SCHEMAS), *_schema(new))


def level_create(doc: Document) -> Violations:
    return (*metadata(doc, LEVELS), *_level(doc))


def level_update(old: Document, new: Document) -> Violations:
    return (*metadata_again(old, new, LEVELS), *_level(new))


def conditions_update(_old: Document, new: Document) -> Violations:
    """The status of either kind: conditions, each type once."""
    return tuple(_conditions(child(new, "status")))


def _conditions(status: Document) -> Rules:
    seen: set[str] = set()
    for here, condition in items(status, "status", "conditions"):
        kind = text(condition, "type")
        if kind in seen:
            yield duplicate(at(here, "type"), kind)
        seen.add(kind)
        if not kind:
            yield required(at(here, "type"))


def _schema(doc: Document) -> Rules:
    spec = child(doc, "spec")
    yield from _precedence(whole_number(spec, "matchingPrecedence") or 0, doc)
    method = spec.get("distinguisherMethod")
    if isinstance(method, Document) and text(method, "type") not in DISTINGUISHERS:
        shown = Struct(Type=text(method, "type"))
        yield not_supported("spec.distinguisherMethod.type", shown, DISTINGUISHERS)
    name = text(spec, "priorityLevelConfiguration", "name")
    here = "spec.priorityLevelConfiguration.name"
    if name:
        yield from complaints(here, name, dns1123_subdomain(name))
    else:
        yield required(here, "must reference a priority level")
    for here, rule in items(spec, "spec", "rules"):
        yield from _rule(rule, here)
    yield from fixed_schema(doc)
    yield from _conditions(child(doc, "status"))


def _precedence(value: int, doc: Document) -> Rules:
    here = "spec.matchingPrecedence"
    if value <= 0:
        yield invalid_value(here, value, "must be a positive value")
    if value > MOST_PRECEDENCE:
        yield invalid_value(here, value, f"must not be greater than {MOST_PRECEDENCE}")
    if value == 1 and text(doc, "metadata", "name") != EXEMPT:
        why = "only the schema named 'exempt' may have matchingPrecedence 1"
        yield invalid_value(here, value, why)


def _rule(rule: Document, path: str) -> Rules:
    if not elements(rule, "subjects"):
        yield required(at(path, "subjects"), "subjects must contain at least one value")
    for here, subject in items(rule, path, "subjects"):
        yield from _subject(subject, here)
    if not elements(rule, "resourceRules") and not elements(rule, "nonResourceRules"):
        why = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield required(path, why)
    for here, part in items(rule, path, "resourceRules"):
        yield from _resource_rule(part, here)
    for here, part in items(rule, path, "nonResourceRules"):
        yield from _verbs(part, here)
        yield from _urls(elements(part, "nonResourceURLs"), at(here, "nonResourceURLs"))


def _subject(subject: Document, path: str) -> Rules:
    kind = text(subject, "kind")
    own = next((key for key, name in SUBJECTS if name == kind), None)
    if own is None:
        yield not_supported(at(path, "kind"), kind, ("Group", "ServiceAccount", "User"))
        return
    named, here = subject.get(own), at(path, own)
    if isinstance(named, Document):
        yield from _named(own, named, here)
    else:
        yield required(here, f"{own} is required when subject kind is '{kind}'")
    for key, name in SUBJECTS:
        if key != own and subject.get(key) is not None:
            why = f"{key} is forbidden when subject kind is not '{name}'"
            yield forbidden(at(path, key), why)


def _named(kind: str, subject: Document, path: str) -> Rules:
    name = text(subject, "name")
    if not name:
        yield required(at(path, "name"))
    if kind != "serviceAccount":
        return
    if name and name != ALL:
        yield from complaints(at(path, "name"), name, dns1123_subdomain(name))
    namespace = text(subject, "namespace")
    if namespace:
        yield from complaints(at(path, "namespace"), namespace, dns1123_label(namespace))
    else:
        yield required(at(path, "namespace"), "must specify namespace for service account")


def _verbs(rule: Document, path: str) -> Rules:
    verbs, here = elements(rule, "verbs"), at(path, "verbs")
    if not verbs:
        yield required(here, "verbs must contain at least one value")
    elif ALL in verbs:
        yield from _alone(verbs, here, "verbs")
    elif not set(VERBS).issuperset(map(str, verbs)):
        yield not_supported(here, verbs, VERBS)


def _alone(values: tuple[Json, ...], path: str, what: str) -> Rules:
    if len(values) > 1 and ALL in values:
        yield invalid_value(path, values, f"if '*' is present, must not specify other {what}")


def _resource_rule(rule: Document, path: str) -> Rules:
    yield from _verbs(rule, path)
    for key, what, one in (
        ("apiGroups", "api groups", "api group"),
        ("resources", "resources", "resource"),
    ):
        values, here = elements(rule, key), at(path, key)
        if not values:
            yield required(here, f"resource rules must supply at least one {one}")
        yield from _alone(values, here, what)
    spaces, here = elements(rule, "namespaces"), at(path, "namespaces")
    if not spaces and not flag(rule, "clusterScope"):
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        yield required(here, why)
    elif ALL in spaces:
        yield from _alone(spaces, here, "namespaces")
    else:
        for index, name in enumerate(spaces):
            yield from complaints(f"{here}[{index}]", name, _namespace(str(name)))


def _namespace(name: str) -> Complaints:
    intro = "each member of this list must be '*' or a DNS-1123 label; "
    return tuple(intro + complaint for complaint in dns1123_label(name))


def _urls(urls: tuple[Json, ...], path: str) -> Rules:
    if not urls:
        yield required(path, "nonResourceURLs must contain at least one value")
    elif ALL in urls:
        yield from _alone(urls, path, "non-resource URLs")
    else:
        for index, url in enumerate(urls):
            wrong = _url_fault(str(url))
            if wrong:
                yield invalid_value(f"{path}[{index}]", url, wrong)


def _url_fault(url: str) -> str:
    """What is wrong with a path, "" for nothing.

    >>> _url_fault("/healthz"), _url_fault("/apis/*"), _url_fault("/a*")
    ('', '', 'wildcard can only do suffix matching')
    """
    faults: tuple[tuple[bool, str], ...] = (
        (not url, "must not be empty"),
        (not url.startswith("/"), "must start with slash"),
        (" " in url, "must not contain white-space"),
        ("//" in url, "must not contain double slash"),
        (
            url.count("*") > 1 or ("*" in url and not url.endswith("/*")),
            "wildcard can only do suffix matching",
        ),
    )
    return next((words for wrong, words in faults if wrong), "")


def _level(doc: Document) -> Rules:
    spec, name = child(doc, "spec"), text(doc, "metadata", "name")
    kind = text(spec, "type")
    if (name == EXEMPT) != (kind == "Exempt"):
        why = "must be 'Exempt' if and only if `name` is 'exempt'"
        yield invalid_value("spec.type", kind, why)
    limited, exempt = spec.get("limited"), spec.get("exempt")
    if kind == "Exempt":
        if limited is not None:
            yield forbidden("spec.limited", "must be nil if the type is not Limited")
        if isinstance(exempt, Document):
            yield from _shares(exempt, "spec.exempt")
            yield from _lendable(exempt, "spec.exempt")
    elif kind == "Limited":
        if exempt is not None:
            yield forbidden("spec.exempt", "must be nil if the type is Limited")
        if isinstance(limited, Document):
            yield from _limited(limited, "spec.limited")
        else:
            yield required("spec.limited", "must not be empty when type is Limited")
    else:
        yield not_supported("spec.type", kind, ("Exempt", "Limited"))
    yield from fixed_level(doc)
    yield from _conditions(child(doc, "status"))


def _limited(limited: Document, path: str) -> Rules:
    yield from _shares(limited, path)
    yield from _response(child(limited, "limitResponse"), at(path, "limitResponse"))
    yield from _lendable(limited, path)
    percent = whole_number(limited, "borrowingLimitPercent")
    if percent is not None and percent < 0:
        why = "if specified, must be a non-negative integer"
        yield invalid_value(at(path, "borrowingLimitPercent"), percent, why)


def _shares(part: Document, path: str) -> Rules:
    shares = whole_number(part, "nominalConcurrencyShares")
    if shares is not None and shares < 0:
        here = at(path, "nominalConcurrencyShares")
        yield invalid_value(here, shares, "must be a non-negative integer")


def _lendable(part: Document, path: str) -> Rules:
    percent = whole_number(part, "lendablePercent")
    if percent is not None and not 0 <= percent <= 100:
        here = at(path, "lendablePercent")
        yield invalid_value(here, percent, "must be between 0 and 100, inclusive")


def _response(response: Document, path: str) -> Rules:
    kind, queuing, here = text(response, "type"), response.get("queuing"), at(path, "queuing")
    if kind == "Reject":
        if queuing is not None:
            why = "must be nil if limited.limitResponse.type is not Limited"
            yield forbidden(here, why)
    elif kind != "Queue":
        yield not_supported(at(path, "type"), kind, ("Queue", "Reject"))
    elif isinstance(queuing, Document):
        yield from _queues(queuing, here)
    else:
        yield required(here, "must not be empty if limited.limitResponse.type is Limited")


def _queues(queuing: Document, path: str) -> Rules:
    limit, queues, hand = (
        whole_number(queuing, key) or 0 for key in ("queueLengthLimit", "queues", "handSize")
    )
    if limit <= 0:
        yield invalid_value(at(path, "queueLengthLimit"), limit, "must be positive")
    if queues <= 0:
        yield invalid_value(at(path, "queues"), queues, "must be positive")
    elif queues > MOST_QUEUES:
        yield invalid_value(at(path, "queues"), queues, f"must not be greater than {MOST_QUEUES}")
    here = at(path, "handSize")
    if hand <= 0:
        yield invalid_value(here, hand, "must be positive")
    elif hand > queues:
        yield invalid_value(here, hand, f"should not be greater than queues ({queues})")
    elif entropy_bits(queues, hand) > HASH_BITS:
        why = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be "
            f"greater than {HASH_BITS}"
        )
        yield invalid_value(here, hand, why)


def entropy_bits(deck: int, hand: int) -> int:
    """How many bits it takes to deal a hand from a deck.

    >>> entropy_bits(64, 6), entropy_bits(512, 8)
    (36, 72)
    """
    return ceil(log2(deck) * hand)
