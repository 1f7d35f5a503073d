"""What a server's health is made of: the checks behind /healthz, /livez and /readyz.

A server that answers has done all of it: its first objects are there before it listens, and what
upstream's parts do after their start its one part does before.

Source: kubernetes v1.36.2, apiserver/pkg/server/healthz.go, apiserver/pkg/server/hooks.go; names
and order as /healthz?verbose of a kube-apiserver has them.
"""

from __future__ import annotations

from typing import Final

HOOKS: Final = tuple(
    """
start-apiserver-admission-initializer generic-apiserver-start-informers
priority-and-fairness-config-consumer priority-and-fairness-filter storage-object-count-tracker-hook
start-apiextensions-informers start-apiextensions-controllers crd-informer-synced
start-system-namespaces-controller peer-endpoint-reconciler-controller
start-cluster-authentication-info-controller start-kube-apiserver-identity-lease-controller
start-kube-apiserver-identity-lease-garbage-collector storage-readiness
start-legacy-token-tracking-controller start-service-ip-repair-controllers rbac/bootstrap-roles
scheduling/bootstrap-system-priority-classes priority-and-fairness-config-producer
bootstrap-controller start-kubernetes-service-cidr-controller start-kube-aggregator-informers
apiservice-status-local-available-controller apiservice-status-remote-available-controller
apiservice-registration-controller apiservice-discovery-controller kube-apiserver-autoregistration
autoregister-completion apiservice-openapi-controller apiservice-openapiv3-controller
""".split()  # noqa: SIM905 - thirty quoted lines say no more
)
NO_HOOKS: Final = frozenset({"autoregister-completion"})
LATER: Final = tuple(one if one in NO_HOOKS else f"poststarthook/{one}" for one in HOOKS)
ALIVE: Final = ("ping", "log", "loopback-serving-certificate", "etcd", *LATER)
CHECKS: Final = {
    "healthz": ALIVE,
    "livez": ALIVE,
    "readyz": ("ping", "log", "etcd", "etcd-readiness", "informer-sync", *LATER, "shutdown"),
}


def checks_at(path: str) -> tuple[str, ...]:
    """The checks that a path asks for; none where there is no such path.

    >>> checks_at("/livez/ping"), checks_at("/livez/"), len(checks_at("/readyz"))
    (('ping',), (), 36)
    """
    top, slash, check = path.removeprefix("/").partition("/")
    known = CHECKS.get(top, ())
    if not slash:
        return known
    return (check,) if check in known else ()


def report(path: str, checks: tuple[str, ...]) -> str:
    """What is told to who wants to know all.

    >>> print(report("/livez", ("ping",)), end="")
    [+]ping ok
    livez check passed
    """
    lines = "".join(f"[+]{name} ok\n" for name in checks)
    return f"{lines}{path.removeprefix('/')} check passed\n"


def health_paths() -> tuple[str, ...]:
    """All paths of checks."""
    return tuple(
        path
        for top, checks in CHECKS.items()
        for path in (f"/{top}", *(f"/{top}/{check}" for check in checks))
    )
