"""Whether a policy and its binding concern a request, in which version, and with which parameters.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/matching/matching.go,
policy/generic/policy_matcher.go, policy_dispatcher.go (CollectParams).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.conversion import served
from kelm.core.api.custom.definition import catalogue
from kelm.core.api.policies.policy import Binding, Constraints, NamedRule, ParamRef, Policy
from kelm.core.api.resources import ResourceInfo, served_versions
from kelm.core.api.webhooks.attributes import Attributes
from kelm.core.api.webhooks.matching import namespace_matches, object_matches, takes
from kelm.core.objects.meta import labels_of
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, text
from kelm.effects.refusals import Refusal

NO_PARAMS: Final = "no params found for policy binding with `Deny` parameterNotFoundAction"


class Unclear(msgspec.Struct, frozen=True):
    """Whether something matches cannot be said: why."""

    said: str


def matched(
    store: Store, constraints: Constraints, asked: Attributes, version: str
) -> str | Unclear | None:
    """The version in which a request is meant, None where it is not."""
    namespace = namespace_matches(store, constraints.namespaces, asked)
    if namespace is False or not object_matches(constraints.objects, asked):
        return None
    if _version(constraints.excluded, constraints.equivalent, asked, version) is not None:
        return None
    found: str | None = version
    if constraints.rules:
        found = _version(constraints.rules, constraints.equivalent, asked, version)
    if found is not None and isinstance(namespace, Refusal):
        return Unclear(namespace.message)
    return found


def _version(
    rules: tuple[NamedRule, ...], equivalent: bool, asked: Attributes, version: str
) -> str | None:
    if any(_means(one, asked, version) for one in rules):
        return version
    if not equivalent:
        return None
    for one in rules:
        for other in served_versions(asked.info):
            if other != version and _means(one, asked, other):
                return other
    return None


def _means(one: NamedRule, asked: Attributes, version: str) -> bool:
    named = not one.names or asked.name in one.names
    return named and takes(one.rule, asked, version)


def binding_matches(
    store: Store, binding: Binding, asked: Attributes, version: str
) -> bool | Unclear:
    """Whether a binding is about a request that its policy is about."""
    if binding.constraints is None:
        return True
    found = matched(store, binding.constraints, asked, version)
    return found if isinstance(found, Unclear) else found is not None


def param_resource(store: Store, policy: Policy) -> ResourceInfo | None:
    """The resource of a policy's parameters, None where there is no such kind."""
    api_version, kind = policy.param_kind
    group, _, version = api_version.rpartition("/")
    for info in catalogue(store):
        if info.group == group and info.kind == kind and version in served_versions(info):
            return info
    return None


def params_of(
    store: Store, policy: Policy, binding: Binding, namespace: str
) -> Result[tuple[Document | None, ...], str]:
    """The parameters with which a policy is asked, each of them once; or why that is unclear.

    >>> from kelm.core.api.policies.policy import binding_of, policy_of
    >>> params_of(Store(), policy_of(Document()), binding_of(Document()), "")
    <Success: (None,)>
    """
    if not policy.takes_params:
        return Success((None,))
    info = param_resource(store, policy)
    if info is None:
        api_version, kind = policy.param_kind
        return Failure(
            f"failed to find resource referenced by paramKind: '{api_version}, Kind={kind}'"
        )
    given = binding.params
    if given is None:
        return Success((None,))
    if given.namespace and not info.namespaced:
        said = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
        return Failure(said)
    place = given.namespace or namespace if info.namespaced else ""
    if info.namespaced and not place:
        return Failure(
            "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
        )
    found = tuple(_chosen(store, info, given, place))
    if not found and given.denies:
        return Failure(NO_PARAMS)
    api_version = policy.param_kind[0]
    return Success(tuple(served(info, one, api_version) for one in found))


def _chosen(store: Store, info: ResourceInfo, given: ParamRef, place: str) -> list[Document]:
    if given.name:
        one = store.get(info.resource, key_of(place, given.name))
        return [] if one is None else [one]
    if given.selector is None:
        return []
    table = store.table(info.resource)
    return [
        one
        for key in table.sorted_keys()
        if (one := table.get(key)) is not None
        and text(one, "metadata", "namespace") == place
        and given.selector.matches(labels_of(one))
    ]
