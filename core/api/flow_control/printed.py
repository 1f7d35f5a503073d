"""Specifications as refusals print them: upstream's internal types, field by field.

Source: kubernetes v1.36, pkg/apis/flowcontrol/types.go.
"""

from __future__ import annotations

from kelm.core.api.validation.violation import Struct
from kelm.effects.document import Document, Json, child, children, elements, flag, number, text


def schema_in_go(spec: Document) -> Struct:
    """A FlowSchema's specification."""
    method = spec.get("distinguisherMethod")
    shown = Struct(Type=text(method, "type")) if isinstance(method, Document) else None
    return Struct(
        PriorityLevelConfiguration=Struct(Name=text(spec, "priorityLevelConfiguration", "name")),
        MatchingPrecedence=number(spec, "matchingPrecedence"),
        DistinguisherMethod=shown,
        Rules=tuple(map(_rule, children(spec, "rules"))) or None,
    )


def _rule(rule: Document) -> Struct:
    return Struct(
        Subjects=tuple(map(_subject, children(rule, "subjects"))) or None,
        ResourceRules=tuple(map(_resource_rule, children(rule, "resourceRules"))) or None,
        NonResourceRules=tuple(map(_url_rule, children(rule, "nonResourceRules"))) or None,
    )


def _subject(subject: Document) -> Struct:
    account = child(subject, "serviceAccount")
    of_account = Struct(Namespace=text(account, "namespace"), Name=text(account, "name"))
    return Struct(
        Kind=text(subject, "kind"),
        User=_named(subject, "user"),
        Group=_named(subject, "group"),
        ServiceAccount=of_account if "serviceAccount" in subject else None,
    )


def _named(subject: Document, key: str) -> Struct | None:
    return Struct(Name=text(subject, key, "name")) if key in subject else None


def _resource_rule(rule: Document) -> Struct:
    return Struct(
        Verbs=elements(rule, "verbs") or None,
        APIGroups=elements(rule, "apiGroups") or None,
        Resources=elements(rule, "resources") or None,
        ClusterScope=flag(rule, "clusterScope"),
        Namespaces=elements(rule, "namespaces") or None,
    )


def _url_rule(rule: Document) -> Struct:
    return Struct(
        Verbs=elements(rule, "verbs") or None,
        NonResourceURLs=elements(rule, "nonResourceURLs") or None,
    )


def level_in_go(spec: Document) -> Struct:
    """A PriorityLevelConfiguration's specification."""
    return Struct(
        Type=text(spec, "type"),
        Limited=_limited(child(spec, "limited")) if "limited" in spec else None,
        Exempt=_exempt(child(spec, "exempt")) if "exempt" in spec else None,
    )


def _limited(part: Document) -> Struct:
    response = child(part, "limitResponse")
    queuing: Json = None
    if "queuing" in response:
        found = child(response, "queuing")
        queuing = Struct(
            Queues=number(found, "queues"),
            HandSize=number(found, "handSize"),
            QueueLengthLimit=number(found, "queueLengthLimit"),
        )
    return Struct(
        NominalConcurrencyShares=number(part, "nominalConcurrencyShares"),
        LimitResponse=Struct(Type=text(response, "type"), Queuing=queuing),
        LendablePercent=part.get("lendablePercent"),
        BorrowingLimitPercent=part.get("borrowingLimitPercent"),
    )


def _exempt(part: Document) -> Struct:
    return Struct(
        NominalConcurrencyShares=part.get("nominalConcurrencyShares"),
        LendablePercent=part.get("lendablePercent"),
    )
