"""What both servers say of themselves: discovery and OpenAPI, without prose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.differential.targets import Target

Path = tuple[str, ...]
PAGES = ("/api", "/apis", "/version", "/openapi/v2", "/openapi/v3")
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SHOWN = 100


def without_prose(value: Any) -> Any:
    """A document without what is written for people."""
    if isinstance(value, dict):
        rest = value.items()
        return {k: without_prose(v) for k, v in rest if k != "description" or isinstance(v, dict)}
    return [without_prose(item) for item in value] if isinstance(value, list) else value


def unlike(real: Any, ours: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where two documents differ, and how.

    >>> list(unlike({"a": {"b": 1}}, {"a": {"b": 2}, "c": 3}))
    [(('a', 'b'), '1 -> 2'), (('c',), 'only kelm')]
    """
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted({*real, *ours}):
            if key not in ours or key not in real:
                yield (*path, key), "only kelm" if key not in real else "only real"
            else:
                yield from unlike(real[key], ours[key], (*path, key))
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for index, (one, two) in enumerate(zip(real, ours, strict=True)):
            yield from unlike(one, two, (*path, str(index)))
    elif real != ours:
        yield path, f"{str(real)[:SHOWN]} -> {str(ours)[:SHOWN]}"


def compare_documents(real: Target, ours: Target, most: int) -> int:
    """Print where the documents differ, most frequent first; how many places differ."""
    count = 0
    groups = sorted(real.ask("GET", "/openapi/v3").body["paths"])
    pages = [(page, "application/json") for page in PAGES]
    pages += [(page, AGGREGATED) for page in ("/api", "/apis")]
    pages += [(f"/openapi/v3/{group}", "application/json") for group in groups]
    for page, form in pages:
        both = [
            without_prose(t.ask("GET", page, None, {"Accept": form}).body) for t in (real, ours)
        ]
        found = list(unlike(*both))
        count += len(found)
        print(f"{page}: {len(found)} places differ", flush=True)
        kinds = Counter((path[-1:], how if how.startswith("only") else "") for path, how in found)
        first = {(path[-1:], how if how.startswith("only") else ""): (path, how)
                 for path, how in reversed(found)}  # fmt: skip
        for kind, times in kinds.most_common(most):
            path, how = first[kind]
            print(f"  {times} x {'/'.join(path)}: {how}")
    return count
