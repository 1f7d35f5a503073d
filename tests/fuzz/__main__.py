"""Requests made from the served OpenAPI documents, as many as a time allows.

    python -m tests.fuzz [SECONDS] [SEED] [PART OF A PAGE]

Needs schemathesis (`pip install schemathesis`), which makes cases of every operation: addresses,
parameters and bodies that fit the document, and some that do not quite. Every second case is about
an object that is there, if one of its kind is. All operations have a few cases before any has more:
bodies of workloads take seconds each to make. Prints every kind of wrong answer once with the
request that had it. Exit status 0 only if there was none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from kelm.core.api.rest.address import read_address
from tests.fuzz.requests import Target, path_of

ROUNDS = (2, 6, 12, 24)
"""How many cases of each operation, one round after the other."""
HEAVY_S = 3.0
"""An operation whose cases take longer to make has no more rounds than it had."""


def operations(target: Target, part: str) -> Iterator[Any]:
    """Every operation of every page."""
    import schemathesis

    for page in target.client.ask("GET", "/openapi/v3").body["paths"]:
        if part not in page:
            continue
        document = target.client.ask("GET", f"/openapi/v3/{page}").body
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            yield found.ok()


def there(target: Target, path: str) -> dict[str, str]:
    """What the parameters of an address are called for an object that is there."""
    address = read_address(path)
    store = target.client.app.engine.server.store
    if address is None or address.resource not in store.number_of:
        return {}
    keys = store.table(address.resource).sorted_keys()
    namespace, _, name = keys[-1].rpartition("/") if keys else ("", "", "")
    return {"name": name, "namespace": namespace} if keys else {}


def play(target: Target, operation: Any, number: int, faults: dict[str, str], examples: int) -> int:
    """Ask some cases of one operation; how many."""
    from schemathesis.core import NOT_SET

    asked = 0

    @seed(number + examples)
    @settings(
        max_examples=examples,
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
        known = there(target, operation.path) if asked % 2 else {}
        method, path = case.method, path_of(operation.path, {**case.path_parameters, **known})
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
    end, asked, reached = time.monotonic() + seconds, 0, set[str]()
    found = list(operations(target, part))
    heavy = set[str]()
    for examples in ROUNDS:
        for index in range(len(found)):
            operation = found[(index * 7919 + number) % len(found)]
            label, began = f"{operation.method} {operation.path}", time.monotonic()
            if began > end:
                break
            if label in heavy:
                continue
            asked += play(target, operation, number, faults, examples)
            reached.add(label)
            if time.monotonic() - began > HEAVY_S:
                heavy.add(label)
    for one in faults.values():
        print(f"- {one}")
    print(
        f"{asked} requests to {len(reached)} of {len(found)} operations, {len(faults)} kinds of "
        f"faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    given_arguments = [*sys.argv[1:], "", "", ""]
    sys.exit(
        main(float(given_arguments[0] or 60), int(given_arguments[1] or 0), given_arguments[2])
    )
