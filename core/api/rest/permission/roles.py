"""Nobody gives on a permission that he has not: roles and bindings are checked for that.

The permissions `escalate` on roles and `bind` on a role lift the rule.

Source: kubernetes v1.36, pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/
policybased/storage.go, pkg/registry/rbac/escalation_check.go, pkg/registry/rbac/validation/rule.go
(ConfirmNoEscalation), policy_compact.go, pkg/registry/rbac/helpers.go (IsOnlyMutatingGCFields).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.authorization.decide import (
    BINDINGS,
    CLUSTER_BINDINGS,
    CLUSTER_ROLES,
    MASTERS,
    ROLES,
    rule_of,
)
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.authorization.rbac import Rule, uncovered
from kelm.core.api.resources import RESOURCES as KNOWN
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.rest.permission.power import Power
from kelm.core.api.validation.violation import quoted
from kelm.effects.address import key_of
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document, child, children, text
from kelm.effects.refusals import Refusal

GROUP: Final = "rbac.authorization.k8s.io"
RESOURCES: Final = frozenset({ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS})
EVERYTHING: Final = (Rule(("*",), ("*",), ("*",)), Rule(("*",), non_resource_urls=("*",)))
NOT_CONTENT: Final = ("ownerReferences", "finalizers", "managedFields")


def refused(command: Create | Update | Patch, info: ResourceInfo, power: Power) -> Refusal | None:
    """Why somebody may not make a role or a binding like this, None where he may."""
    if MASTERS in power.user.groups:
        return None
    is_role = command.resource in (ROLES, CLUSTER_ROLES)
    asked_name = "" if isinstance(command, Create) else command.name
    if is_role and power.may("escalate", GROUP, info.plural, asked_name, command.namespace):
        return None
    new = power.wanted(command)
    if new is None:
        return None
    old = None if isinstance(command, Create) else power.stored(command)
    if old is not None and _content(old) == _content(new):
        return None
    found = _of_role(new, old, power, command) if is_role else _of_binding(new, power, command)
    if isinstance(found, str):
        return refuse.forbidden(info, text(new, "metadata", "name"), found) if found else None
    return found


def _content(doc: Document) -> Document:
    """An object without what only says who keeps it."""
    meta = {k: v for k, v in child(doc, "metadata").items() if k not in NOT_CONTENT}
    return Document({**doc, "metadata": Document(meta)})


def _of_role(
    new: Document, old: Document | None, power: Power, command: Create | Update | Patch
) -> str:
    """Why a role may not be so, "" for no reason."""
    why = not_held(power, command.namespace, map(rule_of, children(new, "rules")))
    if why:
        return why
    if not (_gathers(new) or (old is not None and _gathers(old))):
        return ""
    if not_held(power, command.namespace, EVERYTHING):
        return "must have cluster-admin privileges to use the aggregationRule"
    return ""


def _gathers(role: Document) -> bool:
    return bool(children(role, "aggregationRule", "clusterRoleSelectors"))


def _of_binding(new: Document, power: Power, command: Create | Update | Patch) -> str | Refusal:
    """Why a role may not be bound, "" for no reason; or that there is no such role."""
    reference, namespace = child(new, "roleRef"), command.namespace
    kind, name = text(reference, "kind"), text(reference, "name")
    plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(kind)
    if plural is None:
        return ""
    if power.may("bind", GROUP, plural, name, namespace):
        return ""
    resource = CLUSTER_ROLES if kind == "ClusterRole" else ROLES
    place = "" if kind == "ClusterRole" else namespace
    role = power.server.store.get(resource, key_of(place, name))
    if role is None:
        return refuse.not_found(KNOWN[f"{plural}.{GROUP}"], name)
    return not_held(power, namespace, map(rule_of, children(role, "rules")))


def not_held(power: Power, namespace: str, rules: Iterable[Rule]) -> str:
    """Which permissions somebody wants to give on that he has not himself, "" for none."""
    user = power.user
    own = power.rules(Question("", namespace=namespace, user=user.name, groups=user.groups))
    missing = compact(uncovered(own, rules))
    if not missing:
        return ""
    groups = " ".join(map(quoted, user.groups))
    listed = "\n".join(sorted({told(rule) for rule in missing}))
    return (
        f"user {quoted(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions "
        f"not currently held:\n{listed}"
    )


def compact(pieces: Iterable[Rule]) -> tuple[Rule, ...]:
    """Permissions that differ in nothing but their verb, as one.

    >>> pods = [Rule((verb,), ("",), ("pods",)) for verb in ("get", "list")]
    >>> [rule.verbs for rule in compact(pods)]
    [('get', 'list')]
    """
    found: dict[Rule, tuple[str, ...]] = {}
    for piece in pieces:
        # A path is never simple: each of its verbs stays alone.
        verbs = piece.verbs if piece.non_resource_urls else ()
        thing = msgspec.structs.replace(piece, verbs=verbs)
        found[thing] = (*found.get(thing, ()), *piece.verbs)
    return tuple(msgspec.structs.replace(thing, verbs=verbs) for thing, verbs in found.items())


def told(rule: Rule) -> str:
    """A rule in the words of a refusal.

    >>> told(Rule(("get",), ("",), ("pods",)))
    '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'
    """
    parts = (
        ("APIGroups", rule.api_groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.non_resource_urls),
        ("ResourceNames", rule.resource_names),
        ("Verbs", rule.verbs),
    )
    named = (f"{name}:[{' '.join(map(quoted, listed))}]" for name, listed in parts if listed)
    return f"{{{', '.join(named)}}}"
