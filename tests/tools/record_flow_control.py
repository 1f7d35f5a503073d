"""Record what a real API server answers about FlowSchemas and PriorityLevelConfigurations.

    python -m tests.tools.record_flow_control [FILE]

Each line of the file is an object and the code, reason and causes of the answer to it; of what was
accepted the specification.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.realcluster.servers import running
from tests.tools.record_definitions import Json, ask, heard

HERE = Path(__file__).resolve().parents[1] / "core/api/flow_control_recorded.jsonl"
PATH = "/apis/flowcontrol.apiserver.k8s.io/v1"
RULE: Json = {
    "subjects": [{"kind": "User", "user": {"name": "ann"}}],
    "resourceRules": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    ],
}
SCHEMA: Json = {"priorityLevelConfiguration": {"name": "system"}, "rules": [RULE]}
QUEUING: Json = {"type": "Queue", "queuing": {"queues": 8, "handSize": 2, "queueLengthLimit": 5}}
LEVEL: Json = {"type": "Limited", "limited": {"limitResponse": QUEUING}}
GONE = object()


def changed(spec: Json, path: str, value: object) -> Json:
    """A specification with another value somewhere."""
    new = copy.deepcopy(spec)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = new
    for step in steps:
        inner = inner[step]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return new


def schemas() -> Iterator[tuple[str, Json]]:
    """FlowSchemas: a name and a specification."""
    yield "mine", SCHEMA
    yield "mine", {}
    yield "exempt", SCHEMA
    subject, rule = "rules.0.subjects.0", "rules.0.resourceRules.0"
    url_rule = {"verbs": ["get"], "nonResourceURLs": ["/a"]}
    for path, value in (
        ("matchingPrecedence", 0),
        ("matchingPrecedence", -3),
        ("matchingPrecedence", 1),
        ("matchingPrecedence", 10001),
        ("distinguisherMethod", {"type": "ByUser"}),
        ("distinguisherMethod", {"type": "ByMoon"}),
        ("priorityLevelConfiguration.name", ""),
        ("priorityLevelConfiguration.name", "A_b"),
        ("rules", []),
        ("rules.0.subjects", []),
        ("rules.0.resourceRules", []),
        (f"{subject}.kind", "Robot"),
        (f"{subject}.user", {}),
        (f"{subject}.user", GONE),
        (f"{subject}.group", {"name": "dev"}),
        (subject, {"kind": "Group", "user": {"name": "a"}}),
        (subject, {"kind": "ServiceAccount", "serviceAccount": {"name": "*"}}),
        (subject, {"kind": "ServiceAccount", "serviceAccount": {"namespace": "A", "name": "b_"}}),
        (f"{rule}.verbs", []),
        (f"{rule}.verbs", ["*", "get"]),
        (f"{rule}.verbs", ["get", "fly"]),
        (f"{rule}.apiGroups", []),
        (f"{rule}.apiGroups", ["*", "a"]),
        (f"{rule}.resources", []),
        (f"{rule}.resources", ["*", "a"]),
        (f"{rule}.namespaces", []),
        (f"{rule}.namespaces", ["*", "a"]),
        (f"{rule}.namespaces", ["a", "B_"]),
        ("rules.0.nonResourceRules", [url_rule]),
        ("rules.0.nonResourceRules", [{}]),
        ("rules.0.nonResourceRules", [{**url_rule, "nonResourceURLs": ["*", "/a"]}]),
        *(
            ("rules.0.nonResourceRules", [{**url_rule, "nonResourceURLs": [url]}])
            for url in ("", "/", "a", "/a b", "/a//b", "/a*", "/a/*", "/*/a", "/*/*")
        ),
    ):
        yield "mine", changed(SCHEMA, path, value)


def levels() -> Iterator[tuple[str, Json]]:
    """PriorityLevelConfigurations: a name and a specification."""
    yield "mine", LEVEL
    yield "mine", {}
    yield "mine", {"type": "Exempt"}
    yield "exempt", LEVEL
    yield "catch-all", LEVEL
    response = "limited.limitResponse"
    for path, value in (
        ("type", "Free"),
        ("exempt", {}),
        ("limited", GONE),
        ("limited.nominalConcurrencyShares", -1),
        ("limited.nominalConcurrencyShares", 0),
        ("limited.lendablePercent", 101),
        ("limited.borrowingLimitPercent", -1),
        ("limited.borrowingLimitPercent", 0),
        (response, {"type": "Reject"}),
        (response, {"type": "Queue"}),
        (response, {"type": "Queue", "queuing": {}}),
        (response, {"type": "Wait"}),
        (response, {**QUEUING, "type": "Reject"}),
        (f"{response}.queuing.queues", -1),
        (f"{response}.queuing.queues", 10_000_001),
        (f"{response}.queuing.handSize", 9),
        (f"{response}.queuing.handSize", -1),
        (f"{response}.queuing.queueLengthLimit", -1),
        (f"{response}.queuing", {"queues": 10_000, "handSize": 8, "queueLengthLimit": 1}),
    ):
        yield "mine", changed(LEVEL, path, value)


def main(target: Path) -> None:
    kinds = (
        ("flowschemas", "FlowSchema", schemas()),
        ("prioritylevelconfigurations", "PriorityLevelConfiguration", levels()),
    )
    with running() as servers, target.open("w") as file:
        for plural, kind, cases in kinds:
            for name, spec in cases:
                doc = {"kind": kind, "metadata": {"name": name}, "spec": spec}
                doc["apiVersion"] = "flowcontrol.apiserver.k8s.io/v1"
                path = f"{PATH}/{plural}?dryRun=All"
                if name != "mine":
                    stored = ask(servers, "GET", f"{PATH}/{plural}/{name}")[1]
                    changed_doc = {**stored, "spec": spec}
                    code, answer = ask(
                        servers, "PUT", f"{PATH}/{plural}/{name}?dryRun=All", changed_doc
                    )
                else:
                    code, answer = ask(servers, "POST", path, doc)
                found = heard(code, answer)
                if code < 400:
                    found = {"code": code, "spec": answer["spec"]}
                line = {"resource": plural, "object": doc, "answer": found}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
