"""How fast expressions are: evaluations a second of a typical rule, and what compiling it takes.

python -m tests.benchmarks.expressions [EVALUATIONS]
"""

from __future__ import annotations

import sys
import time

from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import INT, STRING, list_of, object_type
from kelm.core.cel.compile import compile_expression
from kelm.effects.document import document

RULE = (
    "self.replicas <= self.maxReplicas && self.names.all(n, n.startsWith('a')) "
    "&& size(self.names) < 10"
)
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


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
