"""Our application beside a real API server: the same HTTP requests, the same answers.

Status, body and the headers that matter, over ASGI without a socket. Recordings:
traces/http/*.jsonl of the upstream facts. Skipped where they are not there.
"""

from __future__ import annotations

import pytest

from tests.adapters.apiserver.transcripts import HttpReplay
from tests.core.api.test_transcripts import DIFFERENT as OF_THE_CORE
from tests.core.api.transcripts import exchanges

CONTROLLER = "controllers and other namespaces of the recorded cluster show in the answer"

AGREEING = {
    "bad-dryrun",
    "cm-too-big",
    "get-managed-fields",
    *(case for case in OF_THE_CORE if case.startswith("quota-")),
}
"""What differs where the core is asked alone: parameters of HTTP, who writes, counted quotas."""

DIFFERENT: dict[str, str] = {
    **{case: why for case, why in OF_THE_CORE.items() if case not in AGREEING},
    "/version": "there is no commit behind this server",
    "anonymous-version": "there is no commit behind this server",
    "/readyz?verbose": "upstream's checks are of its own parts",
    "/": "upstream's pages are of its own parts",
    "rbac-allowed-now": CONTROLLER,
    "table pods": CONTROLLER,
    "table deployments": CONTROLLER,
    "table replicasets": CONTROLLER,
    "table events": CONTROLLER,
    "table endpoints": CONTROLLER,
    "table endpointslices": CONTROLLER,
    "table jobs": CONTROLLER,
    "table /api/v1/nodes?limit=2": CONTROLLER,
    "table /api/v1/namespaces?limit=3": CONTROLLER,
    "table /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?limit=2": CONTROLLER,
    "table single": CONTROLLER,
    "table fallback": CONTROLLER,
    "table includeObject=Object": CONTROLLER,
    "partial metadata list": CONTROLLER,
    "yaml": CONTROLLER,
}
"""Cases whose answers differ, and why."""


@pytest.mark.parametrize(
    ("files", "namespaces", "at_least"),
    [
        (("discovery",), (), 13),
        (("errors",), ("err-e",), 271),
        (("apply-ssa", "misc", "patch", "table"), ("sem-a",), 159),
    ],
    ids=["discovery", "errors", "semantics"],
)
def test_the_same_requests_have_the_same_answers(
    files: tuple[str, ...], namespaces: tuple[str, ...], at_least: int
) -> None:
    recorded = [(name, one) for name in files for one in exchanges(name) if "response" in one]
    if not recorded:
        pytest.skip("no recordings")
    replay, agreed, other = HttpReplay(namespaces), 0, {}
    for name, exchange in recorded:
        replay.owners = name == "apply-ssa"
        difference = replay.compare(exchange)
        if difference:
            other[exchange["case"]] = difference
        agreed += not difference
    print(f"{agreed} of {len(recorded)} agree")
    unexpected = {case: why for case, why in other.items() if case not in DIFFERENT}
    assert unexpected == {}
    assert agreed >= at_least
