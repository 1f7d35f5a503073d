"""How far a rolling update may stray from the wanted number of pods, above and below.

Source: kubernetes v1.36, pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

from kelm.core.objects.int_or_string import IntOrString, resolve
from kelm.core.objects.workloads import Deployment


def resolve_fenceposts(
    desired: int, max_surge: IntOrString, max_unavailable: IntOrString
) -> tuple[int, int]:
    """Turn a rolling update's two allowances into whole pods.

    Surge rounds up and unavailability rounds down, so a small percentage of a small Deployment
    errs towards more pods, never fewer. If both come out as nothing the rollout could not move,
    so one pod may go missing.

    Returns:
        `(surge, unavailable)` in pods, never both 0.

    Raises:
        ValueError: a string that is no percentage; validation refuses those.

    Source: deployment_util.go, ResolveFenceposts.

    >>> resolve_fenceposts(10, "25%", "25%"), resolve_fenceposts(1, 0, "25%")
    ((3, 2), (0, 1))
    """
    surge = resolve(max_surge, desired, True)
    unavailable = resolve(max_unavailable, desired, False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def surge_of(deployment: Deployment) -> int:
    """How many pods a Deployment may have beyond `spec.replicas` while it is rolling.

    Source: deployment_util.go, MaxSurge.
    """
    return _fenceposts(deployment)[0] if deployment.rolling else 0


def unavailable_of(deployment: Deployment) -> int:
    """How many of `spec.replicas` a Deployment may miss while it is rolling.

    Source: deployment_util.go, MaxUnavailable.
    """
    if not deployment.rolling:
        return 0
    return min(_fenceposts(deployment)[1], deployment.replicas)


def min_available_of(deployment: Deployment) -> int:
    """How many available pods a rolling update may not go below.

    Source: deployment_util.go, MinAvailable.
    """
    return deployment.replicas - unavailable_of(deployment) if deployment.rolling else 0


def _fenceposts(deployment: Deployment) -> tuple[int, int]:
    return resolve_fenceposts(deployment.replicas, deployment.max_surge, deployment.max_unavailable)
