"""Whether a container that is not running is started again.

Source: kubernetes v1.36, pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted),
pkg/api/v1/pod/util.go (ContainerShouldRestart, FindMatchingContainerRestartRule).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from kelm.core.node.pods.recipe import ExitRule, Recipe

Seen: TypeAlias = Literal["absent", "created", "running", "exited", "unknown"]
"""What the container runtime says of a container; absent: it never ran."""


def restarts_after(recipe: Recipe, pod_policy: str, exit_code: int) -> bool:
    """Whether a container is started again after it ended with this code.

    The container's own policy goes before the pod's; of its rules the first that names the code.

    >>> web = Recipe("web", "nginx", "Always", restart_policy="Never",
    ...     restart_rules=(ExitRule("In", (42,)),))
    >>> restarts_after(web, "Always", 42), restarts_after(web, "Always", 1)
    (True, False)
    """
    if recipe.restart_policy:
        for rule in recipe.restart_rules:
            if matches(rule, exit_code):
                return rule.action.startswith("Restart")
    policy = recipe.restart_policy or pod_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def matches(rule: ExitRule, exit_code: int) -> bool:
    """Whether a rule is about this exit code."""
    return (exit_code in rule.values) is (rule.operator == "In")


def should_restart(
    recipe: Recipe, pod_policy: str, seen: Seen, exit_code: int, *, pod_deleted: bool
) -> bool:
    """Whether the kubelet starts a container now (back-off apart).

    Never for a deleted pod and never while it runs; always if it never ran, or nobody knows.
    """
    if pod_deleted or seen == "running":
        return False
    return seen != "exited" or restarts_after(recipe, pod_policy, exit_code)


def may_restart(recipe: Recipe, pod_policy: str) -> bool:
    """Whether there is any failure after which the container would be started again."""
    return (recipe.restart_policy or pod_policy) != "Never" or bool(recipe.restart_rules)
