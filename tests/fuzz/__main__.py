"""Requests made from the served OpenAPI documents, as many as a time allows.

    python -m tests.fuzz [SECONDS] [SEED] [PART OF A PAGE]

Needs schemathesis (`pip install schemathesis`), which makes cases of every operation: addresses,
parameters and bodies that fit the document, and some that do not quite. Prints every kind of wrong
answer once with the request that had it. Exit status 0 only if there was none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from tests.fuzz.requests import Target

CASES_EACH = 12


def operations(target: Target, part: str) -> Iterator[Any]:
    """Every operation of every page."""
    import schemathesis

    for page in target.client.ask("GET", "/openapi/v3").body["paths"]:
        if part not in page:
            continue
        document = target.client.ask("GET", f"/openapi/v3/{page}").body
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            yield found.ok()


def play(target: Target, operation: Any, number: int, faults: dict[str, str]) -> int:
    """Ask some cases of one operation; how many."""
    from schemathesis.core import NOT_SET

    asked = 0

    @seed(number)
    @settings(
        max_examples=CASES_EACH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def cases(case: Any) -> None:
        nonlocal asked
        query = dict(case.query or {})
        if query.pop("watch", "") not in ("", "false") or "/watch/" in operation.path:
            return
        query.pop("follow", None)
        body = None if case.body is NOT_SET else case.body
        headers = {**(case.headers or {})}
        if (case.media_type and "json" in case.media_type) or case.media_type == "application/yaml":
            headers["Content-Type"] = case.media_type
        asked += 1
        method, path = case.method, case.formatted_path
        _, fault = target.ask(method, path, query, body, headers)
        if fault:
            faults.setdefault(
                fault[:60], f"{method} {path} {query} {headers} {body!r:.1500}\n    {fault}"
            )

    try:
        cases()
    except HypothesisException as cannot:
        print(f"no cases of {operation.method} {operation.path}: {cannot}")
    return asked


def main(seconds: float, number: int, part: str) -> int:
    target, faults = Target(), dict[str, str]()
    end, asked, played = time.monotonic() + seconds, 0, 0
    found = list(operations(target, part))
    for index in range(len(found)):
        if time.monotonic() > end:
            break
        operation = found[(index * 7919 + number) % len(found)]
        asked += play(target, operation, number, faults)
        played += 1
    for one in faults.values():
        print(f"- {one}")
    print(f"{asked} requests to {played} of {len(found)} operations, {len(faults)} kinds of faults")
    return 1 if faults else 0


if __name__ == "__main__":
    given_arguments = [*sys.argv[1:], "", "", ""]
    sys.exit(
        main(float(given_arguments[0] or 60), int(given_arguments[1] or 0), given_arguments[2])
    )
