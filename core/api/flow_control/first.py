"""The FlowSchemas and priority levels that an API server makes for itself, and keeps.

Mandatory ones are put right whatever anybody says; suggested ones while their annotation says so,
or nobody has changed them.

Source: kubernetes v1.36, pkg/apis/flowcontrol/bootstrap/default.go,
pkg/registry/flowcontrol/ensurer/strategy.go.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.address import Resource
from kelm.effects.commands import Create
from kelm.effects.document import Document, child, document, number, strings, text, with_value

GROUP: Final = "flowcontrol.apiserver.k8s.io"
SCHEMAS: Final = f"flowschemas.{GROUP}"
LEVELS: Final = f"prioritylevelconfigurations.{GROUP}"
ANNOTATION: Final = "apf.kubernetes.io/autoupdate-spec"
PRODUCER: Final = "api-priority-and-fairness-config-producer-v1"
MANDATORY: Final = ("exempt", "catch-all")
_YES: Final = ("1", "t", "T", "TRUE", "true", "True")
_NO: Final = ("0", "f", "F", "FALSE", "false", "False")


def _limited(
    shares: int, lendable: int, queues: int = 0, hand: int = 0, length: int = 50
) -> dict[str, object]:
    queuing = {"handSize": hand, "queueLengthLimit": length, "queues": queues}
    response = {"queuing": queuing, "type": "Queue"} if queues else {"type": "Reject"}
    limited = {
        "lendablePercent": lendable,
        "limitResponse": response,
        "nominalConcurrencyShares": shares,
    }
    return {"limited": limited, "type": "Limited"}


LEVEL_SPECS: Final = {
    "exempt": {"exempt": {"lendablePercent": 0, "nominalConcurrencyShares": 0}, "type": "Exempt"},
    "catch-all": _limited(5, 0),
    "system": _limited(30, 33, 64, 6),
    "node-high": _limited(40, 25, 64, 6),
    "leader-election": _limited(10, 0, 16, 4),
    "workload-high": _limited(40, 50, 128, 6),
    "workload-low": _limited(100, 90, 128, 6),
    "global-default": _limited(20, 50, 128, 6),
}
_EVERYTHING: Final = {
    "resourceRules": [
        {
            "apiGroups": ["*"],
            "clusterScope": True,
            "namespaces": ["*"],
            "resources": ["*"],
            "verbs": ["*"],
        }
    ],
    "nonResourceRules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}],
}


def _user(name: str) -> dict[str, object]:
    return {"kind": "User", "user": {"name": name}}


def _group(name: str) -> dict[str, object]:
    return {"kind": "Group", "group": {"name": name}}


_SYSTEM_ACCOUNTS: Final[dict[str, object]] = {
    "kind": "ServiceAccount",
    "serviceAccount": {"name": "*", "namespace": "kube-system"},
}
_ANYBODY: Final = (_group("system:unauthenticated"), _group("system:authenticated"))
_MANAGER: Final = _user("system:kube-controller-manager")
_SCHEDULER: Final = _user("system:kube-scheduler")


def _leases(*verbs: str) -> dict[str, object]:
    return {
        "apiGroups": ["coordination.k8s.io"],
        "namespaces": ["*"],
        "resources": ["leases"],
        "verbs": list(verbs),
    }


_NODES: Final = {
    "apiGroups": [""],
    "clusterScope": True,
    "namespaces": ["*"],
    "resources": ["nodes", "nodes/status"],
    "verbs": ["*"],
}
_HEALTH: Final = {"nonResourceURLs": ["/healthz", "/readyz", "/livez"], "verbs": ["get"]}


def _schema(
    level: str, precedence: int, by: str, rules: dict[str, object], *subjects: dict[str, object]
) -> dict[str, object]:
    method = {"distinguisherMethod": {"type": by}} if by else {}
    return {
        **method,
        "matchingPrecedence": precedence,
        "priorityLevelConfiguration": {"name": level},
        "rules": [{**rules, "subjects": list(subjects)}],
    }


_ALL: Final[dict[str, object]] = dict(_EVERYTHING)
SCHEMA_SPECS: Final = {
    "exempt": _schema("exempt", 1, "", _ALL, _group("system:masters")),
    "catch-all": _schema("catch-all", 10_000, "ByUser", _ALL, *_ANYBODY),
    "system-nodes": _schema("system", 500, "ByUser", _ALL, _group("system:nodes")),
    "system-node-high": _schema(
        "node-high",
        400,
        "ByUser",
        {"resourceRules": [_NODES, _leases("*")]},
        _group("system:nodes"),
    ),
    "probes": _schema("exempt", 2, "", {"nonResourceRules": [_HEALTH]}, *_ANYBODY),
    "system-leader-election": _schema(
        "leader-election",
        100,
        "ByUser",
        {"resourceRules": [_leases("get", "create", "update")]},
        _MANAGER,
        _SCHEDULER,
        _SYSTEM_ACCOUNTS,
    ),
    "kube-controller-manager": _schema("workload-high", 800, "ByNamespace", _ALL, _MANAGER),
    "kube-scheduler": _schema("workload-high", 800, "ByNamespace", _ALL, _SCHEDULER),
    "kube-system-service-accounts": _schema(
        "workload-high", 900, "ByNamespace", _ALL, _SYSTEM_ACCOUNTS
    ),
    "service-accounts": _schema(
        "workload-low", 9_000, "ByUser", _ALL, _group("system:serviceaccounts")
    ),
    "global-default": _schema("global-default", 9_900, "ByUser", _ALL, *_ANYBODY),
}
FIRST: Final[dict[tuple[Resource, str], Document]] = {
    (resource, name): document(
        {"metadata": {"name": name, "annotations": {ANNOTATION: "true"}}, "spec": spec}
    )
    for resource, specs in ((LEVELS, LEVEL_SPECS), (SCHEMAS, SCHEMA_SPECS))
    for name, spec in specs.items()
}
"""What there is from the beginning, by resource and name."""


def making(resource: Resource, name: str) -> Create:
    """The request that makes one of them.

    >>> making(SCHEMAS, "probes").object["spec"]["matchingPrecedence"]
    2
    """
    return Create(resource, "", FIRST[resource, name], field_manager=PRODUCER)


def put_right(resource: Resource, current: Document) -> Document | None:
    """One of them as it should be; None where it is, or where that is not ours to say.

    >>> level = FIRST[LEVELS, "catch-all"]
    >>> put_right(LEVELS, level) is None
    True
    """
    name = text(current, "metadata", "name")
    wanted = _wanted(resource, name, current)
    given = strings(current, "metadata", "annotations").get(ANNOTATION, "")
    ours = name in MANDATORY or _is_ours(given, current)
    new = current
    if ours and current.get("spec") != wanted:
        new = with_value(new, ("spec",), wanted)
    if given not in (_YES if ours else _NO):
        new = with_value(new, ("metadata", "annotations", ANNOTATION), "true" if ours else "false")
    return None if new is current else new


def _is_ours(given: str, current: Document) -> bool:
    if given in (*_YES, *_NO):
        return given in _YES
    return number(current, "metadata", "generation") == 1


def _wanted(resource: Resource, name: str, current: Document) -> Document:
    """The specification; what an administrator says of the exempt level stays."""
    spec = child(FIRST[resource, name], "spec")
    said = child(current, "spec").get("exempt")
    if resource == LEVELS and name == "exempt" and said is not None:
        return Document({**spec, "exempt": said})
    return spec
