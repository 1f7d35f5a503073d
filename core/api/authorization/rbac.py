"""Who may do what: RBAC's roles, bindings, and whether one set of rules covers another.

Source: kubernetes v1.36, plugin/pkg/auth/authorizer/rbac/rbac.go;
pkg/apis/rbac/v1/evaluation_helpers.go; component-helpers/auth/rbac/validation/policy_comparator.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

ALL = "*"


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A PolicyRule: verbs on resources of API groups, or on paths."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = msgspec.field(default=(), name="nonResourceURLs")


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Whom a binding is for: a User, a Group or a ServiceAccount."""

    kind: str
    name: str
    namespace: str = ""


class Request(msgspec.Struct, frozen=True, gc=False):
    """What somebody asks for. `path` is set where it is no resource."""

    verb: str
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True, gc=False):
    """Subjects and the rules of the role that they have; `namespace` "" is everywhere."""

    subjects: tuple[Subject, ...]
    rules: tuple[Rule, ...]
    namespace: str = ""


def allows(rule: Rule, request: Request) -> bool:
    """Whether a rule allows a request.

    >>> allows(Rule(("get",), ("",), ("*/scale",)), Request("get", "", "pods", "scale"))
    True
    """
    if not _has(rule.verbs, request.verb):
        return False
    if request.path:
        return any(_url_covers(url, request.path) for url in rule.non_resource_urls)
    named = not rule.resource_names or request.name in rule.resource_names
    return named and _has(rule.api_groups, request.api_group) and _of_resource(rule, request)


def _has(words: tuple[str, ...], word: str) -> bool:
    return ALL in words or word in words


def _of_resource(rule: Rule, request: Request) -> bool:
    sub = request.subresource
    whole = f"{request.resource}/{sub}" if sub else request.resource
    return _has(rule.resources, whole) or bool(sub and f"*/{sub}" in rule.resources)


def _url_covers(owner: str, url: str) -> bool:
    if owner in (ALL, url):
        return True
    return owner.endswith(ALL) and url.startswith(owner.rstrip(ALL))


def is_bound(binding: Binding, request: Request) -> bool:
    """Whether a binding is for the one who asks."""
    return any(is_subject(subject, binding.namespace, request) for subject in binding.subjects)


def is_subject(subject: Subject, namespace: str, request: Request) -> bool:
    """Whether a subject of a binding in a namespace is the one who asks."""
    if subject.kind == "User":
        return subject.name == request.user
    if subject.kind == "Group":
        return subject.name in request.groups
    home = subject.namespace or namespace
    account = f"system:serviceaccount:{home}:{subject.name}"
    return subject.kind == "ServiceAccount" and bool(home) and account == request.user


def authorized(bindings: Iterable[Binding], request: Request) -> bool:
    """Whether any binding lets the one who asks do this, there."""
    return any(
        any(allows(rule, request) for rule in binding.rules)
        for binding in bindings
        if binding.namespace in ("", request.namespace) and is_bound(binding, request)
    )


def uncovered(owner: tuple[Rule, ...], servant: Iterable[Rule]) -> tuple[Rule, ...]:
    """The single permissions of `servant` that no rule of `owner` has: none may be given on.

    >>> uncovered((Rule(("get",), ("",), ("pods",)),), [Rule(("get", "list"), ("",), ("pods",))])[0]
    Rule(verbs=('list',), api_groups=('',), resources=('pods',), resource_names=(), \
non_resource_urls=())
    """
    pieces = (piece for rule in servant for piece in _pieces(rule))
    return tuple(piece for piece in pieces if not any(_covers(rule, piece) for rule in owner))


def _pieces(rule: Rule) -> Iterator[Rule]:
    """A rule as permissions of one verb on one thing."""
    for verb in rule.verbs:
        for group in rule.api_groups:
            for resource in rule.resources:
                if not rule.resource_names:
                    yield Rule((verb,), (group,), (resource,))
                for name in rule.resource_names:
                    yield Rule((verb,), (group,), (resource,), (name,))
    for verb in rule.verbs:
        for url in rule.non_resource_urls:
            yield Rule((verb,), non_resource_urls=(url,))


def _covers(owner: Rule, piece: Rule) -> bool:
    """Whether a rule has a single permission."""
    if not _has(owner.verbs, piece.verbs[0]):
        return False
    if piece.non_resource_urls:
        return any(_url_covers(url, piece.non_resource_urls[0]) for url in owner.non_resource_urls)
    if not _has(owner.api_groups, piece.api_groups[0]):
        return False
    if owner.resource_names and not set(piece.resource_names) & set(owner.resource_names):
        return False
    sub = piece.resources[0].partition("/")[2]
    return _has(owner.resources, piece.resources[0]) or bool(sub and f"*/{sub}" in owner.resources)
