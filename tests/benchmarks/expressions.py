"""How fast expressions are: evaluations a second of a typical rule, what compiling it takes, and
how many custom objects with three rules are created a second.

python -m tests.benchmarks.expressions [EVALUATIONS]
"""

from __future__ import annotations

import sys
import time

from kelm.core.api.server import ApiServer, handle
from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import INT, STRING, list_of, object_type
from kelm.core.cel.compile import compile_expression
from kelm.effects.commands import Create
from kelm.effects.document import document

RULE = (
    "self.replicas <= self.maxReplicas && self.names.all(n, n.startsWith('a')) "
    "&& size(self.names) < 10"
)
NAMES = {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 9}}
FIELDS = {"replicas": INT, "maxReplicas": INT, "names": list_of(STRING)}
ENVIRONMENT = Environment({"self": object_type("Self")}, {"Self": FIELDS})


def main(evaluations: int = 50_000) -> None:
    start = time.process_time()
    for _ in range(100):
        program = compile_expression(RULE, ENVIRONMENT).unwrap()
    compiling_ms = (time.process_time() - start) * 10
    value = document({"replicas": 3, "maxReplicas": 5, "names": ["a", "ab", "abc"]})
    bound = {"self": value}
    start = time.process_time()
    for _ in range(evaluations):
        program.evaluate(bound)
    seconds = time.process_time() - start
    print(f"{evaluations / seconds:,.0f} evaluations/s, compiled in {compiling_ms:.2f} ms")
    print(f"{creations(with_rules=True):,.0f} custom objects with three rules created/s")
    print(f"{creations(with_rules=False):,.0f} without rules")


def creations(*, with_rules: bool, count: int = 3_000) -> float:
    """How many custom objects are created a second."""
    number = {"type": "integer"}
    spec: dict[str, object] = {
        "type": "object",
        "properties": {"replicas": number, "maxReplicas": number, "names": NAMES},
    }
    rules = ("self.replicas <= self.maxReplicas", "self.names.size() > 0", RULE)
    if with_rules:
        spec["x-kubernetes-validations"] = [{"rule": rule} for rule in rules]
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"plural": "gadgets", "kind": "Gadget"}
    definition = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]}
    made = document({"metadata": {"name": "gadgets.example.com"}, "spec": definition})
    define = Create("customresourcedefinitions.apiextensions.k8s.io", "", made)
    server, answer = handle(ApiServer(), define, 0)
    answer.unwrap()
    start = time.process_time()
    for index in range(count):
        gadget = {
            "apiVersion": "example.com/v1",
            "kind": "Gadget",
            "metadata": {"name": f"g{index}"},
            "spec": {"replicas": 3, "maxReplicas": 5, "names": ["a", "ab"]},
        }
        server, answer = handle(server, Create("gadgets.example.com", "", document(gadget)), 0)
        answer.unwrap()
    return count / (time.process_time() - start)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
