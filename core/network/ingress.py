"""Which rule and path of an Ingress a request falls under.

Source: kubernetes v1.36, api/networking/v1/types.go (IngressRule, PathType, HTTPIngressPath).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.effects.document import Document, child, children, text

EXACT = "Exact"
PREFIX = "Prefix"


class Path(msgspec.Struct, frozen=True, gc=False):
    """One path of a rule. What is neither Exact nor Prefix is matched as Prefix."""

    path_type: str
    path: str


def host_matches(rule_host: str, request_host: str) -> bool:
    """Whether a rule's host covers a request's: exactly, or `*` in place of exactly one label.

    >>> host_matches("*.foo.com", "bar.foo.com"), host_matches("*.foo.com", "baz.bar.foo.com")
    (True, False)
    """
    rule, request = rule_host.lower(), request_host.lower()
    if not rule:
        return True
    if not rule.startswith("*."):
        return rule == request
    label, dot, rest = request.partition(".")
    return bool(label and dot) and rest == rule[2:]


def path_matches(path: Path, request: str) -> bool:
    """Whether a path covers a request's: wholly, or element by element from the start.

    >>> path_matches(Path("Prefix", "/foo/"), "/foo"), path_matches(Path("Prefix", "/f"), "/foo")
    (True, False)
    """
    if path.path_type == EXACT:
        return path.path == request
    wanted = _elements(path.path)
    return _elements(request)[: len(wanted)] == wanted


def _elements(path: str) -> list[str]:
    return [element for element in path.split("/") if element]


def choose_path(paths: Iterable[Path], request: str) -> int | None:
    """Which path wins: the longest that matches, Exact before Prefix; None for the default backend.

    >>> choose_path((Path("Prefix", "/"), Path("Prefix", "/foo"), Path("Exact", "/foo")), "/foo")
    2
    """
    matching = [(index, path) for index, path in enumerate(paths) if path_matches(path, request)]
    best = max(matching, key=lambda found: _rank(found[1]), default=None)
    return None if best is None else best[0]


def _rank(path: Path) -> tuple[int, int, bool]:
    return len(_elements(path.path)), len(path.path.rstrip("/")), path.path_type == EXACT


def backend_for(ingress: Document, host: str, request: str) -> Document | None:
    """The backend that an Ingress sends a request to, None where it has none.

    Rules that name the host come before those with a wildcard, and those before rules for all.
    """
    spec = child(ingress, "spec")
    rules = [rule for rule in children(spec, "rules") if host_matches(text(rule, "host"), host)]
    for rule in sorted(rules, key=_host_rank):
        paths = children(rule, "http", "paths")
        chosen = choose_path((Path(text(p, "pathType"), text(p, "path")) for p in paths), request)
        if chosen is not None:
            return child(paths[chosen], "backend")
    default = spec.get("defaultBackend")
    return default if isinstance(default, Document) else None


def _host_rank(rule: Document) -> int:
    host = text(rule, "host")
    return 2 if not host else 1 if host.startswith("*") else 0
