"""Policies, bindings and objects that the tests of this room begin with."""

from __future__ import annotations

from collections.abc import Mapping

from kelm.core.api.policies.registered import (
    MUTATING,
    MUTATING_BINDINGS,
    VALIDATING,
    VALIDATING_BINDINGS,
)
from kelm.effects.commands import Create
from kelm.effects.document import Document, document
from tests.core.api.clusters import deployment

DEPLOYMENTS = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["deployments"],
}
CONFIGS = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["*"],
    "resources": ["configmaps"],
}


def validating(**spec: object) -> Create:
    """A validating policy about deployments that are created or updated."""
    return policy("p", {"resourceRules": [DEPLOYMENTS]}, **spec)


def policy(name: str, constraints: Mapping[str, object], **spec: object) -> Create:
    """A validating policy about the requests that these constraints mean."""
    full = {"failurePolicy": "Fail", "matchConstraints": constraints, **spec}
    return Create(VALIDATING, "", document({"metadata": {"name": name}, "spec": full}))


def binding(name: str = "b", policy: str = "p", **spec: object) -> Create:
    """A binding of a validating policy, that denies where it says nothing else."""
    full = {"policyName": policy, "validationActions": ["Deny"], **spec}
    return Create(VALIDATING_BINDINGS, "", document({"metadata": {"name": name}, "spec": full}))


def mutating(name: str, *mutations: object, **spec: object) -> Create:
    """A mutating policy about deployments."""
    full = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [{**DEPLOYMENTS, "operations": ["CREATE"]}]},
        "mutations": list(mutations),
        **spec,
    }
    return Create(MUTATING, "", document({"metadata": {"name": name}, "spec": full}))


def mutating_binding(policy: str, **spec: object) -> Create:
    full = {"policyName": policy, **spec}
    meta = {"name": f"{policy}-bound"}
    return Create(MUTATING_BINDINGS, "", document({"metadata": meta, "spec": full}))


def applied(expression: str) -> object:
    """A mutation by a configuration that is applied."""
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def json_patch(expression: str) -> object:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def web(replicas: int = 1) -> Create:
    """A deployment with a label."""
    doc = deployment("web", replicas)
    meta = document({"name": "web", "labels": {"app": "web"}})
    return Create("deployments.apps", "default", Document({**doc, "metadata": meta}))
